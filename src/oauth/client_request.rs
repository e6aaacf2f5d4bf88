//! An authenticated client and its form: what a handler of a client endpoint takes (RFC 6749 §2.3, §3.2.1).

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::LocalBoxFuture;

use super::error::Error;
use crate::app::App;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::client::{self, Client};
use crate::grants::client_metadata::AuthMethod;
use crate::http::flow;
use crate::http::params::{Flaw, Params};

/// A form from a client that has proved who it is, in the one way that it registered.
pub struct ClientRequest {
    /// The client.
    pub client: Client,
    /// Its form, without credentials.
    pub params: Params,
}

impl FromRequest for ClientRequest {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let told = request.clone();
        let presented = presented_in_header(request);
        let is_form = is_form(request);
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
            let client = authenticate(&app, presented?, &params).await?;
            flow::client(&told, &client.id);
            Ok(Self { client, params })
        })
    }
}

fn not_whole(error: &actix_web::Error) -> Error {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ => Error::InvalidRequest("The form did not arrive whole"),
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Id and secret from HTTP Basic.
struct Basic {
    id: String,
    secret: String,
}

/// The two halves are form-encoded before they are joined (RFC 6749 §2.3.1); our own ids and secrets need no encoding, so
/// clients that forget it are understood as well.
fn presented_in_header(request: &HttpRequest) -> Result<Option<Basic>, Error> {
    let Some(value) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let malformed = Error::InvalidClient { why: "The Authorization header is not HTTP Basic", basic: true };
    let decoded = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((id, secret)) = decoded.as_deref().and_then(|text| text.split_once(':')) else { return Err(malformed) };
    Ok(Some(Basic { id: form_decoded(id), secret: form_decoded(secret) }))
}

fn form_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("v={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

async fn authenticate(app: &App, header: Option<Basic>, params: &Params) -> Result<Client, Error> {
    let (id, method, secret) = presented(header.as_ref(), params)?;
    let basic = header.is_some();
    let mut conn = app.db.read().await?;
    let found = client::find(&mut conn, id).await.map_err(crate::db::Error::from)?;
    let unknown = Error::InvalidClient { why: "This client is unknown here; register again", basic };
    let client = found.filter(|client| client.disabled_at.is_none()).ok_or(unknown)?;
    if client.auth_method != method {
        let why = "This client must authenticate by the method that it registered, and by no other";
        return Err(Error::InvalidClient { why, basic });
    }
    if !client.is_public() && !is_its_secret(app, &client, secret) {
        return Err(Error::InvalidClient { why: "The client secret is wrong", basic });
    }
    Ok(client)
}

/// Who the client says it is and by which method; two methods at once are none (RFC 6749 §2.3).
fn presented<'a>(header: Option<&'a Basic>, params: &'a Params) -> Result<(&'a str, AuthMethod, &'a str), Error> {
    let (in_form, secret_in_form) = (params.get("client_id"), params.get("client_secret"));
    match header {
        Some(_) if secret_in_form.is_some() => {
            Err(Error::InvalidRequest("Authenticate in the header or in the form, not in both"))
        }
        Some(basic) if in_form.is_some_and(|id| id != basic.id) => {
            Err(Error::InvalidRequest("The header and the form name different clients"))
        }
        Some(basic) => Ok((&basic.id, AuthMethod::SecretBasic, &basic.secret)),
        None => match (in_form, secret_in_form) {
            (Some(id), Some(secret)) => Ok((id, AuthMethod::SecretPost, secret)),
            (Some(id), None) => Ok((id, AuthMethod::None, "")),
            (None, _) => Err(Error::InvalidClient { why: "The request names no client", basic: false }),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(id: &str) -> Basic {
        Basic { id: id.to_owned(), secret: "s".to_owned() }
    }

    #[test]
    fn two_methods_at_once_or_two_names_are_refused() {
        let params = |text: &str| Params::parse(text.as_bytes());
        assert!(presented(Some(&basic("a")), &params("client_id=a&client_secret=s")).is_err());
        assert!(presented(Some(&basic("a")), &params("client_id=b")).is_err());
        let same = params("client_id=a");
        let basic = basic("a");
        assert_eq!(presented(Some(&basic), &same).unwrap(), ("a", AuthMethod::SecretBasic, "s"));
        assert!(presented(None, &params("")).is_err());
    }

    #[test]
    fn basic_halves_are_form_decoded() {
        assert_eq!(form_decoded("a%3Ab+c%26"), "a:b c&");
        assert_eq!(form_decoded("plain-id_1"), "plain-id_1");
    }
}
