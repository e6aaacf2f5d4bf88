//! Groups of people, and who is in them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::{Connection, changes};
use crate::schema::{group_members, groups};
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

    /// Those of the named groups that exist.
    pub async fn named(conn: &mut Connection, names: &[String]) -> QueryResult<Vec<Self>> {
        groups::table.filter(groups::name.eq_any(names)).order(groups::name).select(Self::as_select()).load(conn).await
    }
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
