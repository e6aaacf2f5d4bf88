//! Who a client says it is, and the one proof that it shows (RFC 6749 §2.3, RFC 7521 §4.2).

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::grants::client_assertion;
use crate::grants::client_metadata::AuthMethod;
use crate::http::params::Params;
use crate::oauth::error::Error;

/// What a client shows of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented<'a> {
    /// Who it says it is.
    pub(super) id: Cow<'a, str>,
    /// How it wants to prove that.
    pub(super) proof: Proof<'a>,
}

/// How a client wants to prove who it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// A public client has nothing to prove it by.
    Nothing,
    /// A secret by HTTP Basic.
    InHeader(&'a str),
    /// A secret in the form.
    InForm(&'a str),
    /// A statement that it signed (RFC 7523 §2.2).
    Assertion(&'a str),
}

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Proof<'_> {
    /// The method that it is of.
    pub(super) fn method(&self) -> AuthMethod {
        match self {
            Self::Nothing => AuthMethod::None,
            Self::InHeader(_) => AuthMethod::SecretBasic,
            Self::InForm(_) => AuthMethod::SecretPost,
            Self::Assertion(_) => AuthMethod::PrivateKeyJwt,
        }
    }
}

impl<'a> Presented<'a> {
    /// Who the client says it is and by which method; two methods at once are none (RFC 6749 §2.3, §5.2).
    pub(super) fn read(header: Option<&'a Basic>, params: &'a Params) -> Result<Self, Error> {
        let (id, secret, assertion) = (params.get("client_id"), params.get("client_secret"), assertion_of(params)?);
        match (header, secret, assertion) {
            (Some(basic), None, None) => {
                agree(id, &basic.id, "The header and the form name different clients")?;
                Ok(Self { id: (&basic.id).into(), proof: Proof::InHeader(&basic.secret) })
            }
            (None, None, Some(assertion)) => {
                let subject = client_assertion::subject(assertion);
                let malformed = Error::InvalidClient { why: "The client_assertion is not a signed JWT", basic: false };
                let subject = subject.ok_or(malformed)?;
                agree(id, &subject, "The client_assertion and the form name different clients")?;
                Ok(Self { id: subject.into(), proof: Proof::Assertion(assertion) })
            }
            (None, secret, None) => {
                let nobody = Error::InvalidClient { why: "The request names no client", basic: false };
                Ok(Self { id: id.ok_or(nobody)?.into(), proof: secret.map_or(Proof::Nothing, Proof::InForm) })
            }
            _ => Err(Error::InvalidRequest(
                "Authenticate in one way: in the header, by client_secret, or by client_assertion",
            )),
        }
    }
}

fn agree(in_form: Option<&str>, proved: &str, why: &'static str) -> Result<(), Error> {
    match in_form {
        Some(id) if id != proved => Err(Error::InvalidRequest(why)),
        _ => Ok(()),
    }
}

/// The assertion, of the one type that there is.
fn assertion_of(params: &Params) -> Result<Option<&str>, Error> {
    match (params.get("client_assertion_type"), params.get("client_assertion")) {
        (None, None) => Ok(None),
        (Some(JWT_BEARER), Some(assertion)) => Ok(Some(assertion)),
        (Some(_), Some(_)) => Err(Error::InvalidClient {
            why: "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            basic: false,
        }),
        _ => Err(Error::InvalidRequest("client_assertion and client_assertion_type come together")),
    }
}

/// Id and secret from HTTP Basic.
pub(super) struct Basic {
    id: String,
    secret: String,
}

/// The two halves are form-encoded before they are joined (RFC 6749 §2.3.1); our own ids and secrets need no encoding, so
/// clients that forget it are understood as well.
pub(super) fn in_header(request: &HttpRequest) -> Result<Option<Basic>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(id: &str) -> Basic {
        Basic { id: id.to_owned(), secret: "s".to_owned() }
    }

    #[test]
    fn two_methods_at_once_or_two_names_are_refused() {
        let params = |text: &str| Params::parse(text.as_bytes());
        let assertion = format!("client_assertion=a.eyJzdWIiOiJhIn0.c&client_assertion_type={JWT_BEARER}");
        for (header, form) in [
            (Some(basic("a")), "client_id=a&client_secret=s"),
            (Some(basic("a")), &*assertion),
            (None, &*format!("client_id=a&client_secret=s&{assertion}")),
            (None, &*format!("client_id=b&{assertion}")),
            (Some(basic("a")), "client_id=b"),
            (None, "client_assertion=a.eyJzdWIiOiJhIn0.c"),
            (None, "client_id=a&client_assertion_type=x"),
            (None, ""),
        ] {
            assert!(Presented::read(header.as_ref(), &params(form)).is_err(), "{form}");
        }
        let (same, basic) = (params("client_id=a"), basic("a"));
        let read = Presented::read(Some(&basic), &same).unwrap();
        assert_eq!(read, Presented { id: "a".into(), proof: Proof::InHeader("s") });
        let form = params(&format!("client_id=a&{assertion}"));
        let read = Presented::read(None, &form).unwrap();
        assert_eq!(read, Presented { id: "a".into(), proof: Proof::Assertion("a.eyJzdWIiOiJhIn0.c") });
    }

    #[test]
    fn basic_halves_are_form_decoded() {
        assert_eq!(form_decoded("a%3Ab+c%26"), "a:b c&");
        assert_eq!(form_decoded("plain-id_1"), "plain-id_1");
    }
}
