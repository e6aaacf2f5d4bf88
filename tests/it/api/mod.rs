//! The management API over HTTP: who comes in, and what a program reads there.

mod access_tokens;
mod api_keys;
mod clients;
mod mcp_servers;
mod policies;
mod workspaces;
