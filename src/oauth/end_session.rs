//! `GET` and `POST /oauth/end_session` (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Whoever brings the ID token of this very browser session is its app, and the session ends at once. Everybody else could be
//! anybody with a link: the person is asked (ASVS 10.6.2). What is wrong with a request is said on a page, never by a
//! redirect, and a redirect only ever goes where the app registered.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded;

use crate::app::App;
use crate::db;
use crate::grants::client::{self, Client};
use crate::grants::sign::{IdTokenHint, SigningError};
use crate::http::logout_request::{self, LogoutRequest};
use crate::http::origin::origin_of;
use crate::http::page::{ErrorPage, Page, Site};
use crate::http::params::Params;
use crate::http::signed_in::{SignedIn, Visitor};
use crate::http::{PageError, Refusal, cookies, request_id, see_other, urls};
use crate::identity::sign_out::sign_out;
use crate::types::RedirectUri;

/// The largest form that still makes a URL which browsers and proxies carry.
const MAX_FORM: usize = 8 * 1024;
/// The longest `state`, so that what is sealed for the page still fits a URL.
const MAX_STATE: usize = 2 * 1024;

/// `GET /oauth/end_session`.
pub async fn get(app: Data<App>, request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, PageError> {
    let params = Params::parse(request.query_string().as_bytes());
    match judge(&app, &params).await {
        Ok(asked) => answer(&app, &request, visitor.signed_in(), asked).await.map_err(|error| error.to(&request)),
        Err(Flaw::Refused(why)) => Ok(page(&app, &request, why)),
        Err(Flaw::Failed(refusal)) => Err(refusal.to(&request)),
    }
}

/// `POST /oauth/end_session`: the same request, asked again by GET, where our cookie comes along.
pub async fn post(app: Data<App>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if body.len() > MAX_FORM {
        return page(&app, &request, "It is far larger than any app has reason to send.");
    }
    let query: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(form_urlencoded::parse(&body)).finish();
    see_other(&format!("{}?{query}", app.at(urls::END_SESSION))).finish()
}

/// A request that may be fulfilled. `logout_hint` and `ui_locales` are not looked at: a browser has one session, and pages
/// have one language.
struct Asked {
    hint: Option<IdTokenHint>,
    client: Option<Client>,
    /// Where the browser goes afterwards.
    back: Option<String>,
}

/// Why a request is not looked at any further.
enum Flaw {
    /// It is wrong; the words are for the person.
    Refused(&'static str),
    /// We cannot tell.
    Failed(Refusal),
}

impl From<db::Error> for Flaw {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

async fn judge(app: &App, params: &Params) -> Result<Asked, Flaw> {
    if params.flaw().is_some() {
        return Err(Flaw::Refused("A part of it came twice or cannot be read."));
    }
    if params.get("state").is_some_and(|state| state.len() > MAX_STATE) {
        return Err(Flaw::Refused("It is far larger than any app has reason to send."));
    }
    let hint = match params.get("id_token_hint") {
        None => None,
        Some(token) => Some(verified(app, token).await?.ok_or(Flaw::Refused("Its proof of who you are is not ours."))?),
    };
    let client = named(app, params.get("client_id"), hint.as_ref()).await?;
    let back = match params.get("post_logout_redirect_uri") {
        None => None,
        Some(uri) => match client.as_ref().is_some_and(|client| has_registered(client, uri)) {
            true => Some(logout_request::back(uri, params.get("state"))),
            false => return Err(Flaw::Refused("It asks to go on to an address that this app did not register.")),
        },
    };
    Ok(Asked { hint, client, back })
}

/// The hint, if we signed it; its age does not matter (§2).
async fn verified(app: &App, token: &str) -> Result<Option<IdTokenHint>, Flaw> {
    let verify = || app.signing.verify_id_token_hint(token, app.issuer());
    if let Some(hint) = verify() {
        return Ok(Some(hint));
    }
    match app.signing.look_for_key_of(token, &app.db, &app.keys, app.clock.now()).await {
        Ok(true) => Ok(verify()),
        Ok(false) => Ok(None),
        Err(SigningError::Database(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "the signing keys cannot be read");
            Err(Flaw::Failed(Refusal::Internal))
        }
    }
}

/// The client that asks. When it is named twice, it must be the same (§2).
async fn named(app: &App, client_id: Option<&str>, hint: Option<&IdTokenHint>) -> Result<Option<Client>, Flaw> {
    let hinted = hint.map(|hint| hint.client_id.as_str());
    let id = match (client_id, hinted) {
        (Some(named), Some(hinted)) if named != hinted => {
            return Err(Flaw::Refused("It names one app and brings the proof of another."));
        }
        (named, hinted) => named.or(hinted),
    };
    let Some(id) = id else { return Ok(None) };
    let mut conn = app.db.read().await?;
    let client = client::find(&mut conn, id).await.map_err(db::Error::from)?;
    match client.filter(|client| client.disabled_at.is_none()) {
        Some(client) => Ok(Some(client)),
        None => Err(Flaw::Refused("The app that sent you is not known here.")),
    }
}

/// §3.1: an exact match, and also of what was registered only what a browser may safely be sent to.
fn has_registered(client: &Client, uri: &str) -> bool {
    client.options.post_logout_redirect_uris.0.iter().any(|registered| registered == uri)
        && uri.parse::<RedirectUri>().is_ok()
}

/// Signs out, or asks.
async fn answer(
    app: &App,
    request: &HttpRequest,
    signed_in: Option<&SignedIn>,
    asked: Asked,
) -> Result<HttpResponse, Refusal> {
    let Asked { hint, client, back } = asked;
    let is_its_app = |who: &SignedIn| hint.as_ref().is_some_and(|hint| hint.is_of(who.person.id, who.session.id));
    match signed_in {
        Some(who) if is_its_app(who) => {
            let (origin, now) = (origin_of(request), app.clock.now());
            app.db.write(async |conn| sign_out(conn, &who.session, &origin, now).await).await?;
            let location = back.unwrap_or_else(|| app.at(urls::LOGOUT));
            Ok(see_other(&location).cookie(cookies::no_session(&app.config.server.public_url)).finish())
        }
        // Nothing to end. A link must not lead through us to wherever a stranger registered (RFC 9700 §4.11.2).
        None if client.as_ref().is_some_and(Client::is_verified) => {
            Ok(see_other(&back.unwrap_or_else(|| app.at(urls::LOGOUT))).finish())
        }
        Some(_) | None => Ok(see_other(&page_url(app, client.as_ref(), back)?).finish()),
    }
}

/// The page that asks the person, or says that they are signed out already.
fn page_url(app: &App, client: Option<&Client>, back: Option<String>) -> Result<String, Refusal> {
    let Some(client) = client else { return Ok(app.at(urls::LOGOUT)) };
    let expires = app.clock.now() + app.config.lifetimes.pending_request;
    let request = LogoutRequest { client: client.name.clone(), back };
    request.page_url(&app.config.server.public_url, &app.keys, expires).map_err(|_| Refusal::Internal)
}

fn page(app: &App, request: &HttpRequest, why: &str) -> HttpResponse {
    let site = Site::of(&app.config.server.public_url);
    let logout = site.logout();
    let happened = format!("The request to sign you out cannot be fulfilled. {why}");
    let page = ErrorPage::new(site, StatusCode::BAD_REQUEST, "You were not signed out", &happened)
        .step("If you want to sign out of this server, do it here.")
        .link(logout, "Sign out here");
    match request_id::of(request) {
        Some(id) => Page(page.request_id(id)).into_response(),
        None => Page(page).into_response(),
    }
}
