//! Groups of people, and who is in them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Username, service_account};
use crate::db::{Connection, changes};
use crate::schema::{group_members, groups, users};
use crate::types::{GroupId, UserId};

/// A group of people; policies name it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = groups, check_for_backend(diesel::pg::Pg))]
pub struct Group {
    /// Stable, never reused.
    pub id: GroupId,
    /// Its name, unique in the installation.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
}

impl Group {
    /// Stores a new group, unless one has that name.
    pub async fn insert(
        conn: &mut Connection,
        name: &str,
        description: &str,
        now: DateTime<Utc>,
    ) -> QueryResult<Option<Self>> {
        let group =
            Self { id: GroupId::fresh(), name: name.to_owned(), description: description.to_owned(), created_at: now };
        diesel::insert_into(groups::table)
            .values(&group)
            .on_conflict(groups::name)
            .do_nothing()
            .returning(Self::as_returning())
            .get_result(conn)
            .await
            .optional()
    }

    /// The group of that id.
    pub async fn find(conn: &mut Connection, id: GroupId) -> QueryResult<Option<Self>> {
        groups::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// Those of the named groups that exist.
    pub async fn named(conn: &mut Connection, names: &[String]) -> QueryResult<Vec<Self>> {
        groups::table.filter(groups::name.eq_any(names)).order(groups::name).select(Self::as_select()).load(conn).await
    }
}

/// A group, and how many are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The group.
    pub group: Group,
    /// How many people.
    pub people: i64,
    /// How many programs.
    pub programs: i64,
}

/// All groups by name, with how many are in each.
pub async fn counted(conn: &mut Connection) -> QueryResult<Vec<Counted>> {
    let mut all: Vec<Group> = groups::table.select(Group::as_select()).load(conn).await?;
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let members = group_members::table.group_by(group_members::group_id);
    let people: HashMap<GroupId, i64> =
        members.select((group_members::group_id, count_star())).load(conn).await?.into_iter().collect();
    let programs = service_account::counts(conn).await?;
    let counted = |group: Group| {
        let of = |counts: &HashMap<GroupId, i64>| counts.get(&group.id).copied().unwrap_or_default();
        Counted { people: of(&people), programs: of(&programs), group }
    };
    Ok(all.into_iter().map(counted).collect())
}

/// The people in a group, by their user names.
pub async fn people(conn: &mut Connection, group: GroupId) -> QueryResult<Vec<String>> {
    let query = group_members::table.inner_join(users::table).filter(group_members::group_id.eq(group));
    let mut names: Vec<Username> = query.select(users::username).load(conn).await?;
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    Ok(names.into_iter().map(|name| name.to_string()).collect())
}

/// Takes a person out of a group; false when they are not in it.
pub(super) async fn leave(conn: &mut Connection, user: UserId, group: GroupId) -> QueryResult<bool> {
    let row = group_members::table.find((group, user));
    let left = diesel::delete(row).execute(conn).await? > 0;
    changes::announce(conn, super::CHANGED).await?;
    Ok(left)
}

/// Removes a group, and everybody from it; false when it is gone.
pub(super) async fn remove(conn: &mut Connection, group: GroupId) -> QueryResult<bool> {
    let removed = diesel::delete(groups::table.find(group)).execute(conn).await? > 0;
    changes::announce(conn, super::CHANGED).await?;
    Ok(removed)
}

/// Puts a person into groups; being in one already is no error.
pub(super) async fn join(conn: &mut Connection, user: UserId, joined: &[Group]) -> QueryResult<usize> {
    let rows: Vec<_> =
        joined.iter().map(|group| (group_members::group_id.eq(group.id), group_members::user_id.eq(user))).collect();
    let joined = diesel::insert_into(group_members::table).values(rows).on_conflict_do_nothing().execute(conn).await?;
    if joined > 0 {
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(joined)
}
