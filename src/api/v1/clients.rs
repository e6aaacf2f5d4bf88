//! `/api/v1/clients`: the OAuth clients that somebody registered, and those that made themselves known.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::page::Asked;
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::access::scoping::{self, Maker, Purpose, Wanted as WantedScoping, WantedPermissions};
use crate::api::body;
use crate::api::caller::{self, ClientManager, ClientViewer};
use crate::api::error::Problem;
use crate::app::App;
use crate::db::{self, Connection};
use crate::errands::client_logo;
use crate::grants::add_client::Plan;
use crate::grants::change_client::{self, ChangeClient, NewLogo, Wish, change_client};
use crate::grants::client::{After, Client, ClientOptions, ClientOrigin, Listed, Sort, State, Wanted, Whose};
use crate::grants::client_metadata::AuthMethod;
use crate::grants::client_ownership::Rank;
use crate::grants::client_secret::{self, ReplacedSecret};
use crate::grants::disable::{self, By};
use crate::grants::register_client::{Narrowed, Registering, Registrar, register_client, scope_of};
use crate::grants::rotate_secret::{RotateSecret, end_replaced_secret, rotate_secret};
use crate::grants::{grant, remove_client};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::params::Params;
use crate::http::urls;
use crate::places::{PlacePath, Reach, Tree};
use crate::types::{ClientSecretId, Permissions, PlaceId, RedirectUri, Scope, SubjectId, Thing, UserId, Verb, Words};

/// A client as those see it who manage.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    name: String,
    /// `public` or `confidential`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How it became known.
    origin: &'static str,
    token_endpoint_auth_method: &'static str,
    redirect_uris: Vec<RedirectUri>,
    /// The paths of the places that its tokens are narrowed to, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    /// The most that it may be granted (RFC 6749 §3.3).
    oauth_scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_by: Option<String>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<DateTime<Utc>>,
    enabled: bool,
    /// How many people are connected.
    connected: i64,
    /// The secrets that were replaced and are still good; of one client alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced_secrets: Vec<OldSecret>,
    /// Its secret, in the one answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Where a list goes on after it.
    #[serde(skip)]
    mark: String,
}

/// A secret that was replaced and is still good.
#[derive(Debug, Serialize)]
struct OldSecret {
    id: ClientSecretId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Another secret.
#[derive(Debug, Serialize)]
struct Rotated {
    client_secret: String,
    /// The one before.
    replaced: OldSecret,
}

impl From<ReplacedSecret> for OldSecret {
    fn from(ReplacedSecret { id, made_at, expires_at, .. }: ReplacedSecret) -> Self {
        Self { id, created_at: made_at, expires_at }
    }
}

impl Item {
    fn new(known: Listed, connected: i64, tree: &Tree, sort: Sort) -> Self {
        let After { key, id } = known.mark(sort);
        let Listed { client, ownership, registrar, .. } = known;
        let workspace = ownership.as_ref().and_then(|own| tree.words(own.workspace_id));
        let scope = ownership.as_ref().and_then(|own| scoping::paths(&own.narrowed_to(), tree));
        Self {
            kind: if client.is_public() { "public" } else { "confidential" },
            origin: client.origin.name(),
            token_endpoint_auth_method: client.auth_method.name(),
            id: client.id,
            name: client.name,
            redirect_uris: client.redirect_uris,
            scope,
            permissions: ownership.and_then(|own| own.permissions),
            oauth_scope: client.scope,
            workspace,
            registered_by: registrar,
            created_at: client.created_at,
            last_used_at: client.last_used_at,
            enabled: client.disabled_at.is_none(),
            connected,
            replaced_secrets: Vec::new(),
            client_secret: None,
            mark: format!("{key}\n{id}"),
        }
    }
}

/// `GET /api/v1/clients`: `search`, `sort` (`newest`, `name`, `used`), `state` (`active`, `disabled`), `self_registered` and
/// `unused_for` (days) narrow and order it.
pub async fn list(
    app: Data<App>,
    ClientViewer(viewer): ClientViewer,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request)?;
    let params = Params::parse(request.query_string().as_bytes());
    let (now, tree) = (app.clock.now(), app.tree().await?);
    let sort = match params.get("sort") {
        None | Some("newest") => Sort::Newest,
        Some("name") => Sort::Name,
        Some("used") => Sort::Used,
        Some(_) => return Err(Problem::BadRequest("sort must be newest, name or used")),
    };
    let state = match (params.get("state"), params.get("unused_for").map(str::parse::<i64>)) {
        (None, None) => State::Any,
        (Some("active"), None) => State::Active,
        (Some("disabled"), None) => State::Disabled,
        (None, Some(Ok(days))) if (1..=3650).contains(&days) => State::UnusedSince(now - TimeDelta::days(days)),
        (None, Some(_)) => return Err(Problem::BadRequest("unused_for must be a number of days from 1 to 3650")),
        (Some(_), _) => return Err(Problem::BadRequest("state must be active or disabled, and not with unused_for")),
    };
    let whose = match params.get("self_registered") {
        Some("true") if oversees(&viewer, Verb::Read) => Whose::SelfMade,
        Some("true") => return Err(Problem::Forbidden("Self-registered clients are listed for administrators")),
        None | Some("false") => {
            let of = tree.those(|path| may(&viewer, Verb::Read, path));
            Whose::Workspaces { of, registered_by: None, and_of_nobody: oversees(&viewer, Verb::Read) }
        }
        Some(_) => return Err(Problem::BadRequest("self_registered must be true or false")),
    };
    let after = asked.after.as_deref().map(|mark| mark.split_once('\n').ok_or(Problem::BadRequest(NOT_OURS)));
    let after = after.transpose()?.map(|(key, id)| After { key: key.to_owned(), id: id.to_owned() });
    let most = i64::try_from(asked.limit).unwrap_or(i64::MAX - 1) + 1;
    let wanted = Wanted { whose, search: params.get("search"), state, sort, after, skip: 0, most };
    let mut conn = app.db.read().await?;
    let found = wanted.page(&mut conn, now).await.map_err(db::Error::from)?;
    let ids: Vec<&str> = found.iter().map(|known| known.client.id.as_str()).collect();
    let people = grant::people_of(&mut conn, &ids, now).await.map_err(db::Error::from)?;
    let connected = |id: &str| people.iter().find(|(client, _)| client == id).map_or(0, |(_, people)| *people);
    let item = |known: Listed| Item::new(known.clone(), connected(&known.client.id), &tree, sort);
    let items: Vec<Item> = found.iter().cloned().map(item).collect();
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item| &item.mark)))
}

const PART_OF_THE_GATE: &str = "This client is a part of the gate";
const NOT_OURS: &str = "The cursor is none of ours";

/// `GET /api/v1/clients/{id}`.
pub async fn get(
    app: Data<App>,
    ClientViewer(viewer): ClientViewer,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let known = seen(&app, &viewer, Verb::Read, &id).await?;
    Ok(HttpResponse::Ok().no_store().json(item(&app, known).await?))
}

/// What `POST /api/v1/clients` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    /// `public` or `confidential`.
    #[serde(rename = "type")]
    kind: String,
    token_endpoint_auth_method: Option<String>,
    redirect_uris: Vec<String>,
    scope: Vec<String>,
    permissions: WantedPermissions,
    jwks: Option<Value>,
    logo_uri: Option<String>,
    /// The path of the workspace whose it is; without it, that of the first place of its scope.
    workspace: Option<String>,
}

/// `POST /api/v1/clients`: registers a client; its secret is in this one answer.
pub async fn create(
    app: Data<App>,
    ClientManager(manager): ClientManager,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: New = body::read(&request, payload).await?;
    let tree = app.tree().await?;
    let auth_method = method(&new)?;
    let wanted = WantedScoping { scope: new.scope, permissions: new.permissions };
    let scoping = scoping::judge(&Maker::by(&manager), Purpose::Client, &wanted, &tree);
    let scoping = scoping.map_err(|refusal| Problem::Refused(refusal.to_string()))?;
    let workspace = workspace(&manager, new.workspace.as_deref(), &scoping.reach, &tree)?;
    let plan = Plan {
        name: new.name,
        auth_method,
        redirect_uris: uris(&new.redirect_uris)?,
        grant_types: Words::from_iter(["authorization_code", "refresh_token"]),
        scope: scope_of(&scoping.permissions),
        options: ClientOptions { jwks: keys(new.jwks)?, ..ClientOptions::default() },
    };
    let narrowed = Narrowed { reach: scoping.reach, permissions: Some(scoping.permissions) };
    caller::limits(&request)?.credential(manager.subject.id())?;
    let logo = fetched(&app, &request, &manager, new.logo_uri.as_deref()).await?;
    let registrar = Registrar { workspace, person: person(&manager), administers: manager.subject.is_admin() };
    let id = Uuid::from_bytes(app.random.bytes());
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let verb = async |conn: &mut Connection| {
        let made = register_client(conn, &terms, &registrar, plan.clone(), &narrowed, id).await?;
        if let (Registering::Client { id, .. }, Some(logo)) = (&made, &logo) {
            change_client::change_logo(conn, &terms, registrar.person, id, logo).await?;
        }
        Ok(made)
    };
    match app.db.write(verb).await? {
        Registering::Client { id, secret } => {
            let known = find(&app, &id).await?.ok_or(Problem::NotFound)?;
            let secret = secret.map(|secret| secret.reveal().to_owned());
            let made = Item { client_secret: secret, ..item(&app, known).await? };
            let location = app.at(&urls::API_CLIENT.replace("{id}", &id));
            Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(made))
        }
        Registering::Refused(flaw) => Err(Problem::Refused(flaw.to_string())),
        Registering::Already(_) => Err(Problem::Internal("a random id was taken".to_owned())),
    }
}

/// What `PATCH /api/v1/clients/{id}` takes: what is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    scope: Option<Vec<String>>,
    permissions: Option<WantedPermissions>,
    jwks: Option<Value>,
    logo_uri: Option<String>,
    enabled: Option<bool>,
}

/// `PATCH /api/v1/clients/{id}`.
pub async fn change(
    app: Data<App>,
    ClientManager(manager): ClientManager,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let change: Change = body::read(&request, payload).await?;
    let known = seen(&app, &manager, Verb::Write, &id).await?;
    let describes = change.name.is_some()
        || change.redirect_uris.is_some()
        || change.scope.is_some()
        || change.permissions.is_some()
        || change.jwks.is_some()
        || change.logo_uri.is_some();
    if describes {
        may_change(&manager, &known.client)?;
    }
    let rank = rank(&manager, &known);
    if change.enabled == Some(true) && known.withheld_from(rank).is_some() {
        return Err(Problem::Forbidden("Somebody of more rank disabled this client, and only they enable it"));
    }
    let tree = app.tree().await?;
    let wish = wish(&tree, &manager, &known, &change)?;
    let logo = fetched(&app, &request, &manager, change.logo_uri.as_deref()).await?;
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), person(&manager));
    let verb = async |conn: &mut Connection| {
        let changed = match describes {
            true => change_client(conn, &terms, by, &id, wish.clone()).await?,
            false => ChangeClient::Changed { ended: 0 },
        };
        if let (ChangeClient::Changed { .. }, Some(logo)) = (&changed, &logo) {
            change_client::change_logo(conn, &terms, by, &id, logo).await?;
        }
        let hand = Some(By { person: by, rank });
        match (&changed, change.enabled) {
            (ChangeClient::Changed { .. }, Some(true)) => drop(disable::enable(conn, &terms, hand, &id).await?),
            (ChangeClient::Changed { .. }, Some(false)) => drop(disable::disable(conn, &terms, hand, &id).await?),
            _ => {}
        }
        Ok(changed)
    };
    match app.cut(verb).await? {
        ChangeClient::Changed { .. } => {
            let known = find(&app, &id).await?.ok_or(Problem::NotFound)?;
            Ok(HttpResponse::Ok().no_store().json(item(&app, known).await?))
        }
        ChangeClient::Refused(flaw) => Err(Problem::Refused(flaw.to_string())),
        ChangeClient::Gone => Err(Problem::NotFound),
    }
}

/// `DELETE /api/v1/clients/{id}`: whatever it holds stops at once.
pub async fn remove(
    app: Data<App>,
    ClientManager(manager): ClientManager,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let known = seen(&app, &manager, Verb::Delete, &id).await?;
    if known.client.origin == ClientOrigin::BuiltIn {
        return Err(Problem::Forbidden(PART_OF_THE_GATE));
    }
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), person(&manager));
    let removed = app.cut(async |conn| remove_client::remove_client(conn, &terms, by, &id, |_| true).await).await?;
    match removed {
        Some(_) => Ok(HttpResponse::NoContent().no_store().finish()),
        None => Err(Problem::NotFound),
    }
}

/// What `POST /api/v1/clients/{id}/secrets` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// For how long the secret before stays good: 0 to 604800, which is a week.
    #[serde(default)]
    overlap_seconds: i64,
}

/// `POST /api/v1/clients/{id}/secrets`: another secret, in this one answer.
pub async fn rotate(
    app: Data<App>,
    ClientManager(manager): ClientManager,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let Rotate { overlap_seconds } = body::read(&request, payload).await?;
    let known = seen(&app, &manager, Verb::Write, &id).await?;
    may_change(&manager, &known.client)?;
    let overlap = TimeDelta::try_seconds(overlap_seconds).unwrap_or(TimeDelta::MAX);
    let replacement = ClientSecretId(Uuid::from_bytes(app.random.bytes()));
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), person(&manager));
    caller::limits(&request)?.credential(manager.subject.id())?;
    match app.cut(async |conn| rotate_secret(conn, &terms, by, &id, overlap, replacement).await).await? {
        RotateSecret::Rotated { secret, replaced } => {
            let rotated = Rotated { client_secret: secret.reveal().to_owned(), replaced: replaced.into() };
            let location = app.at(&urls::API_CLIENT.replace("{id}", &id));
            Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(rotated))
        }
        RotateSecret::BadOverlap => Err(Problem::BadRequest("overlap_seconds must be a number from 0 to 604800")),
        RotateSecret::TooMany => {
            Err(Problem::BadRequest("Five replaced secrets are still good; end one of them first"))
        }
        RotateSecret::NoSecret => Err(Problem::BadRequest("This client proves who it is without a secret")),
        RotateSecret::Gone => Err(Problem::NotFound),
        RotateSecret::Already => Err(Problem::Internal("a random id was taken".to_owned())),
    }
}

/// `DELETE /api/v1/clients/{id}/secrets/{secret_id}`: a replaced secret ends before its time.
pub async fn end_secret(
    app: Data<App>,
    ClientManager(manager): ClientManager,
    request: HttpRequest,
    path: Path<(String, ClientSecretId)>,
) -> Result<HttpResponse, Problem> {
    let (id, secret) = path.into_inner();
    let known = seen(&app, &manager, Verb::Delete, &id).await?;
    may_change(&manager, &known.client)?;
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), person(&manager));
    match app.cut(async |conn| end_replaced_secret(conn, &terms, by, &id, secret).await).await? {
        true => Ok(HttpResponse::NoContent().no_store().finish()),
        false => Err(Problem::NotFound),
    }
}

/// The client of that id, if this caller may do that to it; of any other nobody learns whether it is there. Clients of no
/// workspace are the administrators'.
async fn seen(app: &App, caller: &Principal, verb: Verb, id: &str) -> Result<Listed, Problem> {
    let known = find(app, id).await?.ok_or(Problem::NotFound)?;
    let tree = app.tree().await?;
    let path = known.ownership.as_ref().and_then(|own| tree.path(own.workspace_id));
    let is_theirs = match &path {
        Some(path) => may(caller, verb, path),
        None => oversees(caller, verb),
    };
    let is_account = known.client.options.service_account_id.is_some();
    if is_theirs && !is_account { Ok(known) } else { Err(Problem::NotFound) }
}

/// True for a system administrator whose credential is narrowed to no place and may do this to clients.
fn oversees(caller: &Principal, verb: Verb) -> bool {
    let action = Action::Manage { thing: Thing::Clients, verb, at: None };
    let is_wide = caller.narrowing.reach == Reach::Everywhere;
    caller.subject.is_admin() && is_wide && policy::decide(caller, &action) == Decision::Allowed
}

fn may(caller: &Principal, verb: Verb, path: &PlacePath) -> bool {
    let action = Action::Manage { thing: Thing::Clients, verb, at: Some(path) };
    policy::decide(caller, &action) == Decision::Allowed
}

/// What the caller is to a client that is theirs: an administrator whose token is narrowed is no more than who manages.
fn rank(caller: &Principal, known: &Listed) -> Rank {
    let workspace = known.ownership.as_ref().map(|own| own.workspace_id);
    match workspace {
        _ if oversees(caller, Verb::Write) => Rank::Administrator,
        Some(workspace) if caller.subject.manages(Thing::Clients, Some(workspace)) => Rank::Manager,
        _ => Rank::Member,
    }
}

/// What an administrator vouches for stays what the administrators say; what a client says of itself, only it changes.
fn may_change(caller: &Principal, client: &Client) -> Result<(), Problem> {
    match client.origin {
        ClientOrigin::Person => Ok(()),
        ClientOrigin::Administrator if caller.subject.is_admin() => Ok(()),
        ClientOrigin::BuiltIn => Err(Problem::Forbidden(PART_OF_THE_GATE)),
        ClientOrigin::Administrator => {
            Err(Problem::Forbidden("Only administrators change what one of them registered"))
        }
        ClientOrigin::Registered | ClientOrigin::MetadataDocument => {
            Err(Problem::Forbidden("This client says itself what it is; it can only be disabled or removed"))
        }
    }
}

/// What a client is to be: what is left out stays as it is.
fn wish(tree: &Tree, manager: &Principal, known: &Listed, change: &Change) -> Result<Wish, Problem> {
    let client = &known.client;
    let (mut scope, mut narrowed) = (client.scope.clone(), Narrowed::default());
    if let Some(own) = &known.ownership {
        narrowed = Narrowed { reach: own.narrowed_to(), permissions: own.permissions.clone() };
        if change.scope.is_some() || change.permissions.is_some() {
            let present = own.permissions.clone().unwrap_or_else(Permissions::all);
            let wanted = WantedScoping {
                scope: change.scope.clone().or_else(|| scoping::paths(&narrowed.reach, tree)).unwrap_or_default(),
                permissions: change.permissions.clone().unwrap_or(WantedPermissions::These(present)),
            };
            let judged = scoping::judge(&Maker::by(manager), Purpose::Client, &wanted, tree);
            let judged = judged.map_err(|refusal| Problem::Refused(refusal.to_string()))?;
            scope = scope_of(&judged.permissions);
            narrowed = Narrowed { reach: judged.reach, permissions: Some(judged.permissions) };
        }
    } else if change.scope.is_some() || change.permissions.is_some() {
        return Err(Problem::BadRequest("This client belongs to no workspace, and is narrowed to none"));
    }
    Ok(Wish {
        name: change.name.clone().unwrap_or_else(|| client.name.clone()),
        redirect_uris: change.redirect_uris.as_deref().map_or_else(|| Ok(client.redirect_uris.clone()), uris)?,
        jwks: keys(change.jwks.clone())?.or_else(|| client.options.jwks.clone()),
        scope,
        narrowed,
    })
}

async fn find(app: &App, id: &str) -> Result<Option<Listed>, Problem> {
    let mut conn = app.db.read().await?;
    Ok(Listed::find(&mut conn, id).await.map_err(db::Error::from)?)
}

async fn item(app: &App, known: Listed) -> Result<Item, Problem> {
    let now = app.clock.now();
    let mut conn = app.db.read().await?;
    let people = grant::people_of(&mut conn, &[&known.client.id], now).await.map_err(db::Error::from)?;
    let old = client_secret::good(&mut conn, &known.client.id, now).await.map_err(db::Error::from)?;
    let connected = people.first().map_or(0, |(_, people)| *people);
    let replaced_secrets = old.into_iter().map(OldSecret::from).collect();
    let tree = app.tree().await?;
    Ok(Item { replaced_secrets, ..Item::new(known, connected, &tree, Sort::Newest) })
}

/// The workspace that is named, or else the one of the first place that the client reaches: the caller's to manage.
fn workspace(manager: &Principal, named: Option<&str>, reach: &Reach, tree: &Tree) -> Result<PlaceId, Problem> {
    let found = match (named, reach) {
        (Some(name), _) => tree.find(name).filter(|place| place.parent.is_none()).map(|place| place.id),
        (None, Reach::Places(places)) => {
            places.first().and_then(|place| tree.path(*place)).map(|path| path.workspace())
        }
        (None, Reach::Everywhere) => None,
    };
    let theirs = found.filter(|id| tree.path(*id).is_some_and(|path| may(manager, Verb::Write, &path)));
    theirs.ok_or_else(|| match named {
        Some(name) => Problem::Refused(format!("there is no workspace {name:?} that you manage")),
        None => Problem::BadRequest("Name a workspace that you manage"),
    })
}

fn method(new: &New) -> Result<AuthMethod, Problem> {
    match (new.kind.as_str(), new.token_endpoint_auth_method.as_deref()) {
        ("public", None | Some("none")) => Ok(AuthMethod::None),
        ("public", Some(_)) => Err(Problem::BadRequest("A public client has the token_endpoint_auth_method none")),
        ("confidential", None) => Ok(AuthMethod::SecretPost),
        ("confidential", Some(name)) => match AuthMethod::named(name) {
            Some(AuthMethod::None) | None => Err(Problem::BadRequest(
                "token_endpoint_auth_method must be client_secret_post, client_secret_basic or private_key_jwt",
            )),
            Some(method) => Ok(method),
        },
        _ => Err(Problem::BadRequest("type must be public or confidential")),
    }
}

/// PostgreSQL keeps no NUL.
fn keys(jwks: Option<Value>) -> Result<Option<Value>, Problem> {
    match jwks {
        Some(jwks) if jwks.to_string().contains("\\u0000") => Err(Problem::BadRequest("jwks holds a NUL character")),
        jwks => Ok(jwks),
    }
}

/// Each under the rules of all redirect URIs; the first that breaks one is named.
fn uris(texts: &[String]) -> Result<Vec<RedirectUri>, Problem> {
    let uri = |text: &String| {
        text.parse::<RedirectUri>().map_err(|error| Problem::Refused(format!("redirect_uris: {text:?}: {error}")))
    };
    texts.iter().map(uri).collect()
}

/// The picture at a URL; an empty one takes it away.
async fn fetched(
    app: &App,
    request: &HttpRequest,
    manager: &Principal,
    url: Option<&str>,
) -> Result<Option<NewLogo>, Problem> {
    let url = match url {
        None => return Ok(None),
        Some("") => return Ok(Some(NewLogo::Nothing)),
        Some(url) => url,
    };
    caller::limits(request)?.logo(manager.subject.id())?;
    match client_logo::fetch(app, url).await {
        Ok(logo) => Ok(Some(NewLogo::Picture(logo, Some(url.to_owned())))),
        Err(why) => Err(Problem::Refused(format!("logo_uri: {why}"))),
    }
}

fn person(caller: &Principal) -> Option<UserId> {
    match caller.subject.id() {
        SubjectId::Person(user) => Some(user),
        SubjectId::Service(_) | SubjectId::Workspace(_) => None,
    }
}
