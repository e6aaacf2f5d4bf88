//! NOUN `api_keys`: opaque secrets that people hand to programs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::issue::NewKey;
use super::uses::{self, Use};
use super::{CHANGED, CredentialName, Rate};
use crate::crypto::{HashedToken, KeyVersion};
use crate::db::{Connection, changes};
use crate::places::{Reach, StoredReach};
use crate::schema::api_keys as table;
use crate::types::{ApiKeyId, Networks, Permissions, PlaceId, ServiceAccountId, SubjectId, UserId};

/// An API key, without its secret.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = table, check_for_backend(diesel::pg::Pg))]
pub struct ApiKey {
    /// Names it.
    pub id: ApiKeyId,
    /// Where it is managed.
    pub workspace_id: PlaceId,
    user_id: Option<UserId>,
    service_account_id: Option<ServiceAccountId>,
    /// Who made it, while they are known.
    pub made_by: Option<UserId>,
    /// What its maker calls it.
    pub name: CredentialName,
    /// The part that stays visible.
    pub prefix: String,
    /// The places that it is narrowed to.
    #[diesel(deserialize_as = StoredReach)]
    pub reach: Reach,
    /// What it may do.
    pub permissions: Permissions,
    /// From where it may be used.
    pub allowed_networks: Networks,
    rate_limit: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it ends beside the key that took its place.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Who revoked it, if it was a person who is known.
    pub revoked_by: Option<UserId>,
    /// The key that took its place.
    pub replaced_by: Option<ApiKeyId>,
    /// When it was last used, at most a minute late.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_address: Option<String>,
    /// By which program, as that says itself.
    pub last_used_client: Option<String>,
}

/// What has become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl State {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Active, Self::Expired, Self::Revoked];

    /// Its word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl ApiKey {
    /// Whose it is: a person's, an M2M account's, or its workspace's own.
    pub fn owner(&self) -> SubjectId {
        match (self.user_id, self.service_account_id) {
            (Some(user), _) => SubjectId::Person(user),
            (None, Some(account)) => SubjectId::Service(account),
            (None, None) => SubjectId::Workspace(self.workspace_id),
        }
    }

    /// When it stops by itself, if it does.
    pub fn stops_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at.into_iter().chain(self.ends_at).min()
    }

    /// What has become of it.
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match (self.revoked_at, self.stops_at()) {
            (Some(_), _) => State::Revoked,
            (None, Some(end)) if end <= now => State::Expired,
            (None, _) => State::Active,
        }
    }

    /// True when it was revoked, and not by this person: they do not undo that by a successor.
    pub fn was_revoked_by_another(&self, person: UserId) -> bool {
        self.revoked_at.is_some() && self.revoked_by != Some(person)
    }

    /// How often it may be used.
    pub fn rate(&self) -> Option<Rate> {
        self.rate_limit.and_then(|calls| Rate::new(calls.into()).ok())
    }
}

/// Stores a new key, unless there is one of that id.
pub(super) async fn insert(
    conn: &mut Connection,
    id: ApiKeyId,
    new: &NewKey,
    (hash, key_version, prefix): (&HashedToken, KeyVersion, &str),
    (made_by, now): (Option<UserId>, DateTime<Utc>),
) -> QueryResult<Option<ApiKey>> {
    let (user, account) = match new.owner {
        SubjectId::Person(user) => (Some(user), None),
        SubjectId::Service(account) => (None, Some(account)),
        SubjectId::Workspace(_) => (None, None),
    };
    diesel::insert_into(table::table)
        .values((
            (table::id.eq(id), table::workspace_id.eq(new.workspace), table::name.eq(&new.name)),
            (table::user_id.eq(user), table::service_account_id.eq(account), table::made_by.eq(made_by)),
            (table::key_hash.eq(hash), table::key_version.eq(key_version), table::prefix.eq(prefix)),
            (table::reach.eq(new.reach.stored()), table::permissions.eq(&new.permissions)),
            (table::allowed_networks.eq(&new.networks), table::rate_limit.eq(new.rate.map(Rate::stored))),
            (table::created_at.eq(now), table::expires_at.eq(new.expires_at)),
        ))
        .on_conflict(table::id)
        .do_nothing()
        .returning(ApiKey::as_returning())
        .get_result(conn)
        .await
        .optional()
}

/// The key under one of these hashes, whatever became of it.
pub async fn presented(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<ApiKey>> {
    table::table.filter(table::key_hash.eq_any(hashes)).select(ApiKey::as_select()).first(conn).await.optional()
}

/// The key of that id.
pub async fn find(conn: &mut Connection, id: ApiKeyId) -> QueryResult<Option<ApiKey>> {
    table::table.find(id).select(ApiKey::as_select()).first(conn).await.optional()
}

/// How many keys of this owner work, but for one that is about to end.
pub(super) async fn working(
    conn: &mut Connection,
    owner: SubjectId,
    ends: Option<ApiKeyId>,
    now: DateTime<Utc>,
) -> QueryResult<i64> {
    let query = table::table
        .filter(table::revoked_at.is_null().and(table::expires_at.is_null().or(table::expires_at.gt(now))))
        .filter(table::ends_at.is_null().or(table::ends_at.gt(now)))
        .into_boxed();
    let query = match owner {
        SubjectId::Person(user) => query.filter(table::user_id.eq(user)),
        SubjectId::Service(account) => query.filter(table::service_account_id.eq(account)),
        SubjectId::Workspace(workspace) => query
            .filter(table::workspace_id.eq(workspace))
            .filter(table::user_id.is_null().and(table::service_account_id.is_null())),
    };
    let query = match ends {
        Some(id) => query.filter(table::id.ne(id)),
        None => query,
    };
    query.count().get_result(conn).await
}

/// The keys whose visible part this is: several only by chance.
pub async fn with_prefix(conn: &mut Connection, prefix: &str) -> QueryResult<Vec<ApiKey>> {
    table::table.filter(table::prefix.eq(prefix)).limit(10).select(ApiKey::as_select()).load(conn).await
}

/// Ends a key: `None` when it was revoked before, or there is none. One UPDATE decides.
pub(super) async fn revoke(
    conn: &mut Connection,
    id: ApiKeyId,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> QueryResult<Option<ApiKey>> {
    let revoked = diesel::update(table::table.find(id).filter(table::revoked_at.is_null()))
        .set((table::revoked_at.eq(now), table::revoked_by.eq(by)))
        .returning(ApiKey::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    announced(conn, revoked).await
}

/// Lets another key take the place of one that works, which lives on until `ends_at`: `None` when it works no more, or was
/// replaced before. One UPDATE decides, so of two successors at once one is made.
pub(super) async fn hand_over(
    conn: &mut Connection,
    id: ApiKeyId,
    successor: ApiKeyId,
    ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<Option<ApiKey>> {
    let works = table::revoked_at.is_null().and(table::expires_at.is_null().or(table::expires_at.gt(now)));
    let old = diesel::update(table::table.find(id).filter(table::replaced_by.is_null().and(works)))
        .set((table::replaced_by.eq(successor), table::ends_at.eq(ends_at)))
        .returning(ApiKey::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    announced(conn, old).await
}

/// Lets another key take the place of one that is over, or is over with this: `None` when it was replaced before, or somebody
/// else revoked it.
pub(super) async fn give_way(
    conn: &mut Connection,
    id: ApiKeyId,
    successor: ApiKeyId,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> QueryResult<Option<ApiKey>> {
    let still = revoke(conn, id, by, now).await?;
    let theirs = table::replaced_by.is_null().and(table::revoked_by.is_not_distinct_from(by));
    let old = diesel::update(table::table.find(id).filter(theirs))
        .set(table::replaced_by.eq(successor))
        .returning(ApiKey::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    match (old, still) {
        // Revoked just now, but somebody else's successor came first: nothing of ours stays.
        (None, Some(_)) => Err(diesel::result::Error::RollbackTransaction),
        (old, _) => Ok(old),
    }
}

async fn announced(conn: &mut Connection, ended: Option<ApiKey>) -> QueryResult<Option<ApiKey>> {
    if ended.is_some() {
        changes::announce(conn, CHANGED).await?;
    }
    Ok(ended)
}

/// Writes down last uses, all in one statement; what another node knows better stays.
pub async fn note_uses(conn: &mut Connection, uses: &HashMap<ApiKeyId, Use>) -> QueryResult<usize> {
    let (ids, by_id): (Vec<ApiKeyId>, _) = (uses.keys().copied().collect(), uses::by_id(uses));
    let told = |what: &str| {
        let value = sql::<Nullable<Text>>("(").bind::<Jsonb, _>(&by_id).sql(" -> api_keys.id::text ->> ");
        value.sql(&format!("'{what}')"))
    };
    let at = || {
        let value = sql::<Nullable<Timestamptz>>("(").bind::<Jsonb, _>(&by_id);
        value.sql(" -> api_keys.id::text ->> 'at')::timestamptz")
    };
    diesel::update(table::table.filter(table::id.eq_any(ids)))
        .filter(table::last_used_at.is_null().or(table::last_used_at.lt(at())))
        .set((
            table::last_used_at.eq(at()),
            table::last_used_address.eq(told("address")),
            table::last_used_client.eq(told("client")),
        ))
        .execute(conn)
        .await
}
