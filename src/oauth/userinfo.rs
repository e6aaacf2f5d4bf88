//! `GET` and `POST /oauth/userinfo` (OpenID Connect Core §5.3).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::access::Subject;
use crate::app::App;
use crate::grants::sign::PersonClaims;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::no_store::NoStore;
use crate::types::{Scope, UserId, known_scopes};

/// What the token's scope opens of its person, as things stand now.
#[derive(Serialize)]
struct UserInfo {
    /// The same as in the ID token.
    sub: UserId,
    #[serde(flatten)]
    about: PersonClaims,
}

/// Answers any of our access tokens that has `openid`, whatever it is for. A program that acts for itself is no End-User, so
/// its token lacks what this takes. A token in the form of a POST is not looked at (RFC 6750 §2.2 is optional, and refused
/// everywhere here).
pub async fn get(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Challenge> {
    let Caller(principal) = Caller::of(&app, &request, Resource::UserInfo).await?;
    let needed = || Challenge::insufficient_scope(None, &principal, Scope::of(&[known_scopes::OPENID]));
    match &principal.subject {
        Subject::Person(person) if principal.scope.has(known_scopes::OPENID) => {
            let about = PersonClaims::of(person, &principal.scope);
            Ok(HttpResponse::Ok().no_store().json(UserInfo { sub: person.id, about }))
        }
        Subject::Person(_) | Subject::Service(_) | Subject::Workspace(_) => Err(needed()),
    }
}
