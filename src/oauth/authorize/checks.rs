//! The checks of an authorization request whose client is known, in order. Each failure goes back to the client.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::openid;
use crate::app::App;
use crate::grants::client::{Client, Profile};
use crate::grants::pending_request::AuthorizationRequest;
use crate::http::params::Params;
use crate::http::urls;
use crate::oauth::resource;
use crate::types::{ResponseMode, Scope, known_scopes};

/// An error that goes back to the client (RFC 6749 §4.1.2.1), with words for its developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub &'static str, pub &'static str);

/// Longer values are not anybody's state or nonce.
const MAX_OPAQUE: usize = 4096;

/// Every check, for a request that a browser brought and for one that was pushed; what comes out is fit for a consent page.
pub fn check(app: &App, client: &Client, redirect_uri: &str, params: &Params) -> Result<AuthorizationRequest, Refusal> {
    grant_type(client)?;
    response_type(params.get("response_type"))?;
    let response_mode = response_mode(params.get("response_mode"), redirect_uri)?;
    let code_challenge = code_challenge(params.get("code_challenge_method"), params.get("code_challenge"))?;
    let resource = resource(app, client, params.all("resource"))?;
    let scope = scope(client, params.get("scope"))?;
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        metadata_hash: client.metadata_hash.clone(),
        redirect_uri: redirect_uri.to_owned(),
        redirect_uri_given: params.get("redirect_uri").is_some(),
        scope,
        resource,
        state: opaque(params.get("state"))?,
        nonce: opaque(params.get("nonce"))?,
        code_challenge,
        response_mode,
        dpop_jkt: dpop_jkt(params.get("dpop_jkt"))?,
        wishes: openid::wishes(app, client, params)?,
        pushed: None,
    })
}

/// RFC 9126 §5, §6; FAPI 2.0 Security Profile §5.3.2.2. For a request that a browser brought.
pub fn need_not_be_pushed(client: &Client) -> Result<(), Refusal> {
    match client.options.require_pushed_authorization_requests || client.options.profile == Profile::Fapi2 {
        true => Err(Refusal("invalid_request", "This client must push its authorization requests")),
        false => Ok(()),
    }
}

/// RFC 6749 §4.1.2.1: a client that could not redeem a code gets none.
fn grant_type(client: &Client) -> Result<(), Refusal> {
    match client.grant_types.has("authorization_code") {
        true => Ok(()),
        false => {
            Err(Refusal("unauthorized_client", "This client has not registered the grant type authorization_code"))
        }
    }
}

/// OAuth 2.1 §4.1.1: only codes; no token ever travels through a browser.
fn response_type(value: Option<&str>) -> Result<(), Refusal> {
    match value {
        Some("code") => Ok(()),
        Some(_) => Err(Refusal("unsupported_response_type", "Only response_type=code is offered")),
        None => Err(Refusal("invalid_request", "The response_type is missing")),
    }
}

/// OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §1.
fn response_mode(value: Option<&str>, redirect_uri: &str) -> Result<ResponseMode, Refusal> {
    let offered = Refusal("invalid_request", "Only response_mode=query and response_mode=form_post are offered");
    let mode = value.map_or(Some(ResponseMode::default()), ResponseMode::named).ok_or(offered)?;
    match mode.reaches(redirect_uri) {
        true => Ok(mode),
        false => Err(Refusal("invalid_request", "No browser can post a form to the scheme of this redirect_uri")),
    }
}

/// RFC 9449 §10: the RFC 7638 thumbprint of the only key that may redeem the code.
fn dpop_jkt(value: Option<&str>) -> Result<Option<String>, Refusal> {
    match value {
        Some(thumbprint) if !is_sha256(thumbprint) => Err(Refusal("invalid_request", "The dpop_jkt is no thumbprint")),
        value => Ok(value.map(str::to_owned)),
    }
}

/// RFC 7636 §4.3, for every client: S256 by name, never `plain`, never guessed (RFC 9700 §2.1.1).
fn code_challenge(method: Option<&str>, challenge: Option<&str>) -> Result<String, Refusal> {
    let challenge = challenge.ok_or(Refusal("invalid_request", "PKCE is required: code_challenge is missing"))?;
    if method != Some("S256") {
        return Err(Refusal("invalid_request", "PKCE is required with code_challenge_method=S256"));
    }
    match is_sha256(challenge) {
        true => Ok(challenge.to_owned()),
        false => Err(Refusal("invalid_request", "The code_challenge is not a SHA-256")),
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// RFC 8707 §2.1. Without one, a token opens `/mcp` (`decisions` 8).
pub(in crate::oauth) fn resource(app: &App, client: &Client, named: &[String]) -> Result<String, Refusal> {
    match named {
        [] => Ok(app.at(urls::MCP)),
        [resource] => resource::canonical(app, client, resource)
            .ok_or(Refusal("invalid_target", "This is not a resource of this server")),
        _ => Err(Refusal("invalid_target", "Ask for one resource at a time")),
    }
}

/// RFC 6749 §3.3. What the client may never have is left out, and the token answer says what was granted; a scope that does
/// not exist is an error, since somebody means something by it.
pub(in crate::oauth) fn scope(client: &Client, asked: Option<&str>) -> Result<Scope, Refusal> {
    let asked = match asked {
        Some(text) => text.parse::<Scope>().map_err(|_| Refusal("invalid_scope", "The scope is malformed"))?,
        None => Scope::of(&[known_scopes::MCP_READ, known_scopes::MCP_WRITE]),
    };
    if asked.tokens().any(|token| !known_scopes::ALL.contains(&token)) {
        return Err(Refusal("invalid_scope", "The scope names something that does not exist here"));
    }
    let scope = asked.within(&client.scope);
    if scope.is_empty() {
        return Err(Refusal("invalid_scope", "This client may not have anything of that scope"));
    }
    Ok(scope)
}

fn opaque(value: Option<&str>) -> Result<Option<String>, Refusal> {
    match value {
        Some(value) if value.len() > MAX_OPAQUE => Err(Refusal("invalid_request", "The state or nonce is too long")),
        value => Ok(value.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn pkce_is_s256_or_nothing() {
        assert_eq!(code_challenge(Some("S256"), Some(CHALLENGE)).as_deref(), Ok(CHALLENGE));
        for method in [None, Some("plain"), Some("s256"), Some("S512")] {
            assert!(code_challenge(method, Some(CHALLENGE)).is_err(), "{method:?}");
        }
        for challenge in [None, Some(""), Some(&CHALLENGE[1..]), Some(&*format!("{}+", &CHALLENGE[1..]))] {
            assert!(code_challenge(Some("S256"), challenge).is_err(), "{challenge:?}");
        }
    }

    #[test]
    fn only_codes_and_never_in_a_fragment() {
        assert!(response_type(Some("code")).is_ok());
        assert!(response_type(Some("token")).is_err_and(|Refusal(code, _)| code == "unsupported_response_type"));
        assert!(response_type(None).is_err_and(|Refusal(code, _)| code == "invalid_request"));
        let (web, private) = ("https://app.example/cb", "cursor://app/cb");
        assert_eq!(response_mode(None, private), Ok(ResponseMode::Query));
        assert_eq!(response_mode(Some("form_post"), web), Ok(ResponseMode::FormPost));
        assert!(response_mode(Some("form_post"), private).is_err(), "nobody would get it");
        for mode in ["fragment", "jwt", "query.jwt", "web_message", "QUERY", "FormPost"] {
            assert!(response_mode(Some(mode), web).is_err(), "{mode}");
        }
    }
}
