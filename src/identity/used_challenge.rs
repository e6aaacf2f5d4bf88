//! NOUN `used_challenges`: passkey ceremonies that were completed. Each may be once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};

use crate::db::Connection;
use crate::schema::used_challenges;

/// Uses a challenge up: `false` when it was used before. One INSERT decides, so of two at once one is first.
///
/// `until` is when it would have expired by itself: it need not be remembered for longer.
pub(super) async fn use_up(conn: &mut Connection, challenge: &[u8], until: DateTime<Utc>) -> QueryResult<bool> {
    let digest = Sha256::digest(challenge);
    let row = (used_challenges::challenge_hash.eq(digest.as_slice()), used_challenges::expires_at.eq(until));
    let new = diesel::insert_into(used_challenges::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    Ok(new == 1)
}

/// Forgets challenges that have expired by themselves.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(used_challenges::table.filter(used_challenges::expires_at.le(now))).execute(conn).await
}
