//! The face for people with a browser. One file per page, its view beside its handler.

pub mod admin;
pub mod components;
pub mod confirm;
pub mod consent;
pub mod device;
pub mod doors;
pub mod home;
pub mod list;
pub mod passkeys;
pub mod qr;
pub mod reauthenticate;
pub mod scoping;
pub mod set_up;
pub mod settings;
pub mod shell;
pub mod sign_in;
pub mod sign_out;
pub mod snippets;
pub mod words;
