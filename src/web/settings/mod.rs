//! Settings: what a person sees and changes of their own.

pub mod apps;
pub mod clients;
#[cfg(debug_assertions)]
pub mod components;
mod device;
pub mod jwt_token;
pub mod keys;
mod notice;
pub mod passkeys;
pub mod password;
pub mod profile;
pub mod recovery_codes;
pub mod security;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod two_step;
pub mod workspaces;
