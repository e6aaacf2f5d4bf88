//! Settings → Security → Password: somebody who knows their password chooses another.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::SecretString;
use serde::Deserialize;

use super::security::Done;
use crate::app::App;
use crate::http::form::Fields;
use crate::http::limit::SignInLimits;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{AtBrowser, PageError, PageForm, Refusal, SignedIn, see_other};
use crate::identity::change_password::{ChangePassword, change_password};
use crate::identity::sign_in::Checked;
use crate::identity::{NewPassword, PasswordRefusal};
use crate::web::shell::{Menu, Shell};
use crate::web::{sign_in, words};

/// What the form sends.
#[derive(Deserialize)]
pub struct PasswordForm {
    current_password: String,
    password: String,
    password_again: String,
    /// There when the box is ticked.
    end_others: Option<String>,
}

impl Fields for PasswordForm {}

/// `GET /settings/password`. It asks for the present password, so nothing more has to be proved.
pub async fn get(app: Data<App>, signed_in: SignedIn) -> Page<PasswordPage> {
    Page(PasswordPage::of(&app, &signed_in, None, true))
}

/// `POST /settings/password`: the new one holds, or the form again.
pub async fn post(
    app: Data<App>,
    limits: Data<SignInLimits>,
    request: HttpRequest,
    (AtBrowser(browser), signed_in): (AtBrowser, SignedIn),
    PageForm(form): PageForm<PasswordForm>,
) -> Result<HttpResponse, PageError> {
    let end_others = form.end_others.is_some();
    let again = |problem| Page(PasswordPage::of(&app, &signed_in, Some(problem), end_others)).into_response();
    let username = &signed_in.person.username;
    let Ok(name) = username.parse() else { return Err(Refusal::Internal.to(&request)) };
    let (chosen, repeated) = (SecretString::from(form.password), SecretString::from(form.password_again));
    let chosen = match NewPassword::confirm(chosen, &repeated, &name) {
        Ok(chosen) => chosen,
        Err(refusal) => return Ok(again(PasswordProblem::New(refusal))),
    };
    let typed = (username.as_str(), SecretString::from(form.current_password));
    let checked = sign_in::check(&app, &limits, typed, &browser).await.map_err(|refusal| refusal.to(&request))?;
    let (paid, checked) = match checked {
        Ok(checked) => checked,
        Err(wait) => return Ok(again(PasswordProblem::TooMany { seconds: wait.seconds() })),
    };
    let changed = change(&app, &signed_in, (checked, chosen, end_others), &request).await;
    match changed.map_err(|refusal| refusal.to(&request))? {
        ChangePassword::Changed { .. } => {
            paid.give_back();
            Ok(see_other(&Done::Password.url(&app)).finish())
        }
        ChangePassword::Refused => {
            paid.failed();
            Ok(again(PasswordProblem::Current))
        }
    }
}

async fn change(
    app: &App,
    signed_in: &SignedIn,
    (checked, chosen, end_others): (Checked, NewPassword, bool),
    request: &HttpRequest,
) -> Result<ChangePassword, Refusal> {
    let chosen = app.passwords.hash(chosen.into_secret()).await?;
    let (here, origin, now) = (signed_in.session.id, origin_of(request), app.clock.now());
    let changed =
        app.db.write(async |conn| change_password(conn, &checked, &chosen, (here, !end_others), &origin, now).await);
    Ok(changed.await?)
}

/// Why a password was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// The present one is another.
    Current,
    /// The new one cannot be one.
    New(PasswordRefusal),
    /// Too many attempts.
    TooMany {
        /// Until the next one.
        seconds: u64,
    },
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/password.html")]
pub struct PasswordPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Whose password it is.
    pub username: Foreign,
    /// Why it was not changed.
    pub problem: Option<PasswordProblem>,
    /// True when other sessions are to end.
    pub end_others: bool,
}

impl PasswordPage {
    fn of(app: &App, signed_in: &SignedIn, problem: Option<PasswordProblem>, end_others: bool) -> Self {
        Self {
            site: Site::of(&app.config.server.public_url),
            shell: Shell::of(app, signed_in, Menu::Security),
            username: Foreign::new(&signed_in.person.username),
            problem,
            end_others,
        }
    }

    /// What the person reads when nothing was changed.
    pub fn words(&self) -> Option<String> {
        self.problem.map(|problem| match problem {
            PasswordProblem::Current => "The current password is not right.".to_owned(),
            PasswordProblem::New(refusal) => refusal.to_string(),
            PasswordProblem::TooMany { seconds } => {
                format!("Too many attempts. Try again in {}.", words::wait(seconds))
            }
        })
    }

    /// True when the present password is what is wrong.
    pub fn current_is_wrong(&self) -> bool {
        self.problem == Some(PasswordProblem::Current)
    }

    /// True when the new one is.
    pub fn new_is_wrong(&self) -> bool {
        matches!(self.problem, Some(PasswordProblem::New(_)))
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            shell: Shell::sample(Menu::Security),
            username: Foreign::new("alice"),
            problem: None,
            end_others: true,
        };
        let with = |problem| Self { problem: Some(problem), end_others: false, ..plain.clone() };
        vec![
            with(PasswordProblem::Current),
            with(PasswordProblem::New(PasswordRefusal::TooShort)),
            with(PasswordProblem::TooMany { seconds: 90 }),
            Self { username: Foreign::hostile_sample(), ..plain.clone() },
            plain,
        ]
    }
}

impl View for PasswordPage {
    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            Some(PasswordProblem::Current | PasswordProblem::New(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(PasswordProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}
