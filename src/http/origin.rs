//! Where a request came from, for the audit trail.

use actix_web::HttpRequest;

use super::client_address::ClientAddress;
use crate::audit::Origin;

/// Address and request id.
pub fn origin_of(request: &HttpRequest) -> Origin {
    Origin { address: Some(ClientAddress::of(request).0.to_string()), request_id: super::request_id::of(request) }
}
