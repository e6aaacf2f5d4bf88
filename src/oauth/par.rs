//! `POST /oauth/par` (RFC 9126): a client hands its authorization request to us itself, before it sends a browser.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::authorize::{Refusal, check};
use super::client_request::ClientRequest;
use super::error::Error;
use super::possession::presented_key;
use super::request_object;
use crate::app::App;
use crate::db::Connection;
use crate::grants::client::{ClientOrigin, Profile};
use crate::grants::push::{self, BEGIN_WITHIN};
use crate::http::client_address::ClientAddress;
use crate::http::limit::PushLimit;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;

/// The answer (RFC 9126 §2.2).
#[derive(Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: i64,
}

/// `POST /oauth/par`: the same checks as where a browser brings the request, and errors where they can be read.
pub async fn post(
    app: Data<App>,
    limit: Data<PushLimit>,
    request: HttpRequest,
    form: ClientRequest,
) -> Result<HttpResponse, Error> {
    let ClientRequest { client, params, .. } = form;
    // Whoever registered by themselves is a stranger, with a secret or without.
    if client.origin != ClientOrigin::Administrator {
        limit.spend(ClientAddress::of(&request).0).map_err(Error::TooMany)?;
    }
    if params.get("request_uri").is_some() {
        return Err(Error::InvalidRequest("A pushed request cannot be a request_uri (RFC 9126 section 2.1)"));
    }
    let params = match params.get("request") {
        // The client has proved who it is, or has nothing to prove: its keys may be fetched now.
        Some(object) => request_object::open(&app, &client, object, true).await?.unwrap_or_default(),
        None => params,
    };
    // FAPI 2.0 Security Profile §5.3.2.2.
    if client.options.profile == Profile::Fapi2 && params.get("redirect_uri").is_none() {
        return Err(Error::InvalidRequest("The redirect_uri is missing"));
    }
    let redirect_uri = client.redirect_to(params.get("redirect_uri")).map(str::to_owned);
    let redirect_uri = redirect_uri.ok_or(Error::InvalidRequest("This client has not registered this redirect_uri"))?;
    let mut asked = check(&app, &client, &redirect_uri, &params)?;
    // RFC 9449 §10.1: a proof here says for which key the code will be, as `dpop_jkt` does.
    if let Some(key) = presented_key(&app, &request, Some(&client)).await? {
        if asked.dpop_jkt.as_ref().is_some_and(|named| *named != key) {
            return Err(Error::InvalidRequest("The dpop_jkt is not that of the key in the DPoP header"));
        }
        asked.dpop_jkt = Some(key);
    }
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let token = app.db.write(async |conn: &mut Connection| push::push(conn, &terms, &asked).await).await?;
    let pushed = Pushed { request_uri: push::request_uri(&token), expires_in: BEGIN_WITHIN.num_seconds() };
    Ok(HttpResponse::Created().no_store().json(pushed))
}

impl From<Refusal> for Error {
    fn from(Refusal(code, why): Refusal) -> Self {
        Self::Authorization(code, why)
    }
}
