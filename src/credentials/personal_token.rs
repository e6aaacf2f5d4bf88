//! NOUN `personal_tokens`: long-lived tokens that people make for scripts and jobs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::personal_tokens::NewToken;
use super::uses::{self, Use};
use super::{CHANGED, CredentialName, Sort, State};
use crate::crypto::{HashedToken, KeyVersion};
use crate::db::{Connection, changes};
use crate::places::{Reach, StoredReach};
use crate::schema::personal_tokens as table;
use crate::types::{PersonalTokenId, Scope, ServerId, UserId};

/// A personal access token, without itself.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = table, check_for_backend(diesel::pg::Pg))]
pub struct PersonalToken {
    /// Names it here.
    pub id: PersonalTokenId,
    /// For whom it acts.
    pub user_id: UserId,
    /// What they call it.
    pub name: CredentialName,
    /// Its `jti`.
    pub jti: String,
    /// Its `client_id`.
    pub client_id: String,
    /// What it opens.
    pub audience: String,
    /// What it may do, as far as its owner may.
    pub scope: Scope,
    /// The places that it is narrowed to.
    #[diesel(deserialize_as = StoredReach)]
    pub reach: Reach,
    /// The one server that it is for, if it is for one.
    pub server_id: Option<ServerId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it ends beside the token that took its place.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The token that took its place.
    pub replaced_by: Option<PersonalTokenId>,
    /// When it was last used, at most a minute late.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_address: Option<String>,
    /// By which program, as that says itself.
    pub last_used_client: Option<String>,
}

impl PersonalToken {
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
}

/// Stores a new token under its hash: `false` when there is one of that id already, for a form that is sent twice.
pub(super) async fn insert(
    conn: &mut Connection,
    new: &NewToken,
    (hash, key_version): (&HashedToken, KeyVersion),
) -> QueryResult<bool> {
    let made = diesel::insert_into(table::table)
        .values((
            (table::id.eq(new.id), table::user_id.eq(new.owner), table::name.eq(&new.name)),
            (table::jti.eq(&new.jti), table::client_id.eq(&new.client_id)),
            (table::token_hash.eq(hash), table::key_version.eq(key_version)),
            (table::audience.eq(&new.audience), table::scope.eq(&new.scope)),
            (table::reach.eq(new.reach.stored()), table::server_id.eq(new.server)),
            (table::created_at.eq(new.created_at), table::expires_at.eq(new.expires_at)),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(made == 1)
}

/// The token under one of these hashes, whatever became of it.
pub async fn presented(conn: &mut Connection, hashes: &[HashedToken]) -> QueryResult<Option<PersonalToken>> {
    let query = table::table.filter(table::token_hash.eq_any(hashes)).select(PersonalToken::as_select());
    query.first(conn).await.optional()
}

/// The token of that id.
pub async fn find(conn: &mut Connection, id: PersonalTokenId) -> QueryResult<Option<PersonalToken>> {
    table::table.find(id).select(PersonalToken::as_select()).first(conn).await.optional()
}

/// How many tokens of this person work, but for one that is about to end.
pub(super) async fn working(
    conn: &mut Connection,
    owner: UserId,
    ends: Option<PersonalTokenId>,
    now: DateTime<Utc>,
) -> QueryResult<i64> {
    let query = table::table
        .filter(table::user_id.eq(owner).and(table::revoked_at.is_null()))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(now).assume_not_null()))
        .filter(table::ends_at.is_null().or(table::ends_at.gt(now).assume_not_null()))
        .into_boxed();
    let query = match ends {
        Some(id) => query.filter(table::id.ne(id)),
        None => query,
    };
    query.count().get_result(conn).await
}

/// Ends a token: `None` when it was revoked before, or there is none. One UPDATE decides.
pub(super) async fn revoke(
    conn: &mut Connection,
    id: PersonalTokenId,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> QueryResult<Option<PersonalToken>> {
    let revoked = diesel::update(table::table.find(id).filter(table::revoked_at.is_null()))
        .set((table::revoked_at.eq(now), table::revoked_by.eq(by)))
        .returning(PersonalToken::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    announced(conn, revoked).await
}

/// Lets another token take the place of one that works, which lives on until `ends_at`: `None` when it works no more, or was
/// replaced before. One UPDATE decides, so of two successors at once one is made.
pub(super) async fn hand_over(
    conn: &mut Connection,
    id: PersonalTokenId,
    successor: PersonalTokenId,
    ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<Option<PersonalToken>> {
    let works =
        table::revoked_at.is_null().and(table::expires_at.is_null().or(table::expires_at.gt(now).assume_not_null()));
    let old = diesel::update(table::table.find(id).filter(works).filter(table::replaced_by.is_null()))
        .set((table::ends_at.eq(ends_at), table::replaced_by.eq(successor)))
        .returning(PersonalToken::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    announced(conn, old).await
}

async fn announced(conn: &mut Connection, ended: Option<PersonalToken>) -> QueryResult<Option<PersonalToken>> {
    if ended.is_some() {
        changes::announce(conn, CHANGED).await?;
    }
    Ok(ended)
}

/// What is asked of the list. A person has few tokens, so a page is counted from the first.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Whose; everybody's when it is nobody's.
    pub owner: Option<UserId>,
    /// In these states alone; in any when there is none.
    pub states: Vec<State>,
    /// With this in the name, whatever its case.
    pub search: String,
    /// In which order.
    pub sort: Sort,
    /// Behind how many.
    pub offset: i64,
    /// How many.
    pub limit: i64,
}

type Query<'a> = table::BoxedQuery<'a, Pg>;

/// The tokens of a page.
pub async fn list(conn: &mut Connection, listing: &Listing, now: DateTime<Utc>) -> QueryResult<Vec<PersonalToken>> {
    let query = ordered(chosen(listing, now), listing.sort).offset(listing.offset).limit(listing.limit);
    query.select(PersonalToken::as_select()).load(conn).await
}

/// How many there are on all pages.
pub async fn count(conn: &mut Connection, listing: &Listing, now: DateTime<Utc>) -> QueryResult<i64> {
    chosen(listing, now).count().get_result(conn).await
}

fn chosen(listing: &Listing, now: DateTime<Utc>) -> Query<'_> {
    let mut query = table::table.into_boxed();
    if let Some(owner) = listing.owner {
        query = query.filter(table::user_id.eq(owner));
    }
    if !listing.states.is_empty() {
        let state = "CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN least(expires_at, ends_at) <= ";
        let state = sql::<Text>(state).bind::<Timestamptz, _>(now).sql(" THEN 'expired' ELSE 'active' END");
        query = query.filter(state.eq_any(listing.states.iter().map(|state| state.name()).collect::<Vec<_>>()));
    }
    if !listing.search.is_empty() {
        let found = sql::<Bool>("strpos(lower(name), lower(").bind::<Text, _>(&listing.search);
        query = query.filter(found.sql(")) > 0"));
    }
    query
}

fn ordered(query: Query<'_>, sort: Sort) -> Query<'_> {
    match sort {
        Sort::Created => query.order(table::id.desc()),
        Sort::Name => query.order((sql::<Text>("lower(name)"), table::id.asc())),
        Sort::Expires => query.order((table::expires_at.asc().nulls_last(), table::id.asc())),
        Sort::Used => query.order((table::last_used_at.desc().nulls_last(), table::id.desc())),
    }
}

/// The tokens of a person that were made before this moment, still work and have no successor: those to rotate.
pub async fn made_before(
    conn: &mut Connection,
    user: UserId,
    moment: DateTime<Utc>,
    now: DateTime<Utc>,
) -> QueryResult<i64> {
    table::table
        .filter(table::user_id.eq(user).and(table::created_at.le(moment)))
        .filter(table::revoked_at.is_null().and(table::replaced_by.is_null()))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(now).assume_not_null()))
        .count()
        .get_result(conn)
        .await
}

/// Writes down last uses, all in one statement; what another node knows better stays.
pub async fn note_uses(conn: &mut Connection, uses: &HashMap<PersonalTokenId, Use>) -> QueryResult<usize> {
    let (ids, by_id): (Vec<PersonalTokenId>, _) = (uses.keys().copied().collect(), uses::by_id(uses));
    let told = |what: &str| {
        let value = sql::<Nullable<Text>>("(").bind::<Jsonb, _>(&by_id).sql(" -> personal_tokens.id::text ->> ");
        value.sql(&format!("'{what}')"))
    };
    let at = || {
        let value = sql::<Nullable<Timestamptz>>("(").bind::<Jsonb, _>(&by_id);
        value.sql(" -> personal_tokens.id::text ->> 'at')::timestamptz")
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
