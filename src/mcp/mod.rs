//! MCP clients: the guarded server at `/mcp`, in both eras of the protocol on one endpoint.
//!
//! | Specification | Section | File | Test |
//! | --- | --- | --- | --- |
//! | MCP 2026-07-28 | Streamable HTTP: order of checks, methods, `Origin` | [`endpoint`] | `tests/it/mcp/endpoint.rs` |
//! | MCP 2026-07-28 | basic §"Messages"; JSON-RPC 2.0 | [`message`] | `tests/it/mcp/hostile.rs` |
//! | MCP 2026-07-28 | basic §`_meta`, versioning, "Request metadata" headers | [`era`] | `tests/it/mcp/modern.rs`, `tests/it/mcp/legacy.rs` |
//! | MCP 2026-07-28, 2025-11-25 | server: discover, initialize, tools, resources, prompts | [`serve`], [`tools`], [`guide`] | `tests/it/mcp/tools.rs`, `tests/it/mcp/rmcp_client.rs` |
//! | MCP 2026-07-28 | server/tools, for those who manage | [`manage`] | `tests/it/mcp/manage.rs` |
//! | MCP 2026-07-28, 2025-11-25 | server/subscriptions; `notifications/tools/list_changed` | [`listen`] | `tests/it/mcp/listen.rs` |
//! | MCP 2026-07-28 | basic §"Error codes" | [`error`] | `tests/it/mcp/modern.rs` |
//! | MCP 2026-07-28, 2025-11-25 | Streamable HTTP, in the middle of it | [`gateway`] | `tests/it/mcp/gateway.rs` |
//! | RFC 9728, MCP authorization | protected resource metadata | [`metadata`] | `tests/it/mcp/endpoint.rs`, `tests/it/mcp/rmcp_oauth.rs` |
//!
//! At `/mcp` the list of tools is all that changes by itself, so that is all there is to listen to. Streams, ours and those of
//! servers behind us, end with the right to them.

mod effects;
pub mod endpoint;
pub mod era;
pub mod error;
pub mod gateway;
pub mod guide;
pub mod listen;
pub mod manage;
mod media;
pub mod message;
pub mod metadata;
mod schema;
pub mod serve;
pub mod tools;
