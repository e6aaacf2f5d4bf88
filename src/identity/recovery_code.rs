//! NOUN `recovery_codes`: each lets its person in once.

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{RecoveryCode, RootKeys};
use crate::db::Connection;
use crate::schema::recovery_codes;
use crate::types::UserId;

/// How many codes a person gets at once.
pub const HOW_MANY: usize = 10;

/// How many codes of a person are left.
pub async fn left(conn: &mut Connection, user: UserId) -> QueryResult<i64> {
    let unused = recovery_codes::table.filter(recovery_codes::user_id.eq(user).and(recovery_codes::used_at.is_null()));
    unused.select(count_star()).get_result(conn).await
}

/// Replaces every code of a person, used or not, by these.
pub(super) async fn replace(
    conn: &mut Connection,
    keys: &RootKeys,
    user: UserId,
    codes: &[RecoveryCode],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    remove_all(conn, user).await?;
    let row = |code: &RecoveryCode| {
        (
            recovery_codes::user_id.eq(user),
            recovery_codes::code_hash.eq(code.hash(keys)),
            recovery_codes::key_version.eq(keys.version()),
            recovery_codes::created_at.eq(now),
        )
    };
    let rows: Vec<_> = codes.iter().map(row).collect();
    diesel::insert_into(recovery_codes::table).values(rows).execute(conn).await.map(drop)
}

/// Spends a code: `false` when it is not this person's, or was spent before. One statement decides.
pub(super) async fn spend(
    conn: &mut Connection,
    keys: &RootKeys,
    user: UserId,
    code: &RecoveryCode,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let unused = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user).and(recovery_codes::used_at.is_null()))
        .filter(recovery_codes::code_hash.eq_any(code.hashes(keys)));
    Ok(diesel::update(unused).set(recovery_codes::used_at.eq(now)).execute(conn).await? > 0)
}

/// Forgets every code of a person.
pub(super) async fn remove_all(conn: &mut Connection, user: UserId) -> QueryResult<()> {
    let theirs = recovery_codes::table.filter(recovery_codes::user_id.eq(user));
    diesel::delete(theirs).execute(conn).await.map(drop)
}
