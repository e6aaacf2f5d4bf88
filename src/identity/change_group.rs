//! VERBS: groups go, and people and programs come into them and leave.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::{Group, User, Username, group, service_account};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::{SubjectId, UserId};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is so now, whether or not it was before.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why not, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such group.
    #[error("there is no group with the name {0:?}")]
    NoGroup(String),
    /// Nobody has that name.
    #[error("there is neither a person nor a program with the name {0:?}")]
    Nobody(String),
}

/// The one by whom it is done; none for the operator and for programs.
pub type By = Option<UserId>;

/// Removes a group, and everybody from it.
pub async fn remove_group(
    conn: &mut Connection,
    name: &str,
    by: By,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Changed> {
    let Some(found) = named(conn, name).await? else { return Ok(no_group(name)) };
    group::remove(conn, found.id).await?;
    let detail = json!({ "group": found.id, "name": name });
    audit::record(conn, Entry::new(Event::GroupRemoved).by(by).detail(detail), origin, now).await?;
    Ok(Changed::Done)
}

/// Puts a person or program into a group, or takes them out of it.
pub async fn set_member(
    conn: &mut Connection,
    (name, group_name, is_in): (&str, &str, bool),
    by: By,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Changed> {
    let Some(found) = named(conn, group_name).await? else { return Ok(no_group(group_name)) };
    let Some(member) = somebody(conn, name).await? else {
        return Ok(Changed::Refused(Refusal::Nobody(name.to_owned())));
    };
    let is_new = match (member, is_in) {
        (SubjectId::Person(user), true) => group::join(conn, user, std::slice::from_ref(&found)).await? > 0,
        (SubjectId::Person(user), false) => group::leave(conn, user, found.id).await?,
        (SubjectId::Service(id), _) => service_account::set_in_group(conn, id, found.id, is_in).await?,
        (SubjectId::Workspace(_), _) => false,
    };
    if is_new {
        let event = if is_in { Event::GroupJoined } else { Event::GroupLeft };
        let detail = json!({ "by": by, "group": group_name });
        audit::record(conn, Entry::new(event).subject(member).detail(detail), origin, now).await?;
    }
    Ok(Changed::Done)
}

/// Who has that name: a person, or else a program.
pub async fn somebody(conn: &mut Connection, name: &str) -> QueryResult<Option<SubjectId>> {
    if let Ok(username) = name.parse::<Username>()
        && let Some(user) = User::named(conn, &username).await?
    {
        return Ok(Some(SubjectId::Person(user.id)));
    }
    Ok(service_account::named(conn, name).await?.map(SubjectId::Service))
}

async fn named(conn: &mut Connection, name: &str) -> QueryResult<Option<Group>> {
    Ok(Group::named(conn, &[name.to_owned()]).await?.pop())
}

fn no_group(name: &str) -> Changed {
    Changed::Refused(Refusal::NoGroup(name.to_owned()))
}
