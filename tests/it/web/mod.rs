//! The pages that decide about clients (consent, connected apps), and those of administrators.

mod apps;
mod clients;
mod consent;
mod doctor;
