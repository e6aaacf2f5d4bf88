//! The MCP servers behind us.

mod catalogue;
pub mod class_tool;
pub mod described;
pub mod move_server;
pub mod note_tools;
mod refusal;
pub mod register;
mod rules;
pub mod server;
pub mod tool;
mod upstream;

/// What is announced when servers change.
pub const CHANGED: &str = "servers";

pub use catalogue::Catalogue;
pub use refusal::{Flaw, Refusal};
pub use rules::{STDIO, TRANSPORTS, may_be_forwarded};
pub use server::Server;
pub use upstream::{Auth, Offered, Upstream};
