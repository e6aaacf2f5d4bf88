//! Settings → Security → Add a passkey.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::device::device;
use super::recovery_codes::RecoveryCodesPage;
use super::security::Done;
use super::two_step::EnrolQuery;
use crate::app::App;
use crate::crypto::passkeys::Making;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{AtBrowser, Enrolling, PageError, PageForm, Refusal, Visitor, see_other};
use crate::identity::keyring::{AddPasskey, add_passkey};
use crate::identity::passkey::Passkey;
use crate::web::passkeys::{Prompt, resume};
use crate::web::sign_in::{destination, opened, to_visitor};

/// What the script sends.
#[derive(Deserialize)]
pub struct PasskeyForm {
    ceremony: String,
    answer: String,
    name: String,
}

impl Fields for PasskeyForm {}

/// `GET /settings/passkeys`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    AtBrowser(browser): AtBrowser,
    who: Enrolling,
    query: Option<Query<EnrolQuery>>,
) -> Result<HttpResponse, PageError> {
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let name = device(browser.user_agent.as_deref());
    show(&app, &who, (&name, None), return_to).await.map_err(|refusal| refusal.to(&request))
}

/// `POST /settings/passkeys`: it counts, or the form again.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    who: Enrolling,
    query: Option<Query<EnrolQuery>>,
    PageForm(form): PageForm<PasskeyForm>,
) -> Result<HttpResponse, PageError> {
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let added = add(&app, &who, &form, &request).await.map_err(|refusal| refusal.to(&request))?;
    match added {
        Ok(Some(codes)) => {
            Ok(Page(RecoveryCodesPage { next: next(&app, return_to.as_deref()), ..codes }).into_response())
        }
        Ok(None) => Ok(see_other(&next(&app, return_to.as_deref())).finish()),
        Err(problem) => {
            let page = show(&app, &who, (&form.name, Some(problem)), return_to).await;
            page.map_err(|refusal| refusal.to(&request))
        }
    }
}

fn next(app: &App, return_to: Option<&str>) -> String {
    match return_to {
        Some(sealed) => destination(app, Some(sealed)),
        None => Done::Passkey.url(app),
    }
}

/// Codes to show, if any; or what is wrong.
async fn add(
    app: &App,
    who: &Enrolling,
    form: &PasskeyForm,
    request: &HttpRequest,
) -> Result<Result<Option<RecoveryCodesPage>, String>, Refusal> {
    let party = app.passkeys.as_ref().ok_or(Refusal::NotFound)?;
    let (state, ceremony) = resume::<Making>(app, &who.visitor, &form.ceremony).ok_or(Refusal::StaleForm)?;
    let Some(made) = party.finish_making(&state, &form.answer) else { return Ok(Err(UNUSABLE.to_owned())) };
    let demanded = app.config.second_factor.applies_to(who.signed_in.person.is_admin);
    let (session, origin, now) = (&who.signed_in.session, origin_of(request), app.clock.now());
    let (makers, passkey) = ((&*app.keys, &app.random), (&ceremony, form.name.as_str(), made, demanded));
    let verb = app.db.write(async |conn| add_passkey(conn, makers, session, passkey, &origin, now).await);
    Ok(match verb.await? {
        AddPasskey::Added(codes) => {
            Ok(codes.map(|codes| RecoveryCodesPage::fresh(app, &codes, "Your passkey is added")))
        }
        AddPasskey::Refused(why) => Err(why.to_string()),
    })
}

const UNUSABLE: &str = "That passkey cannot be used here. Try again, or with another device.";

async fn show(
    app: &App,
    who: &Enrolling,
    (name, problem): (&str, Option<String>),
    return_to: Option<String>,
) -> Result<HttpResponse, Refusal> {
    let party = app.passkeys.as_ref().ok_or(Refusal::NotFound)?;
    let person = &who.signed_in.person;
    let known = {
        let mut conn = app.db.read().await?;
        Passkey::of_user(&mut conn, person.id).await.map_err(db::Error::from)?
    };
    let known = known.into_iter().map(|passkey| passkey.credential_id).collect();
    let begun = party.begin_making(person.id.0, &person.username, &person.display_name, known);
    let prompt = begun.and_then(|begun| Prompt::of(app, &who.visitor, begun)).ok_or(Refusal::Internal)?;
    let page = PasskeyPage {
        site: Site::of(&app.config.server.public_url),
        csrf: who.visitor.csrf_token(&app.keys),
        return_to: return_to.filter(|sealed| opened(app, sealed).is_some()),
        is_demanded: matches!(who.visitor, Visitor::Stranger(_)),
        prompt,
        name: name.to_owned(),
        problem: problem.map(|problem| Foreign::passage(&problem)),
    };
    Ok(to_visitor(app, &who.visitor, Page(page).into_response()))
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/passkey.html")]
pub struct PasskeyPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Where to go afterwards, sealed; never a URL.
    pub return_to: Option<String>,
    /// True for somebody who gets no further without.
    pub is_demanded: bool,
    /// What the browser is asked.
    pub prompt: Prompt,
    /// What it is to be called.
    pub name: String,
    /// Why the last attempt did not succeed.
    pub problem: Option<Foreign>,
}

impl PasskeyPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            return_to: None,
            is_demanded: false,
            prompt: Prompt::sample(),
            name: "Firefox on Linux".to_owned(),
            problem: None,
        };
        vec![
            Self { problem: Some(Foreign::passage(UNUSABLE)), ..plain.clone() },
            Self { is_demanded: true, return_to: Some("sealed-return-value".to_owned()), ..plain.clone() },
            Self { name: "\"><script>alert(1)</script>".to_owned(), ..plain.clone() },
            plain,
        ]
    }
}

impl View for PasskeyPage {
    fn status(&self) -> StatusCode {
        if self.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
