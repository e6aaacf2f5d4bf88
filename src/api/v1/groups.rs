//! `/api/v1/groups`: groups, and who is in them.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Asked;
use super::policies::person;
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::db::{self, Connection};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::identity::add_group::{AddGroup, Refusal, add_group};
use crate::identity::change_group::{self, Changed};
use crate::identity::group::{self, Counted};
use crate::identity::{Group, service_account};
use crate::types::{GroupId, Thing, Verb};

/// `GET /api/v1/groups`: all, by name.
pub async fn list(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Read)?;
    let asked = Asked::of(&request)?;
    let all = group::counted(&mut *app.db.read().await?).await.map_err(db::Error::from)?;
    let is_behind = |counted: &Counted| asked.after.as_ref().is_none_or(|after| counted.group.name > *after);
    let found: Vec<Counted> = all.into_iter().filter(is_behind).take(asked.limit + 1).collect();
    let page = asked.page(found, |counted| &counted.group.name).map(|counted| {
        let mut item = item(&counted.group);
        item["people"] = counted.people.into();
        item["programs"] = counted.programs.into();
        item
    });
    Ok(HttpResponse::Ok().no_store().json(page))
}

/// What makes a group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    #[serde(default)]
    description: String,
}

/// `POST /api/v1/groups`.
pub async fn create(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Write)?;
    let New { name, description } = body::read(&request, payload).await?;
    let (origin, now) = (origin_of(&request), app.clock.now());
    match app.rule(async |conn| add_group(conn, &name, &description, &origin, now).await).await? {
        AddGroup::Added(group) => {
            let location = app.at(&urls::API_GROUP.replace("{id}", &group.id.to_string()));
            Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(item(&group)))
        }
        AddGroup::Refused(refusal @ Refusal::Taken(_)) => Err(Problem::Conflict(refusal.to_string())),
        AddGroup::Refused(refusal @ Refusal::Name(_)) => Err(Problem::Refused(refusal.to_string())),
    }
}

/// `GET /api/v1/groups/{id}`: with who is in it.
pub async fn get(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Read)?;
    let found = found(&app, &id).await?;
    let mut conn = app.db.read().await?;
    let members = members(&mut conn, found.id).await.map_err(db::Error::from)?;
    let mut item = item(&found);
    (item["people"], item["programs"]) = members;
    Ok(HttpResponse::Ok().no_store().json(item))
}

async fn members(conn: &mut Connection, id: GroupId) -> db::QueryResult<(Value, Value)> {
    Ok((json!(group::people(conn, id).await?), json!(service_account::in_group(conn, id).await?)))
}

/// `DELETE /api/v1/groups/{id}`: the group, and everybody from it.
pub async fn delete(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Delete)?;
    let found = found(&app, &id).await?;
    let (origin, now, by) = (origin_of(&request), app.clock.now(), person(&known));
    let remove = async |conn: &mut Connection| change_group::remove_group(conn, &found.name, by, &origin, now).await;
    settled(app.rule(remove).await?)
}

/// `PUT /api/v1/groups/{id}/members/{name}`: a person or program is in it from now on.
pub async fn put_member(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Write)?;
    set_member(&app, &known, &request, &path, true).await
}

/// `DELETE /api/v1/groups/{id}/members/{name}`: and no more.
pub async fn delete_member(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::People, Verb::Write)?;
    set_member(&app, &known, &request, &path, false).await
}

async fn set_member(
    app: &App,
    known: &Known,
    request: &HttpRequest,
    (id, name): &(String, String),
    is_in: bool,
) -> Result<HttpResponse, Problem> {
    let found = found(app, id).await?;
    let (origin, now, by) = (origin_of(request), app.clock.now(), person(known));
    let set = async |conn: &mut Connection| {
        change_group::set_member(conn, (name, &found.name, is_in), by, &origin, now).await
    };
    settled(app.rule(set).await?)
}

async fn found(app: &App, id: &str) -> Result<Group, Problem> {
    let id: GroupId = id.parse().map_err(|_| Problem::NotFound)?;
    let found = Group::find(&mut *app.db.read().await?, id).await.map_err(db::Error::from)?;
    found.ok_or(Problem::NotFound)
}

fn settled(changed: Changed) -> Result<HttpResponse, Problem> {
    match changed {
        Changed::Done => Ok(HttpResponse::NoContent().no_store().finish()),
        Changed::Refused(change_group::Refusal::NoGroup(_)) => Err(Problem::NotFound),
        Changed::Refused(refusal @ change_group::Refusal::Nobody(_)) => Err(Problem::Refused(refusal.to_string())),
    }
}

fn item(group: &Group) -> Value {
    json!({
        "id": group.id, "name": group.name, "description": group.description, "created_at": group.created_at,
    })
}
