//! ERRAND: the public keys of a client, given by value or fetched from where it publishes them (RFC 7591 §2).

use std::sync::Arc;

use super::key_set;
use crate::app::App;
use crate::crypto::statement::{Header, KeySet};
use crate::grants::client::Client;
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
pub async fn of(app: &App, client: &Client, header: &Header, may_fetch: bool) -> ClientKeys {
    match (&client.options.jwks, &client.options.jwks_uri) {
        (Some(jwks), _) => match KeySet::parse(jwks) {
            Ok(keys) => ClientKeys::Known(Arc::new(keys)),
            Err(_) => ClientKeys::Missing("The jwks of this client cannot be used"),
        },
        (None, Some(_)) if !may_fetch => ClientKeys::NotFetched,
        (None, Some(url)) => match key_set::fetch(app, Purpose::ClientDocument, url, header).await {
            Ok(keys) => ClientKeys::Known(keys),
            Err(_) => ClientKeys::Missing("The jwks_uri of this client could not be read"),
        },
        (None, None) => ClientKeys::Missing("This client has registered no keys"),
    }
}
