//! Choosing the first password, by a one-time link.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use secrecy::SecretString;
use serde::Deserialize;

use super::sign_in::{arrive, second_step, to_visitor};
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{ErrorPage, Foreign, Page, Site, View};
use crate::http::{AtBrowser, PageError, PageForm, Refusal, Visitor};
use crate::identity::session::Opening;
use crate::identity::set_up::{Redeem, redeem};
use crate::identity::{NewPassword, PasswordRefusal, User, Username, setup_link};

/// The secret of the link.
#[derive(Debug, Deserialize)]
pub struct SetUpQuery {
    token: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SetUpForm {
    link: String,
    password: String,
    password_again: String,
}

impl Fields for SetUpForm {}

/// `GET /setup`: looks at the link and does not use it up, since programs that preview links do the same.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    visitor: Visitor,
    query: Option<Query<SetUpQuery>>,
) -> Result<HttpResponse, PageError> {
    let token = query.map(|query| query.into_inner().token).unwrap_or_default();
    let found = owner(&app, &token).await.map_err(|refusal| refusal.to(&request))?;
    Ok(match found {
        Some((link, user)) => show(&app, &visitor, &link, &user.username, None),
        None => gone(&app),
    })
}

/// `POST /setup`: sets the password, uses up the link and signs the person in.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    AtBrowser(browser): AtBrowser,
    visitor: Visitor,
    PageForm(form): PageForm<SetUpForm>,
) -> Result<HttpResponse, PageError> {
    let found = owner(&app, &form.link).await.map_err(|refusal| refusal.to(&request))?;
    let Some((link, user)) = found else { return Ok(gone(&app)) };
    let (password, again) = (SecretString::from(form.password), SecretString::from(form.password_again));
    let password = match NewPassword::confirm(password, &again, &user.username) {
        Ok(password) => password,
        Err(problem) => return Ok(show(&app, &visitor, &link, &user.username, Some(problem))),
    };
    let (opening, token) = Opening::new(&app.keys, &app.random, browser, app.config.lifetimes.session);
    let opening = opening.replacing(visitor.signed_in().map(|signed_in| signed_in.session.id));
    match redeemed(&app, (&link, password), &opening, &origin_of(&request))
        .await
        .map_err(|refusal| refusal.to(&request))?
    {
        Redeem::Done(session) => arrive(&app, &session, None, &token).await.map_err(|refusal| refusal.to(&request)),
        Redeem::SecondStep(first) => Ok(second_step(&app, &visitor, (first, false), None)),
        Redeem::Refused => Ok(gone(&app)),
    }
}

async fn owner(app: &App, token: &str) -> Result<Option<(PlainToken, User)>, Refusal> {
    let Some(link) = PlainToken::parse(TokenKind::Setup, token) else { return Ok(None) };
    let mut conn = app.db.read().await?;
    let owner =
        setup_link::owner(&mut conn, &app.keys.hashes(&link), app.clock.now()).await.map_err(db::Error::from)?;
    let Some(owner) = owner else { return Ok(None) };
    let user = User::find(&mut conn, owner).await.map_err(db::Error::from)?;
    Ok(user.filter(|user| !user.is_disabled()).map(|user| (link, user)))
}

async fn redeemed(
    app: &App,
    (link, password): (&PlainToken, NewPassword),
    opening: &Opening,
    origin: &Origin,
) -> Result<Redeem, Refusal> {
    let hash = app.passwords.hash(password.into_secret()).await?;
    let (hashes, now) = (app.keys.hashes(link), app.clock.now());
    let terms = (opening, app.config.second_factor);
    Ok(app.db.write(async |conn| redeem(conn, &hashes, &hash, terms, origin, now).await).await?)
}

fn show(
    app: &App,
    visitor: &Visitor,
    link: &PlainToken,
    username: &Username,
    problem: Option<PasswordRefusal>,
) -> HttpResponse {
    let page = SetUpPage {
        site: Site::of(&app.config.server.public_url),
        csrf: visitor.csrf_token(&app.keys),
        link: link.reveal().to_owned(),
        username: Foreign::new(username.as_str()),
        problem,
    };
    to_visitor(app, visitor, Page(page).into_response())
}

fn gone(app: &App) -> HttpResponse {
    Page(ErrorPage::set_up_link_gone(Site::of(&app.config.server.public_url))).into_response()
}

const PASSWORD_HINT: &str = "At least 10 characters. A few words in a row are easy to remember and hard to guess.";

/// The form behind a one-time link.
#[derive(Clone, Debug, Template)]
#[template(path = "set_up.html")]
pub struct SetUpPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// The one-time link's own secret, on its way back.
    pub link: String,
    /// Who will sign in with the password.
    pub username: Foreign,
    /// Why the last attempt did not succeed.
    pub problem: Option<PasswordRefusal>,
}

impl SetUpPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            link: "sample-link".to_owned(),
            username: Foreign::new("admin"),
            problem: None,
        };
        let with = |problem| Self { problem: Some(problem), ..plain.clone() };
        vec![
            with(PasswordRefusal::TooShort),
            with(PasswordRefusal::TooLong),
            with(PasswordRefusal::Different),
            with(PasswordRefusal::UserName),
            with(PasswordRefusal::Common),
            Self { username: Foreign::hostile_sample(), ..plain.clone() },
            plain,
        ]
    }
}

impl View for SetUpPage {
    fn status(&self) -> StatusCode {
        self.problem.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SHORTEST_PASSWORD;

    #[test]
    fn the_hint_tells_the_limit_that_holds() {
        assert!(PASSWORD_HINT.contains(&format!("At least {SHORTEST_PASSWORD} ")));
    }
}
