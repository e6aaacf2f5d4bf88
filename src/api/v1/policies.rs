//! `/api/v1/policies`: what groups may do at which servers, in our own words and those of other systems.

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::page::Asked;
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::simulate::{Question, Simulated, simulate};
use crate::http::urls;
use crate::policies::dialect::{self, Dialect};
use crate::policies::save::{self, By, Saved};
use crate::policies::{Draft, Fault, Listing, Policy, Reading, import, policy};
use crate::types::{PolicyId, SubjectId, Thing, UserId, Verb};

/// `GET /api/v1/policies`: all, by name.
pub async fn list(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Read)?;
    let asked = Asked::of(&request)?;
    let all = policy::all(&mut *app.db.read().await?).await.map_err(db::Error::from)?;
    let is_behind = |policy: &Policy| asked.after.as_ref().is_none_or(|after| policy.draft.name > *after);
    let found: Vec<Policy> = all.into_iter().filter(is_behind).take(asked.limit + 1).collect();
    let page = asked.page(found, |policy| &policy.draft.name).map(|policy| policy.in_own_words());
    Ok(HttpResponse::Ok().no_store().json(page))
}

/// `GET /api/v1/policies/{id}`.
pub async fn get(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Read)?;
    Ok(HttpResponse::Ok().no_store().json(found(&app, &id).await?.in_own_words()))
}

/// `POST /api/v1/policies`.
pub async fn create(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Write)?;
    let draft =
        Draft::read(&Reading::of(&body::read_up_to(&request, payload, dialect::LARGEST).await?)).map_err(refused)?;
    let origin = origin_of(&request);
    let by = by(&app, &known, &origin);
    match app.rule(async |conn| save::make(conn, &draft, by).await).await? {
        Saved::Made(id) | Saved::Changed(id) => {
            let location = app.at(&urls::API_POLICY.replace("{id}", &id.to_string()));
            let made = found(&app, &id.to_string()).await?;
            Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(made.in_own_words()))
        }
        Saved::Taken | Saved::Gone => Err(taken(&draft)),
    }
}

/// `PUT /api/v1/policies/{id}`: all of it.
pub async fn put(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Write)?;
    let before = found(&app, &id).await?;
    let wanted = body::read_up_to(&request, payload, dialect::LARGEST).await?;
    change(&app, &known, &request, &before, &wanted).await
}

/// `PATCH /api/v1/policies/{id}`: the fields that it says.
pub async fn patch(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Write)?;
    let before = found(&app, &id).await?;
    let said: Map<String, Value> = body::read_up_to(&request, payload, dialect::LARGEST).await?;
    let mut wanted = before.in_own_words();
    for (name, value) in said {
        wanted[name] = value;
    }
    change(&app, &known, &request, &before, &wanted).await
}

async fn change(
    app: &App,
    known: &Known,
    request: &HttpRequest,
    before: &Policy,
    wanted: &Value,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::read(&Reading::of(wanted)).map_err(refused)?;
    let origin = origin_of(request);
    let by = by(app, known, &origin);
    match app.rule(async |conn| save::change(conn, before.id, &draft, by).await).await? {
        Saved::Made(id) | Saved::Changed(id) => {
            Ok(HttpResponse::Ok().no_store().json(found(app, &id.to_string()).await?.in_own_words()))
        }
        Saved::Taken => Err(taken(&draft)),
        Saved::Gone => Err(Problem::NotFound),
    }
}

/// `DELETE /api/v1/policies/{id}`.
pub async fn delete(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Delete)?;
    let id: PolicyId = id.parse().map_err(|_| Problem::NotFound)?;
    let origin = origin_of(&request);
    let by = by(&app, &known, &origin);
    match app.rule(async |conn| save::remove(conn, id, by).await).await? {
        true => Ok(HttpResponse::NoContent().no_store().finish()),
        false => Err(Problem::NotFound),
    }
}

/// `POST /api/v1/policies/import?dialect=&list=`: a document as it is, JSON or YAML; everything in it or nothing.
pub async fn import(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Write)?;
    let asked = Asked::of(&request)?;
    let dialect = asked.get("dialect").map(dialect_named).transpose()?;
    let list = match asked.get("list") {
        None | Some("tools") => Listing::Tools,
        Some("all") => Listing::All,
        Some(_) => return Err(Problem::BadRequest("list must be tools or all")),
    };
    let text = body::text(&request, payload, dialect::LARGEST).await?;
    let document = dialect::read(&text, dialect, list).map_err(refused)?;
    let origin = origin_of(&request);
    let by = by(&app, &known, &origin);
    let imported = app.rule(async |conn| import::import(conn, &document, by).await).await?;
    Ok(HttpResponse::Ok().no_store().json(imported.facts()))
}

/// `GET /api/v1/policies/{id}/export?dialect=`: the document as the other system reads it.
pub async fn export(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Read)?;
    let asked = Asked::of(&request)?;
    let dialect = asked.get("dialect").map_or(Ok(Dialect::Portcullis), dialect_named)?;
    let found = found(&app, &id).await?;
    let text = dialect::write(&[&found.draft], dialect).map_err(|why| Problem::Refused(why.to_string()))?;
    let kind = if dialect == Dialect::ScopesYml { "application/yaml" } else { "application/json" };
    Ok(HttpResponse::Ok().no_store().insert_header((CONTENT_TYPE, kind)).body(text))
}

/// A question: might they, there?
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    user: String,
    server: String,
    #[serde(default)]
    tool: Option<String>,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// `POST /api/v1/policies/explain`: might they, there, and why?
pub async fn explain(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may_for_all(&app, Thing::Policies, Verb::Read)?;
    let Asking { user, server, tool, arguments } = body::read(&request, payload).await?;
    let question = Question { user, server, tool, arguments };
    match simulate(&app, &question).await? {
        Simulated::Explained(explanation) => Ok(HttpResponse::Ok().no_store().json(explanation.facts())),
        Simulated::Nobody => {
            Err(Problem::Refused(format!("there is neither a person nor a program with the name {:?}", question.user)))
        }
        Simulated::NoServer => {
            Err(Problem::Refused(format!("there is no server {:?} that is switched on", question.server)))
        }
    }
}

async fn found(app: &App, id: &str) -> Result<Policy, Problem> {
    let id: PolicyId = id.parse().map_err(|_| Problem::NotFound)?;
    let found = policy::find(&mut *app.db.read().await?, id).await.map_err(db::Error::from)?;
    found.ok_or(Problem::NotFound)
}

/// Who does it, for the trail.
pub(super) fn by<'a>(app: &App, known: &Known, origin: &'a Origin) -> By<'a> {
    By { user: person(known), origin, now: app.clock.now() }
}

/// The person who calls, if one does.
pub(super) fn person(known: &Known) -> Option<UserId> {
    match known.0.subject.id() {
        SubjectId::Person(user) => Some(user),
        SubjectId::Service(_) | SubjectId::Workspace(_) => None,
    }
}

fn dialect_named(name: &str) -> Result<Dialect, Problem> {
    let unknown = Problem::BadRequest("dialect must be portcullis, scopes-yml, server-access or access-level");
    Dialect::named(name).ok_or(unknown)
}

fn refused(fault: Fault) -> Problem {
    Problem::Refused(fault.to_string())
}

fn taken(draft: &Draft) -> Problem {
    Problem::Conflict(format!("there is already a policy with the name {:?}", draft.name))
}
