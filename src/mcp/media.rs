//! Media types of a message and its answer (MCP 2026-07-28, Streamable HTTP §"Sending Messages").

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

/// True when the body calls itself JSON: a form or plain text, which any web page can send, does not.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).map(str::trim);
    media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

/// True when the client asks for a stream of events by name: whoever takes anything would not know what to do with one.
pub(super) fn asks_for_events(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(',')).filter_map(|range| range.split(';').next());
    named.any(|named| named.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// True when the client takes JSON. It must list JSON and event streams, and we answer in JSON alone: so only a client that
/// rules JSON out is refused (RFC 9110 §15.5.7).
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    if !headers.contains_key(ACCEPT) {
        return true;
    }
    let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default().to_ascii_lowercase();
        let ruled_out = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        matches!(named.as_str(), "application/json" | "application/*" | "*/*") && !ruled_out
    })
}
