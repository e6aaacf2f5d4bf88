//! NOUN `workspace_members`: who is in which workspace, and as what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::db::search::containing;
use crate::schema::{places, users, workspace_members};
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

/// One member of a workspace, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The name that they sign in with.
    pub username: String,
    /// The name that they are shown by.
    pub display_name: String,
    /// As what they are in it.
    pub role: Role,
    /// Since when.
    pub joined_at: DateTime<Utc>,
    /// True when they may do nothing at all at present.
    pub is_disabled: bool,
}

type Row = (UserId, String, String, String, DateTime<Utc>, bool);

#[diesel::dsl::auto_type]
fn members() -> _ {
    workspace_members::table.inner_join(users::table).select((
        users::id,
        users::username,
        users::display_name,
        workspace_members::role,
        workspace_members::joined_at,
        users::disabled_at.is_not_null(),
    ))
}

fn member((user, username, display_name, role, joined_at, is_disabled): Row) -> Option<Member> {
    Some(Member { user, username, display_name, role: Role::named(&role)?, joined_at, is_disabled })
}

/// Which members are looked for, and in which order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought<'a> {
    /// Those with this in one of their names.
    pub search: &'a str,
    /// Those who are this.
    pub role: Option<Role>,
    /// Those who may do nothing at all at present, or those who may.
    pub is_disabled: Option<bool>,
    /// In which order.
    pub sort: Sort,
    /// Those behind this user name, in that order.
    pub after: Option<&'a str>,
    /// How many before that are left out, besides.
    pub skip: usize,
}

/// In which order members are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By user name.
    #[default]
    Name,
    /// The most powerful first.
    Role,
    /// Those who came last first.
    Newest,
}

impl Sort {
    /// The order of that name; any other is the first.
    pub fn named(name: &str) -> Self {
        match name {
            "role" => Self::Role,
            "newest" => Self::Newest,
            _ => Self::Name,
        }
    }
}

/// The members of a workspace that are looked for: where they are joined with what is known of them as people.
macro_rules! narrowed {
    ($query:expr, $workspace:expr, $sought:expr) => {{
        let mut query = $query.into_boxed().filter(workspace_members::workspace_id.eq($workspace));
        if !$sought.search.is_empty() {
            let like = containing($sought.search);
            query = query.filter(users::username.ilike(like.clone()).or(users::display_name.ilike(like)));
        }
        if let Some(role) = $sought.role {
            query = query.filter(workspace_members::role.eq(role.name()));
        }
        if let Some(is_disabled) = $sought.is_disabled {
            query = query.filter(users::disabled_at.is_not_null().eq(is_disabled));
        }
        query
    }};
}

/// At most `limit` members of a workspace.
pub async fn of_workspace(
    conn: &mut Connection,
    workspace: PlaceId,
    sought: Sought<'_>,
    limit: usize,
) -> QueryResult<Vec<Member>> {
    let places = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let query = narrowed!(members(), workspace, sought);
    let query = query.filter(users::username.gt(sought.after.unwrap_or_default()));
    let query = match sought.sort {
        Sort::Name => query.order(users::username),
        Sort::Role => query
            .order((workspace_members::role.ne("owner"), workspace_members::role.ne("admin")))
            .then_order_by(users::username),
        Sort::Newest => query.order(workspace_members::joined_at.desc()).then_order_by(users::username),
    };
    let rows: Vec<Row> = query.offset(places(sought.skip)).limit(places(limit)).load(conn).await?;
    Ok(rows.into_iter().filter_map(member).collect())
}

/// The member of a workspace who signs in with that name.
pub async fn named(conn: &mut Connection, workspace: PlaceId, username: &str) -> QueryResult<Option<Member>> {
    let here = members().filter(workspace_members::workspace_id.eq(workspace));
    let row: Option<Row> =
        here.filter(users::username.eq(username.to_ascii_lowercase())).first(conn).await.optional()?;
    Ok(row.and_then(member))
}

/// The member of a workspace of that id.
pub async fn find(conn: &mut Connection, workspace: PlaceId, user: UserId) -> QueryResult<Option<Member>> {
    let here = members().filter(workspace_members::workspace_id.eq(workspace));
    let row: Option<Row> = here.filter(users::id.eq(user)).first(conn).await.optional()?;
    Ok(row.and_then(member))
}

/// How many are in a workspace.
pub async fn count(conn: &mut Connection, workspace: PlaceId) -> QueryResult<i64> {
    count_found(conn, workspace, Sought::default()).await
}

/// How many members of a workspace are like that.
pub async fn count_found(conn: &mut Connection, workspace: PlaceId, sought: Sought<'_>) -> QueryResult<i64> {
    narrowed!(workspace_members::table.inner_join(users::table), workspace, sought).count().get_result(conn).await
}

/// What somebody is in a workspace at this moment.
pub async fn role(conn: &mut Connection, workspace: PlaceId, user: UserId) -> QueryResult<Option<Role>> {
    let found = workspace_members::table.find((workspace, user)).select(workspace_members::role);
    let role: Option<String> = found.first(conn).await.optional()?;
    Ok(role.as_deref().and_then(Role::named))
}

/// Holds everything about the members of a workspace until the transaction ends, and says who its owners are; `None` when
/// there is no such workspace. Two who remove each other are judged one after the other.
pub async fn hold_owners(conn: &mut Connection, workspace: PlaceId) -> QueryResult<Option<Vec<UserId>>> {
    let there = places::table.find(workspace).filter(places::parent_id.is_null()).select(places::id);
    let held: Option<PlaceId> = there.for_no_key_update().first(conn).await.optional()?;
    if held.is_none() {
        return Ok(None);
    }
    let owners = workspace_members::table
        .filter(workspace_members::workspace_id.eq(workspace).and(workspace_members::role.eq(Role::Owner.name())));
    owners.select(workspace_members::user_id).load(conn).await.map(Some)
}

/// Makes somebody that in a workspace, whatever they were there.
pub async fn set(
    conn: &mut Connection,
    workspace: PlaceId,
    user: UserId,
    role: Role,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::insert_into(workspace_members::table)
        .values((
            workspace_members::workspace_id.eq(workspace),
            workspace_members::user_id.eq(user),
            workspace_members::role.eq(role.name()),
            workspace_members::joined_at.eq(now),
        ))
        .on_conflict((workspace_members::workspace_id, workspace_members::user_id))
        .do_update()
        .set(workspace_members::role.eq(role.name()))
        .execute(conn)
        .await
        .map(drop)
}

/// Takes somebody out of a workspace.
pub async fn remove(conn: &mut Connection, workspace: PlaceId, user: UserId) -> QueryResult<()> {
    diesel::delete(workspace_members::table.find((workspace, user))).execute(conn).await.map(drop)
}
