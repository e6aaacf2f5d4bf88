//! NOUN `registration_tokens`: what lets a client read, change and delete its own registration (RFC 7592).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::schema::registration_tokens as table;

/// The first one of a client.
pub async fn insert(
    conn: &mut Connection,
    client: &str,
    token: (&HashedToken, KeyVersion),
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let row = (
        table::client_id.eq(client),
        table::token_hash.eq(token.0),
        table::key_version.eq(token.1),
        table::created_at.eq(now),
    );
    diesel::insert_into(table::table).values(row).execute(conn).await.map(drop)
}

/// True when one of these hashes is that of the client's token.
pub async fn is_of(conn: &mut Connection, client: &str, hashes: &[HashedToken]) -> QueryResult<bool> {
    // The token is 256 random bits behind a keyed hash, so the time of this comparison tells nothing.
    let found = table::table.find(client).filter(table::token_hash.eq_any(hashes));
    diesel::select(diesel::dsl::exists(found)).get_result(conn).await
}

/// Replaces it: `false` when the one presented is not, or no longer, the client's. One UPDATE decides, so of two changes at
/// once one is made.
pub async fn rotate(
    conn: &mut Connection,
    client: &str,
    presented: &[HashedToken],
    next: (&HashedToken, KeyVersion),
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::update(table::table.find(client).filter(table::token_hash.eq_any(presented)))
        .set((table::token_hash.eq(next.0), table::key_version.eq(next.1), table::created_at.eq(now)))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Uses it up for good: `false` when it is not, or no longer, the client's.
pub async fn spend(conn: &mut Connection, client: &str, presented: &[HashedToken]) -> QueryResult<bool> {
    diesel::delete(table::table.find(client).filter(table::token_hash.eq_any(presented)))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}
