//! What a client says of itself, in a registration request (RFC 7591) or in a document at its identifier (Client ID Metadata
//! Document draft), and what we make of it.
//!
//! Nothing that a client asks for is a reason to trust it: members that we do not know are ignored, grants and scopes that we
//! do not give are left out, and the answer says what is in force (RFC 7591 §3.2.1). Its `scope` is what was asked for; the
//! ceiling, which is stored, may be wider.
//!
//! * A redirect URI that is merely unsupported is left out while others remain, so that one does not cost a client its
//!   registration; one that looks like an attack refuses the whole.
//! * A private-use redirect URI makes the client public, whatever it asked for, and a local one makes it native.
//! * A deceptive name is shown cleaned, and `name_was_cleaned` says so; a longer one is refused.
//! * What the operator does not allow ([`Policy`]) counts as unsupported.

mod error;
mod grant_types;
mod options;
mod policy;
mod registration;
mod statement;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::Url;

use super::client_name::{MAX_NAME, clean, is_deceptive};
use crate::types::{ClientIdUrl, RedirectTarget, RedirectUri, Scope};
pub use error::MetadataError;
pub use grant_types::{DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE};
pub use policy::Policy;
pub use registration::{ApplicationType, AuthMethod, Registration};
pub use statement::SoftwareStatement;

/// The largest metadata document (the draft's recommendation).
pub const MAX_DOCUMENT: usize = 5 * 1024;
/// The largest registration request: room for every redirect URI at some length.
pub const MAX_REQUEST: usize = 32 * 1024;
/// The most redirect URIs.
pub const MAX_REDIRECT_URIS: usize = 20;
/// The largest key set by value.
pub const MAX_KEYS: usize = 16 * 1024;
const MAX_CONTACTS: usize = 10;
/// What a person sees of a client that does not name itself.
const UNNAMED: &str = "Unnamed app";

/// Members as they were sent (RFC 7591 §2). A member that occurs twice is refused by the derived code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    client_id: Option<String>,
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    application_type: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    contacts: Option<Vec<String>>,
    software_id: Option<String>,
    software_version: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    request_object_signing_alg: Option<String>,
    id_token_signed_response_alg: Option<String>,
    post_logout_redirect_uris: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
    default_max_age: Option<i32>,
    require_auth_time: Option<bool>,
    software_statement: Option<String>,
    client_secret: Option<Value>,
    client_secret_expires_at: Option<IgnoredAny>,
    client_id_issued_at: Option<IgnoredAny>,
    registration_access_token: Option<IgnoredAny>,
    registration_client_uri: Option<IgnoredAny>,
}

/// What a client wants to be from now on (RFC 7592 §2.2).
#[derive(Clone, Debug)]
pub struct Update {
    /// All of it: what is left out is no longer so.
    pub registration: Registration,
    /// Its secret, if it sent it along, which it may only do unchanged.
    pub client_secret: Option<String>,
}

impl ClientMetadata {
    /// Judges a registration request. A `client_id` or `client_secret` in it is ignored: both are ours to choose. What a
    /// trusted software statement says comes before what the client says (RFC 7591 §2.3).
    pub fn from_request(
        body: &[u8],
        statement: Option<&SoftwareStatement>,
        policy: &Policy,
    ) -> Result<Registration, MetadataError> {
        Self::sent(body, statement)?.judge_request(policy)
    }

    /// Judges what the client `id` wants to be from now on (RFC 7592 §2.2).
    pub fn from_update(
        id: &str,
        body: &[u8],
        statement: Option<&SoftwareStatement>,
        policy: &Policy,
    ) -> Result<Update, MetadataError> {
        let sent = Self::sent(body, statement)?;
        if sent.client_id.as_deref() != Some(id) {
            return Err(MetadataError::ClientId);
        }
        let ours = [
            &sent.registration_access_token,
            &sent.registration_client_uri,
            &sent.client_id_issued_at,
            &sent.client_secret_expires_at,
        ];
        if ours.iter().any(|member| member.is_some()) {
            return Err(MetadataError::NotYours);
        }
        let client_secret = match &sent.client_secret {
            None => None,
            Some(Value::String(secret)) => Some(secret.clone()),
            Some(_) => return Err(MetadataError::WrongSecret),
        };
        Ok(Update { registration: sent.judge_request(policy)?, client_secret })
    }

    /// Judges the document at `url`: it must be about that client, name it, and hold no secret.
    pub fn from_document(url: &ClientIdUrl, body: &[u8], policy: &Policy) -> Result<Registration, MetadataError> {
        let mut sent = Self::read(body, MAX_DOCUMENT)?;
        // The document itself is the proof of who speaks.
        sent.software_statement = None;
        if sent.client_id.as_deref() != Some(url.as_str()) {
            return Err(MetadataError::ClientId);
        }
        if sent.client_secret.is_some() || sent.client_secret_expires_at.is_some() {
            return Err(MetadataError::Secret);
        }
        if clean(sent.client_name.as_deref().unwrap_or_default()).is_empty() {
            return Err(MetadataError::NoName);
        }
        // A secret that everyone can read proves nothing, so the default of RFC 7591 does not apply.
        match sent.token_endpoint_auth_method.as_deref() {
            None | Some("none") => sent.judge(Some(AuthMethod::None), policy),
            Some("private_key_jwt") => sent.judge(Some(AuthMethod::PrivateKeyJwt), policy),
            Some(_) => Err(MetadataError::AuthMethod),
        }
    }

    fn sent(body: &[u8], statement: Option<&SoftwareStatement>) -> Result<Self, MetadataError> {
        let mut sent = Self::read(body, MAX_REQUEST)?;
        // Only one that was verified is worth repeating.
        sent.software_statement = None;
        match statement {
            Some(statement) => statement.overrule(body),
            None => Ok(sent),
        }
    }

    fn judge_request(self, policy: &Policy) -> Result<Registration, MetadataError> {
        let method = self.token_endpoint_auth_method.as_deref();
        let method = method.map(|name| AuthMethod::named(name).ok_or(MetadataError::AuthMethod)).transpose()?;
        self.judge(method, policy)
    }

    fn read(body: &[u8], limit: usize) -> Result<Self, MetadataError> {
        if body.len() > limit {
            return Err(MetadataError::TooLarge);
        }
        // The derived code would also take an array for a struct.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(MetadataError::Malformed);
        }
        // PostgreSQL keeps no NUL, and nothing that a client says of itself needs one.
        if body.windows(6).any(|text| text == br"\u0000") {
            return Err(MetadataError::Malformed);
        }
        serde_json::from_slice(body).map_err(|_| MetadataError::Malformed)
    }

    fn judge(self, asked_method: Option<AuthMethod>, policy: &Policy) -> Result<Registration, MetadataError> {
        let options = self.options(policy)?;
        let grant_types = self.grant_types()?;
        let redirect_uris = self.usable_redirect_uris(policy)?;
        if redirect_uris.is_empty() && grant_types.has(grant_types::AUTHORIZATION_CODE) {
            return Err(MetadataError::NoRedirectUri);
        }
        let name = self.name()?;
        let application_type = self.application_type(&redirect_uris);
        let auth_method = auth_method(asked_method, application_type, &redirect_uris);
        if auth_method == AuthMethod::PrivateKeyJwt && !options.has_keys() {
            return Err(MetadataError::NoKeys);
        }
        Ok(Registration {
            name_was_cleaned: self.client_name.as_deref().is_some_and(is_deceptive),
            name,
            grant_types,
            auth_method,
            scope: self.scope(&policy.ceiling)?,
            ceiling: policy.ceiling.clone(),
            application_type,
            metadata: self.shown(auth_method)?,
            redirect_uris,
            options,
        })
    }

    fn usable_redirect_uris(&self, policy: &Policy) -> Result<Vec<RedirectUri>, MetadataError> {
        let sent = self.redirect_uris.as_deref().unwrap_or_default();
        if sent.len() > MAX_REDIRECT_URIS {
            return Err(MetadataError::TooManyRedirectUris);
        }
        let mut usable: Vec<RedirectUri> = Vec::new();
        let mut unsupported = None;
        for text in sent {
            match text.parse::<RedirectUri>() {
                Ok(uri) if usable.contains(&uri) => {}
                Ok(uri) if policy.allows(&uri) => usable.push(uri),
                Ok(_) => unsupported = unsupported.or(Some(MetadataError::ForeignRedirectUri)),
                Err(why) if why.is_dangerous() => return Err(why.into()),
                Err(why) => unsupported = unsupported.or(Some(why.into())),
            }
        }
        match unsupported {
            Some(why) if usable.is_empty() => Err(why),
            _ => Ok(usable),
        }
    }

    fn name(&self) -> Result<String, MetadataError> {
        let name = clean(self.client_name.as_deref().unwrap_or_default());
        match name.chars().count() {
            0 => Ok(UNNAMED.to_owned()),
            1..=MAX_NAME => Ok(name),
            _ => Err(MetadataError::NameTooLong),
        }
    }

    /// Local redirect URIs are for native clients (RFC 8252 §7); without one, what the client says.
    fn application_type(&self, redirect_uris: &[RedirectUri]) -> ApplicationType {
        if redirect_uris.iter().any(|uri| !matches!(uri.target(), RedirectTarget::Web { .. })) {
            return ApplicationType::Native;
        }
        self.application_type.as_deref().and_then(ApplicationType::named).unwrap_or(ApplicationType::Web)
    }

    /// Of the scopes asked for those that a client may have that nobody vouches for; if that leaves none, all of those.
    fn scope(&self, ceiling: &Scope) -> Result<Scope, MetadataError> {
        let asked: Scope = self.scope.as_deref().unwrap_or_default().parse().map_err(|_| MetadataError::Scope)?;
        let given = asked.within(ceiling);
        Ok(if given.is_empty() { ceiling.clone() } else { given })
    }

    /// What decides nothing. A part that cannot be shown safely is left out.
    fn shown(&self, auth_method: AuthMethod) -> Result<Value, MetadataError> {
        let pages = [
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
        ];
        let pages = pages.into_iter().filter_map(|(name, uri)| Some((name, json!(safe_page(uri.as_deref()?)?))));
        let software = [("software_id", &self.software_id), ("software_version", &self.software_version)];
        let software =
            software.into_iter().filter_map(|(name, text)| Some((name, json!(short_text(text.as_deref()?)?))));
        let contacts: Vec<String> =
            self.contacts.iter().flatten().filter_map(|text| short_text(text)).take(MAX_CONTACTS).collect();
        let contacts = (!contacts.is_empty()).then(|| ("contacts", json!(contacts)));
        let tolerated = self.tolerated(auth_method)?;
        let all = pages.chain(software).chain(contacts).chain(tolerated);
        Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// A secret proves nothing about whoever claimed a private-use scheme (RFC 8252 §8.5), so such a client is public. Without a
/// wish, a native client is public too, as it can keep no secret; any other gets the default of RFC 7591 §2.
fn auth_method(asked: Option<AuthMethod>, kind: ApplicationType, redirect_uris: &[RedirectUri]) -> AuthMethod {
    if redirect_uris.iter().any(RedirectUri::is_for_public_clients_only) {
        return AuthMethod::None;
    }
    asked.unwrap_or(match kind {
        ApplicationType::Native => AuthMethod::None,
        ApplicationType::Web => AuthMethod::SecretBasic,
    })
}

/// An https URI to link to, in its normal form.
fn safe_page(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|_| uri.len() <= RedirectUri::MAX_LENGTH)?;
    let is_safe = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    is_safe.then(|| url.into())
}

fn short_text(text: &str) -> Option<String> {
    Some(clean(text)).filter(|text| (1..=MAX_NAME).contains(&text.chars().count()))
}

#[cfg(test)]
mod tests;
