//! Under which names we answer (`Host`), so that no web page reaches a loopback server under a name of its own.
//!
//! A page at `evil.example` can make that name resolve to 127.0.0.1 (DNS rebinding) and then speak to us as same-origin. Its
//! requests still say `Host: evil.example`.

use std::net::{Ipv4Addr, Ipv6Addr};

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::{StatusCode, header};
use serde_json::json;

use super::refusal;
use crate::config::ServerConfig;
use crate::http::urls;
use crate::types::PublicUrl;

/// What must be known about the server to let a request in.
pub struct FrontDoor {
    on_loopback: bool,
    public_url: PublicUrl,
}

/// Whose name a request used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Ours,
    /// Another name of this machine.
    Loopback,
    Foreign,
}

impl FrontDoor {
    /// The door of a server so configured.
    pub fn new(server: &ServerConfig) -> Self {
        Self { on_loopback: server.bind.ip().is_loopback(), public_url: server.public_url.clone() }
    }

    /// True when browsers reach us by TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.is_https()
    }

    /// Turns away a request that came under a wrong name.
    pub fn turn_away(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if !self.on_loopback || self.is_exempt(request.path()) {
            return None;
        }
        match self.name(authority(request).as_deref()) {
            Name::Ours => None,
            // A reverse proxy beside us serves a public name and may rewrite `Host` to the address that it dials.
            Name::Loopback if !self.public_url.is_loopback() => None,
            Name::Loopback if refusal::wants_page(request.method(), request.headers()) => Some(self.redirect(request)),
            Name::Loopback | Name::Foreign => Some(self.misdirected()),
        }
    }

    /// Probes and scrapers use whatever address they have.
    fn is_exempt(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.public_url.base_path());
        matches!(below, Some(urls::HEALTHZ | urls::READYZ | urls::METRICS))
    }

    fn name(&self, authority: Option<&str>) -> Name {
        let Some(authority) = authority else { return Name::Foreign };
        if normal(authority, self.is_https()) == self.public_url.authority() {
            return Name::Ours;
        }
        let (host, _) = split(authority);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host.eq_ignore_ascii_case("localhost")
            || address.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        if loopback { Name::Loopback } else { Name::Foreign }
    }

    /// The same page under the canonical name, where its cookies are.
    fn redirect(&self, request: &ServiceRequest) -> HttpResponse {
        let path = request.uri().path_and_query().map_or(urls::HOME, |path| path.as_str());
        let location = format!("{}{path}", self.public_url.origin());
        HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish()
    }

    fn misdirected(&self) -> HttpResponse {
        let url = self.public_url.issuer();
        HttpResponse::build(StatusCode::MISDIRECTED_REQUEST).json(json!({
            "error": "misdirected_request",
            "error_description": format!("This server answers under {url} alone. Use that URL, or set PORTCULLIS_PUBLIC_URL."),
            "url": url,
        }))
    }
}

/// The name in `Host`, or in `:authority` (RFC 9113 §8.3.1); never a forwarded header. Two names are none.
fn authority(request: &ServiceRequest) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST);
    let host = hosts.next().map(|host| host.to_str().unwrap_or_default().to_owned());
    let target = request.uri().authority().map(|authority| authority.to_string());
    match (host, target, hosts.next()) {
        (_, _, Some(_)) => None,
        // RFC 9112 §3.2.2: the target in absolute form wins over `Host`; a difference between them is nobody's honest need.
        (Some(host), Some(target), None) => host.eq_ignore_ascii_case(&target).then_some(target),
        (host, target, None) => host.or(target),
    }
}

/// As [`PublicUrl::authority`] writes it: lower case, without the scheme's own port.
fn normal(authority: &str, https: bool) -> String {
    let (host, port) = split(authority);
    let host = host.to_ascii_lowercase();
    match port {
        None => host,
        Some(port) if port == if https { "443" } else { "80" } => host,
        Some(port) => format!("{host}:{port}"),
    }
}

/// Host and port; the colons of an IPv6 address stay within its brackets.
fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::Config;

    fn door(bind: &str, public_url: &str) -> FrontDoor {
        let mut server = Config::default().server;
        server.bind = bind.parse().unwrap();
        server.public_url = public_url.parse().unwrap();
        FrontDoor::new(&server)
    }

    fn local() -> FrontDoor {
        door("127.0.0.1:8080", "http://localhost:8080")
    }

    fn knock(door: &FrontDoor, request: TestRequest) -> Option<(u16, Option<String>)> {
        door.turn_away(&request.to_srv_request()).map(|response| {
            let location = response.headers().get(header::LOCATION).map(|url| url.to_str().unwrap().to_owned());
            (response.status().as_u16(), location)
        })
    }

    fn to(host: &str, path: &str) -> TestRequest {
        TestRequest::get().uri(path).insert_header((header::HOST, host))
    }

    fn page(host: &str, path: &str) -> TestRequest {
        to(host, path).insert_header((header::ACCEPT, "text/html,*/*;q=0.8"))
    }

    #[test]
    fn our_own_name_opens_the_door() {
        assert_eq!(knock(&local(), to("localhost:8080", "/mcp")), None);
        assert_eq!(knock(&local(), to("LOCALHOST:8080", "/mcp")), None);
        assert_eq!(knock(&door("127.0.0.1:80", "http://localhost"), to("localhost:80", "/")), None);
        assert_eq!(knock(&door("[::1]:8080", "http://[::1]:8080"), to("[::1]:8080", "/")), None);
    }

    #[test]
    fn a_page_under_another_loopback_name_moves_to_the_canonical_one() {
        let moved = Some((303, Some("http://localhost:8080/login?next=%2F".to_owned())));
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost:9999", "127.8.9.1"] {
            assert_eq!(knock(&local(), page(host, "/login?next=%2F")), moved, "{host}");
        }
    }

    #[test]
    fn a_program_under_another_loopback_name_is_told_the_right_one() {
        assert_eq!(knock(&local(), to("127.0.0.1:8080", "/mcp")), Some((421, None)));
        let post = TestRequest::post().uri("/login").insert_header((header::HOST, "127.0.0.1:8080"));
        assert_eq!(knock(&local(), post.insert_header((header::ACCEPT, "text/html"))), Some((421, None)));
    }

    #[test]
    fn dns_rebinding_a_foreign_name_is_turned_away_even_for_pages() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost:8080@evil",
            "",
        ] {
            assert_eq!(knock(&local(), page(host, "/login")), Some((421, None)), "{host}");
        }
        let behind_proxy = door("127.0.0.1:8080", "https://gate.example");
        assert_eq!(knock(&behind_proxy, page("evil.example", "/login")), Some((421, None)));
    }

    #[test]
    fn two_names_are_none() {
        let twice = to("localhost:8080", "/mcp").append_header((header::HOST, "evil.example"));
        assert_eq!(knock(&local(), twice), Some((421, None)));
        assert_eq!(knock(&local(), to("localhost:8080", "http://evil.example/mcp")), Some((421, None)));
    }

    #[test]
    fn a_forwarded_name_does_not_count() {
        let request = to("evil.example", "/mcp").insert_header(("x-forwarded-host", "localhost:8080"));
        assert_eq!(knock(&local(), request), Some((421, None)));
    }

    #[test]
    fn a_proxy_beside_us_may_dial_an_address() {
        let door = door("127.0.0.1:8080", "https://gate.example");
        for host in ["gate.example", "gate.example:443", "127.0.0.1:8080", "localhost:8080"] {
            assert_eq!(knock(&door, page(host, "/login")), None, "{host}");
        }
    }

    #[test]
    fn off_loopback_and_for_probes_the_name_does_not_matter() {
        assert_eq!(knock(&door("0.0.0.0:8080", "https://gate.example"), to("10.1.2.3:8080", "/mcp")), None);
        for path in [urls::HEALTHZ, urls::READYZ, urls::METRICS] {
            assert_eq!(knock(&local(), to("10.1.2.3", path)), None, "{path}");
            let below = door("127.0.0.1:8080", "http://localhost:8080/gate");
            assert_eq!(knock(&below, to("10.1.2.3", &format!("/gate{path}"))), None, "{path}");
        }
    }
}
