//! The MCP servers behind us.

mod catalogue;
pub mod move_server;
pub mod server;
mod tool;
mod upstream;

/// What is announced when servers change.
pub const CHANGED: &str = "servers";

pub use catalogue::Catalogue;
pub use server::Server;
pub use upstream::{Auth, Upstream};
