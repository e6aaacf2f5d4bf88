//! VERB: an administrator says what a tool does.

use diesel::QueryResult;
use serde_json::json;

use super::move_server::manages;
use super::refusal::Refusal;
use super::register::Terms;
use super::server;
use super::tool::{self, Tool};
use crate::audit::{self, Entry, Event};
use crate::db::{Connection, changes};
use crate::types::{Class, ServerId};

/// What they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is of this class, whatever its annotations say.
    Is(Class),
    /// It is what its annotations say.
    AsAnnotated,
    /// The lesser class that its annotations claim is right: this one, which was read before it was approved.
    Approved(Class),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Classed {
    /// It is so now.
    Done(Tool),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Says what a tool of a server does that the actor manages.
pub async fn class_tool(
    conn: &mut Connection,
    terms: &Terms<'_>,
    (id, name): (ServerId, &str),
    word: Word,
) -> QueryResult<Classed> {
    let Some((kept, place)) = server::hold(conn, id).await? else { return Ok(Classed::Refused(Refusal::NoServer)) };
    if !manages(conn, terms.actor, place).await? {
        return Ok(Classed::Refused(Refusal::NoServer));
    }
    let Some(before) = tool::find(conn, id, name).await? else {
        return Ok(Classed::Refused(Refusal::NoTool(name.to_owned())));
    };
    let after = match word {
        Word::Is(class) => Tool { chosen: Some(class), ..before.clone() },
        Word::AsAnnotated => Tool { chosen: None, ..before.clone() },
        Word::Approved(class) if before.proposed == Some(class) => Tool { class, proposed: None, ..before.clone() },
        Word::Approved(_) => return Ok(Classed::Refused(Refusal::NothingProposed(name.to_owned()))),
    };
    if after != before {
        tool::note(conn, id, std::slice::from_ref(&after)).await?;
        let (was, is) = (before.judged().name(), after.judged().name());
        let by = terms.actor.in_trail();
        let detail = json!({ "by": by, "id": id, "server": kept.name, "tool": name, "was": was, "is": is });
        let entry = Entry::new(Event::ToolClassed).by(terms.actor.person()).detail(detail);
        audit::record(conn, entry, terms.origin, terms.now).await?;
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(Classed::Done(after))
}
