//! The first version of the management API.

pub mod clients;
pub mod mcp_servers;
pub mod members;
mod page;
pub mod workspaces;
