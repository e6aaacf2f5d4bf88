//! The audit trail: how it is written, kept, searched and copied (`decisions` 25).

mod batch;
mod copies;
mod gateway;
mod months;
mod pages;
pub mod search;
