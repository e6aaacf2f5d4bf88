//! VERBS: another API key with the same settings takes the place of one, at once or with an overlap.

use chrono::TimeDelta;
use diesel::QueryResult;
use serde_json::Value;

use super::Terms;
use super::api_key::{self, ApiKey};
use super::issue::{self, Issued, NewKey};
use super::limit::{self, Full};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::ApiKeyId;

/// How long a key lives on beside its successor: from not at all to a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(TimeDelta);

/// The time is longer than two keys should be good at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is replaced can go on for 0 to 7 days")]
pub struct OverlapError;

impl Overlap {
    /// An overlap of that length.
    pub fn new(length: TimeDelta) -> Result<Self, OverlapError> {
        let fits = (TimeDelta::zero()..=TimeDelta::days(7)).contains(&length);
        if fits { Ok(Self(length)) } else { Err(OverlapError) }
    }

    /// How long.
    pub fn length(self) -> TimeDelta {
        self.0
    }

    /// An overlap of so many days.
    pub fn days(days: i64) -> Result<Self, OverlapError> {
        TimeDelta::try_days(days).ok_or(OverlapError).and_then(Self::new)
    }
}

/// Makes the successor of a key that works; the old one lives on for the overlap, and without any is revoked. `None` when it
/// works no more, or has a successor already. Run it by [`App::cut`](crate::app::App::cut).
pub async fn rotate(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: ApiKeyId,
    overlap: Overlap,
) -> QueryResult<Result<Option<Issued>, Full>> {
    if let Err(full) = room(conn, terms, id, overlap).await? {
        return Ok(Err(full));
    }
    let successor = ApiKeyId::fresh();
    let mut old = api_key::hand_over(conn, id, successor, terms.now + overlap.0, terms.now).await?;
    if old.is_some() && overlap.0.is_zero() {
        old = api_key::revoke(conn, id, terms.person(), terms.now).await?;
    }
    succeed(conn, terms, old, successor).await
}

/// Makes the successor of a key whether or not it still works; the old one stops at once. `None` when it has one already, or
/// was revoked by somebody else, who meant it to end. Run it by [`App::cut`](crate::app::App::cut).
pub async fn replace(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: ApiKeyId,
) -> QueryResult<Result<Option<Issued>, Full>> {
    if let Err(full) = room(conn, terms, id, Overlap(TimeDelta::zero())).await? {
        return Ok(Err(full));
    }
    let successor = ApiKeyId::fresh();
    let old = api_key::give_way(conn, id, successor, terms.person(), terms.now).await?;
    succeed(conn, terms, old, successor).await
}

/// Whether the owner of a key can have its successor as well, while that lives on for the overlap.
async fn room(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: ApiKeyId,
    overlap: Overlap,
) -> QueryResult<Result<(), Full>> {
    let Some(old) = api_key::find(conn, id).await? else { return Ok(Ok(())) };
    limit::key(conn, old.owner(), overlap.0.is_zero().then_some(id), terms.now).await
}

async fn succeed(
    conn: &mut Connection,
    terms: &Terms<'_>,
    old: Option<ApiKey>,
    successor: ApiKeyId,
) -> QueryResult<Result<Option<Issued>, Full>> {
    let Some(old) = old else { return Ok(Ok(None)) };
    let issued = issue::insert(conn, terms, successor, &like(terms, &old)).await?;
    let issued = issued.ok_or(diesel::result::Error::RollbackTransaction)?;
    let mut detail = issue::facts(terms, &issued.key);
    detail["replaces"] = old.id.to_string().into();
    detail["old_ends_at"] = old.ends_at.map_or(Value::Null, |end| end.to_rfc3339().into());
    let entry = Entry::new(Event::ApiKeyReplaced).subject(old.owner()).client(&old.prefix);
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(Ok(Some(issued)))
}

/// The settings of a key, counted from now.
fn like(terms: &Terms<'_>, old: &ApiKey) -> NewKey {
    NewKey {
        name: old.name.clone(),
        workspace: old.workspace_id,
        owner: old.owner(),
        reach: old.reach.clone(),
        permissions: old.permissions.clone(),
        expires_at: old.expires_at.map(|end| terms.now + (end - old.created_at)),
        networks: old.allowed_networks.clone(),
        rate: old.rate(),
    }
}
