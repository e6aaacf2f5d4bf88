//! `/api/v1/mcp-servers`: the MCP servers behind this gate.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::Asked;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::api::caller::Viewer;
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::http::no_store::NoStore;
use crate::places::Tree;
use crate::types::{ServerId, Thing, Verb};
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
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| item.name.clone())))
}
