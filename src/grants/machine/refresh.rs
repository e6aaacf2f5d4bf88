//! The refresh machine (RFC 6749 §6): recover the grant of a refresh token, narrow its scope, issue.

use std::borrow::Cow;

use oxide_auth::code_grant::error::AccessTokenErrorType;
use oxide_auth::code_grant::refresh::{Error, Input, Output, Refresh, Request};
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::issuer::{RefreshedToken, TokenType};

use super::{PRE_AUTHENTICATED, Stop, far_away, oxide_grant};
use crate::types::Scope;

/// What oxide sees of a refresh request: the client is authenticated already.
struct View<'a> {
    client_id: &'a str,
}

impl Request for View<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some("recovered by its hash".into())
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("refresh_token".into())
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), PRE_AUTHENTICATED.into()))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// A refresh token on its way to its successor.
pub struct Refreshing(Refresh);

/// A refresh token that is this client's, for a scope within what was granted.
pub struct Due(Refresh);

impl Refreshing {
    /// Starts for a client that has authenticated.
    pub fn begin(client_id: &str) -> Result<Self, Stop> {
        let mut machine = Refresh::new(&View { client_id });
        let Output::Unauthenticated { .. } = machine.advance(Input::None) else { return Err(Stop::InvalidRequest) };
        let Output::RecoverRefresh { .. } = machine.advance(Input::Authenticated { scope: None }) else {
            return Err(Stop::InvalidRequest);
        };
        Ok(Self(machine))
    }

    /// Hands in what the token stands for: oxide compares the client and the scope asked for.
    pub fn recover(
        mut self,
        owner: &str,
        client_id: &str,
        granted: &Scope,
        wanted: Option<&Scope>,
    ) -> Result<Due, Stop> {
        let grant = oxide_grant(owner, client_id, granted, Extensions::new()).ok_or(Stop::InvalidScope)?;
        let scope = wanted.map(|scope| scope.to_string().into());
        match self.0.advance(Input::Recovered { scope, grant: Some(Box::new(grant)) }) {
            Output::Refresh { .. } => {}
            Output::Err(error) => return Err(stop(error)),
            _ => return Err(Stop::InvalidRequest),
        }
        Ok(Due(self.0))
    }
}

impl Due {
    /// Tells the machine that tokens are due.
    pub fn issued(mut self) -> Result<(), Stop> {
        let token =
            RefreshedToken { token: String::new(), refresh: None, until: far_away(), token_type: TokenType::Bearer };
        match self.0.advance(Input::Refreshed(token)) {
            Output::Ok(_) => Ok(()),
            _ => Err(Stop::InvalidRequest),
        }
    }
}

fn stop(error: Error) -> Stop {
    match error {
        Error::Invalid(mut description) => match description.description().kind() {
            AccessTokenErrorType::InvalidGrant => Stop::InvalidGrant,
            AccessTokenErrorType::InvalidScope => Stop::InvalidScope,
            _ => Stop::InvalidRequest,
        },
        Error::Unauthorized(..) | Error::Primitive => Stop::InvalidRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(client: &str, wanted: Option<&str>) -> Result<(), Stop> {
        let wanted = wanted.map(|scope| scope.parse::<Scope>().unwrap());
        let granted = Scope::of(&["mcp:write", "openid"]);
        Refreshing::begin("client")?.recover("owner", client, &granted, wanted.as_ref())?.issued()
    }

    #[test]
    fn a_scope_may_be_narrowed_along_the_hierarchy_and_never_widened() {
        assert_eq!(refresh("client", None), Ok(()));
        assert_eq!(refresh("client", Some("mcp:read")), Ok(()));
        assert_eq!(refresh("client", Some("mcp:delete")), Err(Stop::InvalidScope));
    }

    #[test]
    fn another_clients_token_is_refused() {
        assert_eq!(refresh("other", None), Err(Stop::InvalidGrant));
    }
}
