//! What is in force for a client, once its metadata was judged.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::grant_types::AUTHORIZATION_CODE;
use crate::grants::client::{Client, ClientOptions};
use crate::types::{RedirectUri, Scope, Words, known_scopes};

/// How a client proves itself at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A public client, which has PKCE alone.
    None,
    /// A secret by HTTP Basic.
    SecretBasic,
    /// A secret in the form.
    SecretPost,
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt,
}

/// Where a client runs (OpenID Connect Registration §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationType {
    /// On a server.
    Web,
    /// On the person's own machine.
    Native,
}

/// What is in force for a client: the outcome of judging its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The name to show, cleaned.
    pub name: String,
    /// True when the name held invisible or direction-changing characters.
    pub name_was_cleaned: bool,
    /// At most [`MAX_REDIRECT_URIS`](super::MAX_REDIRECT_URIS), without repetition, in the client's order; none only without
    /// the grant `authorization_code`.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may do at the token endpoint.
    pub grant_types: Words,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// What it asked for, of what a client that registered itself may have. The answer repeats it; what is stored as its scope
    /// is the ceiling, which is the same for all (`decisions` 14).
    pub scope: Scope,
    /// What it may ever be granted: the same for all that nobody vouches for.
    pub ceiling: Scope,
    /// Where it runs.
    pub application_type: ApplicationType,
    /// What is only ever shown, as an object: URIs of its pages and logo, contacts, software.
    pub metadata: Value,
    /// What it asks of us beyond a redirect.
    pub options: ClientOptions,
}

impl AuthMethod {
    /// Every one of them, as discovery lists them.
    pub const ALL: [Self; 4] = [Self::None, Self::SecretBasic, Self::SecretPost, Self::PrivateKeyJwt];

    /// Its name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl ApplicationType {
    /// Its name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }

    /// The type of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Web, Self::Native].into_iter().find(|kind| kind.name() == name)
    }
}

impl Registration {
    /// What is in force for a client that registered before.
    pub fn of(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            name_was_cleaned: false,
            redirect_uris: client.redirect_uris.clone(),
            grant_types: client.grant_types.clone(),
            auth_method: client.auth_method,
            scope: client.options.requested_scope.clone().unwrap_or_else(|| client.scope.clone()),
            ceiling: client.scope.clone(),
            application_type: client.application_type,
            metadata: client.metadata.clone(),
            options: ClientOptions { requested_scope: None, ..client.options.clone() },
        }
    }

    /// SHA-256 of everything a person is shown or relies on; consent is given to this, so what changes it asks again.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut redirect_uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        redirect_uris.sort_unstable();
        let shown: BTreeMap<&String, &Value> = self.metadata.as_object().into_iter().flatten().collect();
        // A ceiling that was lowered later is not that of an identical client that registered before.
        let ceiling = (self.ceiling != Scope::of(&known_scopes::SELF_REGISTERED)).then(|| self.ceiling.to_string());
        let canonical = json!([
            self.name,
            redirect_uris,
            self.grant_types.0,
            self.auth_method.name(),
            self.scope.to_string(),
            self.application_type.name(),
            shown.into_iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
            self.options.declared(),
            ceiling,
        ]);
        Sha256::digest(canonical.to_string().as_bytes()).into()
    }

    /// The answer to a registration: what is in force, without a null anywhere (RFC 7591 §3.2.1). `scope` is what was asked
    /// for; the client may ask for more later, up to the ceiling.
    pub fn response(&self, client_id: &str, secret: Option<&str>, issued_at: DateTime<Utc>) -> Value {
        let mut answer = self.metadata.as_object().cloned().unwrap_or_default();
        answer.extend(self.options.declared());
        let response_types: &[&str] = if self.grant_types.has(AUTHORIZATION_CODE) { &["code"] } else { &[] };
        answer.extend([
            ("client_id".to_owned(), json!(client_id)),
            ("client_id_issued_at".to_owned(), json!(issued_at.timestamp())),
            ("client_name".to_owned(), json!(self.name)),
            ("redirect_uris".to_owned(), json!(self.redirect_uris)),
            ("grant_types".to_owned(), json!(self.grant_types)),
            ("response_types".to_owned(), json!(response_types)),
            ("token_endpoint_auth_method".to_owned(), json!(self.auth_method.name())),
            ("application_type".to_owned(), json!(self.application_type.name())),
            ("scope".to_owned(), json!(self.scope)),
        ]);
        if let Some(secret) = secret {
            answer.insert("client_secret".to_owned(), json!(secret));
            // It does not expire (RFC 7591 §3.2.1).
            answer.insert("client_secret_expires_at".to_owned(), json!(0));
        }
        Value::Object(answer)
    }
}
