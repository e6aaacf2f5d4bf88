//! VERB: a server goes to another place.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::server;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::{Connection, changes};
use crate::places::{Actor, Role, place};
use crate::types::{PlaceId, ServerId};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is there now; this is its name.
    Done(String),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such server, or none that this actor manages.
    #[error("there is no such server")]
    NoServer,
    /// No such place, or none that this actor manages.
    #[error("there is no such place, or it is not yours to put servers into")]
    NoPlace,
}

/// Moves a server; both places must be the actor's to manage. Who reached it by the place where it was and does not reach
/// the new one, reaches it no more.
pub async fn move_server(
    conn: &mut Connection,
    actor: Actor,
    (server, to): (ServerId, PlaceId),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Moved> {
    let Some((kept, from)) = server::hold(conn, server).await? else { return Ok(Moved::Refused(Refusal::NoServer)) };
    if !manages(conn, actor, from).await? {
        return Ok(Moved::Refused(Refusal::NoServer));
    }
    if !manages(conn, actor, to).await? {
        return Ok(Moved::Refused(Refusal::NoPlace));
    }
    if from != to {
        carry(conn, actor, (server, &kept.name), (from, to), origin, now).await?;
    }
    Ok(Moved::Done(kept.name))
}

/// Puts a server that is held elsewhere; whether that may be was asked before.
pub(super) async fn carry(
    conn: &mut Connection,
    actor: Actor,
    (server, name): (ServerId, &str),
    (from, to): (PlaceId, PlaceId),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    server::put(conn, server, to).await?;
    changes::announce(conn, super::CHANGED).await?;
    let detail = json!({ "by": actor.in_trail(), "server": name, "from": from, "to": to });
    audit::record(conn, Entry::new(Event::ServerMoved).detail(detail), origin, now).await
}

/// True when the actor manages what is in that place, as things are now.
pub(super) async fn manages(conn: &mut Connection, actor: Actor, place: PlaceId) -> QueryResult<bool> {
    let Some(workspace) = place::workspace_of(conn, place).await? else { return Ok(false) };
    Ok(actor.role_in(conn, workspace).await? >= Some(Role::Admin))
}
