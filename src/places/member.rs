//! NOUN `workspace_members`: who is in which workspace, and as what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::{places, workspace_members};
use crate::types::{PlaceId, UserId};

/// What somebody is in a workspace. The order is that of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Uses what is there.
    Member,
    /// Manages its servers, places, members and credentials.
    Admin,
    /// The same, and can make others owners and remove the workspace.
    Owner,
}

impl Role {
    /// All, the least powerful first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// Its word in the database and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The workspaces that somebody is in, and as what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships(BTreeMap<PlaceId, Role>);

impl Memberships {
    /// What they are in this workspace, if they are in it.
    pub fn role_in(&self, workspace: PlaceId) -> Option<Role> {
        self.0.get(&workspace).copied()
    }

    /// True when they manage this workspace.
    pub fn manages(&self, workspace: PlaceId) -> bool {
        self.role_in(workspace) >= Some(Role::Admin)
    }

    /// True when they manage any workspace.
    pub fn manages_any(&self) -> bool {
        self.0.values().any(|role| *role >= Role::Admin)
    }

    /// Every one of them.
    pub fn all(&self) -> impl Iterator<Item = (PlaceId, Role)> {
        self.0.iter().map(|(workspace, role)| (*workspace, *role))
    }
}

impl FromIterator<(PlaceId, Role)> for Memberships {
    fn from_iter<I: IntoIterator<Item = (PlaceId, Role)>>(memberships: I) -> Self {
        Self(memberships.into_iter().collect())
    }
}

/// The workspaces that a person is in.
pub async fn of_user(conn: &mut Connection, user: UserId) -> QueryResult<Memberships> {
    let rows: Vec<(PlaceId, String)> = workspace_members::table
        .filter(workspace_members::user_id.eq(user))
        .select((workspace_members::workspace_id, workspace_members::role))
        .load(conn)
        .await?;
    Ok(rows.into_iter().filter_map(|(workspace, role)| Some((workspace, Role::named(&role)?))).collect())
}

/// The workspaces that everybody is in.
pub async fn of_everybody(conn: &mut Connection) -> QueryResult<BTreeMap<UserId, Memberships>> {
    let columns = (workspace_members::user_id, workspace_members::workspace_id, workspace_members::role);
    let rows: Vec<(UserId, PlaceId, String)> = workspace_members::table.select(columns).load(conn).await?;
    let mut all = BTreeMap::<UserId, Memberships>::new();
    for (user, workspace, role) in rows {
        if let Some(role) = Role::named(&role) {
            all.entry(user).or_default().0.insert(workspace, role);
        }
    }
    Ok(all)
}

/// Puts a person into the workspace of that name, unless they are in it already.
pub async fn join_named(
    conn: &mut Connection,
    workspace: &str,
    user: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let rows = places::table.filter(places::parent_id.is_null().and(places::name.eq(workspace))).select((
        places::id,
        user.into_sql::<Uuid>(),
        role.name().into_sql::<Text>(),
        now.into_sql::<Timestamptz>(),
    ));
    let joined = diesel::insert_into(workspace_members::table)
        .values(rows)
        .into_columns((
            workspace_members::workspace_id,
            workspace_members::user_id,
            workspace_members::role,
            workspace_members::joined_at,
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(joined > 0)
}
