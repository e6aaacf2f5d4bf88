//! Clients in lists: whose, which of them, in what order, page by page.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::helper_types::{IntoBoxed, LeftJoin};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::{Client, ClientOrigin, Row};
use crate::db::Connection;
use crate::db::search::containing;
use crate::grants::client_ownership::{ClientOwnership, Rank};
use crate::schema::{client_ownerships, clients, grants, users};
use crate::types::{PlaceId, UserId};

diesel::define_sql_function! {
    /// Small letters, as the index has them.
    fn lower(text: Text) -> Text;
}

/// Whose clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those that somebody registered for one of these workspaces.
    Workspaces {
        /// The workspaces.
        of: Vec<PlaceId>,
        /// Only those of this person.
        registered_by: Option<UserId>,
        /// Also those that the operator registered for the whole installation.
        and_of_nobody: bool,
    },
    /// Those that made themselves known.
    SelfMade,
}

/// Which of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// All.
    #[default]
    Any,
    /// Those that may act.
    Active,
    /// Those that are cut off.
    Disabled,
    /// Those that nobody is connected to, and that were not used, or not even made, since.
    UnusedSince(DateTime<Utc>),
}

/// In what order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The newest first.
    #[default]
    Newest,
    /// By name.
    Name,
    /// The last used first, those that never were at the end.
    Used,
}

/// The client that the page before ended with, as the order saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What it was sorted by: a time in microseconds, a name in small letters, or nothing.
    pub key: String,
    /// Its id.
    pub id: String,
}

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Whose clients.
    pub whose: Whose,
    /// A part of their name, or their id.
    pub search: Option<&'a str>,
    /// Which of them.
    pub state: State,
    /// In what order.
    pub sort: Sort,
    /// After which.
    pub after: Option<After>,
    /// How many before that are left out, besides.
    pub skip: i64,
    /// How many at most.
    pub most: i64,
}

/// A client and whose it is.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The client.
    pub client: Client,
    /// From which address it made itself known.
    pub created_from: Option<String>,
    /// Whose it is, if somebody registered it for a workspace.
    pub ownership: Option<ClientOwnership>,
    /// The name by which who registered it signs in.
    pub registrar: Option<String>,
}

type Joined = LeftJoin<clients::table, LeftJoin<client_ownerships::table, users::table>>;
type Found = (Row, Option<String>, Option<ClientOwnership>, Option<String>);

impl Listed {
    fn read((row, created_from, ownership, registrar): Found) -> QueryResult<Self> {
        Ok(Self { client: row.read()?, created_from, ownership, registrar })
    }

    /// The client of that id.
    pub async fn find(conn: &mut Connection, id: &str) -> QueryResult<Option<Self>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let found = joined().filter(clients::id.eq(id)).select(columns!()).first(conn).await.optional()?;
        found.map(Self::read).transpose()
    }

    /// What it takes to enable it, if it is disabled and that is more than this.
    pub fn withheld_from(&self, rank: Rank) -> Option<Rank> {
        let needed = self.ownership.as_ref().map(ClientOwnership::enabled_by);
        needed.filter(|needed| self.client.disabled_at.is_some() && *needed > rank)
    }

    /// The clients of these ids.
    pub async fn find_all(conn: &mut Connection, ids: &[&str]) -> QueryResult<Vec<Self>> {
        let ids: Vec<&str> = ids.iter().copied().filter(|id| !id.contains('\0')).collect();
        let found: Vec<Found> = joined().filter(clients::id.eq_any(ids)).select(columns!()).load(conn).await?;
        found.into_iter().map(Self::read).collect()
    }

    /// Where a list in this order goes on after it.
    pub fn mark(&self, sort: Sort) -> After {
        let micros = |at: DateTime<Utc>| at.timestamp_micros().to_string();
        let key = match sort {
            Sort::Newest => micros(self.client.created_at),
            Sort::Name => self.client.name.to_lowercase(),
            Sort::Used => self.client.last_used_at.map(micros).unwrap_or_default(),
        };
        After { key, id: self.client.id.clone() }
    }
}

/// What is read of each.
macro_rules! columns {
    () => {
        (Row::as_select(), clients::created_from, Option::<ClientOwnership>::as_select(), users::username.nullable())
    };
}
use columns;

fn joined() -> Joined {
    clients::table.left_join(client_ownerships::table.left_join(users::table))
}

impl Wanted<'_> {
    /// The page of the list.
    pub async fn page(&self, conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<Vec<Listed>> {
        let query = self.narrowed(now);
        let query = match self.sort {
            Sort::Newest => query.order((clients::created_at.desc(), clients::id)),
            Sort::Name => query.order((lower(clients::name), clients::id)),
            Sort::Used => query.order((clients::last_used_at.desc().nulls_last(), clients::id)),
        };
        let query = match &self.after {
            Some(after) => from(query, self.sort, after),
            None => query,
        };
        let found: Vec<Found> = query.offset(self.skip).limit(self.most).select(columns!()).load(conn).await?;
        found.into_iter().map(Listed::read).collect()
    }

    /// How many there are on all pages.
    pub async fn count(&self, conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<i64> {
        self.narrowed(now).count().get_result(conn).await
    }

    fn narrowed(&self, now: DateTime<Utc>) -> IntoBoxed<'_, Joined, Pg> {
        let mut query = joined().into_boxed();
        query = match &self.whose {
            Whose::SelfMade => query.filter(clients::origin.eq_any(ClientOrigin::SELF_MADE.map(ClientOrigin::name))),
            Whose::Workspaces { of, registered_by, and_of_nobody } => {
                let theirs = client_ownerships::workspace_id.eq_any(of).assume_not_null();
                // Programs that act for themselves are accounts, and have lists of their own.
                let by_somebody = clients::origin.eq_any(ClientOrigin::REGISTERED_BY_SOMEBODY.map(ClientOrigin::name));
                let query = query.filter(by_somebody.and(clients::service_account_id.is_null()));
                let query = match registered_by {
                    Some(user) => query.filter(client_ownerships::registered_by.eq(user).assume_not_null()),
                    None => query,
                };
                match and_of_nobody {
                    true => query.filter(client_ownerships::client_id.nullable().is_null().or(theirs)),
                    false => query.filter(theirs),
                }
            }
        };
        query = match self.state {
            State::Any => query,
            State::Active => query.filter(clients::disabled_at.is_null()),
            State::Disabled => query.filter(clients::disabled_at.is_not_null()),
            State::UnusedSince(then) => {
                let live = grants::table
                    .filter(grants::client_id.eq(clients::id))
                    .filter(grants::ended_at.is_null().and(grants::expires_at.gt(now)));
                let never = clients::last_used_at.is_null().and(clients::created_at.lt(then));
                let unused = never.or(clients::last_used_at.lt(then).assume_not_null());
                query.filter(unused.and(clients::disabled_at.is_null())).filter(not(exists(live)))
            }
        };
        match self.search.filter(|text| !text.is_empty()) {
            None => query,
            Some(text) => {
                let part = containing(text);
                query.filter(clients::name.ilike(part.clone()).or(clients::id.ilike(part)))
            }
        }
    }
}

/// What comes after this one in that order. A mark that nobody made is as good as any other.
fn from<'a>(query: IntoBoxed<'a, Joined, Pg>, sort: Sort, after: &After) -> IntoBoxed<'a, Joined, Pg> {
    let id = after.id.clone();
    let at = after.key.parse().ok().and_then(DateTime::from_timestamp_micros);
    match (sort, at) {
        (Sort::Name, _) => {
            let (name, same) = (after.key.clone(), after.key.clone());
            query.filter(lower(clients::name).gt(name).or(lower(clients::name).eq(same).and(clients::id.gt(id))))
        }
        (Sort::Newest, at) => {
            let at = at.unwrap_or(DateTime::UNIX_EPOCH);
            query.filter(clients::created_at.lt(at).or(clients::created_at.eq(at).and(clients::id.gt(id))))
        }
        (Sort::Used, Some(at)) => {
            let earlier = clients::last_used_at.lt(at).assume_not_null();
            let same = clients::last_used_at.eq(at).assume_not_null().and(clients::id.gt(id));
            query.filter(earlier.or(same).or(clients::last_used_at.is_null()))
        }
        (Sort::Used, None) => query.filter(clients::last_used_at.is_null().and(clients::id.gt(id))),
    }
}
