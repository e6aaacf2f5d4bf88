//! Sign-in.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::SecretString;
use serde::Deserialize;

use crate::app::App;
use crate::audit::Origin;
use crate::crypto::PlainToken;
use crate::http::form::Fields;
use crate::http::limit::{Network, SignInLimits};
use crate::http::origin::origin_of;
use crate::http::page::{Csp, Foreign, Page, Site, View};
use crate::http::return_to::ReturnTo;
use crate::http::{AtBrowser, PageError, PageForm, Refusal, Visitor, cookies, see_other, urls};
use crate::identity::session::{Browser, FAMILIAR_FOR, Opening};
use crate::identity::sign_in::{SignIn, sign_in};
use crate::identity::{Session, User, Username};
use crate::web::words;
use crate::{db, errands};

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct SignInQuery {
    return_to: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SignInForm {
    username: String,
    password: String,
}

impl Fields for SignInForm {}

/// `GET /login`: the form; also for somebody who is signed in and wants to be somebody else.
pub async fn get(app: Data<App>, visitor: Visitor, query: Option<Query<SignInQuery>>) -> HttpResponse {
    let query = query.map(Query::into_inner).unwrap_or_default();
    show(&app, &visitor, "", query.return_to, None)
}

/// `POST /login`: 303 to where the person was going, or the form again.
pub async fn post(
    app: Data<App>,
    limits: Data<SignInLimits>,
    request: HttpRequest,
    (AtBrowser(browser), visitor, query): (AtBrowser, Visitor, Option<Query<SignInQuery>>),
    form: Result<PageForm<SignInForm>, PageError>,
) -> Result<HttpResponse, PageError> {
    // In the address, so that even a form that had expired still knows where the person was going.
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let PageForm(form) = match form {
        Ok(form) => form,
        Err(error) if *error.why() == Refusal::StaleForm => {
            return Ok(show(&app, &visitor, "", return_to, Some(SignInProblem::Stale)));
        }
        Err(error) => return Err(error),
    };
    let SignInForm { username, password } = form;
    let (opening, token) = Opening::new(&app.keys, &app.random, browser.clone(), app.config.lifetimes.session);
    let opening = opening.replacing(visitor.signed_in().map(|signed_in| signed_in.session.id));
    let knock =
        Knock { username: &username, password: password.into(), browser: &browser, origin: origin_of(&request) };
    let attempt = attempt(&app, &limits, knock, &opening).await;
    match attempt.map_err(|refusal| refusal.to(&request))? {
        None => Ok(signed_in_at(&app, &destination(&app, return_to.as_deref()), &token)),
        Some(problem) => Ok(show(&app, &visitor, &username, return_to, Some(problem))),
    }
}

/// Somebody at the door.
struct Knock<'a> {
    username: &'a str,
    password: SecretString,
    browser: &'a Browser,
    origin: Origin,
}

/// Pays for the try, checks the password, and starts the session unless there is a problem.
async fn attempt(
    app: &App,
    limits: &SignInLimits,
    Knock { username, password, browser, origin }: Knock<'_>,
    opening: &Opening,
) -> Result<Option<SignInProblem>, Refusal> {
    // What cannot be a name is nobody's, and takes as long.
    let account = username.parse::<Username>().ok();
    let (user, is_familiar) = known(app, account.as_ref(), browser).await?;
    let paid = match limits.begin(browser.address, account.as_ref(), is_familiar) {
        Ok(paid) => paid,
        Err(wait) => return Ok(Some(SignInProblem::TooMany { seconds: wait.seconds() })),
    };
    let checked = match errands::password::check(&app.passwords, user.as_ref(), password).await {
        Ok(checked) => checked,
        Err(busy) => {
            paid.give_back();
            return Err(busy.into());
        }
    };
    let now = app.clock.now();
    match app.db.write(async |conn| sign_in(conn, &checked, opening, &origin, now).await).await? {
        SignIn::Started(_) => {
            paid.give_back();
            Ok(None)
        }
        SignIn::Refused(_) => {
            paid.failed();
            Ok(Some(SignInProblem::Refused))
        }
    }
}

/// Who has that name, and whether they signed in from here lately. The same questions for nobody as for somebody.
async fn known(app: &App, name: Option<&Username>, browser: &Browser) -> Result<(Option<User>, bool), Refusal> {
    let Some(name) = name else { return Ok((None, false)) };
    let since = app.clock.now() - FAMILIAR_FOR;
    let mut conn = app.db.read().await?;
    let user = User::named(&mut conn, name).await.map_err(db::Error::from)?;
    let places = Session::places(&mut conn, name, since).await.map_err(db::Error::from)?;
    let here = Network::from(browser.address);
    Ok((user, places.into_iter().any(|place| Network::from(place) == here)))
}

fn show(
    app: &App,
    visitor: &Visitor,
    username: &str,
    return_to: Option<String>,
    problem: Option<SignInProblem>,
) -> HttpResponse {
    let target = return_to.as_deref().and_then(|sealed| opened(app, sealed));
    let page = SignInPage {
        site: Site::of(&app.config.server.public_url),
        csrf: visitor.csrf_token(&app.keys),
        return_to: return_to.filter(|_| target.is_some()),
        username: match username {
            // What somebody typed is theirs; an empty field may be filled in for them.
            "" => target.as_ref().and_then(ReturnTo::login_hint).unwrap_or_default().to_owned(),
            typed => typed.to_owned(),
        },
        continuing_to: target.as_ref().and_then(ReturnTo::client).map(Foreign::new),
        problem,
    };
    let mut response = to_visitor(app, visitor, Page(page).into_response());
    if let Some(SignInProblem::TooMany { seconds }) = problem {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn opened(app: &App, sealed: &str) -> Option<ReturnTo> {
    ReturnTo::open(&app.config.server.public_url, &app.keys, sealed, app.clock.now())
}

fn destination(app: &App, return_to: Option<&str>) -> String {
    let public_url = &app.config.server.public_url;
    let target = return_to.and_then(|sealed| opened(app, sealed));
    target.map_or_else(|| public_url.at(urls::APPS), |target| target.url(public_url))
}

/// On to where the person was going, in a fresh session.
pub(super) fn signed_in_at(app: &App, location: &str, token: &PlainToken) -> HttpResponse {
    let cookie = cookies::session(&app.config.server.public_url, token, app.config.lifetimes.session);
    see_other(location).cookie(cookie).finish()
}

/// The answer, with the cookie on which its form's CSRF token hangs.
pub(super) fn to_visitor(app: &App, visitor: &Visitor, mut response: HttpResponse) -> HttpResponse {
    if let Some(cookie) = visitor.cookie(&app.config.server.public_url) {
        // Fails for a cookie that no header can carry; ours is base64.
        let _ = response.add_cookie(&cookie);
    }
    response
}

/// The sign-in form.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Where to go afterwards, sealed; never a URL.
    pub return_to: Option<String>,
    /// What was typed before, or what the client thinks that the person is called.
    pub username: String,
    /// The client that sent the person here.
    pub continuing_to: Option<Foreign>,
    /// Why the last attempt did not succeed.
    pub problem: Option<SignInProblem>,
}

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// Unknown person, wrong password or disabled: the same words for all.
    Refused,
    /// Too many attempts, for this account or from this address.
    TooMany {
        /// Until the next one.
        seconds: u64,
    },
    /// The form was open for too long, or came from elsewhere.
    Stale,
}

impl SignInProblem {
    /// What the person reads.
    pub fn words(&self) -> String {
        match self {
            Self::Refused => "The username or the password is not right.".to_owned(),
            Self::TooMany { seconds } => format!("Too many attempts. Try again in {}.", words::wait(*seconds)),
            Self::Stale => "This page was open for too long. Sign in again.".to_owned(),
        }
    }
}

impl SignInPage {
    /// True when what was typed is the problem.
    pub fn is_refused(&self) -> bool {
        self.problem == Some(SignInProblem::Refused)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            return_to: None,
            username: String::new(),
            continuing_to: None,
            problem: None,
        };
        let continuing = Self {
            return_to: Some("sealed-return-value".to_owned()),
            continuing_to: Some(Foreign::new("Cursor")),
            ..plain.clone()
        };
        let refused =
            Self { username: "alice".to_owned(), problem: Some(SignInProblem::Refused), ..continuing.clone() };
        let waiting = Self { problem: Some(SignInProblem::TooMany { seconds: 240 }), ..refused.clone() };
        let stale = Self { problem: Some(SignInProblem::Stale), ..plain.clone() };
        let hostile = Self {
            username: "\"><script>alert(1)</script>".to_owned(),
            continuing_to: Some(Foreign::hostile_sample()),
            problem: Some(SignInProblem::Refused),
            ..plain.clone()
        };
        vec![plain, continuing, refused, waiting, stale, hostile]
    }
}

impl View for SignInPage {
    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            // Not 401: there is no WWW-Authenticate by which a browser could answer (RFC 9110 §15.5.2).
            Some(SignInProblem::Refused | SignInProblem::Stale) => StatusCode::FORBIDDEN,
            Some(SignInProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Consent that was given before needs no page: the POST of this one may then end at the client.
    fn csp(&self) -> Csp {
        Csp::MayLeave
    }
}
