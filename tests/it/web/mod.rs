//! The pages that decide about clients (consent, connected apps), and those of administrators.

mod access_tokens;
mod apps;
mod consent;
mod doctor;
mod jwt_token;
mod keys;
mod setup;
mod snippets;
