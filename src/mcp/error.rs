//! JSON-RPC errors and the HTTP status that each travels with (MCP 2026-07-28, basic §"Error codes").

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::mcp::era::{self, Era};
use crate::mcp::message::Id;

/// A request that gets a JSON-RPC error.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The HTTP status that it travels with.
    pub status: StatusCode,
    /// The JSON-RPC code.
    pub code: i64,
    /// What is wrong, for whoever writes the client.
    pub message: String,
    /// What a program can make use of.
    pub data: Option<Box<Value>>,
}

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;
/// Before 2026-07-28 only; the new era must not see it.
const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;
/// What the SDKs of the earlier era say of a session that they do not know.
const LEGACY_SESSION_NOT_FOUND: i64 = -32001;
/// What they say of a request that should be in a session.
const NO_HANDSHAKE: i64 = -32000;

impl Failure {
    fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    /// The body is no JSON.
    pub fn parse(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message)
    }

    /// The body is JSON and no message that we take.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    /// HTTP itself refuses: too large, wrong type, wrong method, wrong origin.
    pub fn http(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, INVALID_REQUEST, message)
    }

    /// There is no such method. The new era says so in HTTP as well, so that it cannot be mistaken for a missing server.
    pub fn method_not_found(era: Era, method: &str) -> Self {
        let status = match era {
            Era::Modern => StatusCode::NOT_FOUND,
            Era::Legacy => StatusCode::OK,
        };
        Self::new(status, METHOD_NOT_FOUND, format!("Method not found: {}", shown(method)))
    }

    /// The parameters of a well-formed request are wrong.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, INVALID_PARAMS, message)
    }

    /// What every request of the new era carries in `_meta` is missing or wrong.
    pub fn invalid_meta(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message)
    }

    /// A header is missing, malformed or says something else than the body.
    pub fn header_mismatch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
    }

    /// We do not speak that revision; these are the ones we do.
    pub fn unsupported_version(requested: &str) -> Self {
        let data = json!({ "supported": era::SUPPORTED, "requested": shown(requested) });
        let failure = Self::new(StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION, "Unsupported protocol version");
        Self { data: Some(Box::new(data)), ..failure }
    }

    /// There is no such resource.
    pub fn resource_not_found(era: Era, uri: &str) -> Self {
        let code = match era {
            Era::Modern => INVALID_PARAMS,
            Era::Legacy => LEGACY_RESOURCE_NOT_FOUND,
        };
        let failure = Self::new(StatusCode::OK, code, "Resource not found");
        Self { data: Some(Box::new(json!({ "uri": shown(uri) }))), ..failure }
    }

    /// Policy says no, whatever scope there is.
    pub fn denied(why: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, INVALID_REQUEST, format!("Not allowed: {why}"))
    }

    /// We could not do it right now, and nothing is wrong with the request.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            INTERNAL_ERROR,
            "This could not be done right now; try again in a moment",
        )
    }

    /// The server behind us could not be reached, or said what is no answer: 502.
    pub fn upstream(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, INTERNAL_ERROR, format!("The server behind this gate failed: {why}"))
    }

    /// The connection to it has ended, and with it whatever was under way: 502.
    pub fn hung_up() -> Self {
        Self::upstream("the connection to it has ended; begin a new session")
    }

    /// It did not answer in time: 504.
    pub fn upstream_late(patience: std::time::Duration) -> Self {
        let message = format!("The server behind this gate did not answer within {} seconds", patience.as_secs());
        Self::new(StatusCode::GATEWAY_TIMEOUT, INTERNAL_ERROR, message)
    }

    /// What proves us to it cannot be opened any more: 502, until an administrator enters it again.
    pub fn upstream_lost() -> Self {
        Self::upstream("its credential must be entered again by an administrator")
    }

    /// The session is not this caller's, or no session any more: 404, upon which clients begin a new one (MCP 2025-11-25,
    /// Streamable HTTP §"Session Management").
    pub fn no_session() -> Self {
        Self::new(StatusCode::NOT_FOUND, LEGACY_SESSION_NOT_FOUND, "Session not found; begin a new one")
    }

    /// A server that has sessions was spoken to without one: 400, upon which clients shake hands.
    pub fn no_handshake() -> Self {
        let message = "Mcp-Session-Id is missing: this server is spoken to in sessions, which begin with initialize";
        Self::new(StatusCode::BAD_REQUEST, NO_HANDSHAKE, message)
    }

    /// What is under way was called off by whoever asked for it.
    pub fn called_off() -> Self {
        Self::new(StatusCode::OK, INTERNAL_ERROR, "The request was called off")
    }

    /// The right to an answer ended before the answer came: 403.
    pub fn unwelcome() -> Self {
        Self::new(StatusCode::FORBIDDEN, INVALID_REQUEST, "You may not use this server any more")
    }

    /// One caller has too much under way: 429.
    pub fn too_many_at_once(most: usize) -> Self {
        let message = format!("You have {most} requests under way at once; let some of them end");
        Self::new(StatusCode::TOO_MANY_REQUESTS, INTERNAL_ERROR, message)
    }

    /// The error response. Without an id when none could be read; never with a null one.
    pub fn body(&self, id: Option<&Id>) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = Value::clone(data);
        }
        match id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
            None => json!({ "jsonrpc": "2.0", "error": error }),
        }
    }
}

/// A stranger's text, short enough to be said back.
pub fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
