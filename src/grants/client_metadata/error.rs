//! Why metadata is refused.

use crate::crypto::statement::KeySetError;
use crate::types::RedirectUriError;

/// Why metadata is refused. The messages repeat nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Over [`MAX_DOCUMENT`](super::MAX_DOCUMENT) or [`MAX_REQUEST`](super::MAX_REQUEST).
    #[error("the client metadata is too large")]
    TooLarge,
    /// Not a JSON object in UTF-8, a member of the wrong type, or a member twice.
    #[error("the client metadata is not a JSON object with members of the expected types, each at most once")]
    Malformed,
    /// None, or none left.
    #[error("redirect_uris must have at least one redirect URI")]
    NoRedirectUri,
    /// Over [`MAX_REDIRECT_URIS`](super::MAX_REDIRECT_URIS).
    #[error("redirect_uris must have at most 20 redirect URIs")]
    TooManyRedirectUris,
    /// A dangerous one, or the first of those of which none can be used.
    #[error(transparent)]
    RedirectUri(#[from] RedirectUriError),
    /// Nowhere that the operator allows.
    #[error("this server takes redirect URIs only at the hosts and schemes that its operator allows")]
    ForeignRedirectUri,
    /// A dangerous one.
    #[error("post_logout_redirect_uris: {0}")]
    PostLogoutUri(RedirectUriError),
    /// Over [`MAX_NAME`](crate::grants::client_name::MAX_NAME).
    #[error("client_name must be at most 128 characters long")]
    NameTooLong,
    /// Missing where it is required.
    #[error("client_name is required")]
    NoName,
    /// Nothing that we do, or a shared secret in a public document.
    #[error("token_endpoint_auth_method is not supported here")]
    AuthMethod,
    /// Nothing that we do.
    #[error("grant_types must include a grant that clients may register for, such as authorization_code")]
    GrantTypes,
    /// Anything without `code`.
    #[error("response_types must include code")]
    ResponseTypes,
    /// Not a scope.
    #[error("scope is not a list of scope tokens")]
    Scope,
    /// A document that is about another client, or a change of another client than the one at the URL.
    #[error("client_id is not that of this client")]
    ClientId,
    /// A secret or a private key for all to read.
    #[error("the client metadata contains a secret")]
    Secret,
    /// `jwks` that cannot be used.
    #[error("jwks cannot be used: {0}")]
    Keys(KeySetError),
    /// Over [`MAX_KEYS`](super::MAX_KEYS).
    #[error("jwks is too large")]
    KeysTooLarge,
    /// RFC 7591 §2.
    #[error("jwks and jwks_uri exclude each other")]
    TwoSourcesOfKeys,
    /// Nothing to check an assertion with.
    #[error("private_key_jwt needs jwks or jwks_uri, with a public key for signatures")]
    NoKeys,
    /// Where we would not go.
    #[error("{0} must be an https URL without a fragment, a user name or a password")]
    BadUrl(&'static str),
    /// An algorithm that we do not do.
    #[error("{0} is not supported here")]
    Algorithm(&'static str),
    /// What only we say, sent back as a wish (RFC 7592 §2.2).
    #[error(
        "a change must not carry registration_access_token, registration_client_uri, client_id_issued_at or client_secret_expires_at"
    )]
    NotYours,
    /// A secret that is not the client's (RFC 7592 §2.2).
    #[error("client_secret is not that of this client")]
    WrongSecret,
    /// A public client is one with all that registered the same, and so nobody's to change (`decisions` 14).
    #[error("a client that proves itself cannot become a public one; register anew")]
    BecomesPublic,
}

impl MetadataError {
    /// The error code of a registration (RFC 7591 §3.2.2).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRedirectUri | Self::TooManyRedirectUris | Self::RedirectUri(_) | Self::ForeignRedirectUri => {
                "invalid_redirect_uri"
            }
            Self::TooLarge
            | Self::Malformed
            | Self::PostLogoutUri(_)
            | Self::NameTooLong
            | Self::NoName
            | Self::AuthMethod
            | Self::GrantTypes
            | Self::ResponseTypes
            | Self::Scope
            | Self::ClientId
            | Self::Secret
            | Self::Keys(_)
            | Self::KeysTooLarge
            | Self::TwoSourcesOfKeys
            | Self::NoKeys
            | Self::BadUrl(_)
            | Self::Algorithm(_)
            | Self::NotYours
            | Self::WrongSecret
            | Self::BecomesPublic => "invalid_client_metadata",
        }
    }
}
