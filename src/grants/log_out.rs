//! VERB: find out which apps a session that ended has to be told to, and remember what came of it (OpenID Connect Back-Channel
//! Logout 1.0).
//!
//! Whoever ends a session, its row is its own note that this is still to be done: nothing that ends one can forget it. One that
//! merely runs out of time is nobody's sign-out, and apps have clocks of their own.
//!
//! Grants are kept, and what they bought: an app that was connected stays connected (`decisions` 52). What ends is the
//! app's own session of the person.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::logout_notice::{self, LogoutNotice};
use super::{client, grant};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::identity::Session;
use crate::types::{SessionId, UserId, known_scopes};

/// Notes for up to `batch` sessions that ended which apps have to be told, and says how many sessions there were.
pub async fn note(conn: &mut Connection, batch: i64, now: DateTime<Utc>) -> QueryResult<usize> {
    let ended = Session::take_ended(conn, batch, now).await?;
    let grants = grant::of_sessions(conn, &ended).await?;
    let signed_in = grants.into_iter().filter(|grant| grant.scope.has(known_scopes::OPENID));
    let whom: BTreeSet<(SessionId, UserId, String)> =
        signed_in.filter_map(|grant| Some((grant.session_id?, grant.user_id, grant.client_id))).collect();
    let ids: Vec<&str> = whom.iter().map(|(_, _, client)| client.as_str()).collect();
    let clients = client::find_all(conn, &ids).await?;
    let wants = |id: &str| {
        clients.iter().any(|client| {
            client.id == id && client.disabled_at.is_none() && client.options.backchannel_logout_uri.is_some()
        })
    };
    logout_notice::insert(conn, whom.into_iter().filter(|(_, _, client)| wants(client)), now).await?;
    Ok(ended.len())
}

/// The notices to work off now, up to `batch`; nobody else gets them meanwhile.
pub async fn claim(conn: &mut Connection, batch: i64, now: DateTime<Utc>) -> QueryResult<Vec<LogoutNotice>> {
    logout_notice::claim(conn, batch, now).await
}

/// Remembers that an app was told.
pub async fn told(conn: &mut Connection, notice: &LogoutNotice, now: DateTime<Utc>) -> QueryResult<()> {
    finish(conn, notice, Event::LogoutTold, json!({ "session": notice.session_id, "tries": notice.tries }), now).await
}

/// Remembers that an app could not be told: it is tried again, unless this was the last try.
pub async fn failed(conn: &mut Connection, notice: &LogoutNotice, why: &str, now: DateTime<Utc>) -> QueryResult<()> {
    if !notice.was_last_try() {
        return Ok(());
    }
    let detail = json!({ "session": notice.session_id, "tries": notice.tries, "why": why });
    finish(conn, notice, Event::LogoutNotTold, detail, now).await
}

async fn finish(
    conn: &mut Connection,
    notice: &LogoutNotice,
    event: Event,
    detail: serde_json::Value,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    if logout_notice::remove(conn, notice.id).await? {
        let entry = Entry::new(event).user(notice.user_id).client(&notice.client_id).detail(detail);
        audit::record(conn, entry, &Origin::default(), now).await?;
    }
    Ok(())
}
