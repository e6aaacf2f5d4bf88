//! `POST /oauth/introspect` (RFC 7662): what a token stands for now, for the client that has it or the resource that it is for.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::client_request::ClientRequest;
use super::error::Error;
use super::own_token;
use crate::access::authenticate::Inspected;
use crate::app::App;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::client::{Client, ClientOrigin};
use crate::grants::introspect::{self, Live};
use crate::grants::sign::{AccessTokenClaims, Actor, Audience, Confirmation};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::types::{Scope, SubjectId, known_scopes};

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
    exp: i64,
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
}

/// An access token, judged from memory as at a door of ours: its scope and groups are those of now.
async fn access_token(app: &App, client: &Client, token: &str) -> Result<Option<Active>, Error> {
    let Some(claims) = own_token::claims(app, token).await? else { return Ok(None) };
    if !may_ask(client, &claims) {
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
        exp: claims.exp,
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
        scope,
    }))
}

/// The client that a token was issued to, and the resource that it is for if an administrator has said that this client is that
/// resource (§4: nobody else may fish for tokens).
fn may_ask(client: &Client, claims: &AccessTokenClaims) -> bool {
    let is_resource = |resource: &String| client.origin == ClientOrigin::Administrator && claims.aud.has(resource);
    claims.client_id == client.id || client.options.resource_identifier.as_ref().is_some_and(is_resource)
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
        exp: token.expires_at.timestamp(),
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
        scope: grant.scope,
    }))
}
