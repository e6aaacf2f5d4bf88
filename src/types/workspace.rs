//! Workspaces: where servers live. Other systems call one a realm or a tenant.

/// The one workspace that every installation has, under the name that source systems give theirs.
pub const DEFAULT_WORKSPACE: &str = "mcp-gateway";
