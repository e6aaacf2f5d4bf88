//! NOUN `refresh_tokens`: one family for each grant (RFC 6749 §6, OAuth 2.1 §4.3.1).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::refresh_tokens as table;
use crate::types::GrantId;

/// A refresh token, by its hash.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct RefreshToken {
    /// The only form of it we keep.
    pub token_hash: HashedToken,
    /// The root key that keyed the hash and from which its successor is derived.
    pub key_version: KeyVersion,
    /// The family.
    pub grant_id: GrantId,
    /// Whose it is.
    pub client_id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its idle end.
    pub expires_at: DateTime<Utc>,
    /// When it was first presented.
    pub first_used_at: Option<DateTime<Utc>>,
}

/// In which state a presented token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never used, or first used less than the grace ago.
    Usable,
    /// Used, and its grace is over: somebody else has a copy.
    Replayed,
    /// Not used for too long.
    Expired,
}

impl RefreshToken {
    /// Its state `now`, with this much grace after its first use.
    pub fn state(&self, now: DateTime<Utc>, grace: TimeDelta) -> State {
        match self.first_used_at {
            Some(first) if now >= first + grace => State::Replayed,
            Some(_) => State::Usable,
            None if now >= self.expires_at => State::Expired,
            None => State::Usable,
        }
    }
}

/// Stores a token, once: a successor that another presenter has stored already stays as it is.
pub async fn insert_once(conn: &mut Connection, token: &RefreshToken) -> QueryResult<()> {
    diesel::insert_into(table::table).values(token).on_conflict_do_nothing().execute(conn).await.map(drop)
}

/// The token stored under one of these hashes, locked: its presenters take turns.
pub async fn find_for_update(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<RefreshToken>> {
    table::table
        .filter(table::token_hash.eq_any(hashes))
        .select(RefreshToken::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()
}

/// The token stored under one of these hashes.
pub async fn find(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<RefreshToken>> {
    table::table.filter(table::token_hash.eq_any(hashes)).select(RefreshToken::as_select()).first(conn).await.optional()
}

/// Starts the grace of a token, unless it runs already.
pub async fn mark_used(conn: &mut Connection, token: &HashedToken, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(table::table.find(token).filter(table::first_used_at.is_null()))
        .set(table::first_used_at.eq(now))
        .execute(conn)
        .await
        .map(drop)
}

/// Puts off the idle end of a token that is not rotated.
pub async fn prolong(conn: &mut Connection, token: &HashedToken, until: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(table::table.find(token)).set(table::expires_at.eq(until)).execute(conn).await.map(drop)
}

/// Forgets tokens whose idle end is before `before`; used ones are kept that long to notice a replay.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(before))).execute(conn).await
}
