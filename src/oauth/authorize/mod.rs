//! `GET /oauth/authorize` (RFC 6749 §4.1.1, OAuth 2.1 §4.1.1): the whole journey.
//!
//! Nothing is written before somebody has signed in: the request can be repeated, without cookies, without harm. After
//! sign-in it runs again from the start.

mod checks;
mod request;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded;

use self::checks::Refusal;
use self::request::{FirstStage, Trusted, Untrusted, first_stage};
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::authorize;
use crate::grants::pending_request::{self, AuthorizationRequest};
use crate::http::authorization_response::{Outcome, answer};
use crate::http::origin::origin_of;
use crate::http::page::{ErrorPage, Foreign, Page, Site};
use crate::http::params::Params;
use crate::http::refusal;
use crate::http::return_to::ReturnTo;
use crate::http::signed_in::{SignedIn, Visitor};
use crate::http::{PageError, flow, request_id, see_other, urls};

/// `GET /oauth/authorize`.
pub async fn get(app: Data<App>, request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, PageError> {
    journey(&app, &request, &visitor).await.map_err(|error| refusal::Refusal::from(error).to(&request))
}

async fn journey(app: &App, request: &HttpRequest, visitor: &Visitor) -> Result<HttpResponse, db::Error> {
    let params = Params::parse(request.query_string().as_bytes());
    let trusted = match first_stage(app, &params, visitor.signed_in().is_some(), &origin_of(request)).await? {
        FirstStage::Trusted(trusted) => trusted,
        FirstStage::AfterSignIn => return Ok(sign_in(app, request, None)),
        FirstStage::Untrusted(why) => return Ok(page(app, request, why)),
    };
    let asked = match checks::check(app, &trusted) {
        Ok(asked) => asked,
        Err(Refusal(code, why)) => return Ok(refused(app, &trusted, code, why)),
    };
    flow::about(request, &asked.client_id, Some(&asked.code_challenge));
    let prompt = Prompt::of(&params);
    let Some(person) = visitor.signed_in().filter(|_| !prompt.signs_in_again) else {
        return Ok(match prompt.is_none {
            true => refused(app, &trusted, "login_required", "Nobody is signed in"),
            false => sign_in(app, request, Some(&trusted)),
        });
    };
    consider(app, request, &trusted, &asked, person, &prompt).await
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

/// What `prompt` asks for (OpenID Connect Core §3.1.2.1).
struct Prompt {
    is_none: bool,
    signs_in_again: bool,
    asks_again: bool,
}

impl Prompt {
    fn of(params: &Params) -> Self {
        let has = |word| params.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|one| one == word));
        Self { is_none: has("none"), signs_in_again: has("login") || has("select_account"), asks_again: has("consent") }
    }
}

/// A request from somebody signed in: answered from memory, or put on the consent page.
async fn consider(
    app: &App,
    request: &HttpRequest,
    trusted: &Trusted<'_>,
    asked: &AuthorizationRequest,
    person: &SignedIn,
    prompt: &Prompt,
) -> Result<HttpResponse, db::Error> {
    let origin = origin_of(request);
    let terms = app.terms(&origin);
    let who = person.respondent();
    if !prompt.asks_again {
        let verb = async |conn: &mut Connection| {
            authorize::answer_from_memory(conn, &terms, &trusted.client, asked, &who).await
        };
        if let Some(code) = app.db.write(verb).await? {
            return Ok(answer(app, &asked.redirect_uri, asked.state.as_deref(), Outcome::Code(&code)));
        }
    }
    if prompt.is_none {
        return Ok(refused(app, trusted, "consent_required", "The person has to be asked"));
    }
    let until = terms.now + app.config.lifetimes.pending_request;
    let verb =
        async |conn: &mut Connection| pending_request::insert(conn, person.session.id, asked, terms.now, until).await;
    let id = app.db.write(verb).await?;
    let location = format!("{}?request={id}", app.at(urls::CONSENT));
    Ok(see_other(&location).finish())
}

fn refused(app: &App, trusted: &Trusted<'_>, code: &str, why: &str) -> HttpResponse {
    answer(app, &trusted.redirect_uri, trusted.state(), Outcome::Error(code, why))
}

/// Off to sign in and back here, with everything but the wish to sign in (again), which is then fulfilled.
fn sign_in(app: &App, request: &HttpRequest, trusted: Option<&Trusted<'_>>) -> HttpResponse {
    let public = &app.config.server.public_url;
    let pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let kept = pairs.filter_map(|(name, value)| match (&*name, &*value) {
        ("prompt", prompt) => {
            let rest: Vec<&str> =
                prompt.split(' ').filter(|word| !matches!(*word, "login" | "select_account")).collect();
            (!rest.is_empty()).then(|| (name.clone(), rest.join(" ").into()))
        }
        _ => Some((name, value)),
    });
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    let here = format!("{}{}?{query}", public.base_path(), urls::AUTHORIZE);
    let expires = app.clock.now() + app.config.lifetimes.pending_request;
    let back = ReturnTo::new(public, &here).map(|back| match trusted {
        Some(trusted) => back.on_behalf_of(&trusted.client.name),
        None => back,
    });
    let location = match (back, trusted) {
        (Some(back), _) => back.login_url(public, &app.keys, expires),
        // Too long to be carried through sign-in: better said than lost on the way.
        (None, Some(trusted)) => return refused(app, trusted, "invalid_request", "The request is too long"),
        (None, None) => return page(app, request, Untrusted::Malformed("It is too long.".to_owned())),
    };
    see_other(&location).finish()
}

/// Never redirected: we do not know where to (RFC 6749 §4.1.2.1).
fn page(app: &App, request: &HttpRequest, why: Untrusted) -> HttpResponse {
    flow::because(request, why.to_string());
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
        Untrusted::BadRedirect(name) => ErrorPage::bad_redirect(site, &Foreign::new(&name)),
    };
    match request_id::of(request) {
        Some(id) => Page(page.request_id(id)).into_response(),
        None => Page(page).into_response(),
    }
}
