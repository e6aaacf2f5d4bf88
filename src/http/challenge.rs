//! Refusals of a bearer credential (RFC 6750 §3), pointing at the resource metadata (RFC 9728 §5.1).

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::no_store::NoStore;

use crate::types::Scope;

/// Why a caller is turned away, and where its client finds what it needs.
///
/// One header line, `Bearer` first, every value in double quotes and no text that looks like a parameter inside another:
/// clients search it naively for `name="value"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal:?}")]
pub struct Challenge {
    refusal: Refusal,
    resource_metadata: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Missing { offered: Scope },
    Invalid { why: &'static str, offered: Scope },
    Scope { needed: Scope },
    Unavailable,
}

impl Challenge {
    /// No credential came: 401 without an error code (RFC 6750 §3.1). `offered` is what a client should ask for.
    pub fn missing(resource_metadata: String, offered: Scope) -> Self {
        Self { refusal: Refusal::Missing { offered }, resource_metadata }
    }

    /// The credential is not, or no longer, good for this door: 401.
    pub fn invalid(resource_metadata: String, offered: Scope, why: &'static str) -> Self {
        Self { refusal: Refusal::Invalid { why, offered }, resource_metadata }
    }

    /// The credential is good but not for this: 403. `needed` is everything this call takes together with what was
    /// granted already, since some clients replace their scope by it.
    pub fn insufficient_scope(resource_metadata: String, needed: Scope) -> Self {
        Self { refusal: Refusal::Scope { needed }, resource_metadata }
    }

    /// We cannot tell right now: 503, never a 401 that would make clients throw good tokens away.
    pub fn unavailable() -> Self {
        Self { refusal: Refusal::Unavailable, resource_metadata: String::new() }
    }

    fn header(&self) -> Option<String> {
        let metadata = &self.resource_metadata;
        match &self.refusal {
            Refusal::Missing { offered } => {
                Some(format!(r#"Bearer scope="{offered}", resource_metadata="{metadata}""#))
            }
            Refusal::Invalid { why, offered } => Some(format!(
                r#"Bearer error="invalid_token", error_description="{why}", scope="{offered}", resource_metadata="{metadata}""#
            )),
            Refusal::Scope { needed } => Some(format!(
                r#"Bearer error="insufficient_scope", error_description="{INSUFFICIENT}", scope="{needed}", resource_metadata="{metadata}""#
            )),
            Refusal::Unavailable => None,
        }
    }

    /// The same in words, for the body.
    pub fn body(&self) -> serde_json::Value {
        match &self.refusal {
            Refusal::Missing { .. } => json!({
                "error": "unauthorized",
                "error_description": "This needs an access token. MCP clients get one by themselves from the URL in WWW-Authenticate.",
            }),
            Refusal::Invalid { why, .. } => json!({ "error": "invalid_token", "error_description": why }),
            Refusal::Scope { needed } => {
                json!({ "error": "insufficient_scope", "error_description": INSUFFICIENT, "scope": needed })
            }
            Refusal::Unavailable => json!({
                "error": "temporarily_unavailable",
                "error_description": "The database that knows about this token cannot be reached. Try again in a moment.",
            }),
        }
    }
}

const INSUFFICIENT: &str = "More rights are needed for this; authorize again to ask for them";

impl ResponseError for Challenge {
    fn status_code(&self) -> StatusCode {
        match self.refusal {
            Refusal::Missing { .. } | Refusal::Invalid { .. } => StatusCode::UNAUTHORIZED,
            Refusal::Scope { .. } => StatusCode::FORBIDDEN,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.no_store();
        match self.header() {
            Some(value) => {
                response.insert_header((WWW_AUTHENTICATE, value));
                response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate"));
            }
            None => {
                response.insert_header((RETRY_AFTER, "1"));
            }
        }
        response.json(self.body())
    }
}
