//! `/api/v1/workspaces/{id}/members`: who is in a workspace, and as what.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use super::workspaces::found;
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::db;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::identity::membership::{self, Membership, Refusal};
use crate::places::Role;
use crate::places::member::{self, Member, Sought};
use crate::types::{PlaceId, UserId, Verb};

/// Somebody in a workspace.
#[derive(Debug, Serialize)]
struct Item {
    id: UserId,
    username: String,
    display_name: String,
    role: &'static str,
    joined_at: DateTime<Utc>,
    disabled: bool,
}

impl From<Member> for Item {
    fn from(member: Member) -> Self {
        let Member { user, username, display_name, role, joined_at, is_disabled } = member;
        Self { id: user, username, display_name, role: role.name(), joined_at, disabled: is_disabled }
    }
}

/// Who is put in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    username: String,
    role: RoleName,
}

/// What becomes of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    role: RoleName,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Member,
    Admin,
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Member => Self::Member,
            RoleName::Admin => Self::Admin,
            RoleName::Owner => Self::Owner,
        }
    }
}

/// `GET …/members`: by user name; narrowed by `search`, which looks into their names.
pub async fn list(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let workspace = workspace(&app, &known, &id, Verb::Read).await?;
    let asked = Asked::of(&request)?;
    let mut conn = app.db.read().await?;
    let sought =
        Sought { search: asked.get("search").unwrap_or_default(), after: asked.after.as_deref(), ..Sought::default() };
    let found = member::of_workspace(&mut conn, workspace, sought, asked.limit + 1).await;
    let items: Vec<Item> = found.map_err(db::Error::from)?.into_iter().map(Item::from).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.username)))
}

/// `POST …/members`. Roles are handed out, like credentials, by no key or token that somebody made in settings.
pub async fn add(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let workspace = workspace(&app, &known, &id, Verb::Write).await?;
    known.may_keep_credentials()?;
    let New { username, role } = body::read(&request, payload).await?;
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    let who = (username.as_str(), Role::from(role));
    let added = app.cut(async |conn| membership::add(conn, actor, workspace, who, &origin, now).await).await?;
    settled(added)?;
    let mut conn = app.db.read().await?;
    let found = member::named(&mut conn, workspace, &username).await.map_err(db::Error::from)?;
    let item = Item::from(found.ok_or(Problem::NotFound)?);
    let location = format!("{}/{workspace}/members/{}", app.at(urls::API_WORKSPACES), item.id);
    Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(item))
}

/// `PATCH …/members/{user}`: another role.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    ids: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let workspace = workspace(&app, &known, &ids.0, Verb::Write).await?;
    known.may_keep_credentials()?;
    let user: UserId = ids.1.parse().map_err(|_| Problem::NotFound)?;
    let Change { role } = body::read(&request, payload).await?;
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    let change = (user, Role::from(role));
    settled(app.cut(async |conn| membership::change(conn, actor, workspace, change, &origin, now).await).await?)?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// `DELETE …/members/{user}`.
pub async fn delete(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let workspace = workspace(&app, &known, &ids.0, Verb::Delete).await?;
    known.may_keep_credentials()?;
    let user: UserId = ids.1.parse().map_err(|_| Problem::NotFound)?;
    let (actor, origin, now) = (known.0.subject.actor(), origin_of(&request), app.clock.now());
    settled(app.cut(async |conn| membership::remove(conn, actor, workspace, user, &origin, now).await).await?)?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// Members are a workspace's: a project has none of its own.
async fn workspace(app: &App, known: &Known, id: &str, verb: Verb) -> Result<PlaceId, Problem> {
    let (id, path) = found(app, known, id, verb).await?;
    if id == path.workspace() { Ok(id) } else { Err(Problem::NotFound) }
}

fn settled(outcome: Membership) -> Result<(), Problem> {
    match outcome {
        Membership::Done => Ok(()),
        Membership::Refused(refusal) => Err(match refusal {
            Refusal::Unknown | Refusal::NotIn => Problem::NotFound,
            Refusal::NoSuchPerson(_) => Problem::Refused(refusal.to_string()),
            Refusal::AlreadyIn(_) | Refusal::LastOwner => Problem::Conflict(refusal.to_string()),
            Refusal::ManagersOnly => Problem::Forbidden("Only an owner or admin of the workspace may do that"),
            Refusal::OwnersOnly => Problem::Forbidden("Only an owner makes, changes or removes owners"),
        }),
    }
}
