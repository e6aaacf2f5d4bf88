//! The checks of an authorization request whose client is known, in order. Each failure goes back to the client.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::request::Trusted;
use crate::app::App;
use crate::grants::client::Client;
use crate::grants::pending_request::AuthorizationRequest;
use crate::http::urls;
use crate::oauth::resource;
use crate::types::{Scope, known_scopes};

/// An error that goes back to the client (RFC 6749 §4.1.2.1), with words for its developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub &'static str, pub &'static str);

/// Longer values are not anybody's state or nonce.
const MAX_OPAQUE: usize = 4096;

/// Every check; what comes out is fit for a consent page.
pub fn check(app: &App, trusted: &Trusted<'_>) -> Result<AuthorizationRequest, Refusal> {
    let params = trusted.params;
    no_request_object(trusted)?;
    registered_for_codes(&trusted.client)?;
    response_type(params.get("response_type"))?;
    response_mode(params.get("response_mode"))?;
    let code_challenge = code_challenge(params.get("code_challenge_method"), params.get("code_challenge"))?;
    let resource = resource(app, &trusted.client, params.all("resource"))?;
    let scope = scope(&trusted.client, params.get("scope"))?;
    Ok(AuthorizationRequest {
        client_id: trusted.client.id.clone(),
        metadata_hash: trusted.client.metadata_hash.clone(),
        redirect_uri: trusted.redirect_uri.clone(),
        redirect_uri_given: params.get("redirect_uri").is_some(),
        scope,
        resource,
        state: opaque(params.get("state"))?,
        nonce: opaque(params.get("nonce"))?,
        code_challenge,
    })
}

/// OpenID Connect Core §6: not offered, and discovery says so.
fn no_request_object(trusted: &Trusted<'_>) -> Result<(), Refusal> {
    if trusted.params.get("request").is_some() {
        return Err(Refusal("request_not_supported", "Send plain parameters instead of a request object"));
    }
    if trusted.params.get("request_uri").is_some() {
        return Err(Refusal("request_uri_not_supported", "Send plain parameters instead of a request_uri"));
    }
    Ok(())
}

/// RFC 6749 §4.1.2.1: a client may have registered for other grants alone.
fn registered_for_codes(client: &Client) -> Result<(), Refusal> {
    match client.grant_types.has("authorization_code") {
        true => Ok(()),
        false => Err(Refusal("unauthorized_client", "This client has not registered the grant authorization_code")),
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

/// OAuth 2.0 Multiple Response Types §2.1.
fn response_mode(value: Option<&str>) -> Result<(), Refusal> {
    match value {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal("invalid_request", "Only response_mode=query is offered")),
    }
}

/// RFC 7636 §4.3, for every client: S256 by name, never `plain`, never guessed (RFC 9700 §2.1.1).
fn code_challenge(method: Option<&str>, challenge: Option<&str>) -> Result<String, Refusal> {
    let challenge = challenge.ok_or(Refusal("invalid_request", "PKCE is required: code_challenge is missing"))?;
    if method != Some("S256") {
        return Err(Refusal("invalid_request", "PKCE is required with code_challenge_method=S256"));
    }
    let is_digest = challenge.len() == 43 && URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32);
    if is_digest {
        Ok(challenge.to_owned())
    } else {
        Err(Refusal("invalid_request", "The code_challenge is not a SHA-256"))
    }
}

/// RFC 8707 §2.1. Without one, a token opens `/mcp` (`decisions` 8).
fn resource(app: &App, client: &Client, named: &[String]) -> Result<String, Refusal> {
    match named {
        [] => Ok(app.at(urls::MCP)),
        [resource] => resource::canonical(app, client, resource)
            .ok_or(Refusal("invalid_target", "This is not a resource of this server")),
        _ => Err(Refusal("invalid_target", "Ask for one resource at a time")),
    }
}

/// RFC 6749 §3.3. What the client may never have is left out, and the token answer says what was granted; a scope that does
/// not exist is an error, since somebody means something by it.
fn scope(client: &Client, asked: Option<&str>) -> Result<Scope, Refusal> {
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
    fn only_codes_by_query() {
        assert!(response_type(Some("code")).is_ok());
        assert!(response_type(Some("token")).is_err_and(|Refusal(code, _)| code == "unsupported_response_type"));
        assert!(response_type(None).is_err_and(|Refusal(code, _)| code == "invalid_request"));
        assert!(response_mode(Some("fragment")).is_err());
    }
}
