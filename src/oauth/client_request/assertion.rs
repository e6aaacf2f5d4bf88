//! `private_key_jwt`: whose keys a client's statement is checked with, and for whom it must be meant.

use std::sync::Arc;

use crate::app::App;
use crate::crypto::statement::{Header, KeySet};
use crate::db;
use crate::errands::key_set;
use crate::grants::client::{Client, ClientOrigin};
use crate::grants::client_assertion;
use crate::http::urls;
use crate::net::Purpose;

/// What is wrong with a client's statement, if anything.
///
/// Its keys are those that the client registered, by value or by URL; what a header says of keys (`jku`, `x5u`, `jwk`) is never
/// followed (RFC 8725 §3.10).
pub(super) async fn flaw(
    app: &App,
    client: &Client,
    assertion: &str,
    path: &str,
) -> Result<Option<&'static str>, db::Error> {
    let keys = match Header::of(assertion) {
        Some(header) => keys(app, client, &header).await,
        None => return Ok(Some("The client_assertion is not a signed JWT")),
    };
    let Some(keys) = keys else { return Ok(Some("The keys of this client cannot be read")) };
    // RFC 7523 §3, OpenID Connect Core §9: clients differ in which of these they say.
    let endpoint = format!("{}{path}", app.config.server.public_url.origin());
    let token_endpoint = app.at(urls::TOKEN);
    let audiences = [app.issuer(), &token_endpoint, &endpoint];
    let now = app.clock.now();
    let prove = client_assertion::judge(client, &keys, assertion, &audiences, now);
    let statement = match prove {
        Ok(statement) => statement,
        Err(why) => return Ok(Some(why)),
    };
    let is_new = app.db.write_once(async |conn| client_assertion::use_up(conn, client, &statement).await).await?;
    Ok((!is_new).then_some("The client_assertion was used before; sign a new one for each request"))
}

async fn keys(app: &App, client: &Client, header: &Header) -> Option<Arc<KeySet>> {
    if let Some(jwks) = &client.options.jwks {
        return KeySet::parse(jwks).ok().map(Arc::new);
    }
    let purpose = match client.origin {
        ClientOrigin::Registered | ClientOrigin::MetadataDocument => Purpose::ClientDocument,
        ClientOrigin::Administrator => Purpose::AdministratorEndpoint,
    };
    match key_set::fetch(app, purpose, client.options.jwks_uri.as_deref()?, header).await {
        Ok(keys) => Some(keys),
        Err(error) => {
            tracing::info!(client = client.id, error, "a client's keys could not be fetched");
            None
        }
    }
}
