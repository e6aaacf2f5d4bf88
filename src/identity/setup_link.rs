//! One-time links by which people choose their first password.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{HashedToken, PlainToken, Random, RootKeys, TokenKind};
use crate::db::Connection;
use crate::schema::setup_links;
use crate::types::UserId;

/// Makes a link for a person; one they had before stops working.
pub(super) async fn issue(
    conn: &mut Connection,
    (keys, random): (&RootKeys, &Random),
    user: UserId,
    lifetime: TimeDelta,
    now: DateTime<Utc>,
) -> QueryResult<PlainToken> {
    void(conn, user).await?;
    let token = PlainToken::fresh(TokenKind::Setup, random);
    diesel::insert_into(setup_links::table)
        .values((
            setup_links::token_hash.eq(keys.hash(&token)),
            setup_links::key_version.eq(keys.version()),
            setup_links::user_id.eq(user),
            setup_links::created_at.eq(now),
            setup_links::expires_at.eq(now + lifetime),
        ))
        .execute(conn)
        .await?;
    Ok(token)
}

/// Whose link this is, if it still works.
pub async fn owner(conn: &mut Connection, hashes: &[HashedToken], now: DateTime<Utc>) -> QueryResult<Option<UserId>> {
    setup_links::table
        .filter(setup_links::token_hash.eq_any(hashes))
        .filter(setup_links::used_at.is_null().and(setup_links::expires_at.gt(now)))
        .select(setup_links::user_id)
        .first(conn)
        .await
        .optional()
}

/// Spends a link: the first caller learns whose it was, everyone after gets `None`.
///
/// One statement decides, so of two people who open the same link only one chooses the password.
pub(super) async fn spend(
    conn: &mut Connection,
    hashes: &[HashedToken],
    now: DateTime<Utc>,
) -> QueryResult<Option<UserId>> {
    diesel::update(setup_links::table)
        .filter(setup_links::token_hash.eq_any(hashes))
        .filter(setup_links::used_at.is_null().and(setup_links::expires_at.gt(now)))
        .set(setup_links::used_at.eq(now))
        .returning(setup_links::user_id)
        .get_result(conn)
        .await
        .optional()
}

/// Makes every unused link of a person worthless.
pub(super) async fn void(conn: &mut Connection, user: UserId) -> QueryResult<usize> {
    let unused = setup_links::table.filter(setup_links::user_id.eq(user).and(setup_links::used_at.is_null()));
    diesel::delete(unused).execute(conn).await
}

/// Deletes the links that expired before then, and says how many.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(setup_links::table.filter(setup_links::expires_at.lt(before))).execute(conn).await
}
