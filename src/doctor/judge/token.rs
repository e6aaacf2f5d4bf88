//! The token endpoint, asked for something that it must refuse; and the keys that verify what it gives.

use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::super::finding::{Findings, Step};
use super::super::record::{Look, Missing, object, shown, text};
use super::issuer::Server;
use super::shared;
use crate::net::Request;

const STEP: Step = Step::Token;

/// An id that nobody has.
const NOBODY: &str = "portcullis-doctor";

/// Redeems a code that does not exist, as a client that does not exist: the answer tells how errors look (RFC 6749 §5.2).
pub(super) fn judge(look: &Look<'_>, server: &Server, found: &mut Findings) -> Result<(), Missing> {
    let url = &server.token_endpoint;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", NOBODY),
        ("code_verifier", "portcullis-doctor-portcullis-doctor-portcullis"),
        ("redirect_uri", "http://localhost/callback"),
        ("client_id", NOBODY),
    ];
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(url, "application/x-www-form-urlencoded", body).with("accept", "application/json");
    let exchange = match look.send(request)? {
        Ok(exchange) => exchange,
        Err(error) => {
            found.problem(STEP, "unreachable", format!("{}: {error}", shown(url)), NO_TOKENS, MEND_UNREACHABLE);
            return Ok(());
        }
    };
    shared(look, STEP, exchange, url, found);
    let document = object(exchange);
    let code = document.as_ref().and_then(|document| text(document, "error"));
    match (exchange.status, code) {
        (200..=299, _) => {
            let seen = "It gave an answer of success for a code that does not exist.";
            found.problem(STEP, "token_for_nothing", seen, FOR_NOTHING, "Refuse unknown codes with invalid_grant.");
        }
        (300..=399 | 404 | 405 | 500..=599, _) | (_, None) => {
            let seen =
                format!("A refused token request is answered {} without an OAuth error in JSON.", exchange.status);
            found.problem(STEP, "error_not_json", seen, NOT_JSON, MEND_NOT_JSON);
        }
        (_, Some("invalid_client")) => {
            found.ok(STEP, "errors", "It refuses in JSON, and says invalid_client to a client that it does not know.");
        }
        (_, Some(code)) => {
            let seen = format!("It says {} to a client that it does not know.", shown(code));
            found.note(
                STEP,
                "unknown_client",
                seen,
                STALE,
                "Answer 401 invalid_client to unknown clients (RFC 6749 §5.2).",
            );
        }
    }
    Ok(())
}

/// The key set (RFC 7517 §5): for resource servers, and clients that read ID tokens.
pub(super) fn keys(look: &Look<'_>, server: &Server, found: &mut Findings) -> Result<(), Missing> {
    let Some(url) = &server.jwks_uri else { return Ok(()) };
    let seen = look.records.see(&Request::get(url).with("accept", "application/json"))?;
    let document = seen.as_ref().ok().filter(|exchange| exchange.status == 200).and_then(object);
    let keys = document.as_ref().and_then(|document| document.get("keys")).and_then(Value::as_array);
    match keys.filter(|keys| !keys.is_empty()) {
        Some(keys) => found.ok(Step::Keys, "keys", format!("{} keys are published.", keys.len())),
        None => {
            let seen = format!("There is no key set at {}.", shown(url));
            found.note(Step::Keys, "no_keys", seen, NO_KEYS, "Serve the public keys at jwks_uri.");
        }
    }
    Ok(())
}

const NO_TOKENS: &str = "It cannot redeem a code, so the person signs in in vain.";
const MEND_UNREACHABLE: &str = "Make the token endpoint answer.";
const FOR_NOTHING: &str = "Whoever asks gets a token.";
const NOT_JSON: &str = "It cannot tell why, and may keep a code, a token or a registration that is no longer good.";
const MEND_NOT_JSON: &str = "Refuse with 400 or 401 and a JSON object with error (RFC 6749 §5.2).";
const STALE: &str =
    "It registers again only when it hears invalid_client; a lost registration would need mending by hand.";
const NO_KEYS: &str = "It does not mind; whoever verifies tokens by signature does.";
