//! VERB: clients are removed, with everything that they were granted.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::client::{self, Client, ClientOrigin};
use super::grant::EndReason;
use super::{Terms, revoke};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::UserId;

/// As many unused clients are forgotten at a time: each statement holds its locks for a moment only.
const BATCH: i64 = 1000;

/// Removes a client and ends everything that it was granted: how many grants that were, if there was such a client and
/// `may` says so of it.
///
/// Run it by [`App::cut`](crate::app::App::cut), so that its tokens are dead here at once.
pub async fn remove_client(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    id: &str,
    may: impl FnOnce(&Client) -> bool,
) -> QueryResult<Option<usize>> {
    let Some((client, _)) = client::find_for_update(conn, id).await? else { return Ok(None) };
    // A program that acts for itself goes with its account, and what is a part of this program never goes.
    let stays = client.options.service_account_id.is_some() || client.origin == ClientOrigin::BuiltIn;
    if stays || !may(&client) {
        return Ok(None);
    }
    let ended = revoke::end_all_of_client(conn, terms, id, EndReason::ClientRemoved).await?;
    client::remove(conn, id).await?;
    let detail = json!({ "name": client.name, "grants_ended": ended });
    let entry = Entry::new(Event::ClientRemoved).client(id).by(by).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Some(ended))
}

/// Removes those of these clients that made themselves known, connected or not: how many that were.
pub async fn clean_up_chosen(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: UserId,
    ids: &[String],
) -> QueryResult<usize> {
    let mut removed = 0;
    for id in ids {
        let is_self_made = |client: &Client| client.origin.is_self_made();
        removed += usize::from(remove_client(conn, terms, Some(by), id, is_self_made).await?.is_some());
    }
    Ok(removed)
}

/// Removes every client that made itself known, to which nobody is connected, and that was not used, or not even made, since:
/// how many that were. Whoever is connected stays so.
pub async fn clean_up_unused(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    since: DateTime<Utc>,
) -> QueryResult<usize> {
    let mut removed = 0;
    loop {
        let gone = client::reap(conn, since, since, terms.now, BATCH).await?;
        removed += gone;
        if gone == 0 {
            break;
        }
    }
    if removed > 0 {
        let detail = json!({ "clients": removed, "unused_since": since });
        let entry = Entry::new(Event::ClientsReaped).by(by).detail(detail);
        audit::record(conn, entry, terms.origin, terms.now).await?;
    }
    Ok(removed)
}
