//! How the client gets an id: a document of its own (CIMD), or registration (RFC 7591).

use serde_json::{Map, Value, json};
use url::Url;

use super::super::finding::{Findings, Step};
use super::super::record::{Look, Missing, object, shown, text};
use super::issuer::Server;
use super::resource::{Resource, no_nulls};
use super::shared;
use crate::net::{Exchange, Method, Request};

const STEP: Step = Step::Registration;

/// What the client is called here.
pub(super) struct Client {
    pub id: String,
    /// Where and with what it can be removed again (RFC 7592); `None` for one that was not registered.
    registration: Option<Option<(String, String)>>,
}

/// How it would get an id; the client where it has one.
pub(super) fn judge(
    look: &Look<'_>,
    server: &Server,
    resource: &Resource,
    found: &mut Findings,
) -> Result<Option<Client>, Missing> {
    match (look.profile.metadata_url, &server.registration_endpoint) {
        (Some(url), _) if server.takes_metadata_documents => {
            found.ok(STEP, "metadata_document", format!("It is known by its own document, {url}."));
            Ok(Some(Client { id: url.to_owned(), registration: None }))
        }
        (_, Some(endpoint)) if look.case.registers => register(look, endpoint, resource, found),
        (_, Some(endpoint)) => {
            found.ok(STEP, "would_register", format!("It would register at {} (not tried).", shown(endpoint)));
            Ok(None)
        }
        (Some(_), None) => {
            found.problem(STEP, "no_registration", "There is neither CIMD nor registration.", NO_WAY, MEND_BOTH);
            Ok(None)
        }
        (None, None) => {
            found.problem(STEP, "no_registration", "There is no registration_endpoint.", NO_WAY, MEND_DCR);
            Ok(None)
        }
    }
}

/// Registers as this client does, for real.
fn register(
    look: &Look<'_>,
    endpoint: &str,
    resource: &Resource,
    found: &mut Findings,
) -> Result<Option<Client>, Missing> {
    let request = Request::post(endpoint, "application/json", metadata(look, resource).to_string());
    let exchange = match look.send(request.with("accept", "application/json"))? {
        Ok(exchange) => exchange,
        Err(error) => {
            found.problem(STEP, "unreachable", format!("{}: {error}", shown(endpoint)), REFUSED, MEND_UNREACHABLE);
            return Ok(None);
        }
    };
    shared(look, STEP, exchange, endpoint, found);
    let document = object(exchange);
    let id = document.as_ref().and_then(|document| text(document, "client_id"));
    let (Some(document), Some(id), 200 | 201) = (&document, id, exchange.status) else {
        found.problem(STEP, "registration_refused", refusal(exchange), REFUSED, MEND_REFUSED);
        return Ok(None);
    };
    no_nulls(look, STEP, document, found);
    echoed(look, document, found);
    if exchange.status == 200 {
        found.note(STEP, "not_201", "Registration answers 200.", NOT_201, "Answer 201 (RFC 7591 §3.2.1).");
    }
    if !found.fails(STEP) {
        found.ok(STEP, "registered", format!("It was registered as {}.", shown(id)));
    }
    let place = text(document, "registration_client_uri").zip(text(document, "registration_access_token"));
    let place = place.map(|(uri, token)| (uri.to_owned(), token.to_owned()));
    Ok(Some(Client { id: id.to_owned(), registration: Some(place) }))
}

/// What it says of itself (RFC 7591 §2).
fn metadata(look: &Look<'_>, resource: &Resource) -> Value {
    let profile = look.profile;
    let mut metadata = Map::new();
    metadata.insert("client_name".to_owned(), format!("Portcullis doctor as {}", profile.name).into());
    metadata.insert("redirect_uris".to_owned(), json!(profile.redirect_uris));
    metadata.insert("grant_types".to_owned(), json!(["authorization_code", "refresh_token"]));
    metadata.insert("response_types".to_owned(), json!(["code"]));
    let optional = [
        ("token_endpoint_auth_method", profile.auth_method.map(str::to_owned)),
        ("application_type", profile.application_type.map(str::to_owned)),
        ("scope", resource.scope.clone()),
    ];
    metadata.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    metadata.into()
}

/// What was registered is what the client goes by.
fn echoed(look: &Look<'_>, document: &Value, found: &mut Findings) {
    let kept = document.get("redirect_uris").and_then(Value::as_array);
    let dropped = look
        .profile
        .redirect_uris
        .iter()
        .find(|uri| !kept.is_some_and(|kept| kept.iter().any(|known| known.as_str() == Some(**uri))));
    if let Some(uri) = dropped {
        let seen = format!("The registration does not have {uri} among its redirect_uris.");
        found.problem(
            STEP,
            "redirect_uri_dropped",
            seen,
            DROPPED,
            "Register every redirect URI that is asked for, and echo them.",
        );
    }
    let method = text(document, "token_endpoint_auth_method");
    if method != look.profile.auth_method {
        let seen =
            format!("It asked for {:?} and was registered with {:?}.", look.profile.auth_method, method.map(shown));
        found.note(STEP, "auth_method_differs", seen, METHOD, "Echo the token_endpoint_auth_method that is in force.");
    }
}

fn refusal(exchange: &Exchange) -> String {
    let document = object(exchange).unwrap_or_default();
    let (code, why) = (text(&document, "error"), text(&document, "error_description"));
    let words: Vec<String> = [code, why].into_iter().flatten().map(shown).collect();
    match words.is_empty() {
        true => format!("Registration answers {}.", exchange.status),
        false => format!("Registration answers {}: {}.", exchange.status, words.join(": ")),
    }
}

/// Removes the registration again, where that is offered (RFC 7592 §2.3) at the server itself.
pub(super) fn undo(look: &Look<'_>, server: &Server, client: &Client, found: &mut Findings) -> Result<(), Missing> {
    let Some(place) = &client.registration else { return Ok(()) };
    let origin = |url: &str| Url::parse(url).map(|url| url.origin()).ok();
    let own = place.as_ref().filter(|(uri, _)| origin(uri).is_some() && origin(uri) == origin(&server.token_endpoint));
    let Some((uri, token)) = own else {
        found.ok(
            STEP,
            "left_behind",
            format!("The registration {} stays: no way to remove it is offered.", shown(&client.id)),
        );
        return Ok(());
    };
    let request = Request { method: Method::Delete, ..Request::get(uri) };
    match look.send(request.with("authorization", &format!("Bearer {token}")))? {
        Ok(exchange) if matches!(exchange.status, 200 | 204) => {
            found.ok(STEP, "removed", format!("The registration {} was removed again.", shown(&client.id)));
        }
        _ => {
            let seen = format!("The registration {} could not be removed.", shown(&client.id));
            found.note(STEP, "left_behind", seen, LEFT, "Remove it by hand.");
        }
    }
    Ok(())
}

const NO_WAY: &str =
    "It cannot get a client id; the person has to register it by hand and type the id in, if it lets them.";
const MEND_BOTH: &str = "Support client ID metadata documents, or registration (RFC 7591).";
const MEND_DCR: &str = "This client has no metadata document: offer registration (RFC 7591), or register it by hand.";
const REFUSED: &str = "It cannot get a client id.";
const MEND_UNREACHABLE: &str = "Make the registration endpoint answer.";
const MEND_REFUSED: &str = "Accept what clients send: loopback and private-use redirect URIs, unknown members, and several redirect URIs at once.";
const NOT_201: &str = "It does not mind; strict clients expect 201.";
const DROPPED: &str = "The answer would go to an address that is not registered, and be refused.";
const METHOD: &str = "It authenticates as the answer says, which must then be accepted.";
const LEFT: &str = "Nothing for this client; a registration of ours is left behind.";
