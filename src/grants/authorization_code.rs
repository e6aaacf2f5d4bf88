//! NOUN `authorization_codes`: codes on their way through a browser (RFC 6749 §4.1.2).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::authorization_codes as table;
use crate::types::GrantId;

/// A code, by its hash.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct AuthorizationCode {
    /// The only form of it we keep.
    pub code_hash: HashedToken,
    /// The root key that keyed the hash.
    pub key_version: KeyVersion,
    /// The grant it stands for.
    pub grant_id: GrantId,
    /// Whose it is.
    pub client_id: String,
    /// Where it was sent, to the byte.
    pub redirect_uri: String,
    /// The S256 challenge (RFC 7636 §4.3).
    pub code_challenge: String,
    /// For the ID token.
    pub nonce: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: DateTime<Utc>,
    /// How often it came with a wrong verifier.
    pub failed_tries: i16,
    /// When it bought tokens.
    pub spent_at: Option<DateTime<Utc>>,
    /// The thumbprint of the only key that may redeem it (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
}

/// Wrong verifiers that a code survives.
pub const MAX_FAILED_TRIES: i16 = 5;

/// Stores a new code.
pub async fn insert(conn: &mut Connection, code: &AuthorizationCode) -> QueryResult<()> {
    diesel::insert_into(table::table).values(code).execute(conn).await.map(drop)
}

/// The code stored under one of these hashes, whatever its state, locked: its presenters take turns.
pub async fn find_for_update(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<AuthorizationCode>> {
    table::table
        .filter(table::code_hash.eq_any(hashes))
        .select(AuthorizationCode::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()
}

impl AuthorizationCode {
    /// True while it can still be redeemed.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.spent_at.is_none() && self.expires_at > now && self.failed_tries < MAX_FAILED_TRIES
    }
}

/// Spends a code: the first caller gets `true`, everyone after `false`.
///
/// One statement decides, so two racing requests cannot both win (RFC 6749 §10.5).
pub async fn spend(conn: &mut Connection, code: &HashedToken, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(table::table.find(code))
        .filter(table::spent_at.is_null())
        .filter(table::expires_at.gt(now).and(table::failed_tries.lt(MAX_FAILED_TRIES)))
        .set(table::spent_at.eq(now))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Counts a wrong verifier.
pub async fn count_failed_try(conn: &mut Connection, code: &HashedToken) -> QueryResult<()> {
    diesel::update(table::table.find(code).filter(table::failed_tries.lt(MAX_FAILED_TRIES)))
        .set(table::failed_tries.eq(table::failed_tries + 1))
        .execute(conn)
        .await
        .map(drop)
}

/// Forgets codes that expired before `before`; spent ones are kept that long to notice a replay.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(before))).execute(conn).await
}
