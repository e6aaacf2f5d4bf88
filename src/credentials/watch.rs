//! VERB: what is unusual about the use of keys and tokens is noticed: when last uses are written down, never on the way of a call.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::habit::{self, Unusual, Whose};
use super::uses::Use;
use super::{api_key, personal_token};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;

/// Judges a window of uses of one credential: says whether there is something new to tell its owner, which is also in the
/// audit trail. At most one thing a day.
pub async fn watch(
    conn: &mut Connection,
    whose: Whose,
    used: &Use,
    window: TimeDelta,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let mut known = habit::find_for_update(conn, whose).await?.unwrap_or_default();
    let unusual = known.judge(used, window).filter(|_| !known.was_noticed_lately(now));
    if let Some(unusual) = unusual {
        (known.noticed_at, known.notice) = (Some(now), Some(unusual.to_string()));
    }
    habit::store(conn, whose, &known).await?;
    match unusual {
        Some(unusual) => record(conn, whose, used, unusual, now).await.map(|()| true),
        None => Ok(false),
    }
}

async fn record(
    conn: &mut Connection,
    whose: Whose,
    used: &Use,
    unusual: Unusual,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let entry = Entry::new(Event::UnusualUse);
    let entry = match whose {
        Whose::Key(id) => match api_key::find(conn, id).await? {
            Some(key) => entry.subject(key.owner()).client(&key.prefix),
            None => entry,
        },
        Whose::Token(id) => match personal_token::find(conn, id).await? {
            Some(token) => entry.user(token.user_id).client(&token.client_id),
            None => entry,
        },
    };
    let origin = Origin { address: Some(used.address.to_string()), request_id: None };
    audit::record(conn, entry.detail(json!({ "what": unusual.to_string() })), &origin, now).await
}
