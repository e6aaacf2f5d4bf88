//! `POST /oauth/clients/register` (RFC 7591 §3): a client registers itself.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::error::Error;
use crate::app::App;
use crate::audit::Origin;
use crate::config::RegistrationMode;
use crate::crypto::{PlainToken, TokenKind};
use crate::db;
use crate::errands::software_statement::{self, Checked};
use crate::grants::client_metadata::{ClientMetadata, MAX_REQUEST, MetadataError, Policy, SoftwareStatement};
use crate::grants::initial_access_token;
use crate::grants::register::{self, Register};
use crate::http::client_address::ClientAddress;
use crate::http::limit::RegistrationLimit;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::urls;
use crate::types::InitialAccessTokenId;

/// The largest body: the route refuses more before it is read whole.
pub const LARGEST: usize = MAX_REQUEST;

/// `POST /oauth/clients/register`.
pub async fn post(
    app: Data<App>,
    limit: Data<RegistrationLimit>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    limit.spend(ClientAddress::of(&request).0).map_err(Error::TooMany)?;
    let origin = origin_of(&request);
    let invited_by = invitation(&app, &request, &origin).await?;
    let statement = statement(&app, &body, &origin).await?;
    let registration = ClientMetadata::from_request(&body, statement.as_ref(), &Policy::of(&app.config))?;
    let terms = app.terms(&origin);
    let verb = async |conn: &mut db::Connection| register::register(conn, &terms, &registration, invited_by).await;
    let Register::Registered(known) = app.db.write(verb).await? else { return Err(NOT_INVITED) };
    let secret = known.secret.as_ref().map(PlainToken::reveal);
    let answer = registration.response(&known.client_id, secret, known.issued_at);
    let answer = match &known.registration_token {
        Some(token) => manageable(&app, answer, &known.client_id, token),
        None => answer,
    };
    Ok(HttpResponse::Created().no_store().json(answer))
}

const NOT_INVITED: Error =
    Error::NeedsToken { why: "This initial access token is unknown, expired, revoked or used up", presented: true };

/// Who lets the client register; nobody need, where everybody may.
async fn invitation(app: &App, request: &HttpRequest, origin: &Origin) -> Result<Option<InitialAccessTokenId>, Error> {
    match app.config.registration.mode {
        RegistrationMode::Open => return Ok(None),
        RegistrationMode::Off => return Err(Error::RegistrationOff),
        RegistrationMode::Token => {}
    }
    let why = "Registering a client here takes an initial access token from an administrator";
    let presented = bearer(request).ok_or(Error::NeedsToken { why, presented: false })?;
    if let Some(token) = PlainToken::parse(TokenKind::InitialAccess, presented) {
        let mut conn = app.db.read().await?;
        let found = initial_access_token::find_good(&mut conn, &app.keys.hashes(&token), app.clock.now()).await;
        if let Some(good) = found.map_err(db::Error::from)? {
            return Ok(Some(good));
        }
    }
    note_refusal(app, origin, "initial access token").await?;
    Err(NOT_INVITED)
}

/// The software statement in the body, if there is one and it is good.
pub(super) async fn statement(app: &App, body: &[u8], origin: &Origin) -> Result<Option<SoftwareStatement>, Error> {
    let Some(text) = SoftwareStatement::sent_in(body)? else { return Ok(None) };
    let refused = match software_statement::check(app, &text).await {
        Checked::Good(statement) => return Ok(Some(statement)),
        Checked::NoKeys => return Err(Error::Unavailable),
        Checked::Unapproved => Error::UnapprovedSoftwareStatement,
        Checked::Invalid => Error::InvalidSoftwareStatement,
    };
    note_refusal(app, origin, "software statement").await?;
    Err(refused)
}

/// Remembers that somebody had no good proof.
pub(super) async fn note_refusal(app: &App, origin: &Origin, why: &str) -> Result<(), Error> {
    let terms = app.terms(origin);
    Ok(app.db.write(async |conn| register::note_refusal(conn, &terms, why).await).await?)
}

/// The answer with what lets the client manage its registration (RFC 7592 §3).
pub(super) fn manageable(app: &App, mut answer: Value, client_id: &str, token: &PlainToken) -> Value {
    answer["registration_client_uri"] = json!(format!("{}/{client_id}", app.at(urls::REGISTER)));
    answer["registration_access_token"] = json!(token.reveal());
    answer
}

/// The bearer token of a request (RFC 6750 §2.1).
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        match error.code() {
            "invalid_redirect_uri" => Self::InvalidRedirectUri(error.to_string()),
            _ => Self::InvalidClientMetadata(error.to_string()),
        }
    }
}
