//! The pages that decide about clients (consent, connected apps), those of workspaces, and those of administrators.

mod apps;
mod clients;
mod consent;
mod doctor;
mod keys;
mod setup;
mod snippets;
mod workspaces;
