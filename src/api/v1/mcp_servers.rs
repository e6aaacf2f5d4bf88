//! `/api/v1/mcp-servers`: the MCP servers behind this gate.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::Asked;
use crate::api::caller::Viewer;
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::http::no_store::NoStore;
use crate::types::{DEFAULT_WORKSPACE, ServerId};
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
    workspace: &'static str,
    created_at: DateTime<Utc>,
}

impl From<Registered> for Item {
    fn from(server: Registered) -> Self {
        let Registered { id, name, url, description, transport, enabled, created_at } = server;
        Self { id, name, url, description, transport, enabled, workspace: DEFAULT_WORKSPACE, created_at }
    }
}

/// `GET /api/v1/mcp-servers`: every registered server, by name, switched on or not.
pub async fn list(app: Data<App>, _viewer: Viewer, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let mut conn = app.db.read().await?;
    let found = server::after(&mut conn, asked.after.as_deref(), asked.limit + 1).await.map_err(db::Error::from)?;
    let items: Vec<Item> = found.into_iter().map(Item::from).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.name)))
}
