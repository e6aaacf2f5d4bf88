//! `/api/v1/mcp-servers`: the MCP servers behind this gate.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::api::body;
use crate::api::caller::{Known, Viewer};
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::places::Tree;
use crate::types::{ServerId, Thing, Verb};
use crate::upstreams::move_server::{Moved, Refusal, move_server};
use crate::upstreams::server::{self, Registered};

/// A server as those see it who manage.
#[derive(Debug, Serialize)]
struct Item {
    id: ServerId,
    name: String,
    url: String,
    description: String,
    transport: String,
    enabled: bool,
    /// The name of its workspace.
    workspace: String,
    /// Its place: `workspace/project/folder`.
    place: String,
    created_at: DateTime<Utc>,
}

impl Item {
    fn new(server: Registered, tree: &Tree) -> Option<Self> {
        let Registered { id, name, url, description, transport, enabled, place_id, created_at } = server;
        let place = tree.words(place_id)?;
        let workspace = place.split('/').next()?.to_owned();
        Some(Self { id, name, url, description, transport, enabled, workspace, place, created_at })
    }
}

/// `GET /api/v1/mcp-servers`: the registered servers of the places that the caller manages, by name, switched on or not.
pub async fn list(app: Data<App>, Viewer(viewer): Viewer, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let tree = app.tree().await?;
    let mut conn = app.db.read().await?;
    let seen = tree.those(|path| {
        let see = Action::Manage { thing: Thing::Servers, verb: Verb::Read, at: Some(path) };
        policy::decide(&viewer, &see) == Decision::Allowed
    });
    let found = server::after(&mut conn, &seen, viewer.narrowing.server, asked.after.as_deref(), asked.limit + 1).await;
    let items: Vec<Item> =
        found.map_err(db::Error::from)?.into_iter().filter_map(|server| Item::new(server, &tree)).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.name)))
}

/// What changes a server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Where it is to be: a path in words, or an id.
    place: String,
}

/// `PATCH /api/v1/mcp-servers/{id}`: another place. Both must be the caller's to manage.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Servers, Verb::Write)?;
    let id: ServerId = id.parse().map_err(|_| Problem::NotFound)?;
    let tree = app.tree().await?;
    let mut conn = app.db.read().await?;
    let server = server::find(&mut conn, id).await.map_err(db::Error::from)?.ok_or(Problem::NotFound)?;
    drop(conn);
    let from = tree.path(server.place_id).ok_or(Problem::NotFound)?;
    known.may_at(&app, Thing::Servers, Verb::Write, &from)?;
    let Change { place } = body::read(&request, payload).await?;
    let to = tree.at(&place).filter(|to| known.reaches(Thing::Servers, Verb::Write, to));
    let to = to.ok_or_else(|| Problem::Refused(format!("there is no place {place:?} that you manage")))?.innermost();
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    match app.arrange(async |conn| move_server(conn, actor, (id, to), &origin, now).await).await? {
        Moved::Done(_) => {
            let item = Item::new(Registered { place_id: to, ..server }, &tree).ok_or(Problem::NotFound)?;
            Ok(HttpResponse::Ok().no_store().json(item))
        }
        Moved::Refused(Refusal::NoServer) => Err(Problem::NotFound),
        Moved::Refused(refusal @ Refusal::NoPlace) => Err(Problem::Refused(refusal.to_string())),
    }
}
