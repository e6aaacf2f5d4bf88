//! Sign-out.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, Visitor, cookies, see_other, urls};
use crate::identity::sign_out::sign_out;

/// The form has nothing but its button.
#[derive(Deserialize)]
pub struct SignOutForm {}

impl Fields for SignOutForm {}

/// `GET /logout`: asks, or says that it is done.
pub async fn get(app: Data<App>, visitor: Visitor) -> HttpResponse {
    let site = Site::of(&app.config.server.public_url);
    match visitor.signed_in() {
        Some(signed_in) => {
            let username = Foreign::new(&signed_in.person.username);
            Page(SignOutPage { site, csrf: signed_in.csrf_token(&app.keys), username }).into_response()
        }
        None => Page(SignedOutPage { site }).into_response(),
    }
}

/// `POST /logout`: ends the session, and then shows that it is done.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    visitor: Visitor,
    form: Result<PageForm<SignOutForm>, PageError>,
) -> Result<HttpResponse, PageError> {
    // Without a session there is nothing to end, and nobody whom a forged form could harm.
    if let Some(signed_in) = visitor.signed_in() {
        let PageForm(SignOutForm {}) = form?;
        let (session, origin, now) = (&signed_in.session, origin_of(&request), app.clock.now());
        let ended = app.db.write(async |conn| sign_out(conn, session, &origin, now).await).await;
        ended.map_err(|error| Refusal::from(error).to(&request))?;
    }
    let public_url = &app.config.server.public_url;
    Ok(see_other(&public_url.at(urls::LOGOUT)).cookie(cookies::no_session(public_url)).finish())
}

/// Asks before signing out, since a link alone must not do it.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_out.html")]
pub struct SignOutPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Who is signed in.
    pub username: Foreign,
}

/// Says that it is done.
#[derive(Clone, Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// Where we are.
    pub site: Site,
}

impl SignOutPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let of = |username| Self { site: Site::sample(), csrf: "sample-csrf".to_owned(), username };
        vec![of(Foreign::new("alice")), of(Foreign::hostile_sample())]
    }
}

impl SignedOutPage {
    /// The page.
    pub fn samples() -> Vec<Self> {
        vec![Self { site: Site::sample() }]
    }
}

impl View for SignOutPage {}
impl View for SignedOutPage {}
