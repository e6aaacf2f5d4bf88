//! The authorization machine (RFC 6749 §4.1.1): bind the client, note the challenge, negotiate the scope.

use std::borrow::Cow;

use oxide_auth::code_grant::authorization::{Authorization, Input, Output, Request};
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::registrar::{BoundClient, PreGrant, RegisteredUrl};

use super::{SAME_REDIRECT, Stop, oxide_scope};
use crate::grants::client::Client;
use crate::grants::pending_request::AuthorizationRequest;
use crate::types::Scope;

/// What oxide sees of an authorization request.
struct View<'a> {
    request: &'a AuthorizationRequest,
    scope: &'a Scope,
}

impl Request for View<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(self.request.client_id.as_str().into())
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        Some(self.scope.to_string().into())
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(SAME_REDIRECT.into())
    }

    fn state(&self) -> Option<Cow<'_, str>> {
        self.request.state.as_deref().map(Into::into)
    }

    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some("code".into())
    }

    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        match key {
            "code_challenge" => Some(self.request.code_challenge.as_str().into()),
            "code_challenge_method" => Some("S256".into()),
            _ => None,
        }
    }
}

/// What the machine settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The client that a code may be made for.
    pub client_id: String,
}

/// Runs an allowed request through the machine once more, against the client as it is now.
pub fn negotiate(client: &Client, request: &AuthorizationRequest, scope: &Scope) -> Result<Negotiated, Stop> {
    let view = View { request, scope };
    let mut machine = Authorization::new(&view);
    let (Output::Bind { client_id, redirect_uri: Some(redirect) }, Some(_)) =
        (machine.advance(Input::None), client.redirect_to(Some(&request.redirect_uri)))
    else {
        return Err(Stop::InvalidRequest);
    };
    if client_id != client.id {
        return Err(Stop::InvalidRequest);
    }
    let redirect = RegisteredUrl::Exact(redirect);
    let bound_client = BoundClient { client_id: client_id.into(), redirect_uri: Cow::Owned(redirect.clone()) };
    let Output::Extend = machine.advance(Input::Bound { request: &view, bound_client }) else {
        return Err(Stop::InvalidScope);
    };
    let mut extensions = Extensions::new();
    let pkce = Pkce::required();
    let challenge = pkce.challenge(view.extension("code_challenge_method"), view.extension("code_challenge"));
    let challenge = challenge.ok().flatten().ok_or(Stop::InvalidRequest)?;
    extensions.set(&pkce, challenge);
    let Output::Negotiate { bound_client, scope: Some(wanted) } = machine.advance(Input::Extended(extensions)) else {
        return Err(Stop::InvalidRequest);
    };
    let ceiling = oxide_scope(&client.scope).ok_or(Stop::InvalidScope)?;
    if !ceiling.priviledged_to(&wanted) {
        return Err(Stop::InvalidScope);
    }
    let pre_grant =
        PreGrant { client_id: bound_client.client_id.clone().into_owned(), redirect_uri: redirect, scope: wanted };
    match machine.advance(Input::Negotiated { pre_grant, state: request.state.clone() }) {
        Output::Ok { pre_grant, .. } => Ok(Negotiated { client_id: pre_grant.client_id }),
        _ => Err(Stop::InvalidRequest),
    }
}
