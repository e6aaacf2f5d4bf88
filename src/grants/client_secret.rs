//! NOUN `client_secrets`: secrets of clients that were replaced, and are good for a while all the same.
//!
//! The newest secret of a client is in its own row. A client whose secret never changed has nothing here.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::client_secrets as table;
use crate::types::ClientSecretId;

/// A secret that was replaced; its hash stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct ReplacedSecret {
    /// Names it.
    pub id: ClientSecretId,
    /// Since when it was the newest.
    pub made_at: DateTime<Utc>,
    /// Since when a newer one is.
    pub replaced_at: DateTime<Utc>,
    /// Until when it is good all the same.
    pub expires_at: DateTime<Utc>,
}

/// Stores a secret that is being replaced: `false` when this very replacement was made before.
pub async fn insert(
    conn: &mut Connection,
    client: &str,
    (hash, version): &(HashedToken, KeyVersion),
    replaced: &ReplacedSecret,
) -> QueryResult<bool> {
    let row = (
        table::id.eq(replaced.id),
        table::client_id.eq(client),
        table::secret_hash.eq(hash),
        table::key_version.eq(version),
        table::made_at.eq(replaced.made_at),
        table::replaced_at.eq(replaced.replaced_at),
        table::expires_at.eq(replaced.expires_at),
    );
    diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(conn).await.map(|rows| rows == 1)
}

/// True when one of these hashes is that of a replaced secret of the client that is still good.
pub async fn is_of(
    conn: &mut Connection,
    client: &str,
    hashes: &[HashedToken],
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let good = table::table.filter(table::client_id.eq(client).and(table::expires_at.gt(now)));
    let stored: Vec<HashedToken> = good.select(table::secret_hash).load(conn).await?;
    // Every one is compared, each in constant time: how long it takes does not tell which of them it was.
    Ok(stored.iter().filter(|stored| hashes.iter().any(|hash| hash.matches(stored))).count() > 0)
}

/// Those of a client that are still good, the latest replaced first.
pub async fn good(conn: &mut Connection, client: &str, now: DateTime<Utc>) -> QueryResult<Vec<ReplacedSecret>> {
    table::table
        .filter(table::client_id.eq(client).and(table::expires_at.gt(now)))
        .order((table::replaced_at.desc(), table::id))
        .select(ReplacedSecret::as_select())
        .load(conn)
        .await
}

/// When the newest secret of a client took over, if it replaced another.
pub async fn last_replaced(conn: &mut Connection, client: &str) -> QueryResult<Option<DateTime<Utc>>> {
    let all = table::table.filter(table::client_id.eq(client)).select(diesel::dsl::max(table::replaced_at));
    all.get_result(conn).await
}

/// Ends one of a client's before its time: `false` when it has ended, or is none of the client's.
pub async fn end(conn: &mut Connection, client: &str, id: ClientSecretId, now: DateTime<Utc>) -> QueryResult<bool> {
    let good = table::table.find(id).filter(table::client_id.eq(client).and(table::expires_at.gt(now)));
    diesel::update(good).set(table::expires_at.eq(now)).execute(conn).await.map(|rows| rows == 1)
}

/// Ends all of a client's.
pub async fn end_all(conn: &mut Connection, client: &str, now: DateTime<Utc>) -> QueryResult<usize> {
    let good = table::table.filter(table::client_id.eq(client).and(table::expires_at.gt(now)));
    diesel::update(good).set(table::expires_at.eq(now)).execute(conn).await
}
