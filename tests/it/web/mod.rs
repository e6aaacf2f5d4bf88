//! The pages that decide about clients (consent, connected apps), and those of administrators.

mod apps;
mod confirm;
mod consent;
mod doctor;
mod passkeys;
mod profile;
mod sessions;
mod two_step;
