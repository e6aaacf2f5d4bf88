//! Signing in, or confirming who one is, by a passkey: in one step.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::{SignInProblem, SignInQuery, arrive, show};
use crate::app::App;
use crate::crypto::passkeys::Using;
use crate::http::form::Fields;
use crate::http::limit::SignInLimits;
use crate::http::origin::origin_of;
use crate::http::{AtBrowser, PageError, PageForm, Refusal, Visitor};
use crate::identity::keyring::sign_in_by_passkey;
use crate::identity::session::{Browser, Opening};
use crate::identity::sign_in::SignIn;
use crate::web::passkeys::resume;

/// What the script sends.
#[derive(Deserialize)]
pub struct PasskeyForm {
    ceremony: String,
    answer: String,
    /// There when the session that the browser has is to go on.
    confirms: Option<String>,
}

impl Fields for PasskeyForm {}

/// `POST /login/passkey`: 303 to where the person was going, or the sign-in page.
pub async fn post(
    app: Data<App>,
    limits: Data<SignInLimits>,
    request: HttpRequest,
    (AtBrowser(browser), visitor, query): (AtBrowser, Visitor, Option<Query<SignInQuery>>),
    PageForm(form): PageForm<PasskeyForm>,
) -> Result<HttpResponse, PageError> {
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let (opening, token) = Opening::new(&app.keys, &app.random, browser.clone(), app.config.lifetimes.session);
    let tried = attempt(&app, &limits, (&visitor, &browser), (&form, opening), &request).await;
    match tried.map_err(|refusal| refusal.to(&request))? {
        Ok(SignIn::Started(session)) => {
            let arrived = arrive(&app, &session, return_to.as_deref(), &token).await;
            arrived.map_err(|refusal| refusal.to(&request))
        }
        Ok(SignIn::SecondStep(_) | SignIn::Refused(_)) => {
            Ok(show(&app, &visitor, "", return_to, Some(SignInProblem::Passkey)))
        }
        Err(problem) => Ok(show(&app, &visitor, "", return_to, Some(problem))),
    }
}

async fn attempt(
    app: &App,
    limits: &SignInLimits,
    (visitor, browser): (&Visitor, &Browser),
    (form, opening): (&PasskeyForm, Opening),
    request: &HttpRequest,
) -> Result<Result<SignIn, SignInProblem>, Refusal> {
    let Some((state, ceremony)) = resume::<Using>(app, visitor, &form.ceremony) else {
        return Ok(Err(SignInProblem::Stale));
    };
    let Some((party, presented)) =
        app.passkeys.as_ref().and_then(|party| Some((party, party.presented(&form.answer)?)))
    else {
        return Ok(Err(SignInProblem::Passkey));
    };
    let here = visitor.signed_in().map(|signed_in| &signed_in.session);
    let (opening, only) = match (here, &form.confirms) {
        (Some(session), Some(_)) => (opening.continuing(session.id), Some(session.user_id)),
        (here, _) => (opening.replacing(here.map(|session| session.id)), None),
    };
    // There is nothing to guess; but a refusal is recorded, so it costs.
    let paid = match limits.begin(browser.address, None, false) {
        Ok(paid) => paid,
        Err(wait) => return Ok(Err(SignInProblem::TooMany { seconds: wait.seconds() })),
    };
    let (origin, now) = (origin_of(request), app.clock.now());
    let shown = (&presented, state, &ceremony);
    let verb = async |conn: &mut _| sign_in_by_passkey(conn, party, shown, (&opening, only), &origin, now).await;
    let tried = app.db.write(verb).await?;
    match &tried {
        SignIn::Started(_) => paid.give_back(),
        SignIn::SecondStep(_) | SignIn::Refused(_) => paid.failed(),
    }
    Ok(Ok(tried))
}
