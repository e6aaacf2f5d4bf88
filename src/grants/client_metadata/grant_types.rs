//! The grants for which a client may register itself.

use super::{ClientMetadata, MetadataError};
use crate::types::Words;

/// RFC 6749 §4.1.
pub(super) const AUTHORIZATION_CODE: &str = "authorization_code";
/// RFC 6749 §6.
const REFRESH_TOKEN: &str = "refresh_token";
/// RFC 8628 §3.4: a person decides, on another device.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 7523 §2.1: an issuer decides whom an administrator trusts.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 8693 §2. Nobody gets it by registering.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl ClientMetadata {
    /// Of the grants asked for those that we give to a client that nobody vouches for: where somebody else decides each
    /// time. Whoever asks for none gets codes and refresh tokens, as a client without them sends its person back to sign in
    /// every hour.
    pub(super) fn grant_types(&self) -> Result<Words, MetadataError> {
        let asked = self.grant_types.as_deref().unwrap_or_default();
        let asks = |name: &str| asked.iter().any(|grant| grant == name);
        let none = asked.is_empty();
        let (device, refresh) = (asks(DEVICE_CODE), none || asks(REFRESH_TOKEN));
        // Refresh tokens come from codes, so asking for them alone asks for both.
        let code = none || asks(AUTHORIZATION_CODE) || (refresh && !device);
        let given = [
            (code, AUTHORIZATION_CODE),
            (refresh, REFRESH_TOKEN),
            (device, DEVICE_CODE),
            (asks(JWT_BEARER), JWT_BEARER),
        ];
        let given = Words::from_iter(given.into_iter().filter_map(|(is_given, name)| is_given.then_some(name)));
        if given.0.is_empty() {
            return Err(MetadataError::GrantTypes);
        }
        if code {
            self.check_response_types()?;
        }
        Ok(given)
    }

    fn check_response_types(&self) -> Result<(), MetadataError> {
        let asked = self.response_types.as_deref().unwrap_or_default();
        let is_code = asked.is_empty() || asked.iter().any(|kind| kind == "code");
        if is_code { Ok(()) } else { Err(MetadataError::ResponseTypes) }
    }
}
