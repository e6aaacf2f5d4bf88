//! Settings → Security → Two-step sign-in: somebody adds an authenticator app.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;

use super::recovery_codes::RecoveryCodesPage;
use crate::app::App;
use crate::crypto::{Label, TotpSecret};
use crate::db;
use crate::http::entrusted::{entrust, take_back};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Page, Site, View};
use crate::http::{Enrolling, PageError, PageForm, Refusal, SignedIn, Visitor, see_other, urls};
use crate::identity::totp::Totp;
use crate::identity::two_step::{TurnOn, turn_on};
use crate::web::qr::Qr;
use crate::web::sign_in::{opened, to_visitor};

/// Where to go afterwards, for somebody who was led here on the way there.
#[derive(Debug, Default, Deserialize)]
pub struct EnrolQuery {
    /// Sealed.
    pub(super) return_to: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct TwoStepForm {
    setup: String,
    code: String,
}

impl Fields for TwoStepForm {}

/// Long enough to install an app.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// `GET /settings/two-step`: a fresh secret, which counts for nothing until a code of it has come back.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    who: Enrolling,
    query: Option<Query<EnrolQuery>>,
) -> Result<HttpResponse, PageError> {
    if has_app(&app, &who.signed_in).await.map_err(|error| Refusal::from(error).to(&request))? {
        return Ok(see_other(&app.at(urls::SECURITY)).finish());
    }
    let return_to = query.and_then(|query| query.into_inner().return_to);
    show(&app, &who, (&TotpSecret::fresh(&app.random), None), return_to).map_err(|refusal| refusal.to(&request))
}

/// `POST /settings/two-step`: two-step sign-in is on, and here are the recovery codes; or the form again.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    who: Enrolling,
    query: Option<Query<EnrolQuery>>,
    PageForm(form): PageForm<TwoStepForm>,
) -> Result<HttpResponse, PageError> {
    let return_to = query.and_then(|query| query.into_inner().return_to);
    let sealed = take_back::<TotpSecret>(&app, (Label::Totp, &who.visitor), &form.setup);
    let secret = sealed.ok_or_else(|| Refusal::StaleForm.to(&request))?;
    let (session, origin, now) = (&who.signed_in.session, origin_of(&request), app.clock.now());
    let makers = (&*app.keys, &app.random);
    let verb = app.db.write(async |conn| turn_on(conn, makers, session, (&secret, &form.code), &origin, now).await);
    match verb.await.map_err(|error| Refusal::from(error).to(&request))? {
        TurnOn::On(codes) => {
            let page = RecoveryCodesPage::first(&app, &codes, "Two-step sign-in is on", return_to.as_deref());
            Ok(Page(page).into_response())
        }
        TurnOn::WrongCode => {
            let again = show(&app, &who, (&secret, Some(WRONG)), return_to);
            again.map_err(|refusal| refusal.to(&request))
        }
        TurnOn::AlreadyOn => Ok(see_other(&app.at(urls::SECURITY)).finish()),
    }
}

const WRONG: &str = "That is not the code that the app shows now. Look again, and check the clock of your telephone.";

async fn has_app(app: &App, signed_in: &SignedIn) -> Result<bool, db::Error> {
    let mut conn = app.db.read().await?;
    Ok(Totp::of(&mut conn, signed_in.person.id).await?.is_some())
}

fn show(
    app: &App,
    who: &Enrolling,
    (secret, problem): (&TotpSecret, Option<&'static str>),
    return_to: Option<String>,
) -> Result<HttpResponse, Refusal> {
    let public_url = &app.config.server.public_url;
    let issuer = format!("Portcullis ({})", public_url.authority());
    let uri = secret.uri(&issuer, &who.signed_in.person.username).ok_or(Refusal::Internal)?;
    let setup = entrust(app, (Label::Totp, &who.visitor), secret, LIFETIME).map_err(|_| Refusal::Internal)?;
    let page = TwoStepPage {
        site: Site::of(public_url),
        csrf: who.visitor.csrf_token(&app.keys),
        return_to: return_to.filter(|sealed| opened(app, sealed).is_some()),
        is_demanded: matches!(who.visitor, Visitor::Stranger(_)),
        offers_passkeys: app.passkeys.is_some(),
        setup,
        qr: Qr::of(&uri),
        text: secret.text(),
        problem,
    };
    Ok(to_visitor(app, &who.visitor, Page(page).into_response()))
}

/// The secret as a picture and as text, and the field for its first code.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/two_step.html")]
pub struct TwoStepPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// Where to go afterwards, sealed; never a URL.
    pub return_to: Option<String>,
    /// True for somebody who gets no further without.
    pub is_demanded: bool,
    /// True where a passkey does as well.
    pub offers_passkeys: bool,
    /// The secret, sealed, on its way back.
    pub setup: String,
    /// The picture.
    pub qr: Option<Qr>,
    /// The text.
    pub text: String,
    /// Why the last attempt did not succeed.
    pub problem: Option<&'static str>,
}

impl TwoStepPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            return_to: None,
            is_demanded: false,
            offers_passkeys: true,
            setup: "sealed-secret".to_owned(),
            qr: Qr::of("otpauth://totp/Portcullis:alice?secret=SAMPLE"),
            text: "SAMP LESA MPLE SAMP LESA MPLE SAMP LESA".to_owned(),
            problem: None,
        };
        vec![
            Self { problem: Some(WRONG), ..plain.clone() },
            Self { is_demanded: true, return_to: Some("sealed-return-value".to_owned()), ..plain.clone() },
            Self { is_demanded: true, offers_passkeys: false, qr: None, ..plain.clone() },
            plain,
        ]
    }
}

impl View for TwoStepPage {
    fn status(&self) -> StatusCode {
        if self.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
