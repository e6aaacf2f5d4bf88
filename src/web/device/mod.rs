//! Connecting a device: the page where a person types the code that a device shows (RFC 8628 §3.3).

mod view;

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

pub use self::view::{CodePage, CodeProblem, ConfirmPage, DonePage, Outcome, Place};
use crate::app::App;
use crate::crypto::UserCode;
use crate::db::{self, Connection};
use crate::grants::authorize::Answer;
use crate::grants::client::{Client, Listed};
use crate::grants::client_name::imitates;
use crate::grants::device::{self, Answered};
use crate::grants::device_code::DeviceCode;
use crate::grants::known_clients;
use crate::http::device_limits::DeviceLimits;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site};
use crate::http::return_to::ReturnTo;
use crate::http::{ClientAddress, PageError, PageForm, Refusal, SignedIn, urls};
use crate::types::Scope;
use crate::web::consent::{boxes, lasts};
use crate::web::doors::Door;
use crate::web::words::{Decision, Identity, Moment};

/// What leads here: a device may put its code into the address (RFC 8628 §3.3.1).
#[derive(Debug, Default, Deserialize)]
pub struct DeviceQuery {
    user_code: Option<String>,
}

/// What the forms send: the code, and on the second page the answer.
#[derive(Deserialize)]
pub struct DeviceForm {
    user_code: String,
    decision: Option<Decision>,
    #[serde(default)]
    scope: Scope,
}

impl Fields for DeviceForm {
    const LISTS: &'static [&'static str] = &["scope"];
}

/// `GET /device`: the field for the code. A code in the address fills it in and decides nothing; nothing is looked up.
pub async fn get(app: Data<App>, signed_in: SignedIn, query: Option<Query<DeviceQuery>>) -> HttpResponse {
    let typed = query.and_then(|query| query.into_inner().user_code).and_then(|text| UserCode::parse(&text));
    let typed = typed.map(|code| code.reveal()).unwrap_or_default();
    ask_for_code(&app, &signed_in, typed, None)
}

/// `POST /device`: shows what is asked under the code, or answers it.
pub async fn post(
    app: Data<App>,
    limits: Data<DeviceLimits>,
    request: HttpRequest,
    (signed_in, here): (SignedIn, ClientAddress),
    PageForm(form): PageForm<DeviceForm>,
) -> Result<HttpResponse, PageError> {
    let answered = match UserCode::parse(&form.user_code) {
        None => Ok(ask_for_code(&app, &signed_in, view::shortened(&form.user_code), Some(CodeProblem::NotACode))),
        Some(code) => match form.decision {
            None => confirm(&app, &limits, &signed_in, here, &code, &request).await,
            Some(Decision::Deny) => decide(&app, &signed_in, &code, Answer::Deny, &request).await,
            Some(Decision::Allow) => decide(&app, &signed_in, &code, Answer::Allow(form.scope), &request).await,
        },
    };
    answered.map_err(|error| Refusal::from(error).to(&request))
}

/// Only wrong codes cost: whoever mistypes for too long has to wait (RFC 8628 §5.1).
async fn confirm(
    app: &App,
    limits: &DeviceLimits,
    signed_in: &SignedIn,
    ClientAddress(here): ClientAddress,
    code: &UserCode,
    request: &HttpRequest,
) -> Result<HttpResponse, db::Error> {
    let guess = match limits.guess(signed_in.person.id, here) {
        Ok(guess) => guess,
        Err(wait) => {
            let problem = CodeProblem::TooMany { seconds: wait.seconds() };
            return Ok(ask_for_code(app, signed_in, code.reveal(), Some(problem)));
        }
    };
    let origin = origin_of(request);
    let (terms, who) = (app.terms(&origin), signed_in.respondent());
    let verb = async |conn: &mut Connection| device::consider(conn, &terms, code, &who).await;
    match app.db.write(verb).await? {
        Some((waiting, client)) => {
            guess.give_back();
            let place = Place::of(waiting.address.as_deref(), here);
            let mut conn = app.db.read().await?;
            let Some(known) = Listed::find(&mut conn, &client.id).await? else {
                return Ok(ask_for_code(app, signed_in, code.reveal(), Some(CodeProblem::Unknown)));
            };
            Ok(Page(asking(app, signed_in, code, &waiting, &known, place)).into_response())
        }
        None => {
            guess.failed();
            Ok(ask_for_code(app, signed_in, code.reveal(), Some(CodeProblem::Unknown)))
        }
    }
}

async fn decide(
    app: &App,
    signed_in: &SignedIn,
    code: &UserCode,
    answer: Answer,
    request: &HttpRequest,
) -> Result<HttpResponse, db::Error> {
    let origin = origin_of(request);
    let (terms, who) = (app.terms(&origin), signed_in.respondent());
    let verb = async |conn: &mut Connection| device::answer(conn, &terms, code, &who, &answer).await;
    let outcome = match app.db.write(verb).await? {
        Answered::Allowed(client) => Outcome::Allowed(Foreign::new(&client.name)),
        Answered::Denied(client) => Outcome::Denied(Foreign::new(&client.name)),
        Answered::Gone => Outcome::Gone,
        Answered::Changed => Outcome::Changed,
    };
    Ok(Page(DonePage { site: Site::of(&app.config.server.public_url), outcome }).into_response())
}

fn ask_for_code(app: &App, signed_in: &SignedIn, typed: String, problem: Option<CodeProblem>) -> HttpResponse {
    let page = CodePage {
        site: Site::of(&app.config.server.public_url),
        csrf: signed_in.csrf_token(&app.keys),
        username: Foreign::new(&signed_in.person.username),
        switch_account: switch_account(app, &typed, None),
        typed,
        problem,
    };
    let mut response = Page(page).into_response();
    if let Some(CodeProblem::TooMany { seconds }) = problem {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn asking(
    app: &App,
    signed_in: &SignedIn,
    code: &UserCode,
    waiting: &DeviceCode,
    known: &Listed,
    place: Place,
) -> ConfirmPage {
    let client = &known.client;
    let site = Site::of(&app.config.server.public_url);
    let asked = signed_in.person.rights().within(&waiting.scope);
    ConfirmPage {
        csrf: signed_in.csrf_token(&app.keys),
        user_code: code.reveal(),
        client: Foreign::new(&client.name),
        identity: Identity::of(known, &app.config.registration.trusted_hosts, &app.places.tree()),
        imitates: imitates(&client.name, known_clients::host(client).as_deref()).map(str::to_owned),
        server: Foreign::new(Door::of(app, &waiting.resource).name()),
        server_host: site.host.clone(),
        username: Foreign::new(&signed_in.person.username),
        switch_account: switch_account(app, &code.reveal(), Some(client)),
        scopes: boxes(&asked, None),
        place,
        asked_at: Moment::new(waiting.created_at, app.clock.now()),
        lasts: lasts(&app.config.lifetimes, client.refreshes()),
        site,
    }
}

/// Sign in as somebody else, and come back with the same code.
fn switch_account(app: &App, user_code: &str, client: Option<&Client>) -> String {
    let public_url = &app.config.server.public_url;
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("user_code", user_code).finish();
    let again = format!("{}{}?{query}", public_url.base_path(), urls::DEVICE);
    let expires = app.clock.now() + app.config.lifetimes.pending_request;
    let Some(target) = ReturnTo::new(public_url, &again) else { return public_url.at(urls::LOGIN) };
    let target = match client {
        Some(client) => target.on_behalf_of(&client.name),
        None => target,
    };
    target.login_url(public_url, &app.keys, expires)
}
