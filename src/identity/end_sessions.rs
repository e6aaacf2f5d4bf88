//! Somebody ends sessions of their own: one that they do not know, or all at once.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::Session;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::{SessionId, UserId};

/// Which of their sessions somebody ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(SessionId),
    /// All but this one.
    AllBut(SessionId),
    /// All.
    All,
}

/// How ending sessions ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndSessions {
    /// These are over.
    Ended(Vec<SessionId>),
    /// They have no such session, or it was over before.
    Unknown,
}

/// Ends sessions of a person. Apps that signed them in there hear of it, as of any session that ends.
pub async fn end_sessions(
    conn: &mut Connection,
    user: UserId,
    which: Which,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<EndSessions> {
    let ended = match which {
        Which::One(session) => match Session::end_own(conn, (session, user), now).await? {
            true => vec![session],
            false => return Ok(EndSessions::Unknown),
        },
        Which::AllBut(here) => Session::end_all_but(conn, user, Some(here), now).await?,
        Which::All => Session::end_all_but(conn, user, None, now).await?,
    };
    if !ended.is_empty() {
        let entry = Entry::new(Event::SessionsEnded).user(user).detail(json!({ "sessions": ended }));
        audit::record(conn, entry, origin, now).await?;
    }
    Ok(EndSessions::Ended(ended))
}
