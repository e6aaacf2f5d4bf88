//! The pages that decide about clients (consent, connected apps), those of workspaces, and those of administrators.

mod access_tokens;
mod apps;
mod clients;
mod confirm;
mod consent;
mod doctor;
mod jwt_token;
mod keys;
mod lists;
mod making;
mod passkeys;
mod policies;
mod profile;
mod servers;
mod sessions;
mod setup;
mod snippets;
mod two_step;
mod workspaces;
