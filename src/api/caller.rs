//! Who manages. A handler that takes a [`Known`] or a [`Viewer`] cannot run without one.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::error::Problem;
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::manage;
use crate::access::policy::{self, Decision};
use crate::access::principal::Credential;
use crate::app::App;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::cross_origin;
use crate::http::making::MakingLimits;
use crate::places::{PlacePath, Reach};
use crate::types::{Thing, Verb};

/// A caller whose credential is good for the management API; for what, each handler asks.
pub struct Known(pub Arc<Principal>);

/// A caller who may see servers somewhere; where, each handler asks for what it shows.
pub struct Viewer(pub Arc<Principal>);

impl FromRequest for Known {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { known(&request).await.map(|(_, known)| known) })
    }
}

impl FromRequest for Viewer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, known) = known(&request).await?;
            known.may(&app, Thing::Servers, Verb::Read)?;
            Ok(Self(known.0))
        })
    }
}

/// A caller who may see OAuth clients somewhere.
pub struct ClientViewer(pub Arc<Principal>);

/// A caller who may register, change and remove OAuth clients somewhere, by an access token: a key or token that somebody
/// made in settings never makes, changes or ends other credentials.
pub struct ClientManager(pub Arc<Principal>);

impl FromRequest for ClientViewer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, known) = known(&request).await?;
            known.may(&app, Thing::Clients, Verb::Read)?;
            Ok(Self(known.0))
        })
    }
}

impl FromRequest for ClientManager {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (app, known) = known(&request).await?;
            known.may(&app, Thing::Clients, Verb::Write)?;
            match known.0.credential {
                Credential::AccessToken(_) => Ok(Self(known.0)),
                Credential::ApiKey(_) | Credential::PersonalToken(_) | Credential::ForeignToken(_) => {
                    Err(Problem::Forbidden("API keys and personal access tokens cannot manage clients"))
                }
            }
        })
    }
}

impl Known {
    /// Refuses a caller who may do this nowhere; with the scope that it takes, where that is all that is missing.
    pub fn may(&self, app: &App, thing: Thing, verb: Verb) -> Result<(), Problem> {
        self.judge(app, &Action::Manage { thing, verb, at: None })
    }

    /// The same for groups and policies, which belong to no place and give rights ([`manage::may`]).
    pub fn may_for_all(&self, app: &App, thing: Thing, verb: Verb) -> Result<(), Problem> {
        self.settled(app, manage::may(&self.0, thing, verb))
    }

    /// The same for what is at `path`. Of what is out of a caller's reach, nobody learns that it is there.
    pub fn may_at(&self, app: &App, thing: Thing, verb: Verb, path: &PlacePath) -> Result<(), Problem> {
        self.may(app, thing, verb)?;
        let there = self.judge(app, &Action::Manage { thing, verb, at: Some(path) });
        there.map_err(|problem| if matches!(problem, Problem::Forbidden(_)) { Problem::NotFound } else { problem })
    }

    /// Refuses a caller who comes with a key or token that somebody made in settings: with those, nobody makes, changes or ends
    /// any, nor says who is what.
    pub fn may_keep_credentials(&self) -> Result<(), Problem> {
        manage::may_keep_credentials(&self.0).map_err(Problem::Forbidden)
    }

    /// True for a system administrator with a credential that is narrowed to no place: who sees what lies in none. What may be
    /// done to it, [`may`](Self::may) says.
    pub fn oversees_all(&self) -> bool {
        self.0.subject.is_admin() && self.0.narrowing.reach == Reach::Everywhere
    }

    /// True where they may do this at `path`.
    pub fn reaches(&self, thing: Thing, verb: Verb, path: &PlacePath) -> bool {
        policy::decide(&self.0, &Action::Manage { thing, verb, at: Some(path) }) == Decision::Allowed
    }

    fn judge(&self, app: &App, action: &Action<'_>) -> Result<(), Problem> {
        self.settled(app, policy::decide(&self.0, action))
    }

    fn settled(&self, app: &App, decision: Decision) -> Result<(), Problem> {
        match decision {
            Decision::Allowed => Ok(()),
            Decision::NeedsScope(scope) => {
                let metadata = Resource::Api.metadata_url(&app.config.server.public_url);
                Err(Challenge::insufficient_scope(metadata, &self.0, scope).into())
            }
            Decision::Denied(why) => Err(Problem::Forbidden(why)),
        }
    }
}

/// What the caller of this request may still make.
pub fn limits(request: &HttpRequest) -> Result<&MakingLimits, Problem> {
    MakingLimits::of(request).map_err(|_| Problem::Internal("a handler runs without its limits".to_owned()))
}

/// `Origin`, then the credential (`decisions` 15).
async fn known(request: &HttpRequest) -> Result<(Data<App>, Known), Problem> {
    let app = request.app_data::<Data<App>>().cloned();
    let app = app.ok_or_else(|| Problem::Internal("a handler runs without its App".to_owned()))?;
    if !cross_origin::is_welcome(request.headers(), &app.config.server) {
        return Err(Problem::Forbidden("This Origin may not use this server"));
    }
    let Caller(principal) = Caller::of(&app, request, Resource::Api).await?;
    Ok((app, Known(principal)))
}
