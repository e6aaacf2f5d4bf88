//! Token requests that bought nothing and are remembered: an exchange, or somebody's assertion.

use actix_web::HttpRequest;
use serde::Deserialize;

use super::GrantType;
use super::request::TokenRequest;
use crate::app::App;
use crate::audit::Event;
use crate::crypto::statement;
use crate::grants::refuse::{Refusal, refuse};
use crate::http::client_address::ClientAddress;
use crate::http::limit::RefusalLimit;
use crate::http::origin::origin_of;
use crate::http::params::Params;
use crate::oauth::error::Error;

/// Records why a request is refused, and gives the error to answer with. Whoever is refused too often has to wait, and leaves
/// no trace meanwhile: nobody fills the audit trail by repeating what cannot succeed.
pub(super) async fn remember(
    app: &App,
    limit: &RefusalLimit,
    request: &HttpRequest,
    (grant, sent): (GrantType, &TokenRequest),
    error: Error,
) -> Error {
    let (Some(event), Some(why)) = (event(grant), error.refusal()) else { return error };
    if let Err(wait) = limit.spend(ClientAddress::of(request).0) {
        return Error::TooMany(wait);
    }
    let client = sent.client().map(|client| client.id.as_str());
    let refusal = Refusal { event, client, error: error.code(), why, said: said(sent.params()) };
    let origin = origin_of(request);
    let terms = app.terms(&origin);
    match app.db.write_once(async |conn| refuse(conn, &terms, &refusal).await).await {
        Ok(()) => error,
        Err(unwritten) => unwritten.into(),
    }
}

/// The event of a grant type whose verb records only what it allows. The others know better themselves what is worth a row.
fn event(grant: GrantType) -> Option<Event> {
    match grant {
        GrantType::TokenExchange => Some(Event::TokenExchangeRefused),
        GrantType::JwtBearer => Some(Event::AssertionRefused),
        GrantType::AuthorizationCode
        | GrantType::RefreshToken
        | GrantType::ClientCredentials
        | GrantType::DeviceCode => None,
    }
}

/// Who an assertion says signed it, and whom it is about: what an administrator needs to know to let it in.
fn said(params: &Params) -> Vec<(&'static str, String)> {
    #[derive(Deserialize)]
    struct Said {
        iss: String,
        sub: Option<String>,
    }
    let said: Option<Said> = params.get("assertion").and_then(statement::unverified);
    let Some(Said { iss, sub }) = said else { return Vec::new() };
    [("issuer", Some(iss)), ("subject", sub)].into_iter().filter_map(|(name, word)| Some((name, word?))).collect()
}
