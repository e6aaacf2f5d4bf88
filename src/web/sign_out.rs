//! Sign-out.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use url::Url;

use crate::app::App;
use crate::http::form::Fields;
use crate::http::logout_request::LogoutRequest;
use crate::http::origin::origin_of;
use crate::http::page::{Csp, Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, Visitor, cookies, see_other, urls};
use crate::identity::sign_out::sign_out;

/// What leads here when an app asked for it: a sealed [`LogoutRequest`].
#[derive(Debug, Default, Deserialize)]
pub struct SignOutQuery {
    request: Option<String>,
}

/// The form has its button, and what the page was opened with.
#[derive(Deserialize)]
pub struct SignOutForm {
    request: Option<String>,
}

impl Fields for SignOutForm {}

/// `GET /logout`: asks, or says that it is done.
pub async fn get(app: Data<App>, visitor: Visitor, query: Option<Query<SignOutQuery>>) -> HttpResponse {
    let site = Site::of(&app.config.server.public_url);
    let sealed = query.and_then(|query| query.into_inner().request);
    let asked = sealed.as_deref().and_then(|sealed| LogoutRequest::open(&app.keys, sealed, app.clock.now()));
    match visitor.signed_in() {
        Some(signed_in) => {
            let username = Foreign::new(&signed_in.person.username);
            let asks = asked.map(|asked| Asks::of(&asked, sealed.unwrap_or_default()));
            Page(SignOutPage { site, csrf: signed_in.csrf_token(&app.keys), username, asks }).into_response()
        }
        None => {
            let back = asked.and_then(|asked| Some(Back { client: Foreign::new(&asked.client), href: asked.back? }));
            Page(SignedOutPage { site, back }).into_response()
        }
    }
}

/// `POST /logout`: ends the session, and then goes on to the app that asked for it, or shows that it is done.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    visitor: Visitor,
    form: Result<PageForm<SignOutForm>, PageError>,
) -> Result<HttpResponse, PageError> {
    let mut back = None;
    // Without a session there is nothing to end, and nobody whom a forged form could harm.
    if let Some(signed_in) = visitor.signed_in() {
        let PageForm(form) = form?;
        let (session, origin, now) = (&signed_in.session, origin_of(&request), app.clock.now());
        let ended = app.db.write(async |conn| sign_out(conn, session, &origin, now).await).await;
        ended.map_err(|error| Refusal::from(error).to(&request))?;
        back = form.request.and_then(|sealed| LogoutRequest::open(&app.keys, &sealed, now)?.back);
    }
    let public_url = &app.config.server.public_url;
    let location = back.unwrap_or_else(|| public_url.at(urls::LOGOUT));
    Ok(see_other(&location).cookie(cookies::no_session(public_url)).finish())
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
    /// The app that asks for it, if one does.
    pub asks: Option<Asks>,
}

/// An app that asks a person to sign out.
#[derive(Clone, Debug)]
pub struct Asks {
    /// Its name.
    pub client: Foreign,
    /// What it asked, for the form to send back.
    pub request: String,
    /// The host, or the scheme, to which the browser goes afterwards.
    pub destination: Option<Foreign>,
}

impl Asks {
    fn of(asked: &LogoutRequest, sealed: String) -> Self {
        let place = |back: &String| Url::parse(back).ok().map(|url| url.host_str().unwrap_or(url.scheme()).to_owned());
        let destination = asked.back.as_ref().and_then(place).map(|place| Foreign::new(&place));
        Self { client: Foreign::new(&asked.client), request: sealed, destination }
    }
}

/// Says that it is done.
#[derive(Clone, Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// Where we are.
    pub site: Site,
    /// The way back to the app that asked for it.
    pub back: Option<Back>,
}

/// The way back to an app.
#[derive(Clone, Debug)]
pub struct Back {
    /// The app.
    pub client: Foreign,
    /// Where it wants the browser.
    pub href: String,
}

impl SignOutPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let of = |username, asks| Self { site: Site::sample(), csrf: "sample-csrf".to_owned(), username, asks };
        let asks = |client, destination| Some(Asks { client, request: "sample-request".to_owned(), destination });
        vec![
            of(Foreign::new("alice"), None),
            of(Foreign::hostile_sample(), None),
            of(Foreign::new("alice"), asks(Foreign::new("Example Notes"), Some(Foreign::new("notes.example")))),
            of(Foreign::new("alice"), asks(Foreign::hostile_sample(), None)),
        ]
    }
}

impl SignedOutPage {
    /// The page.
    pub fn samples() -> Vec<Self> {
        let of = |back| Self { site: Site::sample(), back };
        let href = || "https://notes.example/signed-out?state=a%26b".to_owned();
        vec![
            of(None),
            of(Some(Back { client: Foreign::new("Example Notes"), href: href() })),
            of(Some(Back { client: Foreign::hostile_sample(), href: href() })),
        ]
    }
}

impl View for SignOutPage {
    /// Signing out may end at the app that asked for it.
    fn csp(&self) -> Csp {
        match self.asks {
            Some(_) => Csp::MayLeave,
            None => Csp::Own,
        }
    }
}
impl View for SignedOutPage {}
