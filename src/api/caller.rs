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
use crate::app::App;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::cross_origin;
use crate::types::{Thing, Verb};

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
        Decision::NeedsScope(scope) => {
            let metadata = Resource::Api.metadata_url(&app.config.server.public_url);
            Err(Challenge::insufficient_scope(metadata, &principal, scope).into())
        }
        Decision::Denied(why) => Err(Problem::Forbidden(why)),
    }
}
