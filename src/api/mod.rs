//! FACE: programs that manage us. One file per resource, all below `/api/v1`; errors are RFC 9457 problems.
//!
//! | Specification | Section | File | Test |
//! |---|---|---|---|
//! | RFC 9457 | 3 problem details | `error.rs` | `tests/it/api/mcp_servers.rs` |
//! | RFC 6750 | 3 challenges | `caller.rs` | `tests/it/api/mcp_servers.rs` |
//! | RFC 9728 | 2 resource metadata | `metadata.rs` | `tests/it/api/mcp_servers.rs` |

mod body;
mod caller;
mod error;
pub mod metadata;
pub mod v1;

use error::Problem;

/// Nothing is at this URL.
pub async fn not_found() -> Problem {
    Problem::NotFound
}

/// The error for an id that cannot be one.
pub fn nowhere() -> actix_web::Error {
    Problem::NotFound.into()
}

/// A list to which things are added.
pub async fn only_list() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, POST, OPTIONS")
}

/// A thing that is looked at and ended.
pub async fn only_item() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, DELETE, OPTIONS")
}

/// Something that is done to a thing.
pub async fn only_post() -> Problem {
    Problem::MethodNotAllowed("POST, OPTIONS")
}

/// A resource that is only looked at.
pub async fn only_get() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, OPTIONS")
}
