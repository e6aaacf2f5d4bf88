//! Administration: what system administrators see and change.

pub mod doctor;
pub mod flows;
pub mod policies;
