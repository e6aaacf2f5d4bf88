//! VERBS: register a server, say something else of it, remove it.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use super::move_server::{carry, manages};
use super::refusal::{Flaw, Refusal};
use super::rules::{self, STDIO};
use super::server::{self, Kept, Registered};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::{Label, RootKeys};
use crate::db::{Connection, changes};
use crate::places::Actor;
use crate::types::{PlaceId, ServerId};

/// What is said about a server, as it was typed. What is not said stays as it is, or as it is usually.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its name: a path segment.
    pub name: Option<String>,
    /// Where it lives.
    pub url: Option<String>,
    /// Which of the operator's commands starts it, if it is a program of its own.
    pub command: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is spoken to.
    pub transport: Option<String>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// What proves us to it.
    pub auth: Option<SaidAuth>,
    /// Headers of callers that reach it.
    pub forwarded_headers: Option<Vec<String>>,
    /// Words by which it is found.
    pub tags: Option<Vec<String>>,
}

/// What proves us to a server, as it was typed.
#[derive(Clone, Debug)]
pub enum SaidAuth {
    /// Nothing.
    None,
    /// A header, with a new value or the one that is kept already.
    Header(String, Option<SecretString>),
    /// The `Authorization` header of the caller.
    Passthrough,
}

/// Who does it, by which keys, and when.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// What seals the secret.
    pub keys: &'a RootKeys,
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: &'a Origin,
    /// When.
    pub now: DateTime<Utc>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It is so now, or was.
    Done(Box<Registered>),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Registers a server in a place that the actor manages. It needs a name, and a URL or a command.
pub async fn add_server(
    conn: &mut Connection,
    terms: &Terms<'_>,
    place: PlaceId,
    said: &Said,
) -> QueryResult<Registration> {
    if !manages(conn, terms.actor, place).await? {
        return Ok(Registration::Refused(Refusal::NoPlace));
    }
    let kept = match said.over(blank(), terms) {
        Ok(kept) => kept,
        Err(flaw) => return Ok(Registration::Refused(flaw.into())),
    };
    let Some(server) = server::insert(conn, &kept, place, terms.now).await? else {
        return Ok(Registration::Refused(Refusal::Taken(kept.name)));
    };
    let detail = json!({ "id": server.id, "server": server.name, "place": place, "is": told(&kept) });
    record(conn, Event::ServerAdded, terms, detail).await?;
    Ok(Registration::Done(Box::new(server)))
}

/// Says something else of a server that the actor manages, and puts it into another place of theirs if one is named.
pub async fn change_server(
    conn: &mut Connection,
    terms: &Terms<'_>,
    (id, place): (ServerId, Option<PlaceId>),
    said: &Said,
) -> QueryResult<Registration> {
    let refused = |refusal| Ok(Registration::Refused(refusal));
    let Some((before, from)) = server::hold(conn, id).await? else { return refused(Refusal::NoServer) };
    if !manages(conn, terms.actor, from).await? {
        return refused(Refusal::NoServer);
    }
    let to = place.unwrap_or(from);
    if to != from && !manages(conn, terms.actor, to).await? {
        return refused(Refusal::NoPlace);
    }
    let kept = match said.over(before.clone(), terms) {
        Ok(kept) => kept,
        Err(flaw) => return refused(flaw.into()),
    };
    if kept.name != before.name && server::is_taken(conn, id, &kept.name).await? {
        return refused(Refusal::Taken(kept.name));
    }
    if to != from {
        carry(conn, terms.actor, (id, &before.name), (from, to), terms.origin, terms.now).await?;
    }
    let server = server::update(conn, id, &kept).await?;
    let changed = changed(&before, &kept);
    if !changed.is_empty() {
        let detail = json!({ "id": id, "server": server.name, "changed": changed });
        record(conn, Event::ServerChanged, terms, detail).await?;
    }
    Ok(Registration::Done(Box::new(server)))
}

/// Removes a server that the actor manages, with what is known of its tools. What is narrowed to it alone opens nothing more.
pub async fn remove_server(conn: &mut Connection, terms: &Terms<'_>, id: ServerId) -> QueryResult<Registration> {
    let held = server::hold(conn, id).await?;
    let server = server::find(conn, id).await?;
    let (Some((_, place)), Some(server)) = (held, server) else {
        return Ok(Registration::Refused(Refusal::NoServer));
    };
    if !manages(conn, terms.actor, place).await? {
        return Ok(Registration::Refused(Refusal::NoServer));
    }
    server::remove(conn, id).await?;
    record(conn, Event::ServerRemoved, terms, json!({ "id": id, "server": server.name, "place": place })).await?;
    Ok(Registration::Done(Box::new(server)))
}

/// A server of which nothing was said.
fn blank() -> Kept {
    Kept {
        name: String::new(),
        url: String::new(),
        command: None,
        description: String::new(),
        transport: "streamable-http".to_owned(),
        enabled: true,
        auth: "none".to_owned(),
        auth_header: None,
        sealed_auth_value: None,
        forwarded_headers: Vec::new(),
        tags: Vec::new(),
        may_be_inside: false,
    }
}

impl Said {
    /// What is kept from now on: what is said, over what was kept. Everything that is said obeys the rules.
    fn over(&self, mut kept: Kept, terms: &Terms<'_>) -> Result<Kept, Flaw> {
        if self.name.is_some() || kept.name.is_empty() {
            kept.name = rules::name(self.name.as_deref().unwrap_or_default())?;
        }
        let lived_at = Url::parse(&kept.url).ok();
        match (&self.transport, &self.command) {
            (Some(transport), _) => kept.transport = rules::transport(transport)?,
            (None, Some(_)) if kept.url.is_empty() => kept.transport = STDIO.to_owned(),
            (None, _) => {}
        }
        if kept.transport == STDIO {
            self.start_by_command(&mut kept, terms.actor)?;
        } else {
            self.reach_by_url(&mut kept, terms.actor)?;
        }
        if let Some(description) = &self.description {
            kept.description = rules::description(description)?;
        }
        kept.enabled = self.enabled.unwrap_or(kept.enabled);
        self.prove(&mut kept, lived_at.as_ref(), terms.keys)?;
        if let Some(tags) = &self.tags {
            kept.tags = rules::tags(tags)?.into_iter().map(Some).collect();
        }
        let said: Option<Vec<String>> = self.forwarded_headers.clone();
        let forwarded = said.unwrap_or_else(|| kept.forwarded_headers.iter().flatten().cloned().collect());
        let forwarded = rules::forwarded_headers(&forwarded, kept.auth_header.as_deref())?;
        kept.forwarded_headers = forwarded.into_iter().map(Some).collect();
        Ok(kept)
    }

    fn reach_by_url(&self, kept: &mut Kept, actor: Actor) -> Result<(), Flaw> {
        if self.command.is_some() {
            return Err(Flaw::new("command", "a command starts a server whose transport is stdio, and no other"));
        }
        kept.command = None;
        if self.url.is_some() || kept.url.is_empty() {
            let url = rules::url(self.url.as_deref().unwrap_or_default(), actor.is_above())?;
            // Repeating a URL entrusts nobody with it, and takes nothing from whom it was entrusted to.
            if url.as_str() != kept.url {
                (kept.url, kept.may_be_inside) = (url.to_string(), actor.is_above());
            }
        }
        Ok(())
    }

    /// Who says that a program is started is above all workspaces (`decisions` 21). Repeating it is no word of anybody's.
    fn start_by_command(&self, kept: &mut Kept, actor: Actor) -> Result<(), Flaw> {
        if self.url.is_some() {
            return Err(Flaw::new("url", "a server whose transport is stdio is started by a command, and has no URL"));
        }
        let command = self.command.as_deref().map(str::trim).or(kept.command.as_deref()).unwrap_or_default().to_owned();
        if command.is_empty() {
            return Err(Flaw::new("command", "a server whose transport is stdio needs the name of a command"));
        }
        if kept.command.as_deref() != Some(command.as_str()) && !actor.is_above() {
            let words = "only a system administrator registers servers that are programs of their own";
            return Err(Flaw::new("command", words));
        }
        (kept.command, kept.url, kept.may_be_inside) = (Some(command), String::new(), false);
        let is_proved = match &self.auth {
            Some(auth) => !matches!(auth, SaidAuth::None),
            None => kept.auth != "none",
        };
        let forwards = match &self.forwarded_headers {
            Some(headers) => !headers.is_empty(),
            None => !kept.forwarded_headers.is_empty(),
        };
        match (is_proved, forwards) {
            (true, _) => {
                Err(Flaw::new("auth", "a program is sent no headers: what it needs stands in its environment"))
            }
            (_, true) => Err(Flaw::new("forwarded_headers", "a program is sent no headers")),
            (false, false) => Ok(()),
        }
    }

    /// What proves us to it. A secret that somebody entered for one host never goes to another because of a change: whoever
    /// changes the URL has to know it.
    fn prove(&self, kept: &mut Kept, lived_at: Option<&Url>, keys: &RootKeys) -> Result<(), Flaw> {
        let moves = lived_at.is_some_and(|old| Url::parse(&kept.url).is_ok_and(|new| new.origin() != old.origin()));
        let unknown = |why: &str| Flaw::new("auth_value", why);
        match &self.auth {
            None if kept.auth == "header" && moves => {
                Err(unknown("the URL leads to another host: enter the value of the header again"))
            }
            None => Ok(()),
            Some(SaidAuth::None) => {
                kept.proved_by("none", None);
                Ok(())
            }
            Some(SaidAuth::Passthrough) => {
                kept.proved_by("passthrough", None);
                Ok(())
            }
            Some(SaidAuth::Header(name, None)) => {
                let name = rules::auth_header(name)?;
                match kept.sealed_auth_value.clone() {
                    Some(sealed) if !moves => {
                        kept.proved_by("header", Some((name, sealed)));
                        Ok(())
                    }
                    Some(_) => Err(unknown("the URL leads to another host: enter the value of the header again")),
                    None => Err(unknown("the header needs a value")),
                }
            }
            Some(SaidAuth::Header(name, Some(value))) => {
                let name = rules::auth_header(name)?;
                rules::auth_value(value)?;
                let sealed = keys.seal(Label::ServerAuth, &value.expose_secret());
                let sealed = sealed.map_err(|_| unknown("the value of the header could not be sealed"))?;
                kept.proved_by("header", Some((name, sealed)));
                Ok(())
            }
        }
    }
}

impl Kept {
    fn proved_by(&mut self, auth: &str, header: Option<(String, String)>) {
        self.auth = auth.to_owned();
        (self.auth_header, self.sealed_auth_value) = header.unzip();
    }
}

/// A server as the trail tells of it: without its secret, and without the query of its URL, in which some keep one.
fn told(kept: &Kept) -> Map<String, Value> {
    let url = kept.url.split('?').next().unwrap_or_default();
    let members = [
        ("name", json!(kept.name)),
        ("url", json!(url)),
        ("description", json!(kept.description)),
        ("command", json!(kept.command)),
        ("transport", json!(kept.transport)),
        ("enabled", json!(kept.enabled)),
        ("auth", json!(kept.auth)),
        ("auth_header", json!(kept.auth_header)),
        ("forwarded_headers", json!(kept.forwarded_headers)),
        ("tags", json!(kept.tags)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What is otherwise now: what it was, and what it is.
fn changed(before: &Kept, after: &Kept) -> Map<String, Value> {
    let (was, is) = (told(before), told(after));
    let differs = was.into_iter().filter(|(name, value)| is.get(name) != Some(value));
    let mut changed: Map<String, Value> =
        differs.map(|(name, was)| (name.clone(), json!({ "was": was, "is": is.get(&name) }))).collect();
    if before.url != after.url {
        changed.entry("url").or_insert_with(|| json!("its query"));
    }
    if before.sealed_auth_value != after.sealed_auth_value && after.sealed_auth_value.is_some() {
        changed.insert("auth_value".to_owned(), json!("another"));
    }
    changed
}

async fn record(conn: &mut Connection, event: Event, terms: &Terms<'_>, mut detail: Value) -> QueryResult<()> {
    detail["by"] = terms.actor.in_trail();
    audit::record(conn, Entry::new(event).by(terms.actor.person()).detail(detail), terms.origin, terms.now).await?;
    changes::announce(conn, super::CHANGED).await
}
