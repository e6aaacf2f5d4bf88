//! `/api/v1/access-tokens`: personal access tokens.
//!
//! Seen by their owner and by system administrators, and ended by both; made and rotated for whoever calls, alone. What makes or
//! ends one is an access token: a key or token that somebody made in settings never does.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::access::make_token::{self, Installation, Wanted, WantedServer};
use crate::access::principal::Credential;
use crate::access::scoping::{self, Maker};
use crate::access::{Principal, Subject};
use crate::api::body;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::config;
use crate::credentials::personal_token::{self, Listing};
use crate::credentials::personal_tokens::{self, NewToken};
use crate::credentials::replace::Overlap;
use crate::credentials::{CredentialName, PersonalToken, Sort, State};
use crate::crypto::PlainToken;
use crate::db::{self, Connection};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::params::Params;
use crate::http::urls;
use crate::places::Tree;
use crate::types::{DEFAULT_WORKSPACE, PersonalTokenId, ServerId, Thing, UserId, Verb};
use crate::upstreams::server;

/// A token as those see it who may.
#[derive(Debug, Serialize)]
struct Item {
    id: PersonalTokenId,
    name: CredentialName,
    user_id: UserId,
    client_id: String,
    jti: String,
    /// What it may do.
    scopes: Vec<String>,
    /// Where; absent for everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_server_id: Option<ServerId>,
    audience: String,
    state: &'static str,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<PersonalTokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_client: Option<String>,
    /// The token itself, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// How many are before the next.
    #[serde(skip)]
    cursor: String,
}

impl Item {
    fn new(token: PersonalToken, tree: &Tree, now: DateTime<Utc>) -> Self {
        Self {
            scopes: token.scope.tokens().map(str::to_owned).collect(),
            scope: scoping::paths(&token.reach, tree),
            state: token.state(now).name(),
            expires_at: token.stops_at(),
            id: token.id,
            name: token.name,
            user_id: token.user_id,
            client_id: token.client_id,
            jti: token.jti,
            mcp_server_id: token.server_id,
            audience: token.audience,
            created_at: token.created_at,
            revoked_at: token.revoked_at,
            replaced_by: token.replaced_by,
            last_used_at: token.last_used_at,
            last_used_address: token.last_used_address,
            last_used_client: token.last_used_client,
            access_token: None,
            cursor: String::new(),
        }
    }
}

/// What makes a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    /// OAuth scopes.
    scopes: Vec<String>,
    /// Places; the workspace that everybody has when there is none.
    scope: Option<Vec<String>>,
    /// The one server that it is for, by its name or id.
    server: Option<String>,
    /// Such as `90d`; `never` when there is none.
    expiration: Option<String>,
}

/// What rotates one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old one goes on, such as `1d`; not at all when there is none.
    overlap: Option<String>,
}

/// `GET /api/v1/access-tokens`: the caller's own; those of everybody, or of `owner`, for system administrators.
pub async fn list(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Keys, Verb::Read)?;
    let asked = Asked::of(&request)?;
    let (now, tree) = (app.clock.now(), app.tree().await?);
    let items = match listing(&known.0, &asked, &Params::parse(request.query_string().as_bytes()))? {
        Some(listing) => {
            let mut conn = app.db.read().await?;
            let found = personal_token::list(&mut conn, &listing, now).await.map_err(db::Error::from)?;
            let item = |(before, token)| Item { cursor: format!("{before}"), ..Item::new(token, &tree, now) };
            (listing.offset + 1..).zip(found).map(item).collect()
        }
        None => Vec::new(),
    };
    Ok(HttpResponse::Ok().no_store().json(asked.page(items, |item: &Item| &item.cursor)))
}

/// What is asked of the list; nothing for a caller who cannot have any.
fn listing(caller: &Principal, asked: &Asked, params: &Params) -> Result<Option<Listing>, Problem> {
    let Subject::Person(person) = &caller.subject else { return Ok(None) };
    let named = match params.get("owner").map(str::parse::<UserId>) {
        None => None,
        Some(Ok(owner)) => Some(owner),
        Some(Err(_)) => return Err(Problem::BadRequest("owner must be the id of a person")),
    };
    let owner = if person.is_admin { named } else { Some(person.id) };
    if named.is_some() && named != owner {
        return Ok(None);
    }
    let sort = params.get("sort").map(|name| Sort::named(name).ok_or(Problem::BadRequest("There is no such order")));
    let state = params.get("state").map(|name| State::named(name).ok_or(Problem::BadRequest("There is no such state")));
    let after = asked.after.as_ref().map(|after| after.parse::<u32>());
    let offset = after.transpose().map_err(|_| Problem::BadRequest("The cursor is none of ours"))?;
    Ok(Some(Listing {
        owner,
        states: state.transpose()?.into_iter().collect(),
        search: params.get("search").unwrap_or_default().replace('\0', ""),
        sort: sort.transpose()?.unwrap_or_default(),
        offset: offset.unwrap_or_default().into(),
        limit: i64::try_from(asked.limit).unwrap_or(i64::MAX - 1) + 1,
    }))
}

/// `GET /api/v1/access-tokens/{id}`.
pub async fn get(app: Data<App>, known: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Keys, Verb::Read)?;
    let token = seen(&app, &known, &id).await?;
    let tree = app.tree().await?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(token, &tree, app.clock.now())))
}

/// `POST /api/v1/access-tokens`: a token for the caller, never wider than what they call with.
pub async fn create(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Keys, Verb::Write)?;
    let owner = in_person(&known)?;
    let new: New = body::read(&request, payload).await?;
    let (tree, servers, now) = (app.tree().await?, app.enabled_servers().await?, app.clock.now());
    let here = Installation {
        tree: &tree,
        most: app.config.lifetimes.personal_token,
        audience: app.gateway_audience(),
        random: &app.random,
        now,
    };
    let wanted = Wanted {
        id: PersonalTokenId::fresh(),
        owner,
        name: new.name,
        scope: new.scopes.join(" "),
        places: new.scope.unwrap_or_else(|| vec![DEFAULT_WORKSPACE.to_owned()]),
        server: new.server.map(|written| WantedServer { found: server::enabled_as(&servers, &written), written }),
        lifetime: lifetime(new.expiration.as_deref())?,
    };
    let refused = |why: make_token::Refusal| Problem::Refused(why.to_string());
    let new = make_token::judge(&Maker::by(&known.0), wanted, &here).map_err(refused)?;
    let signed = signed(&app, &new)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, known.0.subject.id());
    let made = app.db.write(async |conn| personal_tokens::issue(conn, &terms, &new, &signed).await).await?;
    if made { shown(&app, new.id, &signed).await } else { Err(Problem::Internal("an id came twice".to_owned())) }
}

/// `POST /api/v1/access-tokens/{id}/rotate`: the successor of one of the caller's own.
pub async fn rotate(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Keys, Verb::Write)?;
    let owner = in_person(&known)?;
    let token = seen(&app, &known, &id).await?;
    if token.user_id != owner {
        return Err(Problem::Forbidden("Only its owner rotates a token: whoever has its successor is that person"));
    }
    let rotation: Rotation = body::read(&request, payload).await?;
    let length = lifetime(rotation.overlap.as_deref())?.unwrap_or_default();
    let overlap = Overlap::new(length).map_err(|why| Problem::Refused(why.to_string()))?;
    let new = NewToken::like(&token, &app.random, app.clock.now());
    let signed = signed(&app, &new)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, known.0.subject.id());
    let verb =
        async |conn: &mut Connection| personal_tokens::rotate(conn, &terms, token.id, overlap, (&new, &signed)).await;
    match app.cut(verb).await? {
        true => shown(&app, new.id, &signed).await,
        false => Err(Problem::Conflict("the token works no more, or has a successor already".to_owned())),
    }
}

/// `DELETE /api/v1/access-tokens/{id}`: ends it, at once and for good.
pub async fn revoke(
    app: Data<App>,
    known: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    known.may(&app, Thing::Keys, Verb::Delete)?;
    in_person(&known)?;
    let token = seen(&app, &known, &id).await?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, known.0.subject.id());
    app.cut(async |conn: &mut Connection| personal_tokens::revoke(conn, &terms, token.id).await).await?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// The person who calls with an access token of theirs.
fn in_person(known: &Known) -> Result<UserId, Problem> {
    match (&known.0.credential, &known.0.subject) {
        (Credential::AccessToken(_), Subject::Person(person)) => Ok(person.id),
        (Credential::ApiKey(_) | Credential::PersonalToken(_), _) => {
            Err(Problem::Forbidden("A key or token that was made in settings makes, changes and ends no other"))
        }
        (Credential::AccessToken(_), Subject::Service(_) | Subject::Workspace(_)) => {
            Err(Problem::Forbidden("Personal access tokens are people's"))
        }
    }
}

/// The token of that id, for its owner and for system administrators; nobody else learns that it is there.
async fn seen(app: &App, known: &Known, id: &str) -> Result<PersonalToken, Problem> {
    let id: PersonalTokenId = id.parse().map_err(|_| Problem::NotFound)?;
    let mut conn = app.db.read().await?;
    let found = personal_token::find(&mut conn, id).await.map_err(db::Error::from)?;
    let may = |token: &PersonalToken| match &known.0.subject {
        Subject::Person(person) => person.is_admin || person.id == token.user_id,
        Subject::Service(_) | Subject::Workspace(_) => false,
    };
    found.filter(may).ok_or(Problem::NotFound)
}

fn lifetime(written: Option<&str>) -> Result<Option<TimeDelta>, Problem> {
    match written {
        None | Some("never") => Ok(None),
        Some(text) => match config::duration(text) {
            Some(length) => Ok(Some(length)),
            None => Err(Problem::Refused(format!("{text:?} is no length of time such as 90d"))),
        },
    }
}

fn signed(app: &App, new: &NewToken) -> Result<PlainToken, Problem> {
    make_token::sign(&app.signing, app.issuer(), new).map_err(|error| Problem::Internal(error.to_string()))
}

/// What was just made, with the token in it this once.
async fn shown(app: &App, id: PersonalTokenId, signed: &PlainToken) -> Result<HttpResponse, Problem> {
    let tree = app.tree().await?;
    let mut conn = app.db.read().await?;
    let token = personal_token::find(&mut conn, id).await.map_err(db::Error::from)?;
    let token = token.ok_or_else(|| Problem::Internal("what was just made is not there".to_owned()))?;
    let item = Item { access_token: Some(signed.reveal().to_owned()), ..Item::new(token, &tree, app.clock.now()) };
    let location = app.at(&urls::API_ACCESS_TOKEN.replace("{id}", &id.to_string()));
    Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(item))
}
