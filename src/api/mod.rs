//! FACE: programs that manage us. One file per resource, all below `/api/v1`; errors are RFC 9457 problems.
//!
//! | Specification | Section | File | Test |
//! |---|---|---|---|
//! | RFC 9457 | 3 problem details | `error.rs` | `tests/it/api/mcp_servers.rs` |
//! | RFC 8259 | JSON bodies | `body.rs` | `tests/it/api/workspaces.rs` |
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

/// A list to which things are added.
pub async fn get_or_post() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, OPTIONS, POST")
}

/// One thing that is looked at, changed and removed.
pub async fn get_patch_or_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, GET, HEAD, OPTIONS, PATCH")
}

/// One thing that is looked at, replaced, changed and removed.
pub async fn get_put_patch_or_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, GET, HEAD, OPTIONS, PATCH, PUT")
}

/// One thing that is there or not.
pub async fn put_or_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, OPTIONS, PUT")
}

/// One thing that is looked at and removed.
pub async fn get_or_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, GET, HEAD, OPTIONS")
}

/// Something that is done to a thing.
pub async fn only_post() -> Problem {
    Problem::MethodNotAllowed("OPTIONS, POST")
}

/// One thing that is changed and removed.
pub async fn patch_or_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, OPTIONS, PATCH")
}

/// One thing that is only changed.
pub async fn only_patch() -> Problem {
    Problem::MethodNotAllowed("OPTIONS, PATCH")
}

/// One thing that is only removed.
pub async fn only_delete() -> Problem {
    Problem::MethodNotAllowed("DELETE, OPTIONS")
}

/// A resource that is only looked at.
pub async fn only_get() -> Problem {
    Problem::MethodNotAllowed("GET, HEAD, OPTIONS")
}
