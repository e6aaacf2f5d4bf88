//! An authenticated client and its form: what a handler of a client endpoint takes (RFC 6749 §2.3, §3.2.1).

mod assertion;
mod known;
mod presented;

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::error::Error;
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::db;
use crate::grants::client::Client;
use crate::grants::client_assertion;
use crate::grants::client_metadata::AuthMethod;
use crate::http::client_address::ClientAddress;
use crate::http::flow;
use crate::http::limit::RefusalLimit;
use crate::http::origin::origin_of;
use crate::http::params::{Flaw, Params};
use presented::{Presented, Proof};

/// A form from a client that has proved who it is, in the one way that it registered.
pub struct ClientRequest {
    /// The client.
    pub client: Arc<Client>,
    /// Its form.
    pub params: Params,
    /// How it proved who it is.
    pub method: AuthMethod,
    /// The thumbprint of the key that it has proved to hold, at the token endpoint (RFC 9449 §5): what it gets is bound to it.
    pub proof_key: Option<String>,
}

impl FromRequest for ClientRequest {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let header = presented::in_header(request);
        let is_form = is_form(request);
        let (path, origin) = (request.path().to_owned(), origin_of(request));
        let told = request.clone();
        let limit = request.app_data::<Data<RefusalLimit>>().cloned();
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let app = app.ok_or_else(|| Error::Internal("a handler runs without its App".to_owned()))?;
            if !is_form {
                return Err(Error::InvalidRequest("Send the parameters as application/x-www-form-urlencoded"));
            }
            let body = body.await.map_err(|error| not_whole(&error))?;
            let params = Params::parse(&body);
            flow::redeems(&told, &params);
            match params.flaw() {
                None => {}
                Some(Flaw::Repeated(_)) => return Err(Error::InvalidRequest("A parameter was sent twice")),
                Some(Flaw::Nul) => return Err(Error::InvalidRequest("A parameter holds a NUL character")),
                Some(Flaw::TooMany) => return Err(Error::InvalidRequest("There are too many parameters")),
            }
            let header = header?;
            let presented = Presented::read(header.as_ref(), &params)?;
            let limit = limit.ok_or_else(|| Error::Internal("a handler runs without its limits".to_owned()))?;
            // Only failures cost: whoever shares a network with a guesser goes on undisturbed.
            let fail = || limit.spend(ClientAddress::of(&told).0).map_err(Error::TooMany);
            // Memory may be a moment behind: it lets a client in, and the database alone turns one away.
            let client = match known::remembered(&app, &told, &presented.id) {
                Some(client) if flaw(&app, &client, &presented.proof, &path).await?.is_none() => client,
                Some(_) | None => {
                    let known = known::find(&app, &told, &presented, &origin).await?;
                    authenticate(&app, known, &presented, &path, &origin, fail).await?
                }
            };
            flow::client(&told, &client.id);
            let method = presented.proof.method();
            Ok(Self { client, params, method, proof_key: None })
        })
    }
}

pub(super) fn not_whole(error: &actix_web::Error) -> Error {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ => Error::InvalidRequest("The form did not arrive whole"),
    }
}

pub(super) fn is_form(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The client that was named, once its proof is found good.
async fn authenticate(
    app: &App,
    known: Option<Arc<Client>>,
    presented: &Presented<'_>,
    path: &str,
    origin: &Origin,
    fail: impl FnOnce() -> Result<(), Error>,
) -> Result<Arc<Client>, Error> {
    let basic = presented.proof.method() == AuthMethod::SecretBasic;
    let unknown = Error::InvalidClient { why: "This client is unknown here; register again", basic };
    let client = known.filter(|client| client.disabled_at.is_none()).ok_or(unknown)?;
    match flaw(app, &client, &presented.proof, path).await? {
        None => Ok(client),
        Some(why) => {
            fail()?;
            let now = app.clock.now();
            app.db.write_once(async |conn| client_assertion::refused(conn, &client, why, origin, now).await).await?;
            Err(Error::InvalidClient { why, basic })
        }
    }
}

/// What is wrong with a client's proof of who it is, if anything.
async fn flaw(app: &App, client: &Client, proof: &Proof<'_>, path: &str) -> Result<Option<&'static str>, db::Error> {
    if client.auth_method != proof.method() {
        return Ok(Some("This client must authenticate by the method that it registered, and by no other"));
    }
    match proof {
        Proof::Nothing => Ok(None),
        Proof::InHeader(secret) | Proof::InForm(secret) => {
            Ok((!is_its_secret(app, client, secret)).then_some("The client secret is wrong"))
        }
        Proof::Assertion(assertion) => assertion::flaw(app, client, assertion, path).await,
    }
}

/// Compared by its keyed hash, in constant time.
fn is_its_secret(app: &App, client: &Client, secret: &str) -> bool {
    let (Some(stored), Some(presented)) = (&client.secret_hash, PlainToken::parse(TokenKind::ClientSecret, secret))
    else {
        return false;
    };
    app.keys.hashes(&presented).iter().any(|hash| hash.matches(stored))
}
