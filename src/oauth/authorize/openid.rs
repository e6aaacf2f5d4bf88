//! The parameters that OpenID Connect adds to an authorization request (Core §3.1.2.1).
//!
//! `acr_values`, `ui_locales`, `claims_locales` and `display` are wishes that we may not fulfil, and do not: there is one way
//! to sign in and one language.

use serde_json::{Map, Value};

use super::checks::Refusal;
use crate::app::App;
use crate::grants::client::Client;
use crate::grants::wishes::{Hinted, Prompt, Wishes};
use crate::http::params::Params;

/// The values of `prompt`, as discovery lists them.
pub const PROMPTS: [&str; 4] = ["none", "login", "consent", "select_account"];

/// What the client wishes of sign-in and consent.
pub fn wishes(app: &App, client: &Client, params: &Params) -> Result<Wishes, Refusal> {
    no_registration(params.get("registration"))?;
    claims(params.get("claims"))?;
    Ok(Wishes {
        prompt: prompt(params.get("prompt"))?,
        max_age: max_age(params.get("max_age"))?.or(usual_max_age(client)),
        login_hint: params.get("login_hint").map(str::to_owned),
        hinted: params.get("id_token_hint").map(|token| hinted(app, &client.id, token)),
    })
}

fn prompt(value: Option<&str>) -> Result<Prompt, Refusal> {
    let words: Vec<&str> = value.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| !PROMPTS.contains(word)) {
        return Err(Refusal("invalid_request", "The prompt names something that does not exist here"));
    }
    if words == ["none"] {
        return Ok(Prompt::Silent);
    }
    let has = |word| words.contains(&word);
    match has("none") {
        true => Err(Refusal("invalid_request", "prompt=none cannot be asked for together with anything else")),
        // Whoever signs in has chosen the account.
        false => Ok(Prompt::Asking { sign_in: has("login") || has("select_account"), consent: has("consent") }),
    }
}

/// Seconds. Beyond some hundred years they no longer differ.
fn max_age(value: Option<&str>) -> Result<Option<u32>, Refusal> {
    let malformed = Refusal("invalid_request", "The max_age is not a number of seconds");
    match value {
        None => Ok(None),
        Some(digits) if digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(Some(digits.parse().unwrap_or(u32::MAX)))
        }
        Some(_) => Err(malformed),
    }
}

/// What holds when the request says nothing of it (OpenID Connect Registration §2, `default_max_age`).
fn usual_max_age(client: &Client) -> Option<u32> {
    client.options.default_max_age.and_then(|seconds| u32::try_from(seconds).ok())
}

/// Core §5.5: what is asked for beyond the scope is voluntary, so it may be left out; but it has to be readable.
fn claims(value: Option<&str>) -> Result<(), Refusal> {
    match value.map(serde_json::from_str::<Map<String, Value>>) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(Refusal("invalid_request", "The claims are not a JSON object")),
    }
}

/// Core §7.2.1: there are no self-issued providers here.
fn no_registration(value: Option<&str>) -> Result<(), Refusal> {
    match value {
        None => Ok(()),
        Some(_) => Err(Refusal("registration_not_supported", "Register at the registration endpoint")),
    }
}

/// Whom an ID token names that we once gave to this client. It may have expired long ago.
fn hinted(app: &App, client_id: &str, token: &str) -> Hinted {
    let known = app.signing.verify_id_token_hint(token, app.issuer()).filter(|known| known.client_id == client_id);
    known.map_or(Hinted::Unknown, |known| Hinted::Person(known.sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_is_read_strictly() {
        let asking = |sign_in, consent| Ok(Prompt::Asking { sign_in, consent });
        for (text, expected) in [
            (None, asking(false, false)),
            (Some("login"), asking(true, false)),
            (Some("select_account"), asking(true, false)),
            (Some("consent  login"), asking(true, true)),
            (Some("none"), Ok(Prompt::Silent)),
        ] {
            assert_eq!(prompt(text), expected, "{text:?}");
        }
        for bad in ["None", "none login", "login,consent", "create", "login\tconsent"] {
            assert!(prompt(Some(bad)).is_err_and(|Refusal(code, _)| code == "invalid_request"), "{bad}");
        }
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        assert_eq!(max_age(None), Ok(None));
        assert_eq!(max_age(Some("0")), Ok(Some(0)));
        assert_eq!(max_age(Some("3600")), Ok(Some(3600)));
        assert_eq!(max_age(Some("99999999999999999999")), Ok(Some(u32::MAX)));
        for bad in ["-1", "1.5", "1e3", " 1", "soon", "0x10", "999999999999999999999999999999"] {
            assert!(max_age(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn claims_are_tolerated_when_they_can_be_read() {
        assert!(claims(Some(r#"{"id_token":{"acr":{"essential":true},"auth_time":null}}"#)).is_ok());
        for bad in ["", "acr", "[]", "null", "\"{}\"", "{"] {
            assert!(claims(Some(bad)).is_err(), "{bad}");
        }
    }
}
