//! `/oauth/clients/register/{client_id}` (RFC 7592 §2): a client reads, changes or removes its own registration.
//!
//! Its registration access token is the only key. Whoever has another, or asks about a client that is not there, is disabled,
//! or came to us in another way, is told the same. A secret is shown once, when it is made, and not repeated here.

use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::error::Error;
use super::register::{bearer, manageable, note_refusal, statement};
use crate::app::App;
use crate::crypto::{PlainToken, TokenKind};
use crate::db;
use crate::grants::client_metadata::{ClientMetadata, Policy, Registration};
use crate::grants::manage::{self, Changed};
use crate::http::client_address::ClientAddress;
use crate::http::limit::RegistrationLimit;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;

/// `GET /oauth/clients/register/{client_id}` (§2.1).
pub async fn get(
    app: Data<App>,
    limit: Data<RegistrationLimit>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    let token = presented(&request)?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let found = {
        let mut conn = app.db.read().await?;
        manage::find(&mut conn, &terms, &id, &token).await.map_err(db::Error::from)?
    };
    let Some(client) = found else { return Err(refused(&app, &limit, &request).await) };
    let answer = Registration::of(&client).response(&id, None, client.created_at);
    Ok(HttpResponse::Ok().no_store().json(manageable(&app, answer, &id, &token)))
}

/// `PUT /oauth/clients/register/{client_id}` (§2.2).
pub async fn put(
    app: Data<App>,
    limit: Data<RegistrationLimit>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let token = presented(&request)?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    {
        let mut conn = app.db.read().await?;
        if manage::find(&mut conn, &terms, &id, &token).await.map_err(db::Error::from)?.is_none() {
            return Err(refused(&app, &limit, &request).await);
        }
    }
    let statement = statement(&app, &body, &origin).await?;
    let update = ClientMetadata::from_update(&id, &body, statement.as_ref(), &Policy::of(&app.config))?;
    let verb = async |conn: &mut db::Connection| manage::change(conn, &terms, &id, &token, &update).await;
    let changed = match app.cut(verb).await? {
        Changed::Now(changed) => changed,
        Changed::NotYours => return Err(refused(&app, &limit, &request).await),
        Changed::Refused(why) => return Err(why.into()),
    };
    let secret = changed.secret.as_ref().map(PlainToken::reveal);
    let answer = Registration::of(&changed.client).response(&id, secret, changed.client.created_at);
    Ok(HttpResponse::Ok().no_store().json(manageable(&app, answer, &id, &changed.registration_token)))
}

/// `DELETE /oauth/clients/register/{client_id}` (§2.3).
pub async fn delete(
    app: Data<App>,
    limit: Data<RegistrationLimit>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    let token = presented(&request)?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let verb = async |conn: &mut db::Connection| manage::remove(conn, &terms, &id, &token).await;
    match app.cut(verb).await? {
        true => Ok(HttpResponse::NoContent().no_store().finish()),
        false => Err(refused(&app, &limit, &request).await),
    }
}

/// A text that could be a registration access token; anything else is refused before any query.
fn presented(request: &HttpRequest) -> Result<PlainToken, Error> {
    let why = "This takes the registration access token of the client";
    let token = bearer(request).ok_or(Error::NeedsToken { why, presented: false })?;
    PlainToken::parse(TokenKind::Registration, token).ok_or(NOT_YOURS)
}

const NOT_YOURS: Error = Error::NeedsToken {
    why: "This is not, or no longer, the registration access token of such a client",
    presented: true,
};

/// A wrong token costs as much as a registration, so that nobody fills the audit trail with them.
async fn refused(app: &App, limit: &RegistrationLimit, request: &HttpRequest) -> Error {
    if let Err(wait) = limit.spend(ClientAddress::of(request).0) {
        return Error::TooMany(wait);
    }
    match note_refusal(app, &origin_of(request), "registration access token").await {
        Ok(()) => NOT_YOURS,
        Err(error) => error,
    }
}
