//! Whose browser is this?

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;

use super::{Person, Session, user};
use crate::crypto::HashedToken;
use crate::db::Connection;

/// Finds the live session under one of these hashes and the person it belongs to, and notes that it is in use.
///
/// `None` when there is none, or its person is disabled. Runs outside a transaction: nothing in it has to hang together.
pub async fn recognise(
    conn: &mut Connection,
    hashes: &[HashedToken],
    idle: TimeDelta,
    now: DateTime<Utc>,
) -> QueryResult<Option<(Session, Person)>> {
    let Some(session) = Session::live(conn, hashes, idle, now).await? else { return Ok(None) };
    let Some(person) = user::person(conn, session.user_id).await? else { return Ok(None) };
    if person.is_disabled {
        return Ok(None);
    }
    session.touch(conn, now).await?;
    Ok(Some((session, person)))
}
