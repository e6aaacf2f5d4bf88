//! `POST /oauth/introspect` (RFC 7662): what a token stands for now, for the client that has it or the resource that it is for.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::client_request::ClientRequest;
use super::error::Error;
use super::own_token;
use crate::access::authenticate::Inspected;
use crate::access::scoping;
use crate::app::App;
use crate::crypto::jwt::{self, TokenType};
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::client::{Client, ClientOrigin};
use crate::grants::introspect::{self, Live};
use crate::grants::sign::{Actor, Audience, Confirmation};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::types::{Scope, ServerId, SubjectId, known_scopes};

/// `POST /oauth/introspect`: a token that is not good, or none of this client's business, is inactive, and nothing else is
/// said of it (§2.2).
pub async fn post(app: Data<App>, request: HttpRequest, form: ClientRequest) -> Result<HttpResponse, Error> {
    if form.client.is_public() {
        let why = "Only a client that can keep a secret may ask about tokens";
        return Err(Error::InvalidClient { why, basic: false });
    }
    let token = form.params.get("token").ok_or(Error::InvalidRequest("The token is missing"))?;
    // The hint is only a hint (§2.1); a token tells its kind by itself.
    let answer = match PlainToken::parse(TokenKind::Refresh, token) {
        Some(token) => refresh_token(&app, &request, &form.client, &token).await?,
        None if jwt::says_to_be(token, TokenType::PersonalToken) => personal_token(&app, &form.client, token).await?,
        None => access_token(&app, &form.client, token).await?,
    };
    let mut response = HttpResponse::Ok();
    response.no_store();
    Ok(match answer {
        Some(answer) => response.json(answer),
        None => response.json(Inactive { active: false }),
    })
}

/// All that is said of a token that is not good.
#[derive(Serialize)]
struct Inactive {
    active: bool,
}

/// What is said of a good one (§2.2). What is not there is left out, never `null`.
#[derive(Serialize)]
struct Active {
    active: bool,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: Scope,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    sub: SubjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor>,
    /// The one server that a personal access token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_server_id: Option<ServerId>,
    /// The places that a personal access token is narrowed to; absent for everywhere. Its resource is to keep to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_places: Option<Vec<String>>,
}

/// An access token, judged from memory as at a door of ours: its scope and groups are those of now.
async fn access_token(app: &App, client: &Client, token: &str) -> Result<Option<Active>, Error> {
    let Some(claims) = own_token::claims(app, token).await? else { return Ok(None) };
    if claims.client_id != client.id && !is_for(client, &claims.aud) {
        return Ok(None);
    }
    let (hears_changes, now) = (app.access.is_current(&app.changes), app.clock.now());
    let inspected = app.access.inspect(&app.db, claims, app.issuer(), hears_changes, now).await?;
    let Some(Inspected { claims, subject, scope }) = inspected else { return Ok(None) };
    let claims = Arc::unwrap_or_clone(claims);
    Ok(Some(Active {
        active: true,
        client_id: claims.client_id,
        username: scope.has(known_scopes::PROFILE).then(|| subject.name().to_owned()),
        token_type: Some(if claims.cnf.is_some() { "DPoP" } else { "Bearer" }),
        exp: Some(claims.exp),
        iat: claims.iat,
        sub: claims.sub,
        aud: Some(claims.aud),
        iss: claims.iss,
        jti: Some(claims.jti),
        auth_time: claims.auth_time,
        amr: claims.amr,
        groups: scope.has(known_scopes::GROUPS).then(|| subject.groups().to_vec()),
        cnf: claims.cnf,
        act: claims.act,
        mcp_server_id: None,
        mcp_places: None,
        scope,
    }))
}

/// True when an administrator has said that this client is a resource that tokens of this audience are for: it may ask about
/// them, and so may the client that a token was issued to (§4: nobody else may fish for tokens).
fn is_for(client: &Client, audience: &Audience) -> bool {
    let resource = client.options.resource_identifier.as_ref();
    client.origin == ClientOrigin::Administrator && resource.is_some_and(|resource| audience.has(resource))
}

/// A personal access token, for the resource that it is for: such a resource has no other way to know that it is alive.
async fn personal_token(app: &App, client: &Client, token: &str) -> Result<Option<Active>, Error> {
    let (hears_changes, now) = (app.access.is_current(&app.changes), app.clock.now());
    let hashes = app.keys.hashes(&PlainToken::signed(token));
    let remembered = hashes.first().and_then(|newest| app.access.remembered_token(newest, hears_changes));
    let found = match remembered {
        Some(known) => known,
        None => app.access.look_up_token(&app.db, &hashes, hears_changes).await?,
    };
    let Some(token) = found else { return Ok(None) };
    let audience = Audience::One(token.audience.clone());
    if !is_for(client, &audience) {
        return Ok(None);
    }
    let standing = app.access.standing_of_token(&app.db, &token, hears_changes, now).await?;
    let Some((subject, scope)) = standing else { return Ok(None) };
    Ok(Some(Active {
        active: true,
        client_id: token.client_id.clone(),
        username: None,
        token_type: Some("Bearer"),
        exp: token.stops_at().map(|end| end.timestamp()),
        iat: token.created_at.timestamp(),
        sub: subject.id(),
        aud: Some(audience),
        iss: app.issuer().to_owned(),
        jti: Some(token.jti.clone()),
        auth_time: None,
        amr: Vec::new(),
        groups: None,
        cnf: None,
        act: None,
        mcp_server_id: token.server_id,
        mcp_places: scoping::paths(&token.reach, &*app.tree().await?),
        scope,
    }))
}

/// A refresh token, which is nobody's business but its client's.
async fn refresh_token(
    app: &App,
    request: &HttpRequest,
    client: &Client,
    token: &PlainToken,
) -> Result<Option<Active>, Error> {
    let origin = origin_of(request);
    let terms = app.terms(&origin);
    let mut conn = app.db.read().await?;
    let live = introspect::refresh_token(&mut conn, &terms, client, token).await.map_err(crate::db::Error::from)?;
    let Some(Live { token, grant, person }) = live else { return Ok(None) };
    Ok(Some(Active {
        active: true,
        client_id: grant.client_id,
        username: grant.scope.has(known_scopes::PROFILE).then(|| person.username.clone()),
        token_type: None,
        exp: Some(token.expires_at.timestamp()),
        iat: token.created_at.timestamp(),
        sub: SubjectId::Person(person.id),
        aud: None,
        iss: app.issuer().to_owned(),
        jti: None,
        auth_time: Some(grant.authenticated_at.timestamp()),
        amr: grant.amr.0,
        groups: None,
        cnf: grant.dpop_jkt.map(|jkt| Confirmation { jkt }),
        act: None,
        mcp_server_id: None,
        mcp_places: None,
        scope: grant.scope,
    }))
}
