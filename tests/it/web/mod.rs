//! The pages that decide about clients: consent and connected apps.

mod apps;
mod consent;
