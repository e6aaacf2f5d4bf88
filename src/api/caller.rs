//! Who manages. A handler that takes a [`Viewer`] cannot run without one.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::error::Problem;
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::access::principal::Credential;
use crate::app::App;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::cross_origin;
use crate::types::{Scope, Thing, Verb};

/// A caller who may see servers somewhere; where, each handler asks for what it shows.
pub struct Viewer(pub Arc<Principal>);

impl FromRequest for Viewer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            allowed(&request, &Action::Manage { thing: Thing::Servers, verb: Verb::Read, at: None }).await.map(Self)
        })
    }
}

/// A caller who may see API keys somewhere.
pub struct KeyReader(pub Arc<Principal>);

/// A caller who may make and end API keys somewhere, by a credential that is none of the kind: with a key that somebody made,
/// nobody makes, changes or ends keys.
pub struct KeyKeeper(pub Arc<Principal>);

impl FromRequest for KeyReader {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            allowed(&request, &Action::Manage { thing: Thing::Keys, verb: Verb::Read, at: None }).await.map(Self)
        })
    }
}

impl FromRequest for KeyKeeper {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let action = Action::Manage { thing: Thing::Keys, verb: Verb::Write, at: None };
            let principal = allowed(&request, &action).await?;
            match principal.credential {
                Credential::AccessToken(_) => Ok(Self(principal)),
                Credential::ApiKey(_) | Credential::PersonalToken(_) => Err(Problem::Forbidden(
                    "Keys and tokens that were made in settings make and end no others; use an access token",
                )),
            }
        })
    }
}

/// The challenge to come back with this scope.
pub fn refused(app: &App, principal: &Principal, scope: Scope) -> Problem {
    let metadata = Resource::Api.metadata_url(&app.config.server.public_url);
    Challenge::insufficient_scope(metadata, principal, scope).into()
}

/// `Origin`, then the credential, then what it is good for (`decisions` 15).
async fn allowed(request: &HttpRequest, action: &Action<'_>) -> Result<Arc<Principal>, Problem> {
    let app = request.app_data::<Data<App>>();
    let app = app.ok_or_else(|| Problem::Internal("a handler runs without its App".to_owned()))?;
    if !cross_origin::is_welcome(request.headers(), &app.config.server) {
        return Err(Problem::Forbidden("This Origin may not use this server"));
    }
    let Caller(principal) = Caller::of(app, request, Resource::Api).await?;
    match policy::decide(&principal, action) {
        Decision::Allowed => Ok(principal),
        Decision::NeedsScope(scope) => Err(refused(app, &principal, scope)),
        Decision::Denied(why) => Err(Problem::Forbidden(why)),
    }
}
