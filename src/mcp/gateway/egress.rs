//! What reaches a server behind us: built from a list of what may, never by taking away from what came.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, VIA};
use actix_web::web::Bytes;
use secrecy::ExposeSecret;

use crate::mcp::error::Failure;
use crate::net::{Method, Outgoing};
use crate::upstreams::{Auth, Upstream, may_be_forwarded};

/// The headers of MCP that clients send (MCP 2026-07-28 and 2025-11-25, Streamable HTTP).
const OF_MCP: [&str; 5] = ["accept", "last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version"];
/// Arguments that a tool has mirrored into headers (MCP 2026-07-28, Streamable HTTP §"Custom Headers").
const ARGUMENTS: &str = "mcp-param-";

/// The request that is sent for the one that came.
pub(super) fn request<'a>(
    method: Method,
    headers: &'a HeaderMap,
    upstream: &'a Upstream,
    session: Option<&'a str>,
    body: Bytes,
) -> Result<Outgoing<'a>, Failure> {
    let mut own: Vec<(&str, &[u8])> = Vec::with_capacity(8);
    if method == Method::Post {
        own.push(("content-type", b"application/json"));
    }
    let of_mcp = |name: &str| OF_MCP.contains(&name) || name.starts_with(ARGUMENTS);
    own.extend(headers.iter().map(said).filter(|(name, _)| of_mcp(name)));
    own.extend(session.map(|session| ("mcp-session-id", session.as_bytes())));
    rewritten(method, own, headers, upstream, body)
}

/// A request of ours, with these headers of MCP, that is sent because one came.
pub(super) fn rewritten<'a>(
    method: Method,
    own: Vec<(&'a str, &'a [u8])>,
    headers: &'a HeaderMap,
    upstream: &'a Upstream,
    body: Bytes,
) -> Result<Outgoing<'a>, Failure> {
    let mut sent = own;
    let is_forwarded = |name: &str| upstream.forwarded_headers.iter().any(|own| own == name) && may_be_forwarded(name);
    let is_sent = |name: &str| OF_MCP.contains(&name) || name.starts_with(ARGUMENTS);
    sent.extend(headers.iter().map(said).filter(|(name, _)| is_forwarded(name) && !is_sent(name)));
    match &upstream.auth {
        Auth::None => {}
        Auth::Header { name, value } => {
            sent.retain(|(sent, _)| sent != name);
            sent.push((name, value.expose_secret().as_bytes()));
        }
        Auth::Passthrough => sent.extend(passed_through(headers).map(|value| ("authorization", value))),
        Auth::Lost => return Err(Failure::upstream_lost()),
    }
    let via = headers.get_all(VIA).map(HeaderValue::as_bytes).collect();
    Ok(Outgoing { method, url: &upstream.url, may_be_inside: upstream.may_be_inside, via, headers: sent, body })
}

fn said<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> (&'a str, &'a [u8]) {
    (name.as_str(), value.as_bytes())
}

/// The credential for the server that came along beside ours (`decisions` 9): where ours came in `Authorization` itself, there
/// is none.
fn passed_through(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("x-authorization").and(headers.get(AUTHORIZATION)).map(|value| value.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What must never get out, written down once more: the list that the code goes by could be wrong.
    const NEVER: [&str; 12] = [
        "connection",
        "cookie",
        "dpop",
        "host",
        "mcp-session-id",
        "proxy-authorization",
        "x-api-key",
        "x-authorization",
        "x-forwarded-for",
        "x-keycloak-url",
        "x-user",
        "x-user-pool-id",
    ];

    fn name() -> impl Strategy<Value = String> {
        let known: Vec<&str> = NEVER.iter().chain(&OF_MCP).copied().chain(["authorization", "x-tenant"]).collect();
        prop_oneof![prop::sample::select(known).prop_map(str::to_owned), "[a-z][a-z0-9-]{0,20}", "x-[a-z-]{1,12}"]
    }

    proptest! {
        /// Row C-87, attack H: whatever comes in, and whatever an administrator lets be forwarded, what goes out is on the list.
        #[test]
        fn nothing_goes_out_that_is_not_on_a_list(
            came in prop::collection::vec((name(), "[ -~]{0,20}"), 0..30),
            forwarded in prop::collection::vec(name(), 0..10),
            passes in any::<bool>(),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in &came {
                headers.append(HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::from_str(value).unwrap());
            }
            let auth = if passes { Auth::Passthrough } else { Auth::None };
            let upstream = Upstream { auth, forwarded_headers: forwarded.clone(), ..Upstream::default() };
            let sent = request(Method::Post, &headers, &upstream, None, bytes::Bytes::new()).unwrap().headers;
            for (name, value) in sent {
                let is_ours = name == "content-type" && value == b"application/json";
                let is_of_mcp = OF_MCP.contains(&name) || name.starts_with(ARGUMENTS);
                let is_forwarded = forwarded.iter().any(|own| own == name) && name != "authorization";
                let is_passed = name == "authorization" && passes && headers.contains_key("x-authorization");
                prop_assert!(is_ours || is_of_mcp || is_forwarded || is_passed, "{name}");
                prop_assert!(!NEVER.contains(&name), "{name}");
            }
        }
    }
}
