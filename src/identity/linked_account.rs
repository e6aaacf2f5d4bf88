//! NOUN `linked_accounts`: who somebody of another issuer is here.
//!
//! By issuer and subject and nothing else: an email address is reassigned, shared, or claimed by anybody.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::{Connection, changes};
use crate::schema::{linked_accounts as table, users};
use crate::types::UserId;

/// The person whom `issuer` calls `subject`.
pub async fn find(conn: &mut Connection, issuer: &str, subject: &str) -> QueryResult<Option<UserId>> {
    table::table.find((issuer, subject)).select(table::user_id).first(conn).await.optional()
}

/// The accounts of an issuer that are linked: its subject and our name for each, by subject.
pub async fn of_issuer(conn: &mut Connection, issuer: &str) -> QueryResult<Vec<(String, String)>> {
    table::table
        .inner_join(users::table)
        .filter(table::issuer.eq(issuer))
        .order(table::subject)
        .select((table::subject, users::username))
        .load(conn)
        .await
}

/// Links an account to a person: `false` when it is linked already, to whomever.
pub async fn insert(
    conn: &mut Connection,
    issuer: &str,
    subject: &str,
    user: UserId,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let row = (table::issuer.eq(issuer), table::subject.eq(subject), table::user_id.eq(user), table::linked_at.eq(now));
    let new = diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    changes::announce(conn, super::CHANGED).await?;
    Ok(new == 1)
}

/// Unlinks an account: to whom it was linked, if it was.
pub async fn remove(conn: &mut Connection, issuer: &str, subject: &str) -> QueryResult<Option<UserId>> {
    let linked = diesel::delete(table::table.find((issuer, subject)));
    let gone = linked.returning(table::user_id).get_result(conn).await.optional()?;
    changes::announce(conn, super::CHANGED).await?;
    Ok(gone)
}
