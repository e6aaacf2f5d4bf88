//! `/api/v1/access-tokens`: personal access tokens.
//!
//! Seen by their owner and by system administrators, and ended by both; made and rotated for whoever calls, alone. What makes or
//! ends one is an access token: a key or token that somebody made in settings never does.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::page::Asked;
use crate::access::Subject;
use crate::access::make_token::{self, Installation, Wanted, WantedServer};
use crate::access::scoping::{self, Maker};
use crate::api::body;
use crate::api::caller::{self, Known};
use crate::api::error::Problem;
use crate::app::App;
use crate::credentials::personal_token::{self, Listing};
use crate::credentials::personal_tokens::{self, NewToken};
use crate::credentials::replace::Overlap;
use crate::credentials::{CredentialName, PersonalToken, Sort, State};
use crate::crypto::PlainToken;
use crate::db::{self, Connection};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
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
        }
    }
}

/// What makes a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    name: String,
    /// OAuth scopes.
    scopes: Vec<String>,
    /// Places; the workspace that everybody has when there is none.
    scope: Option<Vec<String>>,
    /// The one server that it is for, by its name or id.
    server: Option<String>,
    /// When it ends; never when there is none.
    expires_at: Option<DateTime<Utc>>,
}

/// What rotates one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// For how many days the old one goes on.
    overlap_days: Option<i64>,
}

/// `GET /api/v1/access-tokens`: the caller's own; those of everybody, or of `owner`, for system administrators.
pub async fn list(app: Data<App>, caller: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Read)?;
    let asked = Asked::of(&request)?;
    let (now, tree) = (app.clock.now(), app.tree().await?);
    let found = match listing(&caller, &asked)? {
        Some(listing) => {
            let mut conn = app.db.read().await?;
            let found = personal_token::list(&mut conn, &listing, now).await.map_err(db::Error::from)?;
            (listing.offset + 1..).zip(found).collect()
        }
        None => Vec::new(),
    };
    let page = asked.page_by(found, |(before, _)| before.to_string());
    Ok(HttpResponse::Ok().no_store().json(page.map(|(_, token)| Item::new(token, &tree, now))))
}

/// What is asked of the list; nothing for a caller who cannot have any.
fn listing(caller: &Known, asked: &Asked) -> Result<Option<Listing>, Problem> {
    let Subject::Person(person) = &caller.0.subject else { return Ok(None) };
    let named = match asked.get("owner").map(str::parse::<UserId>) {
        None => None,
        Some(Ok(owner)) => Some(owner),
        Some(Err(_)) => return Err(Problem::BadRequest("owner is the id of a person")),
    };
    let owner = if caller.oversees_all() { named } else { Some(person.id) };
    if named.is_some() && named != owner {
        return Ok(None);
    }
    let sort = match asked.get("sort") {
        None => Sort::default(),
        Some(name) => Sort::named(name).ok_or(Problem::BadRequest("sort is created, name, expires or used"))?,
    };
    let states = match asked.get("state") {
        None => Vec::new(),
        Some(name) => vec![State::named(name).ok_or(Problem::BadRequest("state is active, expired or revoked"))?],
    };
    let after = asked.after.as_ref().map(|after| after.parse::<u32>()).transpose();
    let offset = after.map_err(|_| Problem::BadRequest("The cursor is none of ours"))?;
    Ok(Some(Listing {
        owner,
        states,
        search: asked.get("search").unwrap_or_default().replace('\0', ""),
        sort,
        offset: offset.unwrap_or_default().into(),
        limit: i64::try_from(asked.limit).unwrap_or(i64::MAX).saturating_add(1),
    }))
}

/// `GET /api/v1/access-tokens/{id}`.
pub async fn get(app: Data<App>, caller: Known, id: Path<String>) -> Result<HttpResponse, Problem> {
    let token = found(&app, &caller, Verb::Read, &id).await?;
    Ok(HttpResponse::Ok().no_store().json(Item::new(token, &*app.tree().await?, app.clock.now())))
}

/// `POST /api/v1/access-tokens`: a token for the caller, never wider than what they call with.
pub async fn post(
    app: Data<App>,
    caller: Known,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Write)?;
    caller.may_keep_credentials()?;
    let owner = person(&caller)?;
    let new: NewItem = body::read(&request, payload).await?;
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
        lifetime: new.expires_at.map(|end| end - now),
    };
    let new = make_token::judge(&Maker::by(&caller.0), wanted, &here).map_err(unprocessable)?;
    let signed = signed(&app, &new)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    caller::limits(&request)?.credential(caller.0.subject.id())?;
    let issued = app.db.write(async |conn| personal_tokens::issue(conn, &terms, &new, &signed).await).await?;
    match issued.map_err(|full| Problem::Conflict(full.to_string()))? {
        true => made(&app, new.id, &signed).await,
        false => Err(Problem::Internal("a fresh id was taken".to_owned())),
    }
}

/// `POST /api/v1/access-tokens/{id}/rotate`: the successor of one of the caller's own; the old one goes on for the overlap.
pub async fn rotate(
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
    let overlap = overlap.map_err(|_| Problem::BadRequest("overlap_days is a number from 0 to 7"))?;
    let token = found(&app, &caller, Verb::Write, &id).await?;
    if person(&caller)? != token.user_id {
        return Err(Problem::Forbidden(
            "Nobody but its owner has a token made anew: with it they would be that person",
        ));
    }
    make_token::judge_again(&Maker::by(&caller.0), &token, &*app.tree().await?).map_err(unprocessable)?;
    let most = app.config.lifetimes.personal_token;
    let new = NewToken::like(&token, most, &app.random, app.clock.now());
    let signed = signed(&app, &new)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    caller::limits(&request)?.credential(caller.0.subject.id())?;
    let verb =
        async |conn: &mut Connection| personal_tokens::rotate(conn, &terms, token.id, overlap, (&new, &signed)).await;
    match app.cut(verb).await?.map_err(|full| Problem::Conflict(full.to_string()))? {
        true => made(&app, new.id, &signed).await,
        false => Err(Problem::Conflict("This token works no more, or has a successor already".to_owned())),
    }
}

/// `DELETE /api/v1/access-tokens/{id}`: ends it, at once and for good. Once more is no error.
pub async fn delete(
    app: Data<App>,
    caller: Known,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.may(&app, Thing::Keys, Verb::Delete)?;
    caller.may_keep_credentials()?;
    let token = found(&app, &caller, Verb::Delete, &id).await?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, caller.0.subject.id());
    app.cut(async |conn: &mut Connection| personal_tokens::revoke(conn, &terms, token.id).await).await?;
    Ok(HttpResponse::NoContent().no_store().finish())
}

/// The person who calls.
fn person(caller: &Known) -> Result<UserId, Problem> {
    match &caller.0.subject {
        Subject::Person(person) => Ok(person.id),
        Subject::Service(_) | Subject::Workspace(_) => {
            Err(Problem::Forbidden("Personal access tokens are people's; use an API key"))
        }
    }
}

/// The token of that id, for its owner and for who oversees all; nobody else learns that it is there.
async fn found(app: &App, caller: &Known, verb: Verb, id: &str) -> Result<PersonalToken, Problem> {
    caller.may(app, Thing::Keys, verb)?;
    let id: PersonalTokenId = id.parse().map_err(|_| Problem::NotFound)?;
    let mut conn = app.db.read().await?;
    let found = personal_token::find(&mut conn, id).await.map_err(db::Error::from)?;
    let sees = |token: &PersonalToken| match &caller.0.subject {
        Subject::Person(person) => caller.oversees_all() || person.id == token.user_id,
        Subject::Service(_) | Subject::Workspace(_) => false,
    };
    found.filter(sees).ok_or(Problem::NotFound)
}

fn unprocessable(why: make_token::Refusal) -> Problem {
    Problem::Refused(why.to_string())
}

fn signed(app: &App, new: &NewToken) -> Result<PlainToken, Problem> {
    make_token::sign(&app.signing, app.issuer(), new).map_err(|error| Problem::Internal(error.to_string()))
}

/// The answer that shows a token, once.
async fn made(app: &App, id: PersonalTokenId, signed: &PlainToken) -> Result<HttpResponse, Problem> {
    let mut conn = app.db.read().await?;
    let token = personal_token::find(&mut conn, id).await.map_err(db::Error::from)?;
    let token = token.ok_or_else(|| Problem::Internal("what was just made is not there".to_owned()))?;
    let item = Item::new(token, &*app.tree().await?, app.clock.now());
    let item = Item { access_token: Some(signed.reveal().to_owned()), ..item };
    let location = app.at(&urls::API_ACCESS_TOKEN.replace("{id}", &id.to_string()));
    Ok(HttpResponse::Created().no_store().insert_header((LOCATION, location)).json(item))
}
