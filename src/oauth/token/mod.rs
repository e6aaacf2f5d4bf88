//! `POST /oauth/token` (RFC 6749 §3.2): authenticate the client, pick the grant, answer.

mod authorization_code;
mod refresh_token;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::client_request::ClientRequest;
use super::error::Error;
use crate::app::App;
use crate::crypto::PlainToken;
use crate::grants::grant::Grant;
use crate::grants::sign::{AccessTokenClaims, Audience, PersonClaims};
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::params::Params;
use crate::identity::Person;
use crate::types::{Scope, known_scopes};

/// The grant types that we dispatch on: discovery and registration list the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// RFC 6749 §4.1.3.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
}

impl GrantType {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::AuthorizationCode, Self::RefreshToken];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
        }
    }

    fn of(params: &Params) -> Result<Self, Error> {
        let name = params.get("grant_type").ok_or(Error::InvalidRequest("The grant_type is missing"))?;
        Self::ALL.into_iter().find(|grant| grant.name() == name).ok_or(Error::UnsupportedGrantType)
    }
}

/// `POST /oauth/token`.
pub async fn post(app: Data<App>, request: HttpRequest, form: ClientRequest) -> Result<HttpResponse, Error> {
    let grant_type = GrantType::of(&form.params)?;
    if !form.client.grant_types.has(grant_type.name()) {
        return Err(Error::UnauthorizedClient("This client has not registered this grant type"));
    }
    let origin = origin_of(&request);
    let tokens = match grant_type {
        GrantType::AuthorizationCode => authorization_code::redeem(&app, &form, &origin).await?,
        GrantType::RefreshToken => refresh_token::refresh(&app, &form, &origin).await?,
    };
    Ok(HttpResponse::Ok().no_store().json(tokens))
}

/// The answer (RFC 6749 §5.1). What is not there is left out, never `null`.
#[derive(Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// What was bought: everything an answer is made of.
struct Bought<'a> {
    grant: &'a Grant,
    person: &'a Person,
    scope: Scope,
    refresh: Option<PlainToken>,
    nonce: Option<&'a str>,
}

/// Signs the tokens.
fn sign(app: &App, bought: Bought<'_>) -> Result<Tokens, Error> {
    let Bought { grant, person, scope, refresh, nonce } = bought;
    let now = app.clock.now();
    let lifetime = app.config.lifetimes.access_token;
    let about = PersonClaims::of(person, &scope);
    let claims = AccessTokenClaims {
        iss: app.issuer().to_owned(),
        sub: grant.user_id,
        aud: Audience::One(grant.resource.clone()),
        exp: (now + lifetime).timestamp(),
        iat: now.timestamp(),
        jti: uuid::Uuid::now_v7().to_string(),
        client_id: grant.client_id.clone(),
        scopes: scope.tokens().map(str::to_owned).collect(),
        scope: scope.clone(),
        token_use: "access".to_owned(),
        grant_id: grant.id,
        auth_time: grant.authenticated_at.timestamp(),
        amr: grant.amr.0.clone(),
        groups: about.groups.clone(),
    };
    let id_token = match scope.has(known_scopes::OPENID) {
        true => Some(app.signing.id_token(app.issuer(), grant, about, nonce, now, lifetime)?),
        false => None,
    };
    Ok(Tokens {
        access_token: app.signing.access_token(&claims)?,
        token_type: "Bearer",
        expires_in: lifetime.num_seconds(),
        scope,
        refresh_token: refresh.map(|token| token.reveal().to_owned()),
        id_token,
    })
}

/// The one resource that a token request may name (RFC 8707 §2.2).
fn resource<'a>(app: &App, params: &'a Params) -> Result<Option<std::borrow::Cow<'a, str>>, Error> {
    match params.all("resource") {
        [] => Ok(None),
        [resource] => match super::resource::canonical(app, resource) {
            Some(canonical) => Ok(Some(canonical.into())),
            None => Err(Error::InvalidTarget("This is not a resource of ours")),
        },
        _ => Err(Error::InvalidTarget("Ask for one resource at a time")),
    }
}
