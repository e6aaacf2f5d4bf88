//! Sign-in: the first step, and the way on from it.

pub mod code;
pub mod passkey;
mod step;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::SecretString;
use serde::Deserialize;

use crate::app::App;
use crate::audit::Origin;
use crate::config::SecondFactorPolicy;
use crate::crypto::PlainToken;
use crate::http::form::Fields;
use crate::http::limit::{Network, SignInLimits, Try, Wait};
use crate::http::origin::origin_of;
use crate::http::page::{Csp, Foreign, Page, Site, View};
use crate::http::return_to::ReturnTo;
use crate::http::{AtBrowser, PageError, PageForm, Refusal, Visitor, cookies, see_other, urls};
use crate::identity::second_step::FirstStep;
use crate::identity::session::{Browser, FAMILIAR_FOR, Opening};
use crate::identity::sign_in::{Checked, SignIn, sign_in};
use crate::identity::{Session, User, Username};
use crate::types::Acr;
use crate::web::passkeys::Prompt;
use crate::web::words;
use crate::{db, errands};

use step::Step;

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct SignInQuery {
    pub(super) return_to: Option<String>,
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
        Attempt::Started(session) => {
            let arrived = arrive(&app, &session, return_to.as_deref(), &token).await;
            arrived.map_err(|refusal| refusal.to(&request))
        }
        Attempt::SecondStep(first) => Ok(second_step(&app, &visitor, (first, false), return_to.as_deref())),
        Attempt::Problem(problem) => Ok(show(&app, &visitor, &username, return_to, Some(problem))),
    }
}

/// On to the second step, after which the session that the browser has goes on, or another begins.
pub(super) fn second_step(
    app: &App,
    visitor: &Visitor,
    (first, continues): (FirstStep, bool),
    return_to: Option<&str>,
) -> HttpResponse {
    let step = Step { first, continues };
    to_visitor(app, visitor, see_other(&step.url(app, visitor, return_to)).finish())
}

/// How far an attempt came.
pub(super) enum Attempt {
    /// To a session.
    Started(Session),
    /// To the second step.
    SecondStep(FirstStep),
    /// Nowhere.
    Problem(SignInProblem),
}

/// Somebody at the door.
pub(super) struct Knock<'a> {
    pub(super) username: &'a str,
    pub(super) password: SecretString,
    pub(super) browser: &'a Browser,
    pub(super) origin: Origin,
}

/// Pays for the try, checks the password, and starts the session unless there is a problem.
pub(super) async fn attempt(
    app: &App,
    limits: &SignInLimits,
    Knock { username, password, browser, origin }: Knock<'_>,
    opening: &Opening,
) -> Result<Attempt, Refusal> {
    let (paid, checked) = match check(app, limits, (username, password), browser).await? {
        Ok(checked) => checked,
        Err(wait) => return Ok(Attempt::Problem(SignInProblem::TooMany { seconds: wait.seconds() })),
    };
    let (terms, now) = ((opening, app.config.second_factor), app.clock.now());
    match app.db.write(async |conn| sign_in(conn, &checked, terms, &origin, now).await).await? {
        SignIn::Started(session) => {
            paid.give_back();
            Ok(Attempt::Started(session))
        }
        SignIn::SecondStep(first) => {
            paid.give_back();
            Ok(Attempt::SecondStep(first))
        }
        SignIn::Refused(_) => {
            paid.failed();
            Ok(Attempt::Problem(SignInProblem::Refused))
        }
    }
}

/// Pays for a try and checks a password.
pub(super) async fn check<'a>(
    app: &App,
    limits: &'a SignInLimits,
    (username, password): (&str, SecretString),
    browser: &Browser,
) -> Result<Result<(Try<'a>, Checked), Wait>, Refusal> {
    // What cannot be a name is nobody's, and takes as long.
    let account = username.parse::<Username>().ok();
    let (user, is_familiar) = known(app, account.as_ref(), browser).await?;
    let paid = match limits.begin(browser.address, account.as_ref(), is_familiar) {
        Ok(paid) => paid,
        Err(wait) => return Ok(Err(wait)),
    };
    match errands::password::check(&app.passwords, user.as_ref(), password).await {
        Ok(checked) => Ok(Ok((paid, checked))),
        Err(busy) => {
            paid.give_back();
            Err(busy.into())
        }
    }
}

/// Who has that name, and whether they signed in from here lately. The same questions for nobody as for somebody.
pub(super) async fn known(
    app: &App,
    name: Option<&Username>,
    browser: &Browser,
) -> Result<(Option<User>, bool), Refusal> {
    let Some(name) = name else { return Ok((None, false)) };
    let since = app.clock.now() - FAMILIAR_FOR;
    let mut conn = app.db.read().await?;
    let user = User::named(&mut conn, name).await.map_err(db::Error::from)?;
    let places = Session::places(&mut conn, name, since).await.map_err(db::Error::from)?;
    let here = Network::from(browser.address);
    Ok((user, places.into_iter().any(|place| Network::from(place) == here)))
}

/// A page of ours that knows where the person was going.
pub(in crate::web) fn with_return_to(page: String, return_to: Option<&str>) -> String {
    return_to.map_or_else(|| page.clone(), |sealed| format!("{page}?return_to={sealed}"))
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
        passkey: Prompt::to_use(app, visitor),
        problem,
    };
    let mut response = to_visitor(app, visitor, Page(page).into_response());
    if let Some(SignInProblem::TooMany { seconds }) = problem {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub(in crate::web) fn opened(app: &App, sealed: &str) -> Option<ReturnTo> {
    ReturnTo::open(&app.config.server.public_url, &app.keys, sealed, app.clock.now())
}

/// Where somebody was going, or the first page of their settings.
pub(in crate::web) fn destination(app: &App, return_to: Option<&str>) -> String {
    let public_url = &app.config.server.public_url;
    let target = return_to.and_then(|sealed| opened(app, sealed));
    target.map_or_else(|| public_url.at(urls::APPS), |target| target.url(public_url))
}

/// On to where the person was going, in a session that has just begun or goes on; first to getting a second factor, for
/// somebody who must have one here and has none.
pub(super) async fn arrive(
    app: &App,
    session: &Session,
    return_to: Option<&str>,
    token: &PlainToken,
) -> Result<HttpResponse, Refusal> {
    let goes_on = destination(app, return_to);
    if app.config.second_factor == SecondFactorPolicy::Off || Acr::of(&session.amr) == Acr::MultiFactor {
        return Ok(signed_in_at(app, &goes_on, token));
    }
    let mut conn = app.db.read().await?;
    let user = User::find(&mut conn, session.user_id).await.map_err(db::Error::from)?;
    let must_enrol = user.is_some_and(|user| app.config.second_factor.applies_to(user.is_admin));
    let enrol = app.at(urls::TWO_STEP);
    let location = match (must_enrol, return_to) {
        (true, Some(sealed)) => format!("{enrol}?return_to={sealed}"),
        (true, None) => enrol,
        (false, _) => goes_on,
    };
    Ok(signed_in_at(app, &location, token))
}

/// In a session, on to there.
fn signed_in_at(app: &App, location: &str, token: &PlainToken) -> HttpResponse {
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
    /// The question to a passkey, where there can be one.
    pub passkey: Option<Prompt>,
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
    /// The passkey is none that is known here, or answers another question.
    Passkey,
    /// The form was open for too long, or came from elsewhere.
    Stale,
}

impl SignInProblem {
    /// What the person reads.
    pub fn words(&self) -> String {
        match self {
            Self::Refused => "The username or the password is not right.".to_owned(),
            Self::TooMany { seconds } => format!("Too many attempts. Try again in {}.", words::wait(*seconds)),
            Self::Passkey => "That passkey does not open anything here. Use your password.".to_owned(),
            Self::Stale => "This page was open for too long. Sign in again.".to_owned(),
        }
    }

    /// What the page that says so is sent with.
    pub(super) fn status(self) -> StatusCode {
        match self {
            // Not 401: there is no WWW-Authenticate by which a browser could answer (RFC 9110 §15.5.2).
            Self::Refused | Self::Passkey | Self::Stale => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl SignInPage {
    /// Where the passkey's form goes.
    pub fn passkey_action(&self) -> String {
        with_return_to(self.site.login_passkey(), self.return_to.as_deref())
    }

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
            passkey: Some(Prompt::sample()),
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
        let stale = Self { problem: Some(SignInProblem::Stale), passkey: None, ..plain.clone() };
        let unknown = Self { problem: Some(SignInProblem::Passkey), ..plain.clone() };
        let hostile = Self {
            username: "\"><script>alert(1)</script>".to_owned(),
            continuing_to: Some(Foreign::hostile_sample()),
            problem: Some(SignInProblem::Refused),
            ..plain.clone()
        };
        vec![plain, continuing, refused, waiting, stale, unknown, hostile]
    }
}

impl View for SignInPage {
    fn status(&self) -> StatusCode {
        self.problem.map_or(StatusCode::OK, |problem| problem.status())
    }

    /// Consent that was given before needs no page: the POST of this one may then end at the client.
    fn csp(&self) -> Csp {
        Csp::MayLeave
    }
}
