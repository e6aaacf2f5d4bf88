//! NOUN `linked_accounts`: who somebody of another issuer is here.
//!
//! By issuer and subject and nothing else: an email address is reassigned, shared, or claimed by anybody.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::linked_accounts as table;
use crate::types::UserId;

/// The person whom `issuer` calls `subject`.
pub async fn find(conn: &mut Connection, issuer: &str, subject: &str) -> QueryResult<Option<UserId>> {
    table::table.find((issuer, subject)).select(table::user_id).first(conn).await.optional()
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
    Ok(new == 1)
}
