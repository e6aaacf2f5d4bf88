//! NOUN `consents`: what a person need not be asked again, while the client stays what it was.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::consents as table;
use crate::types::{Scope, UserId};

/// A remembered answer.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct Consent {
    /// Who answered.
    pub user_id: UserId,
    /// About whom.
    pub client_id: String,
    /// For which resource.
    pub resource: String,
    /// What was allowed.
    pub scope: Scope,
    /// What the client was then.
    pub metadata_hash: Vec<u8>,
    /// When.
    pub given_at: DateTime<Utc>,
}

impl Consent {
    /// True when it answers for `scope`, asked by a client that is still what it was.
    pub fn covers(&self, scope: &Scope, metadata_hash: &[u8]) -> bool {
        self.metadata_hash == metadata_hash && self.scope.covers(scope)
    }
}

/// What was last answered.
pub async fn find(conn: &mut Connection, user: UserId, client: &str, resource: &str) -> QueryResult<Option<Consent>> {
    table::table.find((user, client, resource)).select(Consent::as_select()).first(conn).await.optional()
}

/// Remembers an answer in place of the last one.
pub async fn remember(conn: &mut Connection, consent: &Consent) -> QueryResult<()> {
    diesel::insert_into(table::table)
        .values(consent)
        .on_conflict((table::user_id, table::client_id, table::resource))
        .do_update()
        .set((
            table::scope.eq(excluded(table::scope)),
            table::metadata_hash.eq(excluded(table::metadata_hash)),
            table::given_at.eq(excluded(table::given_at)),
        ))
        .execute(conn)
        .await
        .map(drop)
}

/// Forgets what a person answered about a client.
pub async fn forget(conn: &mut Connection, user: UserId, client: &str) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::user_id.eq(user).and(table::client_id.eq(client)))).execute(conn).await
}

/// Forgets what everybody answered about a client.
pub async fn forget_all(conn: &mut Connection, client: &str) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::client_id.eq(client))).execute(conn).await
}
