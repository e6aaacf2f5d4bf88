//! The first version of the management API.

pub mod access_tokens;
pub mod api_keys;
pub mod audit_events;
pub mod clients;
pub mod groups;
pub mod mcp_server_tools;
pub mod mcp_servers;
pub mod members;
mod page;
pub mod policies;
pub mod workspaces;
