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

mod registration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::Url;

use super::client_name::{MAX_NAME, clean, is_deceptive};
use crate::types::{ClientIdUrl, RedirectTarget, RedirectUri, RedirectUriError, Scope, Words, known_scopes};
pub use registration::{ApplicationType, AuthMethod, Registration};

/// The largest metadata document (the draft's recommendation).
pub const MAX_DOCUMENT: usize = 5 * 1024;
/// The largest registration request: room for every redirect URI at some length.
pub const MAX_REQUEST: usize = 32 * 1024;
/// The most redirect URIs.
pub const MAX_REDIRECT_URIS: usize = 20;
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
    client_secret: Option<IgnoredAny>,
    client_secret_expires_at: Option<IgnoredAny>,
}

/// Why metadata is refused. The messages repeat nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Over [`MAX_DOCUMENT`] or [`MAX_REQUEST`].
    #[error("the client metadata is too large")]
    TooLarge,
    /// Not a JSON object in UTF-8, a member of the wrong type, or a member twice.
    #[error("the client metadata is not a JSON object with members of the expected types, each at most once")]
    Malformed,
    /// None, or none left.
    #[error("redirect_uris must have at least one redirect URI")]
    NoRedirectUri,
    /// Over [`MAX_REDIRECT_URIS`].
    #[error("redirect_uris must have at most 20 redirect URIs")]
    TooManyRedirectUris,
    /// A dangerous one, or the first of those of which none can be used.
    #[error(transparent)]
    RedirectUri(#[from] RedirectUriError),
    /// Over [`MAX_NAME`].
    #[error("client_name must be at most 128 characters long")]
    NameTooLong,
    /// Missing where it is required.
    #[error("client_name is required")]
    NoName,
    /// Neither public nor a shared secret, or a shared secret in a public document.
    #[error("token_endpoint_auth_method is not supported here")]
    AuthMethod,
    /// Nothing that we do.
    #[error("grant_types must include authorization_code")]
    GrantTypes,
    /// Anything without `code`.
    #[error("response_types must include code")]
    ResponseTypes,
    /// Not a scope.
    #[error("scope is not a list of scope tokens")]
    Scope,
    /// A document that is about another client.
    #[error("client_id in the document is not the URL of the document")]
    ClientId,
    /// A secret or a private key for all to read.
    #[error("the client metadata contains a secret")]
    Secret,
}

impl MetadataError {
    /// The error code of a registration (RFC 7591 §3.2.2).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRedirectUri | Self::TooManyRedirectUris | Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::TooLarge
            | Self::Malformed
            | Self::NameTooLong
            | Self::NoName
            | Self::AuthMethod
            | Self::GrantTypes
            | Self::ResponseTypes
            | Self::Scope
            | Self::ClientId
            | Self::Secret => "invalid_client_metadata",
        }
    }
}

impl ClientMetadata {
    /// Judges a registration request. A `client_id` or `client_secret` in it is ignored: both are ours to choose.
    pub fn from_request(body: &[u8]) -> Result<Registration, MetadataError> {
        let sent = Self::read(body, MAX_REQUEST)?;
        let method = sent.token_endpoint_auth_method.as_deref();
        let offered = |name| AuthMethod::named(name).filter(|method| *method != AuthMethod::PrivateKeyJwt);
        let method = method.map(|name| offered(name).ok_or(MetadataError::AuthMethod)).transpose()?;
        sent.judge(method)
    }

    /// Judges the document at `url`: it must be about that client, name it, and hold no secret.
    pub fn from_document(url: &ClientIdUrl, body: &[u8]) -> Result<Registration, MetadataError> {
        let sent = Self::read(body, MAX_DOCUMENT)?;
        if sent.client_id.as_deref() != Some(url.as_str()) {
            return Err(MetadataError::ClientId);
        }
        if sent.client_secret.is_some() || sent.client_secret_expires_at.is_some() {
            return Err(MetadataError::Secret);
        }
        if clean(sent.client_name.as_deref().unwrap_or_default()).is_empty() {
            return Err(MetadataError::NoName);
        }
        // Whatever everyone can read proves nothing, so the default of RFC 7591 does not apply.
        match sent.token_endpoint_auth_method.as_deref() {
            None | Some("none") => sent.judge(Some(AuthMethod::None)),
            Some(_) => Err(MetadataError::AuthMethod),
        }
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

    fn judge(self, asked_method: Option<AuthMethod>) -> Result<Registration, MetadataError> {
        if self.jwks.as_ref().is_some_and(has_private_key) {
            return Err(MetadataError::Secret);
        }
        let redirect_uris = self.usable_redirect_uris()?;
        let name = self.name()?;
        let application_type = self.application_type(&redirect_uris);
        Ok(Registration {
            name_was_cleaned: self.client_name.as_deref().is_some_and(is_deceptive),
            name,
            grant_types: self.grant_types()?,
            auth_method: auth_method(asked_method, application_type, &redirect_uris),
            scope: self.scope()?,
            application_type,
            metadata: self.shown(),
            redirect_uris,
        })
    }

    fn usable_redirect_uris(&self) -> Result<Vec<RedirectUri>, MetadataError> {
        let sent = self.redirect_uris.as_deref().unwrap_or_default();
        if sent.len() > MAX_REDIRECT_URIS {
            return Err(MetadataError::TooManyRedirectUris);
        }
        let mut usable: Vec<RedirectUri> = Vec::new();
        let mut unsupported = None;
        for text in sent {
            match text.parse::<RedirectUri>() {
                Ok(uri) if usable.contains(&uri) => {}
                Ok(uri) => usable.push(uri),
                Err(why) if why.is_dangerous() => return Err(why.into()),
                Err(why) => unsupported = unsupported.or(Some(why)),
            }
        }
        if usable.is_empty() { Err(unsupported.map_or(MetadataError::NoRedirectUri, Into::into)) } else { Ok(usable) }
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

    /// Of the grants asked for those that we give. Whoever asks for none gets both, as a client without refresh tokens sends
    /// its person back to sign in every hour.
    fn grant_types(&self) -> Result<Words, MetadataError> {
        let asked = self.grant_types.as_deref().unwrap_or_default();
        let has = |name: &str| asked.is_empty() || asked.iter().any(|grant| grant == name);
        match (has("authorization_code"), has("refresh_token")) {
            // Refresh tokens come from codes only, so asking for them alone asks for both.
            (_, true) => Ok(Words::from_iter(["authorization_code", "refresh_token"])),
            (true, false) => Ok(Words::from_iter(["authorization_code"])),
            (false, false) => Err(MetadataError::GrantTypes),
        }
        .and_then(|grants| self.check_response_types().map(|()| grants))
    }

    fn check_response_types(&self) -> Result<(), MetadataError> {
        let asked = self.response_types.as_deref().unwrap_or_default();
        let is_code = asked.is_empty() || asked.iter().any(|kind| kind == "code");
        if is_code { Ok(()) } else { Err(MetadataError::ResponseTypes) }
    }

    /// Of the scopes asked for those that a client may have that nobody vouches for; if that leaves none, all of those.
    fn scope(&self) -> Result<Scope, MetadataError> {
        let asked: Scope = self.scope.as_deref().unwrap_or_default().parse().map_err(|_| MetadataError::Scope)?;
        let ceiling = Scope::of(&known_scopes::SELF_REGISTERED);
        let given = asked.within(&ceiling);
        Ok(if given.is_empty() { ceiling } else { given })
    }

    /// What decides nothing. A part that cannot be shown safely is left out.
    fn shown(&self) -> Value {
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
        pages.chain(software).chain(contacts).map(|(name, value)| (name.to_owned(), value)).collect()
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

/// True when a JWK has a member of a private or symmetric key (RFC 7518 §6).
fn has_private_key(jwks: &Value) -> bool {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.chain([jwks]).any(|key| PRIVATE.iter().any(|member| key.get(member).is_some()))
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
