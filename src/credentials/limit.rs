//! How many credentials that work somebody can have: a session or a program that runs wild fills no table.

use chrono::{DateTime, Utc};
use diesel::QueryResult;

use super::{api_key, personal_token};
use crate::db::{Connection, lock};
use crate::types::{ApiKeyId, PersonalTokenId, SubjectId, UserId};

/// The most API keys of one owner that work at the same time.
pub const API_KEYS: i64 = 200;
/// The most personal access tokens of one person that work at the same time.
pub const PERSONAL_TOKENS: i64 = 200;

/// Another one would be too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {0} already that work, and no more can be made; revoke those that are not used any more")]
pub struct Full(pub i64);

/// Decides whether this owner can have one more key beside those that stay, until the transaction is over.
pub(super) async fn key(
    conn: &mut Connection,
    owner: SubjectId,
    ends: Option<ApiKeyId>,
    now: DateTime<Utc>,
) -> QueryResult<Result<(), Full>> {
    lock::one_at_a_time(conn, &format!("API keys of {owner}")).await?;
    Ok(room(api_key::working(conn, owner, ends, now).await?, API_KEYS))
}

/// Decides whether this person can have one more token beside those that stay, until the transaction is over.
pub(super) async fn personal_token(
    conn: &mut Connection,
    owner: UserId,
    ends: Option<PersonalTokenId>,
    now: DateTime<Utc>,
) -> QueryResult<Result<(), Full>> {
    lock::one_at_a_time(conn, &format!("personal access tokens of {owner}")).await?;
    Ok(room(personal_token::working(conn, owner, ends, now).await?, PERSONAL_TOKENS))
}

fn room(there: i64, most: i64) -> Result<(), Full> {
    if there < most { Ok(()) } else { Err(Full(most)) }
}
