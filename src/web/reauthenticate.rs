//! *Confirm it is you*: somebody who is signed in proves once more who they are, before what an intruder would do first.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::sign_in::{Attempt, Knock, SignInProblem, arrive, attempt, opened, second_step, with_return_to};
use crate::app::App;
use crate::http::form::Fields;
use crate::http::limit::SignInLimits;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{AtBrowser, PageError, PageForm, SignedIn, Visitor};
use crate::identity::session::Opening;
use crate::web::passkeys::Prompt;

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct ConfirmQuery {
    return_to: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct ConfirmForm {
    password: String,
}

impl Fields for ConfirmForm {}

/// `GET /confirm`.
pub async fn get(app: Data<App>, signed_in: SignedIn, query: Option<Query<ConfirmQuery>>) -> Page<ConfirmItIsYouPage> {
    show(&app, &signed_in, query.and_then(|query| query.into_inner().return_to), None)
}

/// `POST /confirm`: 303 to where the person was going, or the form again.
///
/// The session goes on under a fresh token (ASVS 7.2.4), so that what hangs on it stays as it was.
pub async fn post(
    app: Data<App>,
    limits: Data<SignInLimits>,
    request: HttpRequest,
    (AtBrowser(browser), signed_in, query): (AtBrowser, SignedIn, Option<Query<ConfirmQuery>>),
    PageForm(form): PageForm<ConfirmForm>,
) -> Result<HttpResponse, PageError> {
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let (opening, token) = Opening::new(&app.keys, &app.random, browser.clone(), app.config.lifetimes.session);
    let opening = opening.continuing(signed_in.session.id);
    let origin = origin_of(&request);
    let username = &signed_in.person.username;
    let knock = Knock { username, password: form.password.into(), browser: &browser, origin };
    match attempt(&app, &limits, knock, &opening).await.map_err(|refusal| refusal.to(&request))? {
        Attempt::Started(session) => {
            let arrived = arrive(&app, &session, return_to.as_deref(), &token).await;
            arrived.map_err(|refusal| refusal.to(&request))
        }
        Attempt::SecondStep(first) => {
            let visitor = Visitor::SignedIn(Box::new(signed_in));
            Ok(second_step(&app, &visitor, (first, true), return_to.as_deref()))
        }
        Attempt::Problem(problem) => {
            let mut response = show(&app, &signed_in, return_to, Some(problem)).into_response();
            if let SignInProblem::TooMany { seconds } = problem {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(response)
        }
    }
}

fn show(
    app: &App,
    signed_in: &SignedIn,
    return_to: Option<String>,
    problem: Option<SignInProblem>,
) -> Page<ConfirmItIsYouPage> {
    Page(ConfirmItIsYouPage {
        site: Site::of(&app.config.server.public_url),
        csrf: signed_in.csrf_token(&app.keys),
        return_to: return_to.filter(|sealed| opened(app, sealed).is_some()),
        username: Foreign::new(&signed_in.person.username),
        passkey: Prompt::to_use(app, &Visitor::SignedIn(Box::new(signed_in.clone()))),
        problem,
    })
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "reauthenticate.html")]
pub struct ConfirmItIsYouPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Where to go afterwards, sealed; never a URL.
    pub return_to: Option<String>,
    /// Who is signed in.
    pub username: Foreign,
    /// The question to a passkey, where there can be one.
    pub passkey: Option<Prompt>,
    /// Why the last attempt did not succeed.
    pub problem: Option<SignInProblem>,
}

impl ConfirmItIsYouPage {
    /// Where the passkey's form goes.
    pub fn passkey_action(&self) -> String {
        with_return_to(self.site.login_passkey(), self.return_to.as_deref())
    }

    /// What the person reads when the last attempt did not succeed.
    pub fn words(&self) -> Option<String> {
        self.problem.map(|problem| match problem {
            SignInProblem::Refused => "That is not your password.".to_owned(),
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
            return_to: Some("sealed-return-value".to_owned()),
            username: Foreign::new("alice"),
            passkey: Some(Prompt::sample()),
            problem: None,
        };
        let with = |problem| Self { problem: Some(problem), ..plain.clone() };
        vec![
            with(SignInProblem::Refused),
            with(SignInProblem::TooMany { seconds: 240 }),
            Self { username: Foreign::hostile_sample(), return_to: None, ..plain.clone() },
            plain,
        ]
    }
}

impl View for ConfirmItIsYouPage {
    fn status(&self) -> StatusCode {
        self.problem.map_or(StatusCode::OK, |problem| problem.status())
    }
}
