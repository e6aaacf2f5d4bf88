//! What is in force for a client, once its metadata was judged.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::types::{RedirectUri, Scope, Words};

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
    /// Between one and [`MAX_REDIRECT_URIS`](super::MAX_REDIRECT_URIS), without repetition, in the client's order.
    pub redirect_uris: Vec<RedirectUri>,
    /// `authorization_code`, with or without `refresh_token`.
    pub grant_types: Words,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// What it asked for, of what a client that registered itself may have. The answer repeats it; what is stored as its scope
    /// is the ceiling, which is the same for all (`decisions` 14).
    pub scope: Scope,
    /// Where it runs.
    pub application_type: ApplicationType,
    /// What is only ever shown, as an object: URIs of its pages and logo, contacts, software.
    pub metadata: Value,
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
    /// SHA-256 of everything a person is shown or relies on; consent is given to this, so what changes it asks again.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut redirect_uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        redirect_uris.sort_unstable();
        let shown: BTreeMap<&String, &Value> = self.metadata.as_object().into_iter().flatten().collect();
        let canonical = json!([
            self.name,
            redirect_uris,
            self.grant_types.0,
            self.auth_method.name(),
            self.scope.to_string(),
            self.application_type.name(),
            shown.into_iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>(),
        ]);
        Sha256::digest(canonical.to_string().as_bytes()).into()
    }

    /// The answer to a registration: what is in force, without a null anywhere (RFC 7591 §3.2.1). `scope` is what was asked
    /// for; the client may ask for more later, up to the ceiling.
    pub fn response(&self, client_id: &str, secret: Option<&str>, issued_at: DateTime<Utc>) -> Value {
        let mut answer = self.metadata.as_object().cloned().unwrap_or_default();
        answer.extend([
            ("client_id".to_owned(), json!(client_id)),
            ("client_id_issued_at".to_owned(), json!(issued_at.timestamp())),
            ("client_name".to_owned(), json!(self.name)),
            ("redirect_uris".to_owned(), json!(self.redirect_uris)),
            ("grant_types".to_owned(), json!(self.grant_types)),
            ("response_types".to_owned(), json!(["code"])),
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
