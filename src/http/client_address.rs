//! The address of whoever is at the other end.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, USER_AGENT};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use ipnet::IpNet;

use crate::app::App;
use crate::identity::session::Browser;

/// The client's address: the peer's, unless that is a trusted proxy, which then says whose.
///
/// For limits and for the record only. Nothing else is ever read from a forwarded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address behind a request.
    pub fn of(request: &HttpRequest) -> Self {
        let trusted = request.app_data::<Data<App>>().map_or(&[][..], |app| &app.config.server.trusted_proxies);
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Self(behind(peer, request.headers(), trusted))
    }
}

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The browser that sent a request, as it is noted beside a session.
#[derive(Clone, Debug)]
pub struct AtBrowser(pub Browser);

impl FromRequest for AtBrowser {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
        ready(Ok(Self(Browser { address: ClientAddress::of(request).0, user_agent })))
    }
}

/// Walks `X-Forwarded-For` from the right, past the trusted proxies: each wrote what it saw behind the one before. What
/// stands left of the first untrusted address is that stranger's word and counts for nothing.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(&address) {
        return address;
    }
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").map(|line| line.to_str().unwrap_or_default()).collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        // A proxy that writes no address (`unknown`, `_hidden`) leaves us with itself.
        let Some(next) = parse(entry.trim()) else { break };
        address = next;
        if !is_trusted(&address) {
            break;
        }
    }
    address
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address: Option<IpAddr> = bare.parse().ok();
    address.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        behind(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    /// Anybody can write a header: without a trusted proxy it is worth nothing.
    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(seen("203.0.113.9", &["127.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["127.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_says_who_is_behind_it() {
        let trusted = ["10.0.0.0/8", "::1/128"];
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9:5123"], &trusted), "203.0.113.9", "a mapped peer is IPv4");
        assert_eq!(seen("::1", &["[2001:db8::1]:443"], &trusted), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 10.0.0.7"], &trusted), "203.0.113.9", "past a second proxy");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "10.0.0.7"], &trusted), "203.0.113.9", "over two lines");
    }

    /// Spoofing behind a proxy that appends: what the client wrote itself stands further left.
    #[test]
    fn what_the_client_wrote_into_the_header_is_never_reached() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1", &["10.0.0.5, 198.51.100.1, 203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, unknown"], &trusted), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, "], &trusted), "10.0.0.1");
    }

    #[test]
    fn a_proxy_that_says_nothing_is_itself_the_client() {
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.9"], &["10.0.0.0/8"]), "10.0.0.9", "all trusted: the one farthest away");
    }
}
