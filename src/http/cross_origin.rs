//! From which web pages the endpoints for programs are used (`decisions` 15).

use actix_web::http::header::{HeaderMap, ORIGIN};
use url::{Host, Url};

use crate::config::ServerConfig;

/// No `Origin`, our own, this machine's own, or one that the operator allows (DNS rebinding, MCP 2026-07-28
/// Streamable HTTP §"Security & Endpoint").
pub fn is_welcome(headers: &HeaderMap, config: &ServerConfig) -> bool {
    let mut origins = headers.get_all(ORIGIN);
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| is_known(origin, config)),
        (Some(_), Some(_)) => false,
    }
}

/// Our own origin, one that the operator allows, or this machine's own.
pub fn is_known(origin: &str, config: &ServerConfig) -> bool {
    origin == config.public_url.origin()
        || config.allowed_origins.iter().any(|own| own == origin)
        || is_loopback(origin)
}

fn is_loopback(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let on_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // Written out again it must be the same text: an origin has no path, no user and one spelling.
    on_loopback && matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin
}
