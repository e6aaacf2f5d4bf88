//! Somebody signs out.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::Session;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;

/// How signing out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// The session has ended.
    Ended,
    /// It had ended before.
    AlreadyOver,
}

/// Ends one session.
pub async fn sign_out(
    conn: &mut Connection,
    session: &Session,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<SignOut> {
    if !Session::end(conn, session.id, now).await? {
        return Ok(SignOut::AlreadyOver);
    }
    let entry = Entry::new(Event::SignedOut).user(session.user_id).detail(json!({ "session": session.id }));
    audit::record(conn, entry, origin, now).await?;
    Ok(SignOut::Ended)
}
