//! NOUN `refresh_tokens`: one family for each grant (RFC 6749 §6, OAuth 2.1 §4.3.1).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::grant::Grant;
use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::{grants, refresh_tokens as table};
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
pub async fn insert_once(mut conn: &Connection, token: &RefreshToken) -> QueryResult<()> {
    diesel::insert_into(table::table).values(token).on_conflict_do_nothing().execute(&mut conn).await.map(drop)
}

/// The token stored under one of these hashes with its grant, if that is live. Both are locked until the transaction is over:
/// the presenters of a token take turns, and what is bought under a grant is bought before its end, and so dies with it.
pub async fn with_live_grant_locked(
    conn: &mut Connection,
    hashes: &[HashedToken],
    now: DateTime<Utc>,
) -> QueryResult<Option<(RefreshToken, Grant)>> {
    table::table
        .inner_join(grants::table)
        .filter(table::token_hash.eq_any(hashes))
        .filter(grants::ended_at.is_null().and(grants::expires_at.gt(now)))
        .select((RefreshToken::as_select(), Grant::as_select()))
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// The token stored under one of these hashes.
pub async fn find(mut conn: &Connection, hashes: &[HashedToken]) -> QueryResult<Option<RefreshToken>> {
    let stored = table::table.filter(table::token_hash.eq_any(hashes)).select(RefreshToken::as_select());
    stored.first(&mut conn).await.optional()
}

/// Starts the grace of a token, unless it runs already.
pub async fn mark_used(mut conn: &Connection, token: &HashedToken, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(table::table.find(token).filter(table::first_used_at.is_null()))
        .set(table::first_used_at.eq(now))
        .execute(&mut conn)
        .await
        .map(drop)
}

/// Puts off the idle end of a token that is not rotated.
pub async fn prolong(mut conn: &Connection, token: &HashedToken, until: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(table::table.find(token)).set(table::expires_at.eq(until)).execute(&mut conn).await.map(drop)
}

/// Forgets tokens whose idle end is before `before`; used ones are kept that long to notice a replay.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(before))).execute(conn).await
}
