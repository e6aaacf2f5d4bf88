//! Which revision a request speaks, and what its headers must then say (MCP 2026-07-28: versioning; Streamable HTTP
//! §"Request Metadata").
//!
//! A request that carries the new era's `_meta` or names its version in the header is served statelessly; an `initialize`
//! opens the old era, where every later request needs nothing but a version header that we know, or none.

use actix_web::http::header::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::mcp::error::{Failure, shown};
use crate::mcp::message::Request;

/// The revision that describes itself in every request.
pub const MODERN: &str = "2026-07-28";
/// The newest revision that opens with `initialize`.
pub const NEWEST_LEGACY: &str = "2025-11-25";
/// Every revision that we speak, newest first.
pub const SUPPORTED: [&str; 5] = [MODERN, NEWEST_LEGACY, "2025-06-18", "2025-03-26", "2024-11-05"];

/// `_meta`: the version that a request speaks.
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// `_meta`: what the client can do.
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// `_meta` of a result: who answered.
pub const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// The two ways in which clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28: each request stands alone.
    Modern,
    /// 2025-11-25 and before: a handshake first.
    Legacy,
}

/// The era of a request whose headers and `_meta` are as they must be.
pub fn of(headers: &HeaderMap, request: &Request) -> Result<Era, Failure> {
    let version = single(headers, VERSION);
    if opens_modern(&version, request) {
        check_meta(version, request)?;
        check_method(headers, request)?;
        check_name(headers, request)?;
        return Ok(Era::Modern);
    }
    // The handshake negotiates in its body, whatever a client's transport already writes into the header.
    if request.method != "initialize" {
        check_legacy_version(version)?;
    }
    Ok(Era::Legacy)
}

/// Notifications have no `_meta` of their own; only a version that we do not know is refused.
pub fn check_notification(headers: &HeaderMap) -> Result<(), Failure> {
    match single(headers, VERSION) {
        Header::One(version) if version == MODERN => Ok(()),
        other => check_legacy_version(other),
    }
}

/// True where the earlier era's GET has a meaning: the new one has none (MCP 2026-07-28, Streamable HTTP).
pub fn may_listen_by_get(headers: &HeaderMap) -> Result<bool, Failure> {
    match single(headers, VERSION) {
        Header::One(version) if version == MODERN => Ok(false),
        other => check_legacy_version(other).map(|()| true),
    }
}

/// What the headers of a request say must be what its body says, where they say it: a server that goes by the one must not
/// see another request than we who go by the other.
pub fn check_agreement(headers: &HeaderMap, request: &Request) -> Result<(), Failure> {
    if headers.contains_key(METHOD) {
        check_method(headers, request)?;
    }
    match headers.contains_key(NAME) {
        true if named(request).is_none() => Err(Failure::header_mismatch("Header mismatch: Mcp-Name names nothing")),
        true => check_name(headers, request),
        false => Ok(()),
    }
}

/// The revision in which we answer a handshake that asks for `requested`.
pub fn negotiate(requested: &str) -> &'static str {
    SUPPORTED.into_iter().skip(1).find(|version| *version == requested).unwrap_or(NEWEST_LEGACY)
}

fn opens_modern(version: &Header, request: &Request) -> bool {
    let meta = request.params.get("_meta").and_then(Value::as_object);
    let says_so = meta.is_some_and(|meta| meta.contains_key(META_VERSION) || meta.contains_key(META_CAPABILITIES));
    let by_header = matches!(version, Header::One(version) if version == MODERN) && request.method != "initialize";
    says_so || by_header || request.method == "server/discover"
}

fn check_legacy_version(version: Header) -> Result<(), Failure> {
    match version {
        // Revisions before 2025-06-18 had no such header.
        Header::Absent => Ok(()),
        Header::One(version) if SUPPORTED.iter().skip(1).any(|known| *known == version) => Ok(()),
        Header::One(version) => Err(Failure::unsupported_version(&version)),
        Header::Broken => Err(Failure::invalid_request("MCP-Protocol-Version is malformed")),
    }
}

fn check_meta(version: Header, request: &Request) -> Result<(), Failure> {
    let meta = request.params.get("_meta").and_then(Value::as_object);
    let meta = meta.ok_or_else(|| Failure::invalid_meta("`params._meta` is missing"))?;
    let spoken = meta.get(META_VERSION).and_then(Value::as_str);
    let spoken = spoken.ok_or_else(|| Failure::invalid_meta(format!("`_meta` needs `{META_VERSION}`, a string")))?;
    match version {
        Header::One(version) if version == spoken => {}
        Header::One(version) => return Err(mismatch("MCP-Protocol-Version", &version, spoken)),
        Header::Absent => return Err(Failure::header_mismatch("Header mismatch: MCP-Protocol-Version is missing")),
        Header::Broken => return Err(Failure::header_mismatch("Header mismatch: MCP-Protocol-Version is malformed")),
    }
    if spoken != MODERN {
        return Err(Failure::unsupported_version(spoken));
    }
    match meta.get(META_CAPABILITIES) {
        Some(Value::Object(_)) => Ok(()),
        _ => Err(Failure::invalid_meta(format!("`_meta` needs `{META_CAPABILITIES}`, an object"))),
    }
}

fn check_method(headers: &HeaderMap, request: &Request) -> Result<(), Failure> {
    match single(headers, METHOD) {
        Header::One(method) if method == request.method => Ok(()),
        Header::One(method) => Err(mismatch("Mcp-Method", &method, &request.method)),
        Header::Absent => Err(Failure::header_mismatch("Header mismatch: Mcp-Method is missing")),
        Header::Broken => Err(Failure::header_mismatch("Header mismatch: Mcp-Method is malformed")),
    }
}

fn check_name(headers: &HeaderMap, request: &Request) -> Result<(), Failure> {
    // Without a name in the body there is nothing to compare; the method itself will miss it.
    let Some(named) = named(request) else { return Ok(()) };
    match single(headers, NAME) {
        Header::One(raw) => match decoded(&raw) {
            Some(name) if name == named => Ok(()),
            Some(name) => Err(mismatch("Mcp-Name", &name, named)),
            None => Err(Failure::header_mismatch("Header mismatch: Mcp-Name is not valid Base64")),
        },
        Header::Absent => Err(Failure::header_mismatch("Header mismatch: Mcp-Name is missing")),
        Header::Broken => Err(Failure::header_mismatch("Header mismatch: Mcp-Name is malformed")),
    }
}

/// What a request is about, where it has a name in its headers too.
fn named(request: &Request) -> Option<&str> {
    match request.method.as_str() {
        "tools/call" | "prompts/get" => request.text("name"),
        "resources/read" => request.text("uri"),
        _ => None,
    }
}

fn mismatch(header: &str, value: &str, body: &str) -> Failure {
    let (value, body) = (shown(value), shown(body));
    Failure::header_mismatch(format!(
        "Header mismatch: {header} header value '{value}' does not match body value '{body}'"
    ))
}

/// A value in the Base64 sentinel (`=?base64?…?=`) as it was meant; others as they are.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// A value as a header can carry it: as it is where that is visible ASCII, else in the sentinel.
pub fn encoded(value: &str) -> String {
    let is_plain = !value.is_empty()
        && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && value.trim() == value
        && !value.starts_with("=?base64?");
    if is_plain { value.to_owned() } else { format!("=?base64?{}?=", BASE64_STANDARD.encode(value)) }
}

enum Header {
    Absent,
    One(String),
    /// More than one, or not visible ASCII (RFC 9110 §5.5).
    Broken,
}

/// The one value of a header, without the white space around it.
fn single(headers: &HeaderMap, name: &str) -> Header {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => value.to_str().map_or(Header::Broken, |value| Header::One(value.trim().to_owned())),
        (Some(_), Some(_)) => Header::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_answered_in_the_revision_it_asks_for_or_the_newest_that_has_one() {
        for (requested, answered) in [
            ("2025-11-25", "2025-11-25"),
            ("2025-06-18", "2025-06-18"),
            ("2025-03-26", "2025-03-26"),
            ("2024-11-05", "2024-11-05"),
            ("2026-07-28", "2025-11-25"),
            ("", "2025-11-25"),
            ("9999-99-99", "2025-11-25"),
        ] {
            assert_eq!(negotiate(requested), answered);
        }
    }

    #[test]
    fn a_sentinel_is_decoded_and_anything_else_is_itself() {
        assert_eq!(decoded("=?base64?SGVsbG8sIOS4lueVjA==?=").as_deref(), Some("Hello, 世界"));
        assert_eq!(decoded("=?base64?SGVsbG8?=").as_deref(), None, "padding is part of it");
        assert_eq!(decoded("=?BASE64?SGk=?=").as_deref(), Some("=?BASE64?SGk=?="), "the markers are case-sensitive");
        assert_eq!(decoded("plain").as_deref(), Some("plain"));
        for value in ["plain", "two words", "", " edge ", "世界", "a\nb", "=?base64?SGk=?="] {
            assert_eq!(decoded(&encoded(value)).as_deref(), Some(value));
        }
    }
}
