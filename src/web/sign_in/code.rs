//! The second step of signing in: a code of the authenticator app, or a recovery code.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::step::{Step, address};
use super::{SignInProblem, arrive, known, opened, to_visitor, with_return_to};
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::limit::{SignInLimits, Wait};
use crate::http::origin::origin_of;
use crate::http::page::{Csp, Foreign, Page, Site, View};
use crate::http::return_to::ReturnTo;
use crate::http::{AtBrowser, PageError, PageForm, Refusal, Visitor, see_other, urls};
use crate::identity::User;
use crate::identity::second_step::{Code, second_step};
use crate::identity::session::{Browser, Opening};
use crate::identity::sign_in::{self, SignIn};
use crate::web::passkeys::Prompt;

/// The first step, and where to go afterwards.
#[derive(Debug, Deserialize)]
pub struct CodeQuery {
    step: String,
    return_to: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct CodeForm {
    code: String,
}

impl Fields for CodeForm {}

/// `GET /login/code`: the form; without a first step, back to that.
pub async fn get(app: Data<App>, visitor: Visitor, query: Query<CodeQuery>) -> HttpResponse {
    match Step::open(&app, &visitor, &query.step) {
        Some(_) => show(&app, &visitor, &query, None),
        None => begin_again(&app, query.return_to.as_deref()),
    }
}

/// `POST /login/code`: 303 to where the person was going, or the form again.
pub async fn post(
    app: Data<App>,
    limits: Data<SignInLimits>,
    request: HttpRequest,
    (AtBrowser(browser), visitor, query): (AtBrowser, Visitor, Query<CodeQuery>),
    PageForm(form): PageForm<CodeForm>,
) -> Result<HttpResponse, PageError> {
    let Some(step) = Step::open(&app, &visitor, &query.step) else {
        return Ok(begin_again(&app, query.return_to.as_deref()));
    };
    let (opening, token) = Opening::new(&app.keys, &app.random, browser.clone(), app.config.lifetimes.session);
    let here = visitor.signed_in().map(|signed_in| signed_in.session.id);
    let opening = match (step.continues, here) {
        (true, Some(session)) => opening.continuing(session),
        (_, here) => opening.replacing(here),
    };
    let tried = attempt(&app, &limits, (&step, &Code::read(&form.code)), &browser, &opening, &request).await;
    match tried.map_err(|refusal| refusal.to(&request))? {
        Ok(SignIn::Started(session)) => {
            let arrived = arrive(&app, &session, query.return_to.as_deref(), &token).await;
            arrived.map_err(|refusal| refusal.to(&request))
        }
        Ok(SignIn::SecondStep(_) | SignIn::Refused(_)) => {
            Ok(show(&app, &visitor, &query, Some(SignInProblem::Refused)))
        }
        Err(problem) => Ok(show(&app, &visitor, &query, Some(problem))),
    }
}

/// Pays for the try as for a password, and checks the code.
async fn attempt(
    app: &App,
    limits: &SignInLimits,
    (step, code): (&Step, &Code),
    browser: &Browser,
    opening: &Opening,
    request: &HttpRequest,
) -> Result<Result<SignIn, SignInProblem>, Refusal> {
    let name = {
        let mut conn = app.db.read().await?;
        let user = User::find(&mut conn, step.first.user).await.map_err(db::Error::from)?;
        user.map(|user| user.username)
    };
    let (_, is_familiar) = known(app, name.as_ref(), browser).await?;
    let paid = match limits.begin(browser.address, name.as_ref(), is_familiar) {
        Ok(paid) => paid,
        Err(wait) => return Ok(Err(SignInProblem::TooMany { seconds: wait.seconds() })),
    };
    let (origin, now) = (origin_of(request), app.clock.now());
    let tried = app
        .db
        .write(async |conn| second_step(conn, &app.keys, (&step.first, code), opening, &origin, now).await)
        .await?;
    match &tried {
        SignIn::Started(_) => paid.give_back(),
        SignIn::SecondStep(_) | SignIn::Refused(_) => paid.failed(),
    }
    Ok(match tried {
        SignIn::Refused(sign_in::Refusal::TooManyCodes { wait }) => {
            Err(SignInProblem::TooMany { seconds: Wait(wait.to_std().unwrap_or_default()).seconds() })
        }
        tried => Ok(tried),
    })
}

fn begin_again(app: &App, return_to: Option<&str>) -> HttpResponse {
    let login = app.at(urls::LOGIN);
    see_other(&return_to.map_or_else(|| login.clone(), |sealed| format!("{login}?return_to={sealed}"))).finish()
}

fn show(app: &App, visitor: &Visitor, query: &CodeQuery, problem: Option<SignInProblem>) -> HttpResponse {
    let site = Site::of(&app.config.server.public_url);
    let target = query.return_to.as_deref().and_then(|sealed| opened(app, sealed));
    let return_to = query.return_to.as_deref().filter(|_| target.is_some());
    let page = SecondStepPage {
        action: address(&site.login_code(), &query.step, return_to),
        csrf: visitor.csrf_token(&app.keys),
        continuing_to: target.as_ref().and_then(ReturnTo::client).map(Foreign::new),
        passkey: Prompt::to_use(app, visitor),
        passkey_action: with_return_to(site.login_passkey(), return_to),
        site,
        problem,
    };
    let mut response = to_visitor(app, visitor, Page(page).into_response());
    if let Some(SignInProblem::TooMany { seconds }) = problem {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in/code.html")]
pub struct SecondStepPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Where the form goes, with the first step sealed in it.
    pub action: String,
    /// The client that sent the person here.
    pub continuing_to: Option<Foreign>,
    /// The question to a passkey, where there can be one.
    pub passkey: Option<Prompt>,
    /// Where the passkey's form goes.
    pub passkey_action: String,
    /// Why the last attempt did not succeed.
    pub problem: Option<SignInProblem>,
}

impl SecondStepPage {
    /// What the person reads when the last attempt did not succeed.
    pub fn words(&self) -> Option<String> {
        self.problem.map(|problem| match problem {
            SignInProblem::Refused => {
                "That code is not right, or was used already. The next one comes soon.".to_owned()
            }
            other => other.words(),
        })
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
            action: "/gate/login/code?step=sealed-step".to_owned(),
            continuing_to: None,
            passkey: Some(Prompt::sample()),
            passkey_action: "/gate/login/passkey".to_owned(),
            problem: None,
        };
        let with = |problem| Self { problem: Some(problem), ..plain.clone() };
        vec![
            with(SignInProblem::Refused),
            with(SignInProblem::TooMany { seconds: 120 }),
            Self { continuing_to: Some(Foreign::hostile_sample()), ..plain.clone() },
            plain,
        ]
    }
}

impl View for SecondStepPage {
    fn status(&self) -> StatusCode {
        self.problem.map_or(StatusCode::OK, |problem| problem.status())
    }

    /// As the page of the first step.
    fn csp(&self) -> Csp {
        Csp::MayLeave
    }
}
