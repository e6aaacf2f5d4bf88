//! The first version of the management API.

pub mod access_tokens;
pub mod api_keys;
pub mod mcp_servers;
mod page;
