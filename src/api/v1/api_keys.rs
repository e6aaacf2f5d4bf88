//! `/api/v1/api-keys`: the secrets that people hand to programs.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::access::Subject;
use crate::access::key_making;
use crate::access::scoping::{self, Maker, Purpose, Wanted, WantedPermissions};
use crate::api::body;
use crate::api::caller::{self, Known};
use crate::api::error::Problem;
use crate::app::App;
use crate::credentials::issue::{Issued, NewKey, issue};
use crate::credentials::replace::{Overlap, rotate};
use crate::credentials::revoke::revoke;
use crate::credentials::{After, ApiKey, CredentialName, Listing, Rate, Seen, Sort, State, api_key, list as listed};
use crate::db;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::identity::service_account;
use crate::places::{PlacePath, Tree};
use crate::types::{ApiKeyId, Networks, Permissions, PlaceId, SubjectId, Thing, Verb};

/// A key as those see it who manage.
#[derive(Debug, Serialize)]
struct Item {
    id: ApiKeyId,
    name: CredentialName,
    /// The part of it that stays visible.
    prefix: String,
    /// `person`, `m2m_account` or `workspace`, and whose.
    owner: Owner,
    /// The name of the workspace in which it is managed.
    workspace: String,
    /// The places that it reaches.
    scope: Vec<String>,
    permissions: Permissions,
    state: &'static str,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// When it ends beside its successor.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<ApiKeyId>,
    allowed_networks: Networks,
    /// Calls a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<LastUse>,
    /// The key itself, in the answer that made it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Debug, Serialize)]
struct Owner {
    kind: &'static str,
    id: String,
}

#[derive(Debug, Serialize)]
struct LastUse {
    at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl Item {
    fn new(key: ApiKey, tree: &Tree, now: DateTime<Utc>) -> Self {
        let (state, rate_limit, owner) =
            (key.state(now).name(), key.rate().map(Rate::a_minute), Owner::of(key.owner()));
        Self {
            id: key.id,
            workspace: tree.words(key.workspace_id).unwrap_or_default(),
            scope: scoping::paths(&key.reach, tree).unwrap_or_default(),
            last_used: key.last_used_at.map(|at| LastUse {
                at,
                address: key.last_used_address,
                client: key.last_used_client,
            }),
            name: key.name,
            prefix: key.prefix,
            owner,
            permissions: key.permissions,
            state,
            created_at: key.created_at,
            expires_at: key.expires_at,
            ends_at: key.ends_at,
            revoked_at: key.revoked_at,
            replaced_by: key.replaced_by,
            allowed_networks: key.allowed_networks,
            rate_limit,
            key: None,
        }
    }
}

impl Owner {
    fn of(owner: SubjectId) -> Self {
        match owner {
            SubjectId::Person(id) => Self { kind: "person", id: id.to_string() },
            SubjectId::Service(id) => Self { kind: "m2m_account", id: id.to_string() },
            SubjectId::Workspace(id) => Self { kind: "workspace", id: id.to_string() },
        }
    }
}

/// What a new key is to be. Whose it is can be chosen among three; somebody else's it can never be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    name: String,
    scope: Vec<String>,
    permissions: WantedPermissions,
    /// Never, when it is not said.
    expires_at: Option<DateTime<Utc>>,
    /// `me`, `workspace`, or the name of an M2M account.
    owner: Option<String>,
    /// The workspace in which it is managed; the first that it reaches into, when it is not said.
    workspace: Option<String>,
    #[serde(default)]
    allowed_networks: Networks,
    rate_limit: Option<i64>,
}

/// How a key is rotated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// For how many days the old one lives on: one, when it is not said.
    overlap_days: Option<i64>,
}

/// `GET /api/v1/api-keys`: the keys of the workspaces that the caller manages.
pub async fn list(app: Data<App>, caller: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Read)?;
    let (asked, now) = (Asked::of(&request)?, app.clock.now());
    let tree = app.tree().await?;
    let sort = match asked.get("sort") {
        None => Sort::default(),
        Some(name) => Sort::named(name).ok_or(Problem::BadRequest("sort is created, name, expires or used"))?,
    };
    let states = match asked.get("state") {
        None => Vec::new(),
        Some(name) => vec![State::named(name).ok_or(Problem::BadRequest("state is active, expired or revoked"))?],
    };
    let after = match asked.after.as_deref().map(|cursor| After::read(cursor, sort)) {
        None => None,
        Some(Some(after)) => Some(after),
        Some(None) => return Err(Problem::BadRequest("The cursor is none of ours, or of another order")),
    };
    let workspace = match asked.get("workspace") {
        None => None,
        Some(name) => Some(tree.find(name).ok_or(Problem::BadRequest("There is no such workspace"))?.id),
    };
    let managed = tree.workspaces().into_iter().map(|place| place.id);
    let managed: Vec<PlaceId> =
        managed.filter(|id| caller.reaches(Thing::Keys, Verb::Read, &PlacePath::workspace_itself(*id))).collect();
    let listing = Listing {
        seen: Seen::Of { managed, own: None },
        workspace,
        states,
        search: asked.get("search").unwrap_or_default().to_owned(),
        sort,
        after,
        limit: i64::try_from(asked.limit).unwrap_or(i64::MAX).saturating_add(1),
    };
    let mut conn = app.db.read().await?;
    let keys = listed(&mut conn, &listing, now).await.map_err(db::Error::from)?;
    let page = asked.page_by(keys, |key| After::the(key, sort).written());
    Ok(HttpResponse::Ok().no_store().json(page.map(|key| Item::new(key, &tree, now))))
}

/// `GET /api/v1/api-keys/{id}`.
pub async fn get(app: Data<App>, caller: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    let key = found(&app, &caller, Verb::Read, &id).await?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(key, &*app.tree().await?, app.clock.now())))
}

/// `POST /api/v1/api-keys`: makes one; the answer alone has the key itself.
pub async fn post(
    app: Data<App>,
    caller: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Write)?;
    caller.may_keep_credentials()?;
    let new = judged(&app, &caller, body::read(&request, payload).await?).await?;
    caller.may_at(&app, Thing::Keys, Verb::Write, &PlacePath::workspace_itself(new.workspace))?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    caller::limits(&request)?.credential(caller.0.subject.id())?;
    let issued = app.db.write(async |conn| issue(conn, &terms, ApiKeyId::fresh(), &new).await).await?;
    let issued = issued.map_err(|full| Problem::Conflict(full.to_string()))?;
    let issued = issued.ok_or_else(|| Problem::Internal("a fresh id was taken".to_owned()))?;
    made(&app, issued).await
}

/// `DELETE /api/v1/api-keys/{id}`: revokes it, for good. Once more is no error.
pub async fn delete(
    app: Data<App>,
    caller: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Delete)?;
    caller.may_keep_credentials()?;
    let key = found(&app, &caller, Verb::Delete, &id).await?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    app.cut(async |conn| revoke(conn, &terms, key.id).await).await?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// `POST /api/v1/api-keys/{id}/rotate`: makes its successor; the old one lives on for the overlap.
pub async fn rotate_one(
    app: Data<App>,
    caller: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Write)?;
    caller.may_keep_credentials()?;
    let rotation: Rotation = body::read(&request, payload).await?;
    let overlap = Overlap::days(rotation.overlap_days.unwrap_or(1));
    let overlap = overlap.map_err(|why| Problem::Refused(why.to_string()))?;
    let key = found(&app, &caller, Verb::Write, &id).await?;
    let tree = app.tree().await?;
    key_making::judge_again(&Maker::by(&caller.0), &key, &tree).map_err(|refusal| match refusal {
        key_making::Refusal::Owner => Problem::Forbidden("Nobody but a person has a key of that person's made anew"),
        key_making::Refusal::Scoping(why) => Problem::Refused(why.to_string()),
    })?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    caller::limits(&request)?.credential(caller.0.subject.id())?;
    let rotated = app.cut(async |conn| rotate(conn, &terms, key.id, overlap).await).await?;
    match rotated.map_err(|full| Problem::Conflict(full.to_string()))? {
        Some(issued) => made(&app, issued).await,
        None => Err(Problem::Conflict("This key works no more, or has a successor already".to_owned())),
    }
}

/// The answer that shows a key, once.
async fn made(app: &App, Issued { key, secret }: Issued) -> Result<HttpResponse, Problem> {
    let location = format!("{}/{}", app.at(urls::API_KEYS), key.id);
    let item = Item::new(key, &*app.tree().await?, app.clock.now());
    let item = Item { key: Some(secret.reveal().to_owned()), ..item };
    Ok(HttpResponse::Created().no_store().insert_header(("location", location)).json(item))
}

/// The key of that id, where the caller may do that to it. One that they do not see is not there.
async fn found(app: &App, caller: &Known, verb: Verb, id: &str) -> Result<ApiKey, Problem> {
    caller.may(app, Thing::Keys, verb)?;
    let id: ApiKeyId = id.parse().map_err(|_| Problem::NotFound)?;
    let mut conn = app.db.read().await?;
    let key = api_key::find(&mut conn, id).await.map_err(db::Error::from)?.ok_or(Problem::NotFound)?;
    caller.may_at(app, Thing::Keys, verb, &PlacePath::workspace_itself(key.workspace_id))?;
    Ok(key)
}

/// What the body says, judged: narrowing, owner and workspace.
async fn judged(app: &App, caller: &Known, body: NewItem) -> Result<NewKey, Problem> {
    let unprocessable = |why: &dyn std::fmt::Display| Problem::Refused(why.to_string());
    let name: CredentialName = body.name.parse().map_err(|why| unprocessable(&why))?;
    let rate = body.rate_limit.map(Rate::new).transpose().map_err(|why| unprocessable(&why))?;
    if body.expires_at.is_some_and(|end| end <= app.clock.now() || end > app.clock.now() + LONGEST) {
        return Err(Problem::BadRequest("expires_at lies in the future, within ten years"));
    }
    let (tree, maker) = (app.tree().await?, Maker::by(&caller.0));
    let wanted = Wanted { scope: body.scope, permissions: body.permissions };
    let scoping = scoping::judge(&maker, Purpose::Standing, &wanted, &tree).map_err(|why| unprocessable(&why))?;
    let named = match &body.workspace {
        None => None,
        Some(name) => Some(tree.find(name).ok_or(Problem::BadRequest("There is no such workspace"))?.id),
    };
    let home = key_making::home(&scoping.reach, named, &tree).filter(|home| named.is_none_or(|named| named == *home));
    let workspace = home.ok_or(Problem::BadRequest("The key does not reach into that workspace"))?;
    let owner = owner(app, caller, body.owner.as_deref(), workspace).await?;
    key_making::judge(&maker, &owner, workspace, &scoping, &tree).map_err(|why| unprocessable(&why))?;
    Ok(NewKey {
        name,
        workspace,
        owner: owner.id(),
        reach: scoping.reach,
        permissions: scoping.permissions,
        expires_at: body.expires_at,
        networks: body.allowed_networks,
        rate,
    })
}

/// The longest that a key can be made for, if not for ever.
const LONGEST: TimeDelta = TimeDelta::days(3653);

/// Whose the key is to be.
async fn owner(app: &App, caller: &Known, said: Option<&str>, workspace: PlaceId) -> Result<Subject, Problem> {
    let mut conn = app.db.read().await?;
    let id = match said {
        None | Some("me") => return Ok(caller.0.subject.clone()),
        Some("workspace") => SubjectId::Workspace(workspace),
        Some(name) => {
            let account = service_account::named(&mut conn, name).await.map_err(db::Error::from)?;
            SubjectId::Service(account.ok_or(Problem::BadRequest(UNKNOWN_OWNER))?)
        }
    };
    let found = Subject::find(&mut conn, id).await.map_err(db::Error::from)?;
    found.ok_or(Problem::BadRequest(UNKNOWN_OWNER))
}

const UNKNOWN_OWNER: &str = "owner is me, workspace, or the name of an M2M account";
