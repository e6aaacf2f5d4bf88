//! NOUN `service_accounts`: programs that act for themselves, and their groups.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Group;
use crate::db::{Connection, changes};
use crate::schema::{groups, service_account_groups, service_accounts};
use crate::types::{GroupId, PlaceId, ServiceAccountId};

/// Current facts of a service account, as every decision reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Stable, never reused.
    pub id: ServiceAccountId,
    /// Its name: for an M2M account the `client_id` too.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The groups it is in, sorted.
    pub groups: Vec<String>,
    /// The workspace that it belongs to.
    pub workspace: PlaceId,
    /// Since when it is known.
    pub created_at: DateTime<Utc>,
    /// True when it may no longer do anything.
    pub is_disabled: bool,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = service_accounts, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: ServiceAccountId,
    name: String,
    description: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    workspace_id: PlaceId,
}

/// Stores a new service account in this workspace and these groups, unless one has that name.
pub async fn insert(
    conn: &mut Connection,
    name: &str,
    description: &str,
    workspace: PlaceId,
    joined: &[Group],
    now: DateTime<Utc>,
) -> QueryResult<Option<ServiceAccountId>> {
    let id = ServiceAccountId::fresh();
    let row = Row {
        id,
        name: name.to_owned(),
        description: description.to_owned(),
        created_at: now,
        disabled_at: None,
        workspace_id: workspace,
    };
    let new = diesel::insert_into(service_accounts::table)
        .values(row)
        .on_conflict(service_accounts::name)
        .do_nothing()
        .execute(conn)
        .await?;
    if new == 0 {
        return Ok(None);
    }
    let memberships: Vec<_> = joined
        .iter()
        .map(|group| (service_account_groups::group_id.eq(group.id), service_account_groups::service_account_id.eq(id)))
        .collect();
    diesel::insert_into(service_account_groups::table).values(memberships).execute(conn).await?;
    Ok(Some(id))
}

/// How many are in each group that any is in.
pub(super) async fn counts(conn: &mut Connection) -> QueryResult<HashMap<GroupId, i64>> {
    let grouped = service_account_groups::table.group_by(service_account_groups::group_id);
    let counts = grouped.select((service_account_groups::group_id, count_star())).load(conn).await?;
    Ok(counts.into_iter().collect())
}

/// Those in a group, by name.
pub async fn in_group(conn: &mut Connection, group: GroupId) -> QueryResult<Vec<String>> {
    let query = service_account_groups::table.inner_join(service_accounts::table);
    let query = query.filter(service_account_groups::group_id.eq(group)).select(service_accounts::name);
    let mut names: Vec<String> = query.load(conn).await?;
    names.sort_unstable();
    Ok(names)
}

/// Puts one into a group, or takes it out; false when it is so already.
pub(super) async fn set_in_group(
    conn: &mut Connection,
    id: ServiceAccountId,
    group: GroupId,
    is_in: bool,
) -> QueryResult<bool> {
    use service_account_groups as table;
    let changed = match is_in {
        true => {
            let row = (table::group_id.eq(group), table::service_account_id.eq(id));
            diesel::insert_into(service_account_groups::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?
        }
        false => {
            let row = table::group_id.eq(group).and(table::service_account_id.eq(id));
            diesel::delete(service_account_groups::table.filter(row)).execute(conn).await?
        }
    };
    changes::announce(conn, super::CHANGED).await?;
    Ok(changed > 0)
}

/// The current facts of one.
pub async fn find(conn: &mut Connection, id: ServiceAccountId) -> QueryResult<Option<ServiceAccount>> {
    let row: Option<Row> = service_accounts::table.find(id).select(Row::as_select()).first(conn).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    let groups = service_account_groups::table
        .inner_join(groups::table)
        .filter(service_account_groups::service_account_id.eq(id))
        .order(groups::name)
        .select(groups::name)
        .load(conn)
        .await?;
    Ok(Some(ServiceAccount {
        id,
        name: row.name,
        description: row.description,
        groups,
        workspace: row.workspace_id,
        created_at: row.created_at,
        is_disabled: row.disabled_at.is_some(),
    }))
}

/// Removes the one of that name, and with it every client that acts as it.
pub async fn remove(conn: &mut Connection, name: &str) -> QueryResult<Option<ServiceAccountId>> {
    use service_accounts as table;
    let removed = diesel::delete(service_accounts::table.filter(table::name.eq(name)))
        .returning(table::id)
        .get_result(conn)
        .await
        .optional()?;
    if removed.is_some() {
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(removed)
}

/// Disables or enables; false when it already was, or none has that id.
pub async fn set_disabled(
    conn: &mut Connection,
    id: ServiceAccountId,
    disabled_at: Option<DateTime<Utc>>,
) -> QueryResult<bool> {
    use service_accounts as table;
    let other = table::table.filter(table::id.eq(id).and(table::disabled_at.is_null().eq(disabled_at.is_some())));
    let changed = diesel::update(other).set(table::disabled_at.eq(disabled_at)).execute(conn).await? > 0;
    if changed {
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(changed)
}

/// The service account of that name.
pub async fn named(conn: &mut Connection, name: &str) -> QueryResult<Option<ServiceAccountId>> {
    use service_accounts as table;
    table::table.filter(table::name.eq(name)).select(table::id).first(conn).await.optional()
}

/// The names of these service accounts.
pub async fn names(conn: &mut Connection, ids: &[ServiceAccountId]) -> QueryResult<Vec<(ServiceAccountId, String)>> {
    use service_accounts as table;
    table::table.filter(table::id.eq_any(ids)).select((table::id, table::name)).load(conn).await
}

/// As many accounts as one can choose among.
const MOST: i64 = 200;

/// The service accounts of a workspace that may act, by name.
pub async fn of_workspace(conn: &mut Connection, workspace: PlaceId) -> QueryResult<Vec<(ServiceAccountId, String)>> {
    use service_accounts as table;
    let acting = table::table.filter(table::workspace_id.eq(workspace).and(table::disabled_at.is_null()));
    acting.order(table::name).limit(MOST).select((table::id, table::name)).load(conn).await
}
