//! Refusals of a bearer credential (RFC 6750 §3), pointing at the resource metadata (RFC 9728 §5.1).

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use super::dpop::{self, NONCE_HEADER};
use super::limit::Wait;
use super::no_store::NoStore;
use crate::access::Principal;
use crate::types::Scope;

/// Why a caller is turned away, and where its client finds what it needs.
///
/// One header line and one challenge, every value in double quotes and no text that looks like a parameter inside another:
/// clients search it naively for `name="value"`, and many read it only if `Bearer` comes first. So `DPoP` answers those alone
/// that presented a token in that scheme (RFC 9449 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal:?}")]
pub struct Challenge {
    scheme: Scheme,
    refusal: Refusal,
    /// Where the metadata of the resource is; userinfo is no resource that has any.
    resource_metadata: Option<String>,
}

/// In which scheme a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// Only with a proof of the key that it is bound to (RFC 9449 §7.1).
    Dpop,
}

impl Scheme {
    /// The scheme of that name, in whatever case (RFC 9110 §11.1).
    pub fn named(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Missing { offered: Scope },
    Invalid { why: &'static str, offered: Scope },
    Proof { why: &'static str },
    Nonce { fresh: String },
    Scope { needed: Scope },
    Elsewhere { address: IpAddr },
    TooOften { wait: Wait },
    Unavailable,
}

impl Challenge {
    /// No credential came: 401 without an error code (RFC 6750 §3.1). `offered` is what a client should ask for.
    pub fn missing(resource_metadata: Option<String>, offered: Scope) -> Self {
        Self { scheme: Scheme::Bearer, refusal: Refusal::Missing { offered }, resource_metadata }
    }

    /// The credential is not, or no longer, good for this door: 401.
    pub fn invalid(resource_metadata: Option<String>, offered: Scope, scheme: Scheme, why: &'static str) -> Self {
        Self { scheme, refusal: Refusal::Invalid { why, offered }, resource_metadata }
    }

    /// The proof of possession is not good for this request: 401.
    pub fn proof(resource_metadata: Option<String>, why: &'static str) -> Self {
        Self { scheme: Scheme::Dpop, refusal: Refusal::Proof { why }, resource_metadata }
    }

    /// The proof of possession must carry this nonce: 401 (RFC 9449 §9).
    pub fn nonce(resource_metadata: Option<String>, fresh: String) -> Self {
        Self { scheme: Scheme::Dpop, refusal: Refusal::Nonce { fresh }, resource_metadata }
    }

    /// The credential is good but not for this: 403. `needed` is everything this call takes together with what was
    /// granted already, since some clients replace their scope by it.
    pub fn insufficient_scope(resource_metadata: Option<String>, principal: &Principal, needed: Scope) -> Self {
        let scheme = if principal.credential.key().is_some() { Scheme::Dpop } else { Scheme::Bearer };
        Self { scheme, refusal: Refusal::Scope { needed }, resource_metadata }
    }

    /// The key is good, but not from there: 403. No client can do anything about that, so nothing challenges it to.
    pub fn elsewhere(address: IpAddr) -> Self {
        Self { scheme: Scheme::Bearer, refusal: Refusal::Elsewhere { address }, resource_metadata: None }
    }

    /// Good or not, it comes too often: 429 (RFC 6585 §4).
    pub fn too_often(wait: Wait) -> Self {
        Self { scheme: Scheme::Bearer, refusal: Refusal::TooOften { wait }, resource_metadata: None }
    }

    /// We cannot tell right now: 503, never a 401 that would make clients throw good tokens away.
    pub fn unavailable() -> Self {
        Self { scheme: Scheme::Bearer, refusal: Refusal::Unavailable, resource_metadata: None }
    }

    fn header(&self) -> Option<String> {
        let says = match &self.refusal {
            Refusal::Missing { offered } => format!(r#"scope="{offered}""#),
            Refusal::Invalid { why, offered } => {
                format!(r#"error="invalid_token", error_description="{why}", scope="{offered}""#)
            }
            Refusal::Proof { why } => format!(r#"error="invalid_dpop_proof", error_description="{why}""#),
            Refusal::Nonce { .. } => format!(r#"error="use_dpop_nonce", error_description="{NONCE_NEEDED}""#),
            Refusal::Scope { needed } => {
                format!(r#"error="insufficient_scope", error_description="{INSUFFICIENT}", scope="{needed}""#)
            }
            Refusal::Elsewhere { .. } | Refusal::TooOften { .. } | Refusal::Unavailable => return None,
        };
        let algorithms = match self.scheme {
            Scheme::Bearer => String::new(),
            Scheme::Dpop => format!(r#", algs="{}""#, dpop::algorithms().join(" ")),
        };
        let metadata = self.resource_metadata.as_ref();
        let metadata = metadata.map(|url| format!(r#", resource_metadata="{url}""#)).unwrap_or_default();
        Some(format!("{} {says}{metadata}{algorithms}", self.scheme.name()))
    }

    /// The same in words, for the body.
    pub fn body(&self) -> serde_json::Value {
        match &self.refusal {
            Refusal::Missing { .. } => json!({
                "error": "unauthorized",
                "error_description": "This needs an access token. MCP clients get one by themselves from the URL in WWW-Authenticate.",
            }),
            Refusal::Invalid { why, .. } => json!({ "error": "invalid_token", "error_description": why }),
            Refusal::Proof { why } => json!({ "error": "invalid_dpop_proof", "error_description": why }),
            Refusal::Nonce { .. } => json!({ "error": "use_dpop_nonce", "error_description": NONCE_NEEDED }),
            Refusal::Scope { needed } => {
                json!({ "error": "insufficient_scope", "error_description": INSUFFICIENT, "scope": needed })
            }
            Refusal::Elsewhere { address } => json!({
                "error": "access_denied",
                "error_description": format!("This API key may not be used from {address}, which is not among its allowed networks"),
            }),
            Refusal::TooOften { wait } => json!({
                "error": "too_many_requests",
                "error_description": format!("Too many calls; wait {} seconds", wait.seconds()),
            }),
            Refusal::Unavailable => json!({
                "error": "temporarily_unavailable",
                "error_description": "The database that knows about this token cannot be reached. Try again in a moment.",
            }),
        }
    }
}

const NONCE_NEEDED: &str = "Make the proof again, with the nonce in the header DPoP-Nonce";
const INSUFFICIENT: &str = "More rights are needed for this; authorize again to ask for them";

impl ResponseError for Challenge {
    fn status_code(&self) -> StatusCode {
        match self.refusal {
            Refusal::Missing { .. } | Refusal::Invalid { .. } | Refusal::Proof { .. } | Refusal::Nonce { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Refusal::Scope { .. } | Refusal::Elsewhere { .. } => StatusCode::FORBIDDEN,
            Refusal::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.no_store();
        if let Some(value) = self.header() {
            response.insert_header((WWW_AUTHENTICATE, value));
            response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate, DPoP-Nonce"));
        }
        match &self.refusal {
            Refusal::Nonce { fresh } => drop(response.insert_header((NONCE_HEADER, fresh.as_str()))),
            Refusal::TooOften { wait } => drop(response.insert_header((RETRY_AFTER, wait.seconds()))),
            Refusal::Unavailable => drop(response.insert_header((RETRY_AFTER, "1"))),
            _ => {}
        }
        response.json(self.body())
    }
}
