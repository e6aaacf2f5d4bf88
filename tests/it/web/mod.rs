//! The pages that decide about clients (consent, connected apps), those of workspaces, and those of administrators.

mod apps;
mod consent;
mod doctor;
mod keys;
mod setup;
mod snippets;
mod workspaces;
