//! `/api/v1/mcp-servers/{id}/tools`: what a server has, and what its tools count as.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::mcp_servers::found;
use super::page::Asked;
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::errands::register_server::terms;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::types::{Class, Verb};
use crate::upstreams::class_tool::{Classed, Word, class_tool};
use crate::upstreams::server::Registered;
use crate::upstreams::tool::{self, Tool};

/// A tool as those see it who manage its server.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    /// What it counts as.
    class: &'static str,
    /// What its annotations say.
    annotated_class: &'static str,
    /// A lesser class that they have claimed since, and that nobody has approved yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_class: Option<&'static str>,
    /// What somebody said instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen_class: Option<&'static str>,
    annotations: Hints,
    /// False for one that the server does not list any more.
    listed: bool,
    seen_at: DateTime<Utc>,
}

/// What it says of itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Hints {
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destructive_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotent_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_world_hint: Option<bool>,
}

impl Item {
    fn new(tool: &Tool, server: &Registered) -> Self {
        let text = |name: &str| tool.definition[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: tool.name.clone(),
            name: tool.name.clone(),
            title: text("title"),
            description: text("description"),
            class: tool.judged().name(),
            annotated_class: tool.class.name(),
            proposed_class: tool.proposed.map(Class::name),
            chosen_class: tool.chosen.map(Class::name),
            annotations: Hints {
                read_only_hint: tool.hint("readOnlyHint"),
                destructive_hint: tool.hint("destructiveHint"),
                idempotent_hint: tool.hint("idempotentHint"),
                open_world_hint: tool.hint("openWorldHint"),
            },
            listed: tool.is_listed_by(server),
            seen_at: tool.seen_at,
        }
    }
}

/// What changes one: exactly one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// A class, or `annotated` for what its annotations say.
    class: Option<String>,
    /// The class that waits, to say that it is right.
    approve: Option<String>,
}

/// `GET /api/v1/mcp-servers/{id}/tools`: what it has, and what it had not long ago, by name; narrowed by `search`, which looks
/// into names and descriptions.
pub async fn list(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let (server, _) = found(&app, &known, &id, Verb::Read).await?;
    let mut conn = app.db.read().await?;
    let tools = tool::of_server(&mut conn, server.id).await.map_err(db::Error::from)?;
    let is_meant =
        |tool: &&Tool| asked.finds([&tool.name, tool.definition["description"].as_str().unwrap_or_default()]);
    let behind =
        tools.iter().filter(is_meant).filter(|tool| asked.after.as_ref().is_none_or(|after| tool.name > *after));
    let items: Vec<Item> = behind.take(asked.limit + 1).map(|tool| Item::new(tool, &server)).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.name)))
}

/// `PATCH /api/v1/mcp-servers/{id}/tools/{tool}`: says what it counts as.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (id, name) = path.into_inner();
    let (server, _) = found(&app, &known, &id, Verb::Write).await?;
    let Change { class, approve } = body::read(&request, payload).await?;
    let class_of = |text: &str| text.parse::<Class>().map_err(|error| Problem::Refused(error.to_string()));
    let word = match (class.as_deref(), approve.as_deref()) {
        (Some("annotated"), None) => Word::AsAnnotated,
        (Some(class), None) => Word::Is(class_of(class)?),
        (None, Some(class)) => Word::Approved(class_of(class)?),
        _ => return Err(Problem::BadRequest("Say class, or approve")),
    };
    let (actor, origin) = (known.0.subject.actor(), origin_of(&request));
    let terms = terms(&app, actor, &origin);
    match app.arrange(async |conn| class_tool(conn, &terms, (server.id, &name), word).await).await? {
        Classed::Done(tool) => Ok(HttpResponse::Ok().no_store().json(Item::new(&tool, &server))),
        Classed::Refused(refusal) => Err(refusal.into()),
    }
}
