//! VERB: forget clients that made themselves known and that nobody uses.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::client;
use crate::audit::{self, Entry, Event, Origin};
use crate::config::Lifetimes;
use crate::db::Connection;

/// Removes at most `most` of them, and says how many. Whoever is connected stays connected.
pub async fn reap(conn: &mut Connection, lifetimes: &Lifetimes, now: DateTime<Utc>, most: i64) -> QueryResult<usize> {
    let (unused, idle) = (now - lifetimes.unused_client, now - lifetimes.idle_client);
    let removed = client::reap(conn, unused, idle, now, most).await?;
    if removed > 0 {
        let entry = Entry::new(Event::ClientsReaped).detail(json!({ "clients": removed }));
        audit::record(conn, entry, &Origin::default(), now).await?;
    }
    Ok(removed)
}
