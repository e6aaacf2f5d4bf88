//! The client that a request names, as far as anything is known of it.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::presented::Presented;
use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::errands::client_metadata::{self, Lookup};
use crate::grants::client::{self, Client};
use crate::grants::client_metadata::AuthMethod;
use crate::http::client_address::ClientAddress;
use crate::http::limit::DocumentLimit;
use crate::http::urls;
use crate::oauth::error::Error;

/// The client of that id. Only those that we know: none is fetched for a stranger, but where a client pushes its request. That
/// is the first that we hear of it, and it comes from the client itself, before there is a browser in which somebody could sign
/// in (RFC 9126 §2).
pub(super) async fn find(
    app: &App,
    request: &HttpRequest,
    presented: &Presented<'_>,
    origin: &Origin,
) -> Result<Option<Client>, Error> {
    let path = request.path().strip_prefix(app.config.server.public_url.base_path());
    if path != Some(urls::PAR) {
        let mut conn = app.db.read().await?;
        return Ok(client::find(&mut conn, &presented.id).await.map_err(db::Error::from)?);
    }
    let looked_up = match client_metadata::look_up(app, &presented.id, false, origin).await? {
        Lookup::NotFetched => {
            let limit = request.app_data::<Data<DocumentLimit>>();
            let limit = limit.ok_or_else(|| Error::Internal("a handler runs without its limits".to_owned()))?;
            limit.spend(ClientAddress::of(request).0).map_err(Error::TooMany)?;
            client_metadata::look_up(app, &presented.id, true, origin).await?
        }
        known => known,
    };
    match looked_up {
        Lookup::Known(client) => Ok(Some(*client)),
        Lookup::Unknown | Lookup::NotFetched => Ok(None),
        Lookup::Refused(_) => Err(Error::InvalidClient {
            why: "The metadata document of this client cannot be read, or is no good",
            basic: presented.proof.method() == AuthMethod::SecretBasic,
        }),
    }
}
