//! `POST /oauth/token` (RFC 6749 §3.2): authenticate the client, pick the grant, answer.

mod authorization_code;
mod client_credentials;
mod device_code;
mod jwt_bearer;
mod refresh_token;
mod refused;
mod request;
mod token_exchange;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;

pub use self::jwt_bearer::ID_JAG_PROFILE;
use self::request::TokenRequest;
use super::client_request::ClientRequest;
use super::error::Error;
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::PlainToken;
use crate::grants::client::Client;
use crate::grants::grant::Grant;
use crate::grants::sign::{AccessTokenClaims, Actor, Audience, Confirmation, IdToken, PersonClaims};
use crate::http::dpop::{self, NONCE_HEADER};
use crate::http::limit::RefusalLimit;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::params::Params;
use crate::identity::Person;
use crate::types::{Scope, SubjectId, known_scopes};

/// The grant types that we dispatch on: discovery and registration list the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// RFC 6749 §4.1.3.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628 §3.4.
    DeviceCode,
    /// RFC 8693 §2.
    TokenExchange,
    /// RFC 7523 §2.1.
    JwtBearer,
}

impl GrantType {
    /// Every one of them.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
        Self::JwtBearer,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }

    fn of(params: &Params) -> Result<Self, Error> {
        let name = params.get("grant_type").ok_or(Error::InvalidRequest("The grant_type is missing"))?;
        Self::ALL.into_iter().find(|grant| grant.name() == name).ok_or(Error::UnsupportedGrantType)
    }
}

/// `POST /oauth/token`.
pub async fn post(
    app: Data<App>,
    limit: Data<RefusalLimit>,
    request: HttpRequest,
    mut sent: TokenRequest,
) -> Result<HttpResponse, Error> {
    let grant_type = GrantType::of(sent.params())?;
    match answer(&app, grant_type, &request, &mut sent).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(refused::remember(&app, &limit, &request, (grant_type, &sent), error).await),
    }
}

async fn answer(
    app: &App,
    grant_type: GrantType,
    request: &HttpRequest,
    sent: &mut TokenRequest,
) -> Result<HttpResponse, Error> {
    if sent.client().is_some_and(|client| !client.grant_types.has(grant_type.name())) {
        return Err(Error::UnauthorizedClient("This client has not registered this grant type"));
    }
    sent.prove_possession(app, request).await?;
    let tokens = tokens(app, grant_type, sent, &origin_of(request)).await?;
    let mut response = HttpResponse::Ok();
    if sent.proof_key().is_some() && app.config.tokens.require_dpop_nonce {
        // For the next proof (RFC 9449 §8.2).
        response.insert_header((NONCE_HEADER, dpop::nonce(&app.keys, app.clock.now())));
    }
    Ok(response.no_store().json(tokens))
}

async fn tokens(app: &App, grant: GrantType, sent: &TokenRequest, origin: &Origin) -> Result<Tokens, Error> {
    let TokenRequest::Client(form) = sent else { return jwt_bearer::redeem(app, sent, origin).await };
    match grant {
        GrantType::AuthorizationCode => authorization_code::redeem(app, form, origin).await,
        GrantType::RefreshToken => refresh_token::refresh(app, form, origin).await,
        GrantType::ClientCredentials => client_credentials::act(app, form, origin).await,
        GrantType::DeviceCode => device_code::poll(app, form, origin).await,
        GrantType::TokenExchange => token_exchange::exchange(app, form, origin).await,
        GrantType::JwtBearer => jwt_bearer::redeem(app, sent, origin).await,
    }
}

/// The answer (RFC 6749 §5.1). What is not there is left out, never `null`.
#[derive(Serialize)]
struct Tokens {
    access_token: String,
    /// RFC 8693 §2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    expires_in: i64,
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// Who gets a token. If it proved to hold a key, the token is bound to that, whatever the grant type.
#[derive(Clone, Copy)]
struct Recipient<'a> {
    client: &'a Client,
    /// The thumbprint of the key (RFC 9449 §5).
    proof_key: Option<&'a str>,
}

impl<'a> Recipient<'a> {
    fn of(form: &'a ClientRequest) -> Self {
        Self { client: &form.client, proof_key: form.proof_key.as_deref() }
    }
}

/// What a person's grant bought: everything an answer is made of.
struct Bought<'a> {
    recipient: Recipient<'a>,
    grant: &'a Grant,
    person: &'a Person,
    scope: Scope,
    refresh: Option<PlainToken>,
    nonce: Option<&'a str>,
}

/// Signs the tokens that a person's grant bought.
fn sign(app: &App, bought: Bought<'_>) -> Result<Tokens, Error> {
    let Bought { recipient, grant, person, scope, refresh, nonce } = bought;
    let about = PersonClaims::of(person, &scope);
    let is_openid = scope.has(known_scopes::OPENID);
    let token = AccessToken {
        recipient,
        subject: SubjectId::Person(person.id),
        audience: Audience::One(grant.resource.clone()),
        scope,
        groups: about.groups.clone(),
        grant: Some(grant),
        actor: None,
        first_client: None,
    };
    let tokens = token.sign(app)?;
    let id_token = match is_openid {
        true => {
            let token = IdToken { grant, about, access_token: &tokens.access_token, nonce };
            Some(app.signing.id_token(app.issuer(), token, app.clock.now(), app.config.lifetimes.access_token)?)
        }
        false => None,
    };
    Ok(Tokens { refresh_token: refresh.map(|token| token.reveal().to_owned()), id_token, ..tokens })
}

/// An access token about to be signed: what differs between the grant types.
struct AccessToken<'a> {
    recipient: Recipient<'a>,
    subject: SubjectId,
    audience: Audience,
    scope: Scope,
    /// The subject's groups, where the scope opens them.
    groups: Option<Vec<String>>,
    /// What a person allowed; a program that acts for itself needs nobody's leave.
    grant: Option<&'a Grant>,
    /// Who acts for the subject.
    actor: Option<Actor>,
    /// To whom the token was issued that this one was exchanged for, if to another.
    first_client: Option<String>,
}

impl AccessToken<'_> {
    /// Signs it: an answer with this one token.
    fn sign(self, app: &App) -> Result<Tokens, Error> {
        self.sign_until(app, None)
    }

    /// The same, with an end that it may not outlive.
    fn sign_until(self, app: &App, end: Option<DateTime<Utc>>) -> Result<Tokens, Error> {
        let now = app.clock.now();
        let Recipient { client, proof_key } = self.recipient;
        let confirmation = proof_key.map(|jkt| Confirmation { jkt: jkt.to_owned() });
        let lifetime = client.options.access_token_lifetime().unwrap_or(app.config.lifetimes.access_token);
        let lifetime = end.map_or(lifetime, |end| lifetime.min(end - now));
        let token_type = if confirmation.is_some() { "DPoP" } else { "Bearer" };
        let claims = AccessTokenClaims {
            iss: app.issuer().to_owned(),
            sub: self.subject,
            aud: self.audience,
            exp: (now + lifetime).timestamp(),
            iat: now.timestamp(),
            jti: uuid::Uuid::now_v7().to_string(),
            client_id: client.id.clone(),
            scopes: self.scope.tokens().map(str::to_owned).collect(),
            scope: self.scope,
            token_use: "access".to_owned(),
            grant_id: self.grant.map(|grant| grant.id),
            auth_time: self.grant.map(|grant| grant.authenticated_at.timestamp()),
            amr: self.grant.map(|grant| grant.amr.0.clone()).unwrap_or_default(),
            groups: self.groups,
            cnf: confirmation,
            act: self.actor,
            first_client_id: self.first_client,
        };
        Ok(Tokens {
            access_token: app.signing.access_token(&claims)?,
            issued_token_type: None,
            token_type,
            expires_in: lifetime.num_seconds(),
            scope: claims.scope,
            refresh_token: None,
            id_token: None,
        })
    }
}

/// The one resource that a token request may name (RFC 8707 §2.2).
fn resource(app: &App, client: Option<&Client>, params: &Params) -> Result<Option<String>, Error> {
    match params.all("resource") {
        [] => Ok(None),
        [resource] => match super::resource::canonical(app, client, resource) {
            Some(canonical) => Ok(Some(canonical)),
            None => Err(Error::InvalidTarget("This is not a resource of ours")),
        },
        _ => Err(Error::InvalidTarget("Ask for one resource at a time")),
    }
}
