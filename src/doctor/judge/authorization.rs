//! The browser's way to the sign-in page: the authorization request, without cookies and without anybody signing in.

use url::Url;
use url::form_urlencoded::Serializer;

use super::super::finding::{Findings, Step};
use super::super::record::{Look, Missing, object, shown, text};
use super::issuer::Server;
use super::registration::Client;
use super::resource::Resource;
use crate::net::{Exchange, Request};

const STEP: Step = Step::Authorization;

/// Opens the authorization URL as the person's browser would.
pub(super) fn judge(
    look: &Look<'_>,
    server: &Server,
    resource: &Resource,
    client: Option<&Client>,
    found: &mut Findings,
) -> Result<(), Missing> {
    let Some(client) = client else {
        if !found.fails(Step::Registration) {
            found.ok(STEP, "not_tried", "Not tried: there is no client id without registering.");
        }
        return Ok(());
    };
    let redirect_uri = look.profile.redirect_uris.first().copied().unwrap_or_default();
    // A browser goes there, not the client: no Origin.
    let request = Request::get(&url(look, server, resource, &client.id, redirect_uri)).with("accept", "text/html");
    match look.records.see(&request)? {
        Ok(exchange) => answered(exchange, redirect_uri, found),
        Err(error) => {
            let seen = format!("{}: {error}", shown(&server.authorization_endpoint));
            found.problem(STEP, "unreachable", seen, REFUSED, "Make the authorization endpoint answer.");
        }
    }
    Ok(())
}

/// RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1.
fn url(look: &Look<'_>, server: &Server, resource: &Resource, client_id: &str, redirect_uri: &str) -> String {
    let lasting = look.profile.wants_offline_access && server.offers_offline_access;
    let scope = match (&resource.scope, lasting) {
        (Some(scope), true) => Some(format!("{scope} offline_access")),
        (scope, _) => scope.clone(),
    };
    let parameters = [
        ("response_type", Some("code")),
        ("client_id", Some(client_id)),
        ("code_challenge", Some(look.case.challenge.as_str())),
        ("code_challenge_method", Some("S256")),
        ("redirect_uri", Some(redirect_uri)),
        ("state", Some(look.case.state.as_str())),
        ("scope", scope.as_deref()),
        ("prompt", lasting.then_some("consent")),
        ("resource", resource.id.as_deref()),
    ];
    let present = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let query = Serializer::new(String::new()).extend_pairs(present).finish();
    let endpoint = &server.authorization_endpoint;
    let separator = if endpoint.contains('?') && !look.profile.appends_query { '&' } else { '?' };
    format!("{endpoint}{separator}{query}")
}

/// Expects a page, or the way to one.
fn answered(exchange: &Exchange, redirect_uri: &str, found: &mut Findings) {
    let status = exchange.status;
    let location = exchange.header("location").unwrap_or_default();
    match status {
        200..=299 => found.ok(STEP, "page", format!("A page opens ({status}).")),
        300..=399 if location.starts_with(redirect_uri) => back(&location, found),
        300..=399 => found.ok(STEP, "sign_in", format!("The browser is sent on to sign in ({status}).")),
        _ => {
            let document = object(exchange).unwrap_or_default();
            let why = text(&document, "error_description").or_else(|| text(&document, "error")).map(shown);
            let seen = format!("The authorization request is answered {status}. {}", why.unwrap_or_default());
            found.problem(STEP, "authorization_refused", seen.trim_end(), REFUSED, MEND_REFUSED);
        }
    }
}

/// Straight back to the client, before anybody signed in.
fn back(location: &str, found: &mut Findings) {
    let url = Url::parse(location).ok();
    let parameter = |name: &str| {
        let pairs = url.iter().flat_map(Url::query_pairs);
        pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| shown(&value))
    };
    if parameter("code").is_some() {
        let seen = "A code was given without anybody signing in.";
        found.problem(
            STEP,
            "code_for_nobody",
            seen,
            FOR_NOBODY,
            "Let the person sign in and decide before a code goes out.",
        );
        return;
    }
    let (code, why) = (parameter("error").unwrap_or_default(), parameter("error_description").unwrap_or_default());
    let seen = format!("The authorization request is refused: {code} {why}");
    found.problem(STEP, "authorization_refused", seen.trim_end(), REFUSED, MEND_REFUSED);
}

const REFUSED: &str = "The person sees an error instead of a sign-in page.";
const MEND_REFUSED: &str = "The request has what this client sends (PKCE S256, state, resource, scope): accept it. It must be \
    repeatable without cookies.";
const FOR_NOBODY: &str = "Whoever gets a person to click a link gets in.";
