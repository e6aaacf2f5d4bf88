//! The id by which the log knows a request: drawn by us, answered in `x-request-id`, and never taken from outside.

use actix_web::{HttpMessage, HttpRequest};

pub use tracing_actix_web::RequestId;

/// The id of a request; none outside the server's layers.
pub fn of(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<RequestId>().map(ToString::to_string)
}
