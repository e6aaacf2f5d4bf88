//! The access token machine (RFC 6749 §4.1.3): recover the grant of a code, prove possession, issue.

use std::borrow::Cow;

use oxide_auth::code_grant::accesstoken::{AccessToken, Authorization, Error, Input, Output, Request};
use oxide_auth::code_grant::error::AccessTokenErrorType;
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::primitives::grant::{Extensions, Value};
use oxide_auth::primitives::issuer::{IssuedToken, TokenType};

use super::{PRE_AUTHENTICATED, Stop, far_away, oxide_grant, sentinel};
use crate::types::Scope;

/// What oxide sees of a token request: the client is authenticated already and the redirect URI compared.
struct View<'a> {
    client_id: &'a str,
}

impl Request for View<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some("recovered by its hash".into())
    }

    fn authorization(&self) -> Authorization<'_> {
        Authorization::UsernamePassword(self.client_id.into(), PRE_AUTHENTICATED.into())
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(sentinel(true).into())
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("authorization_code".into())
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// A code on its way to tokens. Each step consumes the one before: none can be left out.
pub struct Redemption(AccessToken);

/// A code whose grant was recovered for the right client and redirect URI.
pub struct Recovered {
    machine: AccessToken,
    challenge: Value,
}

/// A code whose holder has proved possession; only spending is left.
pub struct Proved(AccessToken);

impl Redemption {
    /// Starts for a client that has authenticated (RFC 6749 §3.2.1).
    pub fn begin(client_id: &str) -> Result<Self, Stop> {
        let mut machine = AccessToken::new(&View { client_id });
        let Output::Authenticate { .. } = machine.advance(Input::None) else { return Err(Stop::InvalidRequest) };
        let Output::Recover { .. } = machine.advance(Input::Authenticated) else { return Err(Stop::InvalidRequest) };
        Ok(Self(machine))
    }

    /// Hands in what the code stands for: oxide compares client and redirect URI.
    pub fn recover(
        mut self,
        owner: &str,
        client_id: &str,
        same_redirect: bool,
        scope: &Scope,
        code_challenge: &str,
    ) -> Result<Recovered, Stop> {
        let mut grant = oxide_grant(owner, client_id, scope, Extensions::new()).ok_or(Stop::InvalidScope)?;
        grant.redirect_uri = sentinel(same_redirect).parse().map_err(|_| Stop::InvalidRequest)?;
        match self.0.advance(Input::Recovered(Some(Box::new(grant)))) {
            Output::Extend { .. } => {}
            Output::Err(error) => return Err(stop(*error)),
            _ => return Err(Stop::InvalidRequest),
        }
        let challenge = Pkce::required().challenge(Some("S256".into()), Some(code_challenge.into()));
        let challenge = challenge.ok().flatten().ok_or(Stop::InvalidRequest)?;
        Ok(Recovered { machine: self.0, challenge })
    }
}

impl Recovered {
    /// Compares the verifier with the challenge, in constant time (RFC 7636 §4.6).
    pub fn prove(mut self, verifier: &str) -> Result<Proved, Stop> {
        // oxide checks neither length nor alphabet (RFC 7636 §4.1).
        if !is_code_verifier(verifier) {
            return Err(Stop::InvalidGrant);
        }
        Pkce::required().verify(Some(self.challenge), Some(verifier.into())).map_err(|()| Stop::InvalidGrant)?;
        match self.machine.advance(Input::Extended { access_extensions: Extensions::new() }) {
            Output::Issue { .. } => Ok(Proved(self.machine)),
            Output::Err(error) => Err(stop(*error)),
            _ => Err(Stop::InvalidRequest),
        }
    }
}

impl Proved {
    /// Tells the machine that the code has been spent and tokens are due.
    pub fn issued(mut self) -> Result<(), Stop> {
        let token =
            IssuedToken { token: String::new(), refresh: None, until: far_away(), token_type: TokenType::Bearer };
        match self.0.advance(Input::Issued(token)) {
            Output::Ok(_) => Ok(()),
            _ => Err(Stop::InvalidRequest),
        }
    }
}

/// `code-verifier = 43*128unreserved` (RFC 7636 §4.1).
pub fn is_code_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

fn stop(error: Error) -> Stop {
    match error {
        Error::Invalid(mut description) => match description.description().kind() {
            AccessTokenErrorType::InvalidGrant => Stop::InvalidGrant,
            AccessTokenErrorType::InvalidScope => Stop::InvalidScope,
            _ => Stop::InvalidRequest,
        },
        Error::Unauthorized(..) | Error::Primitive(_) => Stop::InvalidRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn recovered(same_redirect: bool, client: &str) -> Result<Recovered, Stop> {
        Redemption::begin("client")?.recover("owner", client, same_redirect, &Scope::of(&["mcp:read"]), CHALLENGE)
    }

    #[test]
    fn the_example_of_rfc_7636_buys_tokens() {
        assert_eq!(recovered(true, "client").and_then(|code| code.prove(VERIFIER)).and_then(Proved::issued), Ok(()));
    }

    #[test]
    fn another_client_redirect_uri_or_verifier_does_not() {
        assert_eq!(recovered(true, "other").err(), Some(Stop::InvalidGrant));
        assert_eq!(recovered(false, "client").err(), Some(Stop::InvalidGrant));
        let long = "a".repeat(129);
        for verifier in ["", &VERIFIER[1..], &VERIFIER.replace('d', "e"), &long, &"ü".repeat(43)] {
            assert_eq!(
                recovered(true, "client").unwrap().prove(verifier).err(),
                Some(Stop::InvalidGrant),
                "{verifier}"
            );
        }
    }
}
