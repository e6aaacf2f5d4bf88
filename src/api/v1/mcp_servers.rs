//! `/api/v1/mcp-servers`: the MCP servers behind this gate.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::SecretString;
use serde::Deserialize;

use super::page::Asked;
use crate::api::body;
use crate::api::caller::{Known, Viewer};
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::errands::register_server;
use crate::http::managed::{self, ServerItem, Which};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::places::{PlacePath, Tree};
use crate::types::{DEFAULT_WORKSPACE, ServerId, Thing, Verb, known_scopes};
use crate::upstreams::register::{Registration, Said, SaidAuth};
use crate::upstreams::server::{self, Registered, Sought};
use crate::upstreams::{Refusal, STDIO};

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
        let is_within = within.is_none_or(|place| place.is_some_and(|place| path.places().any(|above| above == place)));
        is_within && managed::reaches(&viewer, Verb::Read, path)
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
    let items: Vec<ServerItem> = found.into_iter().filter_map(|server| ServerItem::new(&app, server, &tree)).collect();
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
    Ok(HttpResponse::Ok().no_store().json(ServerItem::new(&app, server, &tree).ok_or(Problem::NotFound)?))
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
    Ok(HttpResponse::Ok().no_store().json(ServerItem::new(&app, server, &tree).ok_or(Problem::NotFound)?))
}

/// The server that a URL names, if the caller may do that to it. Of one that is not theirs, nobody learns that it is there.
pub(super) async fn found(app: &App, known: &Known, id: &str, verb: Verb) -> Result<(Registered, Arc<Tree>), Problem> {
    known.may(app, Thing::Servers, verb)?;
    let id: ServerId = id.parse().map_err(|_| Problem::NotFound)?;
    managed::server(app, &known.0, Which::Id(id), verb).await?.ok_or(Problem::NotFound)
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
    let to = managed::place_for_servers(app, &known.0, place).await?;
    to.ok_or_else(|| Problem::Refused(format!("there is no place {place:?} that you manage")))
}

async fn shown(app: &App, server: Registered) -> Result<ServerItem, Problem> {
    let tree = app.tree().await?;
    ServerItem::new(app, server, &tree).ok_or(Problem::NotFound)
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
