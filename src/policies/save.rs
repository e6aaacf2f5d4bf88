//! VERBS: policies come into being, change, and go.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::dialect;
use super::draft::Draft;
use super::policy;
use super::rule::{Effect, Rule};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::identity::Group;
use crate::types::{PolicyId, UserId};

/// Who does it, from where, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The person; none for the operator and for programs.
    pub user: Option<UserId>,
    /// From where.
    pub origin: &'a Origin,
    /// When.
    pub now: DateTime<Utc>,
}

/// How saving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is new.
    Made(PolicyId),
    /// It was there and is as wanted now.
    Changed(PolicyId),
    /// Another policy has that name; nothing was changed.
    Taken,
    /// It is gone; nothing was changed.
    Gone,
}

/// Makes a new policy.
pub async fn make(conn: &mut Connection, draft: &Draft, by: By<'_>) -> QueryResult<Saved> {
    match policy::insert(conn, draft, by.now).await? {
        Some(id) => record(conn, Saved::Made(id), draft, by).await,
        None => Ok(Saved::Taken),
    }
}

/// Makes a policy, or lets the one of that name be as wanted.
pub async fn put(conn: &mut Connection, draft: &Draft, by: By<'_>) -> QueryResult<Saved> {
    match policy::hold(conn, &draft.name).await? {
        Some(id) => change(conn, id, draft, by).await,
        None => make(conn, draft, by).await,
    }
}

/// Lets a policy be as wanted.
pub async fn change(conn: &mut Connection, id: PolicyId, draft: &Draft, by: By<'_>) -> QueryResult<Saved> {
    if policy::hold(conn, &draft.name).await?.is_some_and(|holder| holder != id) {
        return Ok(Saved::Taken);
    }
    match policy::update(conn, id, draft, by.now).await? {
        true => record(conn, Saved::Changed(id), draft, by).await,
        false => Ok(Saved::Gone),
    }
}

/// Says that a policy is for a group, too, or no more; false when there is no such policy.
pub async fn map(conn: &mut Connection, name: &str, (group, is_for): (&str, bool), by: By<'_>) -> QueryResult<bool> {
    if policy::hold(conn, name).await?.is_none() {
        return Ok(false);
    }
    let Some(found) = policy::named(conn, name).await? else { return Ok(false) };
    let mut draft = found.draft;
    draft.groups.retain(|known| known != group);
    if is_for {
        draft.groups.push(group.to_owned());
    }
    change(conn, found.id, &draft, by).await.map(|_| true)
}

/// Lets the groups' own policies, which have their names, allow these tools of a server, or nothing there any more. A group that
/// has none yet gets one. Where a name is neither a policy's nor a group's nothing is changed, and those names are answered.
pub async fn set_server(
    conn: &mut Connection,
    groups: &[String],
    (server, tools): (&str, Option<&[String]>),
    by: By<'_>,
) -> QueryResult<Vec<String>> {
    let mut missing = Vec::new();
    for group in groups {
        let is_known = policy::hold(conn, group).await?.is_some();
        if !is_known && Group::named(conn, std::slice::from_ref(group)).await?.is_empty() {
            missing.push(group.clone());
        }
    }
    if !missing.is_empty() {
        return Ok(missing);
    }
    for group in groups {
        let own = || Draft { name: group.clone(), groups: vec![group.clone()], ..Draft::default() };
        let mut draft = match policy::named(conn, group).await? {
            Some(found) => found.draft,
            None if tools.is_some() => own(),
            None => continue,
        };
        let is_there = |rule: &Rule| rule.effect == Effect::Allow && rule.server.as_str() == server;
        draft.rules.retain(|rule| !is_there(rule));
        draft.rules.extend(tools.map(|tools| dialect::execute_at(server, tools)));
        put(conn, &draft, by).await?;
    }
    Ok(missing)
}

/// Removes a policy; false when it is gone.
pub async fn remove(conn: &mut Connection, id: PolicyId, by: By<'_>) -> QueryResult<bool> {
    let Some(found) = policy::find(conn, id).await? else { return Ok(false) };
    if !policy::remove(conn, id).await? {
        return Ok(false);
    }
    let detail = json!({ "policy": id, "name": found.draft.name });
    audit::record(conn, Entry::new(Event::PolicyRemoved).by(by.user).detail(detail), by.origin, by.now).await?;
    Ok(true)
}

async fn record(conn: &mut Connection, saved: Saved, draft: &Draft, by: By<'_>) -> QueryResult<Saved> {
    let (Saved::Made(id) | Saved::Changed(id)) = saved else { return Ok(saved) };
    let Draft { name, rules, groups, .. } = draft;
    let is_new = matches!(saved, Saved::Made(_));
    let detail = json!({ "policy": id, "name": name, "new": is_new, "groups": groups, "rules": rules });
    audit::record(conn, Entry::new(Event::PolicySaved).by(by.user).detail(detail), by.origin, by.now).await?;
    Ok(saved)
}
