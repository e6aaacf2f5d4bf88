//! Administration: what system administrators see and change.

pub mod audit;
pub mod doctor;
pub mod flows;
pub mod policies;
