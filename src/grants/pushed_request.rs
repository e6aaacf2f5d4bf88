//! NOUN `pushed_requests`: authorization requests that a client handed to us itself (RFC 9126).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::pending_request::{AuthorizationRequest, Pushed};
use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::pushed_requests as table;
use crate::types::PushedRequestId;

/// A request about to be stored.
#[derive(Clone, Debug)]
pub struct NewPushedRequest<'a> {
    /// Names it to us.
    pub id: PushedRequestId,
    /// Names it to the client: the only form of that which we keep, and the root key that keyed it.
    pub token: (HashedToken, KeyVersion),
    /// What was checked when it was pushed.
    pub request: &'a AuthorizationRequest,
    /// When it was pushed.
    pub created_at: DateTime<Utc>,
    /// Until when a browser may bring it for the first time.
    pub begin_by: DateTime<Utc>,
    /// When nobody can still be on the way to its decision.
    pub expires_at: DateTime<Utc>,
}

/// A request that no one has decided yet.
#[derive(Clone, Debug)]
pub struct PushedRequest {
    /// The request; it knows as what it was pushed.
    pub request: AuthorizationRequest,
    /// Until when a browser may bring it for the first time.
    pub begin_by: DateTime<Utc>,
}

/// Stores a request.
pub async fn insert(conn: &mut Connection, new: &NewPushedRequest<'_>) -> QueryResult<()> {
    let request =
        serde_json::to_value(new.request).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    diesel::insert_into(table::table)
        .values((
            table::id.eq(new.id),
            table::token_hash.eq(&new.token.0),
            table::key_version.eq(new.token.1),
            table::client_id.eq(&new.request.client_id),
            table::request.eq(request),
            table::created_at.eq(new.created_at),
            table::begin_by.eq(new.begin_by),
            table::expires_at.eq(new.expires_at),
        ))
        .execute(conn)
        .await
        .map(drop)
}

/// The request that this client pushed under one of these hashes, unless it is decided or gone.
pub async fn find(
    conn: &mut Connection,
    hashes: &[HashedToken],
    client: &str,
    now: DateTime<Utc>,
) -> QueryResult<Option<PushedRequest>> {
    let row: Option<(PushedRequestId, Value, DateTime<Utc>, DateTime<Utc>)> = table::table
        .filter(table::token_hash.eq_any(hashes).and(table::client_id.eq(client)))
        .filter(table::decided_at.is_null().and(table::expires_at.gt(now)))
        .select((table::id, table::request, table::created_at, table::begin_by))
        .first(conn)
        .await
        .optional()?;
    let Some((id, json, at, begin_by)) = row else { return Ok(None) };
    let request: AuthorizationRequest =
        serde_json::from_value(json).map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
    Ok(Some(PushedRequest { request: AuthorizationRequest { pushed: Some(Pushed { id, at }), ..request }, begin_by }))
}

/// Uses a request up, at its decision: the first gets `true`, everyone after `false`.
pub async fn use_up(conn: &mut Connection, id: PushedRequestId, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(table::table.find(id).filter(table::decided_at.is_null()))
        .set(table::decided_at.eq(now))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Forgets requests that nobody can still be on the way to decide.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(now))).execute(conn).await
}
