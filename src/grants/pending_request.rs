//! NOUN `pending_requests`: authorization requests on somebody's consent page, bound to the browser session.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::wishes::{Prompt, Wishes};
use crate::db::Connection;
use crate::schema::pending_requests as table;
use crate::types::{PendingRequestId, PushedRequestId, ResponseMode, Scope, SessionId};

/// An authorization request of which everything has been checked (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// What the client was when the request was checked.
    pub metadata_hash: Vec<u8>,
    /// Where the answer goes, to the byte.
    pub redirect_uri: String,
    /// Whether the request named it.
    pub redirect_uri_given: bool,
    /// What is asked for, within what this client may ever have.
    pub scope: Scope,
    /// For which resource.
    pub resource: String,
    /// Handed back untouched.
    pub state: Option<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// The S256 challenge.
    pub code_challenge: String,
    /// How the answer travels.
    #[serde(default)]
    pub response_mode: ResponseMode,
    /// The thumbprint of the only key that may redeem the code (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// How the person is to be met (OpenID Connect Core §3.1.2.1).
    #[serde(default)]
    pub wishes: Wishes,
    /// As what it was pushed (RFC 9126), if it was: the decision uses that up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<Pushed>,
}

/// As what a request was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Names it to us.
    pub id: PushedRequestId,
    /// When.
    pub at: DateTime<Utc>,
}

impl AuthorizationRequest {
    /// The same request as the query of another one (RFC 6749 §4.1.1), for whoever signs in next: what it wished of the
    /// person who was signed in is done with.
    pub fn to_query(&self) -> String {
        let scope = self.scope.to_string();
        let asks_again = matches!(self.wishes.prompt, Prompt::Asking { consent: true, .. });
        let redirect_uri = self.redirect_uri_given.then_some(self.redirect_uri.as_str());
        let all = [
            ("response_type", Some("code")),
            ("client_id", Some(self.client_id.as_str())),
            ("redirect_uri", redirect_uri),
            ("scope", Some(scope.as_str())),
            ("resource", Some(self.resource.as_str())),
            ("state", self.state.as_deref()),
            ("nonce", self.nonce.as_deref()),
            ("code_challenge", Some(self.code_challenge.as_str())),
            ("code_challenge_method", Some("S256")),
            ("response_mode", Some(self.response_mode.name())),
            ("dpop_jkt", self.dpop_jkt.as_deref()),
            ("prompt", asks_again.then_some("consent")),
        ];
        let present = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(present).finish()
    }
}

/// A request waiting for its answer.
#[derive(Clone, Debug)]
pub struct PendingRequest {
    /// Its name in the consent form.
    pub id: PendingRequestId,
    /// The request.
    pub request: AuthorizationRequest,
}

#[derive(Insertable)]
#[diesel(table_name = table)]
struct NewRow<'a> {
    id: PendingRequestId,
    session_id: SessionId,
    client_id: &'a str,
    request: Value,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Stores a request for the consent page of one browser session.
pub async fn insert(
    conn: &mut Connection,
    session: SessionId,
    request: &AuthorizationRequest,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> QueryResult<PendingRequestId> {
    let id = PendingRequestId::fresh();
    let json =
        serde_json::to_value(request).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    let row =
        NewRow { id, session_id: session, client_id: &request.client_id, request: json, created_at: now, expires_at };
    diesel::insert_into(table::table).values(row).execute(conn).await?;
    Ok(id)
}

/// The request with this id, if it waits in this session.
pub async fn waiting(
    conn: &mut Connection,
    id: PendingRequestId,
    session: SessionId,
    now: DateTime<Utc>,
) -> QueryResult<Option<PendingRequest>> {
    let row: Option<Value> = table::table
        .find(id)
        .filter(table::session_id.eq(session))
        .filter(table::decided_at.is_null().and(table::expires_at.gt(now)))
        .select(table::request)
        .first(conn)
        .await
        .optional()?;
    row.map(|json| read(id, json)).transpose()
}

/// Takes the request off the page: the first answer gets it, a second one gets `None`.
pub async fn decide(
    conn: &mut Connection,
    id: PendingRequestId,
    session: SessionId,
    now: DateTime<Utc>,
) -> QueryResult<Option<PendingRequest>> {
    let row: Option<Value> = diesel::update(table::table.find(id))
        .filter(table::session_id.eq(session))
        .filter(table::decided_at.is_null().and(table::expires_at.gt(now)))
        .set(table::decided_at.eq(now))
        .returning(table::request)
        .get_result(conn)
        .await
        .optional()?;
    row.map(|json| read(id, json)).transpose()
}

/// The request with this id, if it was answered in this session since `since`.
pub async fn answered(
    conn: &mut Connection,
    id: PendingRequestId,
    session: SessionId,
    since: DateTime<Utc>,
) -> QueryResult<Option<PendingRequest>> {
    let row: Option<Value> = table::table
        .find(id)
        .filter(table::session_id.eq(session).and(table::decided_at.gt(since)))
        .select(table::request)
        .first(conn)
        .await
        .optional()?;
    row.map(|json| read(id, json)).transpose()
}

fn read(id: PendingRequestId, json: Value) -> QueryResult<PendingRequest> {
    let request =
        serde_json::from_value(json).map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
    Ok(PendingRequest { id, request })
}

/// Forgets requests whose page has expired, answered or not.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(now))).execute(conn).await
}
