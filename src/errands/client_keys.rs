//! ERRAND: the public keys of a client, given by value or fetched from where it publishes them (RFC 7591 §2).

use std::sync::Arc;

use super::key_set;
use crate::app::App;
use crate::crypto::statement::{Header, KeySet};
use crate::grants::client::{Client, ClientOrigin};
use crate::net::Purpose;

/// What is known of a client's keys.
#[derive(Debug)]
pub enum ClientKeys {
    /// These.
    Known(Arc<KeySet>),
    /// They would have to be fetched, which is not done for strangers (`decisions` 18).
    NotFetched,
    /// There are none that could be used; why, in words for the client's developer.
    Missing(&'static str),
}

/// The keys of a client that could verify a statement with this header. `may_fetch` allows one request to its `jwks_uri`.
///
/// They are those that the client registered; what a header says of keys (`jku`, `x5u`, `jwk`) is never followed
/// (RFC 8725 §3.10).
pub async fn of(app: &App, client: &Client, header: &Header, may_fetch: bool) -> ClientKeys {
    match (&client.options.jwks, &client.options.jwks_uri) {
        (Some(jwks), _) => match KeySet::parse(jwks) {
            Ok(keys) => ClientKeys::Known(Arc::new(keys)),
            Err(_) => ClientKeys::Missing("The jwks of this client cannot be used"),
        },
        (None, Some(_)) if !may_fetch => ClientKeys::NotFetched,
        (None, Some(url)) => match key_set::fetch(app, purpose(client), url, header).await {
            Ok(keys) => ClientKeys::Known(keys),
            Err(error) => {
                tracing::info!(client = client.id, error, "a client's keys could not be fetched");
                ClientKeys::Missing("The jwks_uri of this client cannot be read just now")
            }
        },
        (None, None) => ClientKeys::Missing("This client has registered no keys"),
    }
}

/// An administrator may name a host that strangers may not, and what they named has a budget of its own.
fn purpose(client: &Client) -> Purpose {
    match client.origin {
        ClientOrigin::Registered | ClientOrigin::MetadataDocument | ClientOrigin::Person => Purpose::ClientDocument,
        ClientOrigin::Administrator | ClientOrigin::BuiltIn => Purpose::AdministratorKeys,
    }
}
