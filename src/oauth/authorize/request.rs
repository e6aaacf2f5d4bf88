//! An authorization request in two stages, as two types: until client and redirect URI are known, errors are pages; from
//! then on they go back to the client (RFC 6749 §4.1.2.1).

use chrono::{DateTime, Utc};

use super::checks::Refusal;
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::db;
use crate::errands::client_metadata::{self, Lookup};
use crate::grants::client::Client;
use crate::grants::pending_request::AuthorizationRequest;
use crate::grants::push::REQUEST_URI_PREFIX;
use crate::grants::pushed_request;
use crate::http::authorization_response::WayBack;
use crate::http::params::Params;
use crate::oauth::request_object;
use crate::types::ResponseMode;

/// A request of which client and redirect URI are known: errors may go there.
pub struct Trusted {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes, to the byte.
    pub redirect_uri: String,
    /// Everything that counts: the parameters that were sent, or those of the request object among them.
    pub params: Params,
}

impl Trusted {
    /// Where errors go. In a mode that is none of ours, or that does not lead there, they would be lost: they take the usual
    /// one.
    pub fn way_back(&self) -> WayBack<'_> {
        let mode = self.params.get("response_mode").and_then(ResponseMode::named);
        let mode = mode.filter(|mode| mode.reaches(&self.redirect_uri)).unwrap_or_default();
        WayBack { redirect_uri: &self.redirect_uri, state: self.params.get("state"), mode }
    }
}

/// How far the first stage came.
pub enum FirstStage {
    /// Errors may go to the client from here on.
    Trusted(Box<Trusted>),
    /// Everything was checked when it was pushed (RFC 9126).
    Pushed(Box<Client>, Box<AuthorizationRequest>),
    /// It cannot be read, and the client can be told.
    Refused(Box<Trusted>, Refusal),
    /// Something of the client's has to be fetched, which waits for somebody to sign in.
    AfterSignIn,
    /// There is nowhere to send an error to.
    Untrusted(Untrusted),
}

/// Why a request is answered by a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// A parameter came twice, or the client is not named.
    Malformed(String),
    /// No such client.
    UnknownClient(String),
    /// Its metadata document is no good.
    BadDocument(String, String),
    /// A client of ours, but not a redirect URI of its.
    BadRedirect(String),
    /// It was pushed by another client, too long ago, or is decided; or it was never pushed.
    NotPushed,
}

/// Who brings a request.
pub struct Visit<'a> {
    /// Whether somebody is signed in: only then anything is fetched.
    pub may_fetch: bool,
    /// When the request came here first, if that was before.
    pub begun: Option<DateTime<Utc>>,
    /// Where it came from.
    pub origin: &'a Origin,
}

/// Finds client and redirect URI.
pub async fn first_stage(app: &App, params: Params, visit: &Visit<'_>) -> Result<FirstStage, db::Error> {
    use FirstStage::{AfterSignIn, Untrusted as No};
    if let Some(flaw) = params.flaw() {
        return Ok(No(Untrusted::Malformed(flaw.to_string())));
    }
    let Some(client_id) = params.get("client_id") else {
        return Ok(No(Untrusted::Malformed("It names no client (client_id).".to_owned())));
    };
    let client = match client_metadata::look_up(app, client_id, visit.may_fetch, visit.origin).await? {
        Lookup::Known(client) => *client,
        Lookup::Unknown => return Ok(No(Untrusted::UnknownClient(client_id.to_owned()))),
        Lookup::NotFetched => return Ok(AfterSignIn),
        Lookup::Refused(why) => return Ok(No(Untrusted::BadDocument(client_id.to_owned(), why))),
    };
    match (params.get("request"), params.get("request_uri")) {
        (None, None) => Ok(trusted(client, params)),
        (Some(object), None) => match request_object::open(app, &client, object, visit.may_fetch).await {
            // What stands outside of the object counts for nothing (RFC 9101 §6.3).
            Ok(Some(inside)) => Ok(trusted(client, inside)),
            Ok(None) => Ok(AfterSignIn),
            Err(refusal) => Ok(refused(client, params, refusal)),
        },
        (None, Some(uri)) => match uri.strip_prefix(REQUEST_URI_PREFIX) {
            Some(token) => pushed(app, client, token, visit.begun).await,
            None => {
                let why = "Push the request, or send it by value: no request is fetched";
                Ok(refused(client, params, Refusal("request_uri_not_supported", why)))
            }
        },
        (Some(_), Some(_)) => {
            let refusal = Refusal("invalid_request", "Send request or request_uri, not both");
            Ok(refused(client, params, refusal))
        }
    }
}

fn trusted(client: Client, params: Params) -> FirstStage {
    match client.redirect_to(params.get("redirect_uri")).map(str::to_owned) {
        Some(redirect_uri) => FirstStage::Trusted(Box::new(Trusted { client, redirect_uri, params })),
        None => FirstStage::Untrusted(Untrusted::BadRedirect(client.name)),
    }
}

/// An error goes to the redirect URI that stands outside of the object, if that is the client's.
fn refused(client: Client, params: Params, refusal: Refusal) -> FirstStage {
    match trusted(client, params) {
        FirstStage::Trusted(trusted) => FirstStage::Refused(trusted, refusal),
        untrusted => untrusted,
    }
}

/// What this client pushed under that token, if the browser brought it in time (RFC 9126 §4). Looking does not use it up.
async fn pushed(app: &App, client: Client, token: &str, begun: Option<DateTime<Utc>>) -> Result<FirstStage, db::Error> {
    let not_pushed = Ok(FirstStage::Untrusted(Untrusted::NotPushed));
    let Some(token) = PlainToken::parse(TokenKind::PushedRequest, token) else { return not_pushed };
    let now = app.clock.now();
    let found = {
        let mut conn = app.db.read().await?;
        pushed_request::find(&mut conn, &app.keys.hashes(&token), &client.id, now).await?
    };
    // Checked again: in between, the client may have become another.
    let is_as_pushed = |request: &AuthorizationRequest| {
        request.metadata_hash == client.metadata_hash && client.redirect_to(Some(&request.redirect_uri)).is_some()
    };
    match found {
        Some(found) if begun.unwrap_or(now) < found.begin_by && is_as_pushed(&found.request) => {
            Ok(FirstStage::Pushed(Box::new(client), Box::new(found.request)))
        }
        Some(_) | None => not_pushed,
    }
}
