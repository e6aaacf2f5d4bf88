//! The MCP servers behind us.

mod catalogue;
pub mod move_server;
pub mod server;

/// What is announced when servers change.
pub const CHANGED: &str = "servers";

pub use catalogue::Catalogue;
pub use server::Server;
