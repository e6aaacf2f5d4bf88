//! `GET /oauth/authorize` (RFC 6749 §4.1.1, OAuth 2.1 §4.1.1): the whole journey.
//!
//! Nothing is written before somebody has signed in: the request can be repeated, without cookies, without harm. After
//! sign-in it runs again from the start, and knows when it came first.

pub(super) mod checks;
pub mod openid;
mod request;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use url::form_urlencoded;

pub use self::checks::{Refusal, check};
use self::request::{FirstStage, Trusted, Untrusted, Visit, first_stage};
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::authorize;
use crate::grants::client::Client;
use crate::grants::pending_request::{self, AuthorizationRequest};
use crate::grants::wishes::Wishes;
use crate::http::authorization_response::{Outcome, WayBack, answer};
use crate::http::begun::{beginning, begun};
use crate::http::origin::origin_of;
use crate::http::page::{ErrorPage, Foreign, Page, Site};
use crate::http::params::Params;
use crate::http::refusal;
use crate::http::return_to::ReturnTo;
use crate::http::signed_in::{SignedIn, Visitor};
use crate::http::{PageError, request_id, see_other, urls};

/// `GET /oauth/authorize`.
pub async fn get(app: Data<App>, request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, PageError> {
    journey(&app, &request, &visitor).await.map_err(|error| refusal::Refusal::from(error).to(&request))
}

async fn journey(app: &App, request: &HttpRequest, visitor: &Visitor) -> Result<HttpResponse, db::Error> {
    let origin = origin_of(request);
    let begun = begun(app, request.query_string());
    let visit = Visit { may_fetch: visitor.signed_in().is_some(), begun, origin: &origin };
    let (client, asked) = match first_stage(app, Params::parse(request.query_string().as_bytes()), &visit).await? {
        FirstStage::Trusted(trusted) => match check_brought(app, &trusted) {
            Ok(asked) => (trusted.client, asked),
            Err(refusal) => return Ok(refused(app, trusted.way_back(), refusal)),
        },
        FirstStage::Pushed(client, asked) => (*client, *asked),
        FirstStage::Refused(trusted, refusal) => return Ok(refused(app, trusted.way_back(), refusal)),
        FirstStage::AfterSignIn => return Ok(sign_in(app, request, begun, None)),
        FirstStage::Untrusted(why) => return Ok(page(app, request, why)),
    };
    match standing(visitor, &asked.wishes, begun, app.clock.now()) {
        Standing::Here(person) => consider(app, request, &client, &asked, person).await,
        Standing::SignIn => Ok(sign_in(app, request, begun, Some((&client, &asked)))),
        Standing::Refused(refusal) => Ok(refused(app, &asked, refusal)),
    }
}

fn check_brought(app: &App, trusted: &Trusted) -> Result<AuthorizationRequest, Refusal> {
    checks::need_not_be_pushed(&trusted.client)?;
    check(app, &trusted.client, &trusted.redirect_uri, &trusted.params)
}

/// `POST /oauth/authorize` (OpenID Connect Core §3.1.2.1): the same request, asked again by GET, where our cookie comes along.
pub async fn post(app: Data<App>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if body.len() > MAX_FORM {
        return page(
            &app,
            &request,
            Untrusted::Malformed("It is far larger than any app has reason to send.".to_owned()),
        );
    }
    let query: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(form_urlencoded::parse(&body)).finish();
    let location = format!("{}?{query}", app.at(urls::AUTHORIZE));
    see_other(&location).finish()
}

/// The largest form that still makes a URL which browsers and proxies carry.
const MAX_FORM: usize = 8 * 1024;

/// How whoever is at the browser stands to the request.
enum Standing<'a> {
    /// They can be asked.
    Here(&'a SignedIn),
    /// They have to prove who they are first.
    SignIn,
    /// They are not who is meant, or cannot be asked.
    Refused(Refusal),
}

/// Once somebody has signed in since the request came first, its wish for that is fulfilled: it never goes in circles.
fn standing<'a>(
    visitor: &'a Visitor,
    wishes: &Wishes,
    begun: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Standing<'a> {
    let Some(person) = visitor.signed_in() else {
        return match wishes.is_silent() {
            true => Standing::Refused(Refusal("login_required", "Nobody is signed in")),
            false => Standing::SignIn,
        };
    };
    let authenticated_at = person.session.authenticated_at;
    let just_now = begun.is_some_and(|begun| begun <= authenticated_at);
    let is_other = wishes.means_somebody_else(person.person.id);
    let is_stale = wishes.is_too_long_ago(authenticated_at, now) && !just_now;
    match (is_other, is_stale) {
        (false, false) => Standing::Here(person),
        (true, _) if just_now || wishes.is_silent() => {
            Standing::Refused(Refusal("login_required", "Somebody else is signed in than the id_token_hint names"))
        }
        (false, true) if wishes.is_silent() => {
            Standing::Refused(Refusal("login_required", "The person signed in too long ago"))
        }
        (true, _) | (false, true) => Standing::SignIn,
    }
}

/// A request from somebody signed in: answered from memory, or put on the consent page.
async fn consider(
    app: &App,
    request: &HttpRequest,
    client: &Client,
    asked: &AuthorizationRequest,
    person: &SignedIn,
) -> Result<HttpResponse, db::Error> {
    let origin = origin_of(request);
    let terms = app.terms(&origin);
    let who = person.respondent();
    if !asked.wishes.asks_again() {
        let verb = async |conn: &mut Connection| authorize::answer_from_memory(conn, &terms, client, asked, &who).await;
        if let Some(code) = app.db.write(verb).await? {
            return Ok(answer(app, asked, Outcome::Code(&code)));
        }
    }
    if asked.wishes.is_silent() {
        return Ok(refused(app, asked, Refusal("consent_required", "The person has to be asked")));
    }
    let until = terms.now + app.config.lifetimes.pending_request;
    let verb =
        async |conn: &mut Connection| pending_request::insert(conn, person.session.id, asked, terms.now, until).await;
    let id = app.db.write(verb).await?;
    let location = format!("{}?request={id}", app.at(urls::CONSENT));
    Ok(see_other(&location).finish())
}

fn refused<'a>(app: &App, way: impl Into<WayBack<'a>>, Refusal(code, why): Refusal) -> HttpResponse {
    answer(app, way, Outcome::Error(code, why))
}

/// Off to sign in and back here. The request remembers when it came first.
fn sign_in(
    app: &App,
    request: &HttpRequest,
    begun: Option<DateTime<Utc>>,
    known: Option<(&Client, &AuthorizationRequest)>,
) -> HttpResponse {
    let (public, now) = (&app.config.server.public_url, app.clock.now());
    let query = beginning(app, request.query_string(), begun.unwrap_or(now));
    let here = format!("{}{}?{query}", public.base_path(), urls::AUTHORIZE);
    let back = ReturnTo::new(public, &here).map(|back| match known {
        Some((client, asked)) => back.on_behalf_of(&client.name).hinting(asked.wishes.login_hint.as_deref()),
        None => back,
    });
    let location = match (back, known) {
        (Some(back), _) => back.login_url(public, &app.keys, now + app.config.lifetimes.pending_request),
        // Too long to be carried through sign-in: better said than lost on the way.
        (None, Some((_, asked))) => {
            return refused(app, asked, Refusal("invalid_request", "The request is too long"));
        }
        (None, None) => return page(app, request, Untrusted::Malformed("It is too long.".to_owned())),
    };
    see_other(&location).finish()
}

/// Never redirected: we do not know where to (RFC 6749 §4.1.2.1).
fn page(app: &App, request: &HttpRequest, why: Untrusted) -> HttpResponse {
    let site = Site::of(&app.config.server.public_url);
    let page = match why {
        Untrusted::Malformed(why) => ErrorPage::bad_request(site, &why),
        Untrusted::UnknownClient(id) => ErrorPage::unknown_client(site, &id),
        Untrusted::BadDocument(id, why) => {
            let happened = format!("This app describes itself at {}, but {}.", Foreign::new(&id), Foreign::new(&why));
            ErrorPage::new(site, StatusCode::BAD_REQUEST, "This app could not be looked up", &happened)
                .step("Try again in a moment.")
                .step("If it stays like this, tell whoever makes the app.")
        }
        Untrusted::NotPushed => ErrorPage::request_gone(site),
        Untrusted::BadRedirect(name) => ErrorPage::bad_redirect(site, &Foreign::new(&name)),
    };
    match request_id::of(request) {
        Some(id) => Page(page.request_id(id)).into_response(),
        None => Page(page).into_response(),
    }
}
