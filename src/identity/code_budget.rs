//! NOUN `code_budgets`: how many codes of an authenticator app may still be tried as somebody's second step, whichever node they
//! are typed at, and how many were wrong.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::IntervalDsl;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::code_budgets;
use crate::types::UserId;

/// So many tries at once.
const TRIES: i32 = 10;
/// So long until one comes back.
const EVERY_MINUTES: i32 = 15;

diesel::define_sql_function! {
    /// The later of two times.
    fn greatest(one: Timestamptz, other: Timestamptz) -> Timestamptz;
}

/// Takes one try, or says how long to wait for one. One statement decides, so of several nodes none gives one twice.
pub(super) async fn spend(
    conn: &mut Connection,
    user: UserId,
    now: DateTime<Utc>,
) -> QueryResult<Result<(), TimeDelta>> {
    let (every, all_but_one) = (minutes(EVERY_MINUTES), minutes(EVERY_MINUTES * (TRIES - 1)));
    let row = (
        code_budgets::user_id.eq(user),
        code_budgets::full_at.eq(now + every),
        (code_budgets::wrong.eq(0), code_budgets::wrong_before.eq(0)),
    );
    let later = greatest(code_budgets::full_at + EVERY_MINUTES.minutes(), now + every);
    let spent = diesel::insert_into(code_budgets::table)
        .values(row)
        .on_conflict(code_budgets::user_id)
        .do_update()
        .set(code_budgets::full_at.eq(later))
        .filter(code_budgets::full_at.le(now + all_but_one))
        .execute(conn)
        .await?;
    if spent > 0 {
        return Ok(Ok(()));
    }
    let full_at: DateTime<Utc> = code_budgets::table.find(user).select(code_budgets::full_at).first(conn).await?;
    Ok(Err(full_at - all_but_one - now))
}

/// Gives a try back: its code was right.
pub(super) async fn give_back(conn: &mut Connection, user: UserId) -> QueryResult<()> {
    let earlier = code_budgets::full_at.eq(code_budgets::full_at - EVERY_MINUTES.minutes());
    diesel::update(code_budgets::table.find(user)).set(earlier).execute(conn).await.map(drop)
}

/// Notes that a code was wrong.
pub(super) async fn note_wrong(conn: &mut Connection, user: UserId) -> QueryResult<()> {
    let more = code_budgets::wrong.eq(code_budgets::wrong + 1);
    diesel::update(code_budgets::table.find(user)).set(more).execute(conn).await.map(drop)
}

/// Notes that a code was right: those that were wrong are told of until the next one is.
pub(super) async fn note_right(conn: &mut Connection, user: UserId) -> QueryResult<()> {
    let counts = (code_budgets::wrong_before.eq(code_budgets::wrong), code_budgets::wrong.eq(0));
    diesel::update(code_budgets::table.find(user)).set(counts).execute(conn).await.map(drop)
}

/// Forgets all of it.
pub(super) async fn forget(conn: &mut Connection, user: UserId) -> QueryResult<()> {
    diesel::delete(code_budgets::table.find(user)).execute(conn).await.map(drop)
}

/// How many wrong codes were tried shortly before and since the last that was right.
pub async fn wrong(conn: &mut Connection, user: UserId) -> QueryResult<i32> {
    let both = code_budgets::table.find(user).select(code_budgets::wrong + code_budgets::wrong_before);
    Ok(both.first(conn).await.optional()?.unwrap_or_default())
}

fn minutes(count: i32) -> TimeDelta {
    TimeDelta::minutes(count.into())
}
