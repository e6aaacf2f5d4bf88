//! Errors as problem details (RFC 9457).

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde_json::{Value, json};

use crate::db;
use crate::http::challenge::Challenge;
use crate::http::limit::Wait;
use crate::http::no_store::NoStore;

/// Why a request is refused; the words are safe to show.
#[derive(Debug)]
pub enum Problem {
    /// A parameter is wrong.
    BadRequest(&'static str),
    /// The body is not what it must be, and where.
    Malformed(String),
    /// A value was judged and refused, in a sentence that names it.
    Refused(String),
    /// It contradicts what is there.
    Conflict(String),
    /// More bytes than we read.
    TooLarge,
    /// The credential is missing, no good, or not enough: with the header that says so (RFC 6750 §3).
    Challenged(Challenge),
    /// Not from that web page, or not by this caller at all.
    Forbidden(&'static str),
    /// Nothing is at this URL.
    NotFound,
    /// The URL answers to these methods only.
    MethodNotAllowed(&'static str),
    /// More than anybody makes in so short a time.
    TooOften(Wait),
    /// Something of ours does not answer; the same request may succeed in a moment.
    Unavailable,
    /// Something of ours is broken. The caller is told nothing, the log everything.
    Internal(String),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Challenged(challenge) => challenge.status_code(),
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is particular to this problem: `detail`, and for a challenge its members too.
    fn particulars(&self) -> Value {
        match self {
            Self::BadRequest(why) | Self::Forbidden(why) => json!({ "detail": why }),
            Self::Malformed(why) | Self::Refused(why) | Self::Conflict(why) => json!({ "detail": why }),
            Self::TooLarge => json!({ "detail": "The body is larger than this URL takes" }),
            Self::Challenged(challenge) => {
                let mut body = challenge.body();
                body["detail"] = body["error_description"].take();
                if let Value::Object(members) = &mut body {
                    members.remove("error_description");
                }
                body
            }
            Self::NotFound => json!({ "detail": "There is nothing at this URL" }),
            Self::MethodNotAllowed(_) => json!({ "detail": "This URL does not answer to this method; see Allow" }),
            Self::TooOften(_) => json!({ "detail": "That is a lot in a short time; wait as long as Retry-After says" }),
            Self::Unavailable => json!({ "detail": "The database cannot be reached; try again in a moment" }),
            Self::Internal(_) => {
                json!({ "detail": "Something went wrong on our side; the log has it under the x-request-id" })
            }
        }
    }

    fn body(&self) -> Value {
        let status = self.status();
        let mut body = self.particulars();
        body["type"] = "about:blank".into();
        body["title"] = status.canonical_reason().unwrap_or("Error").into();
        body["status"] = status.as_u16().into();
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.body())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = match self {
            Self::Challenged(challenge) => challenge.error_response(),
            _ => HttpResponse::build(self.status()).no_store().finish(),
        };
        match self {
            Self::MethodNotAllowed(methods) => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            }
            Self::Unavailable => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::TooOften(wait) => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.seconds()));
            }
            Self::Internal(detail) => tracing::error!(detail, "a management request failed"),
            _ => {}
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.set_body(BoxBody::new(self.body().to_string()))
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl From<Challenge> for Problem {
    fn from(challenge: Challenge) -> Self {
        Self::Challenged(challenge)
    }
}

impl From<Wait> for Problem {
    fn from(wait: Wait) -> Self {
        Self::TooOften(wait)
    }
}

impl From<db::Error> for Problem {
    fn from(error: db::Error) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "the database did not answer");
            Self::Unavailable
        } else {
            Self::Internal(error.to_string())
        }
    }
}
