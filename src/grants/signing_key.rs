//! NOUN `signing_keys`: the keys that sign tokens.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::crypto::jwt::NewKey;
use crate::crypto::{Label, RootKeys, Unsealable};
use crate::db::{self, Connection};
use crate::schema::signing_keys as table;
use crate::types::Algorithm;

/// What is announced when keys change.
pub const CHANGED: &str = "signing_keys";

/// A key as stored. The private half is sealed.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct StoredKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    algorithm: String,
    /// What is published at the JWKS endpoint.
    pub public_jwk: Value,
    sealed_private_jwk: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs; none while it is only published.
    pub signs_from: Option<DateTime<Utc>>,
    /// When it stopped signing.
    pub retired_at: Option<DateTime<Utc>>,
    /// Until when it is still published.
    pub expires_at: Option<DateTime<Utc>>,
}

impl StoredKey {
    /// The algorithm it signs with; `None` if the table holds one that this version does not know.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::named(&self.algorithm)
    }

    /// True while it signs.
    pub fn is_active(&self) -> bool {
        self.retired_at.is_none() && self.signs_from.is_some()
    }

    /// True while it waits to follow the one that signs.
    pub fn is_next(&self) -> bool {
        self.retired_at.is_none() && self.signs_from.is_none()
    }

    /// True when an older root key than the newest sealed it.
    pub fn is_to_be_resealed(&self, keys: &RootKeys) -> bool {
        !keys.is_sealed_by_newest(&self.sealed_private_jwk)
    }

    /// The private half.
    pub fn private_jwk(&self, keys: &RootKeys) -> Result<Value, Unsealable> {
        keys.open(Label::SigningKey, &self.sealed_private_jwk)
    }
}

/// Every key still published, newest first.
pub async fn published(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<Vec<StoredKey>> {
    table::table
        .filter(table::expires_at.is_null().or(table::expires_at.gt(now)))
        .order(table::created_at.desc())
        .select(StoredKey::as_select())
        .load(conn)
        .await
}

/// True while this key vouches for what it signed.
pub async fn is_published(conn: &mut Connection, kid: &str, now: DateTime<Utc>) -> QueryResult<bool> {
    let published = table::table.find(kid).filter(table::expires_at.is_null().or(table::expires_at.gt(now)));
    let found: Option<String> = published.select(table::kid).first(conn).await.optional()?;
    Ok(found.is_some())
}

/// Stores `key` as the active one of its algorithm, or as the next one when `signs_from` is none; if there is one already,
/// nothing happens.
///
/// The unique indexes decide, so nodes that do this together end with the same key.
pub async fn insert_if_none(
    conn: &mut Connection,
    algorithm: Algorithm,
    key: &NewKey,
    sealed: &str,
    signs_from: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::insert_into(table::table)
        .values((
            table::kid.eq(&key.kid),
            table::algorithm.eq(algorithm.name()),
            table::public_jwk.eq(&key.public_jwk),
            table::sealed_private_jwk.eq(sealed),
            table::created_at.eq(now),
            table::signs_from.eq(signs_from),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Stops a key that signs; it stays published until `expires_at`. `false` when somebody else was faster.
pub async fn retire(
    conn: &mut Connection,
    kid: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::update(table::table.find(kid))
        .filter(table::retired_at.is_null())
        .set((table::retired_at.eq(now), table::expires_at.eq(expires_at)))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Takes a key out of the published ones, whatever it was.
pub async fn withdraw(conn: &mut Connection, kid: &str, now: DateTime<Utc>) -> QueryResult<()> {
    let gone = (table::retired_at.eq(now), table::expires_at.eq(now));
    diesel::update(table::table.find(kid)).set(gone).execute(conn).await.map(drop)
}

/// Lets a key sign that was only published.
pub async fn promote(conn: &mut Connection, kid: &str, now: DateTime<Utc>) -> QueryResult<usize> {
    let waiting = table::retired_at.is_null().and(table::signs_from.is_null());
    diesel::update(table::table.find(kid).filter(waiting)).set(table::signs_from.eq(now)).execute(conn).await
}

/// Stores the private half under another root key, unless somebody else has.
pub async fn reseal(conn: &mut Connection, key: &StoredKey, sealed: &str) -> QueryResult<usize> {
    let unchanged = table::sealed_private_jwk.eq(&key.sealed_private_jwk);
    diesel::update(table::table.find(&key.kid).filter(unchanged))
        .set(table::sealed_private_jwk.eq(sealed))
        .execute(conn)
        .await
}

/// Forgets keys that are published no more.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    let forgotten = diesel::delete(table::table.filter(table::expires_at.le(now))).execute(conn).await?;
    if forgotten > 0 {
        db::changes::announce(conn, CHANGED).await?;
    }
    Ok(forgotten)
}
