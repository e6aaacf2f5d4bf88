//! The error vocabulary of OAuth, as types.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::db;
use crate::grants::sign::SigningError;
use crate::http::dpop::NONCE_HEADER;
use crate::http::limit::Wait;
use crate::http::no_store::NoStore;

/// A refusal at an endpoint that programs call (RFC 6749 §5.2, RFC 7591 §3.2.2). The words are safe to show.
#[derive(Debug)]
pub enum Error {
    /// The request itself is malformed.
    InvalidRequest(&'static str),
    /// The client is unknown, or did not prove who it is.
    InvalidClient {
        /// What to do about it.
        why: &'static str,
        /// True when it tried HTTP Basic: then the answer names the scheme (RFC 6749 §5.2).
        basic: bool,
    },
    /// The code or refresh token is not good.
    InvalidGrant(&'static str),
    /// The client may not use this grant type.
    UnauthorizedClient(&'static str),
    /// Not a grant type of ours.
    UnsupportedGrantType,
    /// Wider than what was granted, or no scope at all.
    InvalidScope(&'static str),
    /// Scope that is not given, by its name.
    NotGiven(String),
    /// Not a resource of ours, or not the one granted (RFC 8707 §2).
    InvalidTarget(&'static str),
    /// What would go back to the client if a browser had brought the request (RFC 9126 §2.3).
    Authorization(&'static str, &'static str),
    /// Nobody has answered yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// Nor that, and the device asks too often (RFC 8628 §3.5).
    SlowDown,
    /// The person refused (RFC 8628 §3.5).
    AccessDenied,
    /// Nobody answered in time (RFC 8628 §3.5).
    ExpiredToken,
    /// A redirect URI that may not be registered (RFC 7591 §3.2.2).
    InvalidRedirectUri(String),
    /// Metadata that may not be registered.
    InvalidClientMetadata(String),
    /// A software statement that is not what it claims to be (RFC 7591 §3.2.2).
    InvalidSoftwareStatement,
    /// A software statement of somebody whose word does not count here (RFC 7591 §3.2.2).
    UnapprovedSoftwareStatement,
    /// Nobody may register by themselves.
    RegistrationOff,
    /// No token that lets somebody register, or manage a registration (RFC 6750 §3).
    NeedsToken {
        /// What is needed.
        why: &'static str,
        /// True when one came that is no good: then the challenge says so.
        presented: bool,
    },
    /// A proof of possession that is not good for this request (RFC 9449 §5).
    InvalidDpopProof(&'static str),
    /// A proof of possession that must carry this nonce (RFC 9449 §8).
    UseDpopNonce(String),
    /// A body of more bytes than the URL takes.
    TooLarge,
    /// Too much at once.
    TooMany(Wait),
    /// Something of ours does not answer; the same request may succeed in a moment.
    Unavailable,
    /// Something of ours is broken. The caller is told nothing, the log everything.
    Internal(String),
}

impl Error {
    /// Why the caller is refused, in words that are safe to show; `None` when the trouble is ours, or when it is only to come
    /// back later or in another way.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::AuthorizationPending
            | Self::SlowDown
            | Self::UseDpopNonce(_)
            | Self::TooMany(_)
            | Self::Unavailable
            | Self::Internal(_) => None,
            _ => Some(self.description()),
        }
    }

    /// Its name on the wire.
    pub fn code(&self) -> &'static str {
        self.wire().1
    }

    /// The wire form of each variant.
    fn wire(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient { .. } => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnauthorizedClient(_) => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::InvalidScope(_) | Self::NotGiven(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::InvalidTarget(_) => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::Authorization(code, _) => (StatusCode::BAD_REQUEST, code),
            Self::AuthorizationPending => (StatusCode::BAD_REQUEST, "authorization_pending"),
            Self::SlowDown => (StatusCode::BAD_REQUEST, "slow_down"),
            Self::AccessDenied => (StatusCode::BAD_REQUEST, "access_denied"),
            Self::ExpiredToken => (StatusCode::BAD_REQUEST, "expired_token"),
            Self::InvalidRedirectUri(_) => (StatusCode::BAD_REQUEST, "invalid_redirect_uri"),
            Self::InvalidClientMetadata(_) => (StatusCode::BAD_REQUEST, "invalid_client_metadata"),
            Self::InvalidSoftwareStatement => (StatusCode::BAD_REQUEST, "invalid_software_statement"),
            Self::UnapprovedSoftwareStatement => (StatusCode::BAD_REQUEST, "unapproved_software_statement"),
            Self::RegistrationOff => (StatusCode::FORBIDDEN, "access_denied"),
            Self::NeedsToken { .. } => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::InvalidDpopProof(_) => (StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
            Self::UseDpopNonce(_) => (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        }
    }

    fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(why)
            | Self::NeedsToken { why, .. }
            | Self::InvalidClient { why, .. }
            | Self::InvalidGrant(why)
            | Self::UnauthorizedClient(why)
            | Self::InvalidScope(why)
            | Self::InvalidTarget(why)
            | Self::InvalidDpopProof(why)
            | Self::Authorization(_, why) => why,
            Self::InvalidRedirectUri(why) | Self::InvalidClientMetadata(why) | Self::NotGiven(why) => why,
            Self::InvalidSoftwareStatement => {
                "The software statement is malformed, expired, or not signed by its issuer"
            }
            Self::UnapprovedSoftwareStatement => "The issuer of the software statement is not trusted here",
            Self::RegistrationOff => "Clients cannot register themselves here; an administrator has to",
            Self::UnsupportedGrantType => "This grant type is not offered; the metadata lists those that are",
            Self::UseDpopNonce(_) => "Make the proof again, with the nonce in the header DPoP-Nonce",
            Self::AuthorizationPending => "Nobody has answered yet; ask again after the interval",
            Self::SlowDown => "Wait five seconds more between requests from now on",
            Self::AccessDenied => "The person said no",
            Self::ExpiredToken => "Nobody answered in time; ask for a new code",
            Self::TooLarge => "The body is larger than this URL takes",
            Self::TooMany(_) => "Too many requests; wait as long as Retry-After says",
            Self::Unavailable => "The database cannot be reached; try again in a moment",
            Self::Internal(_) => "Something went wrong on our side; the log has the details under this request's id",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.wire().1, self.description())
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.wire().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = self.wire();
        let mut response = HttpResponse::build(status);
        response.no_store();
        match self {
            Self::InvalidClient { basic: true, .. } => {
                response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="portcullis", charset="UTF-8""#));
            }
            Self::NeedsToken { presented: false, .. } => {
                response.insert_header((WWW_AUTHENTICATE, r#"Bearer realm="portcullis""#));
            }
            Self::NeedsToken { why, presented: true } => {
                let challenge =
                    format!(r#"Bearer realm="portcullis", error="invalid_token", error_description="{why}""#);
                response.insert_header((WWW_AUTHENTICATE, challenge));
            }
            Self::TooMany(wait) => {
                response.insert_header((RETRY_AFTER, wait.seconds()));
            }
            Self::UseDpopNonce(fresh) => {
                response.insert_header((NONCE_HEADER, fresh.as_str()));
            }
            Self::Unavailable => {
                response.insert_header((RETRY_AFTER, 1));
            }
            Self::Internal(detail) => tracing::error!(detail, "an OAuth request failed"),
            _ => {}
        }
        response.json(json!({ "error": code, "error_description": self.description() }))
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "the database did not answer");
            Self::Unavailable
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<SigningError> for Error {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Database(error) => error.into(),
            error => Self::Internal(error.to_string()),
        }
    }
}
