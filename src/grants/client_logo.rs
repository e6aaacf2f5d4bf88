//! NOUN `client_logos`: the picture beside the name of a client, kept here so that no page asks anybody else for it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::client_logos as table;
use crate::types::{Logo, LogoFormat};

/// Stores the picture of a client in place of the one before; `source` is where it was fetched, if it was.
pub async fn store(
    conn: &mut Connection,
    client: &str,
    logo: &Logo,
    source: Option<&str>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let row = (
        table::client_id.eq(client),
        table::format.eq(logo.format().name()),
        table::image.eq(logo.bytes()),
        table::digest.eq(logo.digest().to_vec()),
        table::source.eq(source),
        table::stored_at.eq(now),
    );
    diesel::insert_into(table::table)
        .values(row)
        .on_conflict(table::client_id)
        .do_update()
        .set((
            table::format.eq(excluded(table::format)),
            table::image.eq(excluded(table::image)),
            table::digest.eq(excluded(table::digest)),
            table::source.eq(excluded(table::source)),
            table::stored_at.eq(excluded(table::stored_at)),
        ))
        .execute(conn)
        .await
        .map(drop)
}

/// Takes the picture of a client away: `false` when it had none.
pub async fn remove(conn: &mut Connection, client: &str) -> QueryResult<bool> {
    diesel::delete(table::table.find(client)).execute(conn).await.map(|rows| rows == 1)
}

/// The digest of a client's picture, if it has one.
pub async fn digest(conn: &mut Connection, client: &str) -> QueryResult<Option<Vec<u8>>> {
    table::table.find(client).select(table::digest).first(conn).await.optional()
}

/// The digests of the pictures of these clients.
pub async fn digests(conn: &mut Connection, clients: &[&str]) -> QueryResult<Vec<(String, Vec<u8>)>> {
    table::table.filter(table::client_id.eq_any(clients)).select((table::client_id, table::digest)).load(conn).await
}

/// The picture with this digest, if it is that of any client.
pub async fn find(conn: &mut Connection, digest: &[u8]) -> QueryResult<Option<Logo>> {
    let same = table::table.filter(table::digest.eq(digest));
    let found: Option<(String, Vec<u8>)> = same.select((table::format, table::image)).first(conn).await.optional()?;
    Ok(found.and_then(|(format, image)| Some(Logo::stored(LogoFormat::named(&format)?, image))))
}
