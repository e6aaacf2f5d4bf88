//! The connection doctor: what each known client would make of an MCP server, step by step, and how to mend what fails.
//!
//! Nothing here goes out. [`examine`] walks a client's way over what was recorded, and stops where it needs an answer that
//! nobody has asked for yet; `errands/doctor.rs` asks for it and examines again. So a judgement is a function of recorded
//! exchanges, eleven clients share most of them, and a test needs no server.

pub mod challenge;
mod finding;
mod judge;
pub mod profile;
mod record;

#[cfg(test)]
mod tests;

pub use finding::{Diagnosis, Finding, Level, Step};
pub use judge::examine;
pub use profile::Profile;
pub use record::{BadUrl, Case, Missing, Records, Seen};
