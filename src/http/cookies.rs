//! Our three cookies: the session's, the one that CSRF tokens hang on before there is a session, and the workspace that
//! settings show.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};
use chrono::TimeDelta;

use crate::crypto::{PlainToken, TokenKind};
use crate::types::{PlaceId, PublicUrl};

/// The name of the session cookie.
///
/// `__Host-` makes the browser insist on TLS, this host and the whole path: no other host of the domain can plant it.
pub fn session_name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-portcullis" } else { "portcullis_session" }
}

/// The name of the cookie that a browser has before it has a session.
pub fn visitor_name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-portcullis_csrf" } else { "portcullis_csrf" }
}

/// The name of the cookie that says which workspace settings show.
pub fn workspace_name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-portcullis_workspace" } else { "portcullis_workspace" }
}

/// The cookie that remembers which workspace was chosen. It is no secret and gives no access.
pub fn chosen_workspace(public_url: &PublicUrl, workspace: PlaceId) -> Cookie<'static> {
    let mut cookie = guarded(public_url, workspace_name(public_url), workspace.to_string());
    cookie.set_max_age(time::Duration::days(400));
    cookie
}

/// The workspace that a browser says was chosen.
pub fn workspace(request: &HttpRequest, public_url: &PublicUrl) -> Option<PlaceId> {
    request.cookie(workspace_name(public_url))?.value().parse().ok()
}

/// The cookie that carries a session for `lifetime`.
pub fn session(public_url: &PublicUrl, token: &PlainToken, lifetime: TimeDelta) -> Cookie<'static> {
    let mut cookie = guarded(public_url, session_name(public_url), token.reveal().to_owned());
    cookie.set_max_age(time::Duration::seconds(lifetime.num_seconds()));
    cookie
}

/// What makes the browser forget its session.
pub fn no_session(public_url: &PublicUrl) -> Cookie<'static> {
    let mut cookie = guarded(public_url, session_name(public_url), String::new());
    cookie.make_removal();
    cookie
}

/// The cookie that CSRF tokens hang on before there is a session; gone with the browser's window.
pub fn visitor(public_url: &PublicUrl, value: &str) -> Cookie<'static> {
    guarded(public_url, visitor_name(public_url), value.to_owned())
}

/// Lax, not Strict: a client sends people here from its own site, and they should not have to sign in again.
fn guarded(public_url: &PublicUrl, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build(name, value).path("/").http_only(true).same_site(SameSite::Lax).secure(public_url.is_https()).finish()
}

/// The session token that a browser presents, if it could be one.
pub fn presented(request: &HttpRequest, public_url: &PublicUrl) -> Option<PlainToken> {
    let cookie = request.cookie(session_name(public_url))?;
    PlainToken::parse(TokenKind::Session, cookie.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Random;

    fn cookie(public_url: &str) -> String {
        let token = PlainToken::from_bytes(TokenKind::Session, &[0; 32]);
        session(&public_url.parse().unwrap(), &token, TimeDelta::days(1)).to_string()
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_other_sites_and_other_hosts() {
        let https = cookie("https://gate.example");
        assert!(https.starts_with("__Host-portcullis=pcls_"), "{https}");
        assert!(https.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400"), "{https}");
        let http = cookie("http://localhost:8080");
        assert!(http.starts_with("portcullis_session=pcls_") && !http.contains("Secure"), "{http}");
    }

    #[test]
    fn forgetting_names_the_very_same_cookie() {
        let public_url = "https://gate.example/below".parse().unwrap();
        let gone = no_session(&public_url).to_string();
        assert!(gone.starts_with("__Host-portcullis=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"), "{gone}");
    }

    #[test]
    fn only_a_session_token_is_taken_from_the_session_cookie() {
        let public_url = "http://localhost:8080".parse().unwrap();
        let presented = |kind| {
            let token = PlainToken::fresh(kind, &Random::seeded(1));
            let cookie = Cookie::new("portcullis_session", token.reveal().to_owned());
            let request = actix_web::test::TestRequest::default().cookie(cookie).to_http_request();
            presented(&request, &public_url).is_some()
        };
        assert!(presented(TokenKind::Session) && !presented(TokenKind::Refresh) && !presented(TokenKind::Setup));
    }
}
