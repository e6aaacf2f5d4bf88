//! NOUN `policies`, with `policy_groups`: named lists of rules, and whom they are for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::reading::Reading;
use super::rule::Rule;
use crate::db::{Connection, changes};
use crate::schema::{policies, policy_groups};
use crate::types::PolicyId;

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Stable, never reused.
    pub id: PolicyId,
    /// Its name, its rules, and whom it is for.
    pub draft: Draft,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = policies, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: PolicyId,
    name: String,
    description: String,
    rules: Value,
    permissions: Value,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl Policy {
    /// In our own words, with what the table knows besides.
    pub fn in_own_words(&self) -> Value {
        let mut own = self.draft.in_own_words();
        own["id"] = json!(self.id);
        own["created_at"] = json!(self.created_at);
        own["changed_at"] = json!(self.changed_at);
        own
    }

    /// A rule that cannot be read may have denied something, so nothing is read then.
    fn of(row: Row, groups: Vec<String>) -> QueryResult<Self> {
        let Row { id, name, description, rules, permissions, created_at, changed_at } = row;
        let read = || Reading::of(&rules).list()?.map(|rule| Rule::read(&rule)).collect::<Result<Vec<_>, _>>();
        let rules = read().map_err(|fault| DeserializationError(format!("policy {name}: {fault}").into()))?;
        let permissions = match permissions {
            Value::Object(permissions) => permissions,
            _ => Map::new(),
        };
        let draft = Draft { name, description, rules, groups, permissions };
        Ok(Self { id, draft, created_at, changed_at })
    }
}

/// All, by name.
pub async fn all(conn: &mut Connection) -> QueryResult<Vec<Policy>> {
    let mut rows: Vec<Row> = policies::table.select(Row::as_select()).load(conn).await?;
    // The database may sort by a language's rules.
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let pairs = policy_groups::table.select((policy_groups::policy_id, policy_groups::group_name));
    let mut groups: BTreeMap<PolicyId, Vec<String>> = BTreeMap::new();
    for (policy, group) in pairs.load::<(PolicyId, String)>(conn).await? {
        groups.entry(policy).or_default().push(group);
    }
    let sorted = |id: &PolicyId, groups: &mut BTreeMap<PolicyId, Vec<String>>| {
        let mut names = groups.remove(id).unwrap_or_default();
        names.sort_unstable();
        names
    };
    rows.into_iter()
        .map(|row| {
            let names = sorted(&row.id, &mut groups);
            Policy::of(row, names)
        })
        .collect()
}

/// The one of that id.
pub async fn find(conn: &mut Connection, id: PolicyId) -> QueryResult<Option<Policy>> {
    let row = policies::table.find(id).select(Row::as_select()).first(conn).await.optional()?;
    with_groups(conn, row).await
}

/// The one of that name.
pub async fn named(conn: &mut Connection, name: &str) -> QueryResult<Option<Policy>> {
    let row = policies::table.filter(policies::name.eq(name)).select(Row::as_select()).first(conn).await.optional()?;
    with_groups(conn, row).await
}

async fn with_groups(conn: &mut Connection, row: Option<Row>) -> QueryResult<Option<Policy>> {
    let Some(row) = row else { return Ok(None) };
    let query = policy_groups::table.filter(policy_groups::policy_id.eq(row.id)).select(policy_groups::group_name);
    let mut groups: Vec<String> = query.load(conn).await?;
    groups.sort_unstable();
    Policy::of(row, groups).map(Some)
}

/// Stores it, unless one has that name.
pub(super) async fn insert(conn: &mut Connection, draft: &Draft, now: DateTime<Utc>) -> QueryResult<Option<PolicyId>> {
    let row = Row {
        id: PolicyId::fresh(),
        name: draft.name.clone(),
        description: draft.description.clone(),
        rules: json!(draft.rules),
        permissions: Value::Object(draft.permissions.clone()),
        created_at: now,
        changed_at: now,
    };
    let insert = diesel::insert_into(policies::table).values(&row).on_conflict(policies::name).do_nothing();
    let id: Option<PolicyId> = insert.returning(policies::id).get_result(conn).await.optional()?;
    if let Some(id) = id {
        set_groups(conn, id, &draft.groups).await?;
    }
    Ok(id)
}

/// Replaces all of it; `Err` of a name that another has is the database's. False when it is gone.
pub(super) async fn update(
    conn: &mut Connection,
    id: PolicyId,
    draft: &Draft,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let values = (
        policies::name.eq(&draft.name),
        policies::description.eq(&draft.description),
        policies::rules.eq(json!(draft.rules)),
        policies::permissions.eq(Value::Object(draft.permissions.clone())),
        policies::changed_at.eq(now),
    );
    if diesel::update(policies::table.find(id)).set(values).execute(conn).await? == 0 {
        return Ok(false);
    }
    set_groups(conn, id, &draft.groups).await?;
    Ok(true)
}

/// Removes it; false when it is gone.
pub(super) async fn remove(conn: &mut Connection, id: PolicyId) -> QueryResult<bool> {
    let removed = diesel::delete(policies::table.find(id)).execute(conn).await? > 0;
    changes::announce(conn, super::CHANGED).await?;
    Ok(removed)
}

/// The id of the one of that name, held until the transaction ends.
pub(super) async fn hold(conn: &mut Connection, name: &str) -> QueryResult<Option<PolicyId>> {
    let query = policies::table.filter(policies::name.eq(name)).select(policies::id);
    query.for_no_key_update().first(conn).await.optional()
}

async fn set_groups(conn: &mut Connection, id: PolicyId, groups: &[String]) -> QueryResult<()> {
    let others = policy_groups::policy_id.eq(id).and(diesel::dsl::not(policy_groups::group_name.eq_any(groups)));
    diesel::delete(policy_groups::table.filter(others)).execute(conn).await?;
    let rows: Vec<_> =
        groups.iter().map(|group| (policy_groups::policy_id.eq(id), policy_groups::group_name.eq(group))).collect();
    diesel::insert_into(policy_groups::table).values(rows).on_conflict_do_nothing().execute(conn).await?;
    changes::announce(conn, super::CHANGED).await
}
