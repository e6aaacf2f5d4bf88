//! ERRAND: the public keys of a client, by value or from where it publishes them (RFC 7591 §2).

use std::sync::Arc;

use super::key_set;
use crate::app::App;
use crate::crypto::statement::{Header, KeySet};
use crate::grants::client::{Client, ClientOrigin};
use crate::net::Purpose;

/// The keys of this client that could verify a statement with this header. The error is for the client's developer.
///
/// They are those that the client registered; what a header says of keys (`jku`, `x5u`, `jwk`) is never followed
/// (RFC 8725 §3.10).
pub async fn of(app: &App, client: &Client, header: &Header) -> Result<Arc<KeySet>, &'static str> {
    if let Some(jwks) = &client.options.jwks {
        return KeySet::parse(jwks).map(Arc::new).map_err(|_| "The jwks of this client cannot be used");
    }
    let Some(url) = &client.options.jwks_uri else { return Err("This client has registered no keys") };
    let purpose = match client.origin {
        ClientOrigin::Registered | ClientOrigin::MetadataDocument => Purpose::ClientDocument,
        ClientOrigin::Administrator => Purpose::AdministratorEndpoint,
    };
    key_set::fetch(app, purpose, url, header).await.map_err(|error| {
        tracing::info!(client = client.id, error, "a client's keys could not be fetched");
        "The jwks_uri of this client cannot be read just now"
    })
}
