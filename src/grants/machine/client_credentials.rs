//! The client credentials machine (RFC 6749 §4.4): bind the client, negotiate the scope.

use std::borrow::Cow;

use oxide_auth::code_grant::client_credentials::{ClientCredentials, Input, Output, Request};
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::registrar::{BoundClient, PreGrant, RegisteredUrl};

use super::{PRE_AUTHENTICATED, SAME_REDIRECT, Stop, oxide_scope};
use crate::types::Scope;

/// What oxide sees of a request: the client is authenticated already.
struct View<'a> {
    client_id: &'a str,
    scope: &'a Scope,
}

impl Request for View<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), PRE_AUTHENTICATED.into()))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        Some(self.scope.to_string().into())
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("client_credentials".into())
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Takes a client that has authenticated through the machine: `wanted` must lie within what it may have.
pub fn act(client_id: &str, ceiling: &Scope, wanted: &Scope) -> Result<(), Stop> {
    let mut machine = ClientCredentials::new(&View { client_id, scope: wanted });
    let Output::Authenticate { .. } = machine.advance(Input::None) else { return Err(Stop::InvalidRequest) };
    let Output::Binding { client_id } = machine.advance(Input::Authenticated) else { return Err(Stop::InvalidRequest) };
    // It asks for a redirect URI that is never followed.
    let redirect = RegisteredUrl::Exact(SAME_REDIRECT.parse().map_err(|_| Stop::InvalidRequest)?);
    let bound_client =
        BoundClient { client_id: client_id.to_owned().into(), redirect_uri: Cow::Owned(redirect.clone()) };
    let Output::Extend = machine.advance(Input::Bound { bound_client }) else { return Err(Stop::InvalidRequest) };
    let Output::Negotiate { bound_client, scope: Some(wanted) } =
        machine.advance(Input::Extended { extensions: Extensions::new() })
    else {
        return Err(Stop::InvalidRequest);
    };
    if !oxide_scope(ceiling).ok_or(Stop::InvalidScope)?.priviledged_to(&wanted) {
        return Err(Stop::InvalidScope);
    }
    let pre_grant =
        PreGrant { client_id: bound_client.client_id.clone().into_owned(), redirect_uri: redirect, scope: wanted };
    match machine.advance(Input::Negotiated { pre_grant }) {
        Output::Ok { .. } => Ok(()),
        _ => Err(Stop::InvalidRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_lies_within_the_ceiling_along_the_hierarchy_or_is_refused() {
        let ceiling = Scope::of(&["mcp:write", "mgmt.read"]);
        for (wanted, outcome) in [
            ("mcp:write mgmt.read", Ok(())),
            ("mcp:read", Ok(())),
            ("mcp:delete", Err(Stop::InvalidScope)),
            ("mgmt.read mgmt.write", Err(Stop::InvalidScope)),
            ("mgmt.*", Err(Stop::InvalidScope)),
        ] {
            assert_eq!(act("client", &ceiling, &wanted.parse().unwrap()), outcome, "{wanted}");
        }
    }
}
