//! Servers as they find and see them who manage: the same for the API and for the tools at `/mcp`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::urls;
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::app::App;
use crate::db;
use crate::places::{PlacePath, Tree};
use crate::types::{ServerId, Thing, Verb};
use crate::upstreams::server::{self, Registered};

/// A server as those see it who manage.
#[derive(Debug, Serialize)]
pub struct ServerItem {
    id: ServerId,
    /// What it is called.
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    /// Which of the operator's commands starts it, in place of a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    description: String,
    transport: String,
    enabled: bool,
    /// The name of its workspace.
    workspace: String,
    /// Its place: `workspace/project/folder`.
    place: String,
    auth: AuthItem,
    forwarded_headers: Vec<String>,
    tags: Vec<String>,
    /// What clients connect to.
    mcp_url: String,
    health: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    health_detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// What proves us to it; the secret is never shown again.
#[derive(Debug, Serialize)]
pub struct AuthItem {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
}

impl ServerItem {
    /// As it is now, unless its place is gone.
    pub fn new(app: &App, server: Registered, tree: &Tree) -> Option<Self> {
        let place = tree.words(server.place_id)?;
        let workspace = place.split('/').next()?.to_owned();
        let Registered { id, name, url, command, description, transport, enabled, created_at, checked_at, .. } = server;
        Some(Self {
            mcp_url: app.at(&format!("/{name}{}", urls::MCP)),
            auth: AuthItem { r#type: server.auth, header: server.auth_header },
            forwarded_headers: server.forwarded_headers,
            tags: server.tags,
            health: server.health.name(),
            health_detail: server.health_detail,
            id,
            name,
            url,
            command,
            description,
            transport,
            enabled,
            workspace,
            place,
            checked_at,
            created_at,
        })
    }
}

/// How a server is named.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// By what never changes.
    Id(ServerId),
    /// By its name.
    Name(&'a str),
}

/// That server, if the caller may do this to it. Of one that is not theirs, nobody learns that it is there.
pub async fn server(
    app: &App,
    by: &Principal,
    which: Which<'_>,
    verb: Verb,
) -> Result<Option<(Registered, Arc<Tree>)>, db::Error> {
    let tree = app.tree().await?;
    let mut conn = app.db.read().await?;
    let found = match which {
        Which::Id(id) => server::find(&mut conn, id).await?,
        Which::Name(name) => server::named(&mut conn, name).await?,
    };
    let is_theirs = |server: &Registered| {
        let is_meant = by.narrowing.server.is_none_or(|only| only == server.id);
        is_meant && tree.path(server.place_id).is_some_and(|path| reaches(by, verb, &path))
    };
    Ok(found.filter(is_theirs).map(|server| (server, tree)))
}

/// Where a server of the caller's may be put, by a path in words or an id.
pub async fn place_for_servers(app: &App, by: &Principal, named: &str) -> Result<Option<PlacePath>, db::Error> {
    let tree = app.tree().await?;
    Ok(tree.at(named).filter(|to| reaches(by, Verb::Write, to)))
}

/// True where the caller may do this to servers.
pub fn reaches(by: &Principal, verb: Verb, path: &PlacePath) -> bool {
    policy::decide(by, &Action::Manage { thing: Thing::Servers, verb, at: Some(path) }) == Decision::Allowed
}
