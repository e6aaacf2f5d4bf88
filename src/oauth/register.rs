//! `POST /oauth/clients/register` (RFC 7591 §3): a client registers itself.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::error::Error;
use crate::app::App;
use crate::grants::client_metadata::{ClientMetadata, MAX_REQUEST, MetadataError};
use crate::grants::register;
use crate::http::client_address::ClientAddress;
use crate::http::flow;
use crate::http::limit::RegistrationLimit;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;

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
    let registration = ClientMetadata::from_request(&body)?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let registered = app.db.write(async |conn| register::register(conn, &terms, &registration).await).await?;
    flow::about(&request, &registered.client_id, None);
    let secret = registered.secret.as_ref().map(|secret| secret.reveal());
    let answer = registration.response(&registered.client_id, secret, registered.issued_at);
    Ok(HttpResponse::Created().no_store().json(answer))
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        match error.code() {
            "invalid_redirect_uri" => Self::InvalidRedirectUri(error.to_string()),
            _ => Self::InvalidClientMetadata(error.to_string()),
        }
    }
}
