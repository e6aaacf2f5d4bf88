//! NOUN `logout_notices`: apps still to be told that a session ended (OpenID Connect Back-Channel Logout §2.5).
//!
//! A row is a try that lies ahead. It goes when the app has been told, or when we give up.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::db::Connection;
use crate::schema::logout_notices as table;
use crate::types::{SessionId, UserId};

/// An app to be told.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table, check_for_backend(diesel::pg::Pg))]
pub struct LogoutNotice {
    /// Names the notice.
    pub id: Uuid,
    /// The app.
    pub client_id: String,
    /// The session that ended: the `sid` of the ID tokens that the app got in it.
    pub session_id: SessionId,
    /// Whose it was.
    pub user_id: UserId,
    /// How often it was tried, this time included.
    pub tries: i16,
}

/// The most tries: the last comes some three hours after the first.
const MOST_TRIES: i16 = 6;

impl LogoutNotice {
    /// True when this was the last try.
    pub fn was_last_try(&self) -> bool {
        self.tries >= MOST_TRIES
    }
}

/// How long to wait after so many tries: half a minute, and four times as long each time. Longer than a try can take.
fn pause(tries: i16) -> TimeDelta {
    let doublings = 2 * u32::from(tries.clamp(1, MOST_TRIES).unsigned_abs() - 1);
    TimeDelta::seconds(30 << doublings)
}

/// Notes that these apps are to be told now.
pub(super) async fn insert(
    conn: &mut Connection,
    whom: impl IntoIterator<Item = (SessionId, UserId, String)>,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let rows: Vec<_> = whom
        .into_iter()
        .map(|(session, user, client)| {
            (
                table::id.eq(Uuid::now_v7()),
                table::client_id.eq(client),
                table::session_id.eq(session),
                table::user_id.eq(user),
                table::created_at.eq(now),
                table::next_try_at.eq(now),
            )
        })
        .collect();
    diesel::insert_into(table::table).values(rows).execute(conn).await
}

/// The notices that are due, up to `batch`: they are this caller's until their next try, which is put off here, before this
/// one is made. A node that dies over a try has only lost that try.
pub(super) async fn claim(conn: &mut Connection, batch: i64, now: DateTime<Utc>) -> QueryResult<Vec<LogoutNotice>> {
    let due: Vec<(Uuid, i16)> = table::table
        .filter(table::next_try_at.le(now))
        .order(table::next_try_at)
        .limit(batch)
        .select((table::id, table::tries))
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let mut claimed = Vec::new();
    for (id, tries) in due {
        let tries = tries.saturating_add(1);
        let claim = diesel::update(table::table.find(id))
            .set((table::tries.eq(tries), table::next_try_at.eq(now + pause(tries))))
            .returning(LogoutNotice::as_returning());
        claimed.push(claim.get_result(conn).await?);
    }
    Ok(claimed)
}

/// Takes a notice off the list; false when it was off already.
pub(super) async fn remove(conn: &mut Connection, id: Uuid) -> QueryResult<bool> {
    diesel::delete(table::table.find(id)).execute(conn).await.map(|rows| rows > 0)
}

/// Forgets notices that nobody worked off.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::created_at.le(before))).execute(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_half_a_minute_to_hours_and_then_end() {
        let pauses: Vec<i64> = (1..=MOST_TRIES).map(|tries| pause(tries).num_seconds()).collect();
        assert_eq!(pauses, [30, 120, 480, 1920, 7680, 30720]);
        assert_eq!((pause(-1).num_seconds(), pause(i16::MAX).num_seconds()), (30, 30720));
    }
}
