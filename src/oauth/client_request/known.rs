//! The client that a request names, as far as anything is known of it.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::presented::Presented;
use crate::app::App;
use crate::audit::Origin;
use crate::errands::client_metadata::{self, Lookup};
use crate::grants::client::Client;
use crate::grants::client_metadata::AuthMethod;
use crate::http::client_address::ClientAddress;
use crate::http::limit::DocumentLimit;
use crate::http::urls;
use crate::oauth::error::Error;

/// The client of that id as this node remembers it, while it hears of changes. Where a client pushes its request, its document is
/// looked at instead.
pub(super) fn remembered(app: &App, request: &HttpRequest, id: &str) -> Option<Arc<Client>> {
    let hears_changes = app.access.is_current(&app.changes) && !is_pushed(app, request);
    app.access.known_client(id, hears_changes)
}

fn is_pushed(app: &App, request: &HttpRequest) -> bool {
    request.path().strip_prefix(app.config.server.public_url.base_path()) == Some(urls::PAR)
}

/// The client of that id. Only those that we know: none is fetched for a stranger, but where a client pushes its request. That
/// is the first that we hear of it, and it comes from the client itself, before there is a browser in which somebody could sign
/// in (RFC 9126 §2).
pub(super) async fn find(
    app: &App,
    request: &HttpRequest,
    presented: &Presented<'_>,
    origin: &Origin,
) -> Result<Option<Arc<Client>>, Error> {
    if !is_pushed(app, request) {
        return Ok(app.access.read_client(&app.db, &presented.id, app.access.is_current(&app.changes)).await?);
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
        Lookup::Known(client) => Ok(Some(Arc::new(*client))),
        Lookup::Unknown | Lookup::NotFetched => Ok(None),
        Lookup::Refused(_) => Err(Error::InvalidClient {
            why: "The metadata document of this client cannot be read, or is no good",
            basic: presented.proof.method() == AuthMethod::SecretBasic,
        }),
    }
}
