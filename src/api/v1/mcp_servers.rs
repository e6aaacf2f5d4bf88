//! `/api/v1/mcp-servers`: the MCP servers behind this gate.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::api::body;
use crate::api::caller::{Known, Viewer};
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::errands::register_server;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::places::{PlacePath, Tree};
use crate::types::{DEFAULT_WORKSPACE, ServerId, Thing, Verb, known_scopes};
use crate::upstreams::register::{Registration, Said, SaidAuth};
use crate::upstreams::server::{self, Registered, Sought};
use crate::upstreams::{Refusal, STDIO};

/// A server as those see it who manage.
#[derive(Debug, Serialize)]
struct Item {
    id: ServerId,
    name: String,
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
struct AuthItem {
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
}

impl Item {
    fn new(app: &App, server: Registered, tree: &Tree) -> Option<Self> {
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

/// What is said about a server, to register or to change it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(alias = "mcp_server")]
    name: Option<String>,
    url: Option<String>,
    command: Option<String>,
    description: Option<String>,
    #[serde(alias = "server_type")]
    transport: Option<String>,
    enabled: Option<bool>,
    auth: Option<AuthBody>,
    /// In other systems' words: `none`, or `api_key` with `api_key` beside it.
    auth_method: Option<String>,
    api_key: Option<String>,
    forwarded_headers: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    /// Where it is to be: a path in words, or an id.
    #[serde(alias = "workspace")]
    place: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum AuthBody {
    None {},
    Header { header: String, value: Option<String> },
    Passthrough {},
}

impl Body {
    fn said(self) -> Result<(Said, Option<String>), Problem> {
        let auth = match (self.auth, self.auth_method.as_deref(), self.api_key) {
            (None, None, None) => None,
            (Some(AuthBody::None {}), None, None) | (None, Some("none"), None) => Some(SaidAuth::None),
            (Some(AuthBody::Header { header, value }), None, None) => {
                Some(SaidAuth::Header(header, value.map(SecretString::from)))
            }
            (Some(AuthBody::Passthrough {}), None, None) => Some(SaidAuth::Passthrough),
            (None, Some("api_key"), Some(key)) => Some(SaidAuth::Header("x-api-key".to_owned(), Some(key.into()))),
            _ => return Err(Problem::BadRequest("auth is said once: by auth, or by auth_method and api_key")),
        };
        let Self { name, url, command, description, transport, enabled, forwarded_headers, tags, place, .. } = self;
        Ok((Said { name, url, command, description, transport, enabled, auth, forwarded_headers, tags }, place))
    }
}

/// `GET /api/v1/mcp-servers`: the registered servers of the places that the caller manages, by name, switched on or not;
/// narrowed by `workspace`, `enabled`, `tag`, and `search` (or `q`), which looks into names and descriptions.
pub async fn list(app: Data<App>, Viewer(viewer): Viewer, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let tree = app.tree().await?;
    let within = asked.get("workspace").map(|words| tree.at(words).map(|path| path.innermost()));
    let seen = tree.those(|path| {
        let see = Action::Manage { thing: Thing::Servers, verb: Verb::Read, at: Some(path) };
        let is_within = within.is_none_or(|place| place.is_some_and(|place| path.places().any(|above| above == place)));
        is_within && policy::decide(&viewer, &see) == Decision::Allowed
    });
    let enabled = match asked.get("enabled") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Problem::BadRequest("enabled must be true or false")),
    };
    let only = viewer.narrowing.server;
    let (tag, text) = (asked.get("tag"), asked.get("search").or(asked.get("q")));
    let sought = Sought { places: &seen, only, enabled, tag, text, after: asked.after.as_deref(), ..Sought::default() };
    let mut conn = app.db.read().await?;
    let found = server::after(&mut conn, sought, asked.limit + 1).await.map_err(db::Error::from)?;
    let items: Vec<Item> = found.into_iter().filter_map(|server| Item::new(&app, server, &tree)).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.name)))
}

/// `POST /api/v1/mcp-servers`: registers one in a place that the caller manages, and looks at once which tools it has.
pub async fn create(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Servers, Verb::Write)?;
    if known.0.narrowing.server.is_some() {
        return Err(Problem::Forbidden("The credential is narrowed to another server"));
    }
    let (said, place) = body::read::<Body>(&request, payload).await?.said()?;
    may_start(&known, &said)?;
    let place = place.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    let place = goes_to(&app, &known, &place).await?.innermost();
    let (actor, origin) = (known.0.subject.actor(), origin_of(&request));
    let server = done(register_server::add(&app, actor, &origin, place, &said).await?)?;
    let location = app.at(&urls::API_MCP_SERVER.replace("{id}", &server.id.to_string()));
    let item = shown(&app, server).await?;
    Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(item))
}

/// `GET /api/v1/mcp-servers/{id}`.
pub async fn get(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    let (server, tree) = found(&app, &known, &id, Verb::Read).await?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(&app, server, &tree).ok_or(Problem::NotFound)?))
}

/// `PATCH /api/v1/mcp-servers/{id}`: whatever is said is so from now on, also where it is; both places must be the caller's.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (server, _) = found(&app, &known, &id, Verb::Write).await?;
    let (said, place) = body::read::<Body>(&request, payload).await?.said()?;
    may_start(&known, &said)?;
    let place = match place {
        Some(place) => Some(goes_to(&app, &known, &place).await?.innermost()),
        None => None,
    };
    let (actor, origin) = (known.0.subject.actor(), origin_of(&request));
    let server = done(register_server::change(&app, actor, &origin, (&server, place), said).await?)?;
    Ok(HttpResponse::Ok().no_store().json(shown(&app, server).await?))
}

/// `DELETE /api/v1/mcp-servers/{id}`.
pub async fn delete(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (server, _) = found(&app, &known, &id, Verb::Delete).await?;
    let (actor, origin) = (known.0.subject.actor(), origin_of(&request));
    done(register_server::remove(&app, actor, &origin, server.id).await?)?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// `POST /api/v1/mcp-servers/{id}/refresh`: looks now how it is and which tools it has.
pub async fn refresh(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    let (server, _) = found(&app, &known, &id, Verb::Write).await?;
    register_server::refresh(&app, server.id).await?;
    let (server, tree) = found(&app, &known, &id, Verb::Write).await?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(&app, server, &tree).ok_or(Problem::NotFound)?))
}

/// The server that a URL names, if the caller may do that to it. Of one that is not theirs, nobody learns that it is there.
pub(super) async fn found(app: &App, known: &Known, id: &str, verb: Verb) -> Result<(Registered, Arc<Tree>), Problem> {
    known.may(app, Thing::Servers, verb)?;
    let id: ServerId = id.parse().map_err(|_| Problem::NotFound)?;
    if known.0.narrowing.server.is_some_and(|only| only != id) {
        return Err(Problem::NotFound);
    }
    let tree = app.tree().await?;
    let mut conn = app.db.read().await?;
    let server = server::find(&mut conn, id).await.map_err(db::Error::from)?.ok_or(Problem::NotFound)?;
    let path = tree.path(server.place_id).ok_or(Problem::NotFound)?;
    known.may_at(app, Thing::Servers, verb, &path)?;
    Ok((server, tree))
}

/// Who says that a program is started needs `mgmt.admin` for it (`decisions` 21); that they are a system administrator, the verb asks.
fn may_start(known: &Known, said: &Said) -> Result<(), Problem> {
    let is_stdio = said.command.is_some() || said.transport.as_deref() == Some(STDIO);
    match is_stdio && !known.0.scope.has(known_scopes::MGMT_ADMIN) {
        true => Err(Problem::Forbidden("Registering a server that is a program of its own takes mgmt.admin")),
        false => Ok(()),
    }
}

/// Where a server is to be, by a path in words or an id.
async fn goes_to(app: &App, known: &Known, place: &str) -> Result<PlacePath, Problem> {
    let tree = app.tree().await?;
    let to = tree.at(place).filter(|to| known.reaches(Thing::Servers, Verb::Write, to));
    to.ok_or_else(|| Problem::Refused(format!("there is no place {place:?} that you manage")))
}

async fn shown(app: &App, server: Registered) -> Result<Item, Problem> {
    let tree = app.tree().await?;
    Item::new(app, server, &tree).ok_or(Problem::NotFound)
}

fn done(outcome: Registration) -> Result<Registered, Problem> {
    match outcome {
        Registration::Done(server) => Ok(*server),
        Registration::Refused(refusal) => Err(refusal.into()),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoServer | Refusal::NoTool(_) => Self::NotFound,
            Refusal::NoPlace | Refusal::Flaw(_) => Self::Refused(refusal.to_string()),
            Refusal::Taken(_) | Refusal::NothingProposed(_) => Self::Conflict(refusal.to_string()),
        }
    }
}
