//! NOUN `initial_access_tokens`: what lets somebody register clients where not everybody may (RFC 7591 §3).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::initial_access_tokens as table;
use crate::types::InitialAccessTokenId;

/// An initial access token, by its hash.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct InitialAccessToken {
    /// Names it.
    pub id: InitialAccessTokenId,
    /// What its maker calls it.
    pub label: String,
    /// The only form of it we keep.
    pub token_hash: HashedToken,
    /// The root key that keyed the hash.
    pub key_version: KeyVersion,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// How many more registrations it is good for; as many as wanted when there is none.
    pub uses_left: Option<i32>,
    /// When it was withdrawn.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Stores one; `false` when its label is taken.
pub async fn insert(conn: &mut Connection, token: &InitialAccessToken) -> QueryResult<bool> {
    let made = diesel::insert_into(table::table).values(token).on_conflict(table::label).do_nothing();
    made.execute(conn).await.map(|rows| rows == 1)
}

/// The good one among these, if there is one. Nothing is spent.
pub async fn find_good(
    conn: &mut Connection,
    hashes: &[HashedToken],
    now: DateTime<Utc>,
) -> QueryResult<Option<InitialAccessTokenId>> {
    table::table
        .filter(table::token_hash.eq_any(hashes).and(table::revoked_at.is_null()).and(table::expires_at.gt(now)))
        .filter(table::uses_left.is_null().or(table::uses_left.gt(0)))
        .select(table::id)
        .first(conn)
        .await
        .optional()
}

/// Spends one use: `false` when it is no longer good. One UPDATE decides, so of two that want the last use one gets it.
pub async fn spend(conn: &mut Connection, id: InitialAccessTokenId, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(table::table.find(id))
        .filter(table::revoked_at.is_null().and(table::expires_at.gt(now)))
        .filter(table::uses_left.is_null().or(table::uses_left.gt(0)))
        .set(table::uses_left.eq(table::uses_left - 1))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// All of them, newest first.
pub async fn all(conn: &mut Connection) -> QueryResult<Vec<InitialAccessToken>> {
    table::table.order(table::id.desc()).select(InitialAccessToken::as_select()).load(conn).await
}

/// Withdraws the one with this label: `false` when there is none that still stands.
pub async fn revoke(conn: &mut Connection, label: &str, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(table::table.filter(table::label.eq(label).and(table::revoked_at.is_null())))
        .set(table::revoked_at.eq(now))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Forgets those that expired before `before`.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(before))).execute(conn).await
}
