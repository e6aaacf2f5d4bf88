//! FACE: programs that manage us. One file per resource, all below `/api/v1`; errors are RFC 9457 problems.
//!
//! | Specification | Section | File | Test |
//! |---|---|---|---|
//! | RFC 9457 | 3 problem details | `error.rs` | `tests/it/api/mcp_servers.rs` |
//! | RFC 6750 | 3 challenges | `caller.rs` | `tests/it/api/mcp_servers.rs` |
//! | RFC 9728 | 2 resource metadata | `metadata.rs` | `tests/it/api/mcp_servers.rs` |

mod caller;
mod error;
pub mod metadata;
pub mod v1;

use error::Problem;

/// Nothing is at this URL.
pub async fn not_found() -> Problem {
    Problem::NotFound
}

/// A list that is looked at and added to.
pub async fn only_get_and_post() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, POST, OPTIONS")
}

/// A resource that is looked at, changed and removed.
pub async fn only_get_patch_and_delete() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, PATCH, DELETE, OPTIONS")
}

/// A list that is only added to.
pub async fn only_post() -> Problem {
    Problem::MethodNotAllowed("POST, OPTIONS")
}

/// A resource that is only removed.
pub async fn only_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, OPTIONS")
}

/// A resource that is only looked at.
pub async fn only_get() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, OPTIONS")
}
