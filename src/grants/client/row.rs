//! A client as its row has it, and a new one on its way there.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use serde_json::Value;

use super::{Client, ClientOptions, ClientOrigin};
use crate::audit::Origin;
use crate::crypto::{HashedToken, KeyVersion};
use crate::grants::client_metadata::{ApplicationType, AuthMethod, Registration};
use crate::schema::clients as table;
use crate::types::{RedirectUri, Scope, Words};

/// A client as it is stored.
#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
pub(super) struct Row {
    id: String,
    origin: String,
    name: String,
    secret_hash: Option<HashedToken>,
    token_endpoint_auth_method: String,
    redirect_uris: Value,
    grant_types: Words,
    scope: Scope,
    application_type: String,
    metadata: Value,
    metadata_hash: Vec<u8>,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    fresh_until: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    #[diesel(embed)]
    options: ClientOptions,
}

impl Row {
    /// The client that a row describes; a row that breaks today's rules is a surprise, not a client.
    pub(super) fn read(self) -> QueryResult<Client> {
        let redirect_uris = redirect_uris(self.redirect_uris)?;
        Ok(Client {
            origin: ClientOrigin::named(&self.origin).ok_or_else(|| unknown("origin", &self.origin))?,
            auth_method: AuthMethod::named(&self.token_endpoint_auth_method)
                .ok_or_else(|| unknown("token_endpoint_auth_method", &self.token_endpoint_auth_method))?,
            application_type: ApplicationType::named(&self.application_type)
                .ok_or_else(|| unknown("application_type", &self.application_type))?,
            id: self.id,
            name: self.name,
            secret_hash: self.secret_hash,
            redirect_uris,
            grant_types: self.grant_types,
            scope: self.scope,
            metadata: self.metadata,
            metadata_hash: self.metadata_hash,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            fresh_until: self.fresh_until,
            disabled_at: self.disabled_at,
            options: self.options,
        })
    }
}

fn redirect_uris(stored: Value) -> QueryResult<Vec<RedirectUri>> {
    let stored: Vec<String> = serde_json::from_value(stored).map_err(|error| DeserializationError(error.into()))?;
    stored
        .iter()
        .map(|uri| uri.parse::<RedirectUri>())
        .collect::<Result<_, _>>()
        .map_err(|error| DeserializationError(format!("clients.redirect_uris: {error}").into()))
}

fn unknown(column: &str, value: &str) -> diesel::result::Error {
    DeserializationError(format!("clients.{column} holds {value:?}").into())
}

/// A client about to be stored.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its `client_id`.
    pub id: String,
    /// How we know it.
    pub origin: ClientOrigin,
    /// What it calls itself.
    pub name: String,
    /// The hash of its secret and the root key that keyed it.
    pub secret: Option<(HashedToken, KeyVersion)>,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// Where it runs (OpenID Connect Registration §2).
    pub application_type: ApplicationType,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may do at the token endpoint.
    pub grant_types: Words,
    /// What it may ever be granted.
    pub scope: Scope,
    /// What it says of itself.
    pub metadata: Value,
    /// SHA-256 of everything a person is shown or relies on.
    pub metadata_hash: [u8; 32],
    /// From which address it registered.
    pub created_from: Option<String>,
    /// For a metadata document: until when it need not be read again.
    pub fresh_until: Option<DateTime<Utc>>,
    /// What it asks of us beyond a redirect.
    pub options: ClientOptions,
}

#[derive(Insertable)]
#[diesel(table_name = table)]
pub(super) struct NewRow<'a> {
    id: &'a str,
    origin: &'a str,
    name: &'a str,
    secret_hash: Option<&'a HashedToken>,
    key_version: Option<KeyVersion>,
    token_endpoint_auth_method: &'a str,
    application_type: &'a str,
    redirect_uris: Value,
    grant_types: &'a Words,
    scope: &'a Scope,
    metadata: &'a Value,
    metadata_hash: &'a [u8],
    created_at: DateTime<Utc>,
    created_from: Option<&'a str>,
    fetched_at: Option<DateTime<Utc>>,
    fresh_until: Option<DateTime<Utc>>,
    #[diesel(embed)]
    options: ClientOptions,
}

impl NewClient {
    /// A client as its own metadata describes it: without a secret, and never to be read again.
    ///
    /// What it says it wants is not its ceiling, which is that of everybody whom nobody vouches for (`decisions` 14): it may
    /// step up later.
    pub fn of(id: String, origin: ClientOrigin, registration: &Registration, from: &Origin) -> Self {
        Self {
            id,
            origin,
            name: registration.name.clone(),
            secret: None,
            auth_method: registration.auth_method,
            application_type: registration.application_type,
            redirect_uris: registration.redirect_uris.clone(),
            grant_types: registration.grant_types.clone(),
            scope: registration.ceiling.clone(),
            metadata: registration.metadata.clone(),
            metadata_hash: registration.fingerprint(),
            created_from: from.address.clone(),
            fresh_until: None,
            options: ClientOptions {
                requested_scope: Some(registration.scope.clone()),
                ..registration.options.clone()
            },
        }
    }

    /// As it is stored.
    pub(super) fn row(&self, now: DateTime<Utc>) -> NewRow<'_> {
        NewRow {
            id: &self.id,
            origin: self.origin.name(),
            name: &self.name,
            secret_hash: self.secret.as_ref().map(|(hash, _)| hash),
            key_version: self.secret.as_ref().map(|(_, version)| *version),
            token_endpoint_auth_method: self.auth_method.name(),
            application_type: self.application_type.name(),
            redirect_uris: self.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect(),
            grant_types: &self.grant_types,
            scope: &self.scope,
            metadata: &self.metadata,
            metadata_hash: &self.metadata_hash,
            created_at: now,
            created_from: self.created_from.as_deref(),
            fetched_at: (self.origin == ClientOrigin::MetadataDocument).then_some(now),
            fresh_until: self.fresh_until,
            options: self.options.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A redirect URI that quietly went missing could make another one "the only one there is".
    #[test]
    fn a_stored_redirect_uri_that_does_not_parse_is_a_surprise_and_not_left_out() {
        assert_eq!(redirect_uris(json!(["https://app.example/cb"])).unwrap().len(), 1);
        for stored in [json!(["https://app.example/cb", "javascript:alert(1)"]), json!([1]), json!({}), json!(null)] {
            assert!(redirect_uris(stored.clone()).is_err(), "{stored}");
        }
    }
}
