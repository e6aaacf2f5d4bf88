//! `/api/v1/workspaces` and `/api/v1/places`: where servers live. A workspace is a place that is in no other.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::places::arrange::{self, Arranged, NewPlace, Refusal};
use crate::places::{Kind, Place, PlacePath, Tree};
use crate::types::{PlaceId, Thing, Verb};

/// A workspace, project or folder.
#[derive(Debug, Serialize)]
struct Item {
    id: PlaceId,
    kind: &'static str,
    name: String,
    title: String,
    /// `workspace/project/folder`.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<PlaceId>,
    created_at: DateTime<Utc>,
}

impl Item {
    fn new(place: &Place, tree: &Tree) -> Option<Self> {
        let Place { id, kind, parent, name, title, created_at } = place.clone();
        let path = tree.words(id)?;
        Some(Self { id, kind: kind.name(), name: name.to_string(), title, path, parent, created_at })
    }
}

/// What makes a place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    title: Option<String>,
    /// What a project or folder is to be in: a path in words, or an id.
    parent: Option<String>,
}

/// What changes one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    title: Option<String>,
}

/// `GET /api/v1/workspaces`: those that the caller manages, by name; narrowed by `search`, which looks into titles and paths.
pub async fn list(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    listed(&app, &known, &request, |kind| kind == Kind::Workspace).await
}

/// `GET /api/v1/places`: the projects and folders of those, by path; narrowed alike.
pub async fn list_places(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    listed(&app, &known, &request, |kind| kind != Kind::Workspace).await
}

async fn listed(
    app: &App,
    known: &Known,
    request: &HttpRequest,
    wanted: impl Fn(Kind) -> bool,
) -> Result<HttpResponse, Problem> {
    known.may(app, Thing::Places, Verb::Read)?;
    let asked = Asked::of(request)?;
    let tree = app.tree().await?;
    let seen = tree.those(|path| known.reaches(Thing::Places, Verb::Read, path));
    let places = seen.into_iter().filter_map(|id| tree.get(id)).filter(|place| wanted(place.kind));
    let mut items: Vec<Item> = places.filter_map(|place| Item::new(place, &tree)).collect();
    items.retain(|item| asked.finds([item.title.as_str(), &item.path]));
    items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    items.retain(|item| asked.after.as_ref().is_none_or(|after| item.path > *after));
    items.truncate(asked.limit + 1);
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.path)))
}

/// `POST /api/v1/workspaces`: for system administrators.
pub async fn create(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Places, Verb::Write)?;
    let new: New = body::read(&request, payload).await?;
    if new.parent.is_some() {
        return Err(Problem::BadRequest("A workspace has no parent; projects and folders are made at /api/v1/places"));
    }
    // One that is narrowed to some places makes no others beside them.
    if !known.0.narrowing.reach.is_everywhere() {
        return Err(Problem::Forbidden("The credential is narrowed to other places"));
    }
    made(&app, &known, &request, NewPlace { parent: None, name: new.name, title: new.title }).await
}

/// `POST /api/v1/places`: a project in a workspace, or a folder in a project.
pub async fn create_place(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Places, Verb::Write)?;
    let new: New = body::read(&request, payload).await?;
    let parent = new.parent.ok_or(Problem::BadRequest("parent is missing: the path or id of what it is to be in"))?;
    let tree = app.tree().await?;
    let unknown = || Problem::Refused(format!("there is no place {parent:?} to make something in"));
    let path = tree.at(&parent).ok_or_else(unknown)?;
    known.may_at(&app, Thing::Places, Verb::Write, &path).map_err(|problem| match problem {
        Problem::NotFound => unknown(),
        other => other,
    })?;
    let new = NewPlace { parent: Some(path.innermost()), name: new.name, title: new.title };
    made(&app, &known, &request, new).await
}

async fn made(app: &App, known: &Known, request: &HttpRequest, new: NewPlace) -> Result<HttpResponse, Problem> {
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(request), app.clock.now());
    match app.arrange(async |conn| arrange::make(conn, actor, new, &origin, now).await).await? {
        Arranged::Done(place) => {
            let list = if place.kind == Kind::Workspace { urls::API_WORKSPACES } else { urls::API_PLACES };
            let location = app.at(&format!("{list}/{}", place.id));
            Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(shown(app, &place).await?))
        }
        Arranged::Refused(refusal) => Err(refusal.into()),
    }
}

/// `GET /api/v1/workspaces/{id}`, `GET /api/v1/places/{id}`.
pub async fn get(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    let (id, _) = found(&app, &known, &id, Verb::Read).await?;
    let tree = app.tree().await?;
    let place = tree.get(id).ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(place, &tree).ok_or(Problem::NotFound)?))
}

/// `PATCH /api/v1/workspaces/{id}`, `PATCH /api/v1/places/{id}`: another name or title.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (id, _) = found(&app, &known, &id, Verb::Write).await?;
    let Change { name, title } = body::read(&request, payload).await?;
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    let wanted = (name.as_deref(), title.as_deref());
    match app.arrange(async |conn| arrange::rename(conn, actor, id, wanted, &origin, now).await).await? {
        Arranged::Done(place) => Ok(HttpResponse::Ok().no_store().json(shown(&app, &place).await?)),
        Arranged::Refused(refusal) => Err(refusal.into()),
    }
}

/// `DELETE /api/v1/workspaces/{id}`, `DELETE /api/v1/places/{id}`: only while nothing is in it.
pub async fn delete(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, _) = found(&app, &known, &id, Verb::Delete).await?;
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    match app.arrange(async |conn| arrange::remove(conn, actor, id, &origin, now).await).await? {
        Arranged::Done(_) => Ok(HttpResponse::NoContent().no_store().finish()),
        Arranged::Refused(refusal) => Err(refusal.into()),
    }
}

async fn shown(app: &App, place: &Place) -> Result<Item, Problem> {
    let tree = app.tree().await?;
    Item::new(place, &tree).ok_or(Problem::NotFound)
}

/// The place that a URL names, if the caller may do that there.
pub(super) async fn found(app: &App, known: &Known, id: &str, verb: Verb) -> Result<(PlaceId, PlacePath), Problem> {
    known.may(app, Thing::Places, verb)?;
    let tree = app.tree().await?;
    let path = id.parse().ok().and_then(|id: PlaceId| tree.path(id)).ok_or(Problem::NotFound)?;
    known.may_at(app, Thing::Places, verb, &path)?;
    Ok((path.innermost(), path))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::NotFound,
            Refusal::Name(_) | Refusal::Reserved(_) | Refusal::Title(_) | Refusal::TooDeep => {
                Self::Refused(refusal.to_string())
            }
            Refusal::Taken(..) | Refusal::NotEmpty(..) | Refusal::Default => Self::Conflict(refusal.to_string()),
            Refusal::AdministratorsOnly => Self::Forbidden("Only a system administrator makes workspaces"),
            Refusal::ManagersOnly => Self::Forbidden("Only an owner or admin of the workspace may do that"),
            Refusal::OwnersOnly => Self::Forbidden("Only an owner of the workspace may do that"),
        }
    }
}
