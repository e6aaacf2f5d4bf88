//! Settings: what a person sees and changes of their own.

pub mod apps;
#[cfg(debug_assertions)]
pub mod components;
