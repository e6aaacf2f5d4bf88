//! NOUN `device_codes`: requests of devices without a browser, until somebody answers elsewhere (RFC 8628).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::{device_codes as table, sessions};
use crate::types::{GrantId, Scope, SessionId, UserId};

/// A device's request.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct DeviceCode {
    /// The only form we keep of what the device polls with.
    pub code_hash: HashedToken,
    /// The only form we keep of what the person types.
    pub user_code_hash: HashedToken,
    /// The root key that keyed both.
    pub key_version: KeyVersion,
    /// Who asks.
    pub client_id: String,
    /// What the client was when it asked.
    pub metadata_hash: Vec<u8>,
    /// What is asked for, within what this client may ever have.
    pub scope: Scope,
    /// For which resource.
    pub resource: String,
    /// From where the device asked.
    pub address: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it is too late.
    pub expires_at: DateTime<Utc>,
    /// Seconds between polls.
    pub poll_interval: i32,
    /// When it was last polled for, while nobody had answered.
    pub polled_at: Option<DateTime<Utc>>,
    /// The browser session that typed the code first, and alone may answer.
    pub session_id: Option<SessionId>,
    /// Who answered.
    pub user_id: Option<UserId>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// What was allowed; none when it was denied.
    pub grant_id: Option<GrantId>,
    /// When it bought tokens.
    pub spent_at: Option<DateTime<Utc>>,
}

impl DeviceCode {
    /// True when a poll comes before its time (RFC 8628 §3.5).
    pub fn is_too_soon(&self, now: DateTime<Utc>) -> bool {
        let interval = TimeDelta::seconds(self.poll_interval.into());
        self.polled_at.is_some_and(|last| now - last < interval)
    }
}

/// Stores a new request: `false` when its short code is taken.
pub async fn insert(conn: &mut Connection, code: &DeviceCode) -> QueryResult<bool> {
    let new = diesel::insert_into(table::table).values(code).on_conflict_do_nothing().execute(conn).await?;
    Ok(new == 1)
}

/// Takes a waiting request for the browser session that typed its code: the first one keeps it, so that nobody who learns
/// the code later can answer in its stead. A session that has ended gives it free.
pub async fn claim(
    conn: &mut Connection,
    user_code: &[HashedToken],
    session: SessionId,
    now: DateTime<Utc>,
) -> QueryResult<Option<DeviceCode>> {
    let ended = sessions::table.filter(sessions::ended_at.is_not_null()).select(sessions::id.nullable());
    let is_free = table::session_id.is_null().or(table::session_id.eq(session)).or(table::session_id.eq_any(ended));
    diesel::update(table::table)
        .filter(table::user_code_hash.eq_any(user_code))
        .filter(table::decided_at.is_null().and(table::expires_at.gt(now)))
        .filter(is_free.assume_not_null())
        .set(table::session_id.eq(session))
        .returning(DeviceCode::as_returning())
        .get_result(conn)
        .await
        .optional()
}

/// Answers a waiting request of this session: the first answer gets it, a second one gets `None`.
pub async fn decide(
    conn: &mut Connection,
    user_code: &[HashedToken],
    session: SessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> QueryResult<Option<DeviceCode>> {
    diesel::update(table::table)
        .filter(table::user_code_hash.eq_any(user_code))
        .filter(table::session_id.eq(session))
        .filter(table::decided_at.is_null().and(table::expires_at.gt(now)))
        .set((table::decided_at.eq(now), table::user_id.eq(user)))
        .returning(DeviceCode::as_returning())
        .get_result(conn)
        .await
        .optional()
}

/// Lets an answered request stand for a grant.
pub async fn stand_for(conn: &mut Connection, code: &HashedToken, grant: GrantId) -> QueryResult<()> {
    diesel::update(table::table.find(code)).set(table::grant_id.eq(grant)).execute(conn).await.map(drop)
}

/// The request stored under one of these hashes, whatever its state, locked: its pollers take turns.
pub async fn find_for_update(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<DeviceCode>> {
    table::table
        .filter(table::code_hash.eq_any(hashes))
        .select(DeviceCode::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()
}

/// Notes a poll, and from now on asks for `interval` seconds between two.
pub async fn polled(conn: &mut Connection, code: &HashedToken, interval: i32, now: DateTime<Utc>) -> QueryResult<()> {
    let values = (table::polled_at.eq(now), table::poll_interval.eq(interval));
    diesel::update(table::table.find(code)).set(values).execute(conn).await.map(drop)
}

/// Spends an allowed request: the first caller gets `true`, everyone after `false`.
pub async fn spend(conn: &mut Connection, code: &HashedToken, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(table::table.find(code))
        .filter(table::grant_id.is_not_null().and(table::spent_at.is_null()).and(table::expires_at.gt(now)))
        .set(table::spent_at.eq(now))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Forgets requests that expired before `before`.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(before))).execute(conn).await
}
