//! Settings: what a person sees and changes of their own.

pub mod apps;
pub mod clients;
#[cfg(debug_assertions)]
pub mod components;
pub mod keys;
pub mod setup;
pub mod workspaces;
