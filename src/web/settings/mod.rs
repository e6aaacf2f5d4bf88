//! Settings: what a person sees and changes of their own.

pub mod apps;
#[cfg(debug_assertions)]
pub mod components;
pub mod jwt_token;
pub mod keys;
pub mod setup;
pub mod tokens;
