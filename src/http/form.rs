//! Forms: ours, from this browser, of bounded size, every field once.

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use actix_web::web::{BytesMut, Query};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::refusal::{PageError, Refusal};
use super::signed_in::{Visitor, app_of, former_stranger};
use crate::app::App;

/// The most bytes that a form may have.
pub const FORM_LIMIT: usize = 64 * 1024;
/// The most fields that a form of ours has. Boxes of one name are one field, however many are ticked.
const MOST_FIELDS: usize = 64;
/// The field that carries the CSRF token.
pub const CSRF_FIELD: &str = "csrf";

/// The fields of a form, as a page of ours sends them.
pub trait Fields: DeserializeOwned + 'static {
    /// The fields that may come several times (tick boxes): their values arrive as one, with spaces between.
    const LISTS: &'static [&'static str] = &[];
}

/// A form that somebody really sent from a page of ours (OWASP: synchronizer token, and where it was sent from).
#[derive(Clone, Debug)]
pub struct PageForm<F>(pub F);

impl<F: Fields> FromRequest for PageForm<F> {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move { take(&request, payload).await.map(Self).map_err(|refusal| refusal.to(&request)) }.boxed_local()
    }
}

async fn take<F: Fields>(request: &HttpRequest, payload: Payload) -> Result<F, Refusal> {
    if provenance(request)? == Provenance::Elsewhere {
        return Err(Refusal::StaleForm);
    }
    if !is_urlencoded(request) {
        return Err(Refusal::BadForm("not application/x-www-form-urlencoded"));
    }
    let (token, rest) = split_token(&read(payload).await?, F::LISTS)?;
    check(request, &token).await?;
    let fields = Query::<F>::from_query(&rest).map_err(|_| Refusal::BadForm("a field is missing or wrong"))?;
    Ok(fields.into_inner())
}

/// Refuses a form that no page of ours sent, from this browser: `token` is its CSRF token.
pub(super) async fn check(request: &HttpRequest, token: &str) -> Result<(), Refusal> {
    let (app, from) = (app_of(request)?, provenance(request)?);
    let visitor = Visitor::of(request).await?;
    let is_ours = from != Provenance::Elsewhere && is_genuine(request, &app, &visitor, from, token);
    if is_ours { Ok(()) } else { Err(Refusal::StaleForm) }
}

fn provenance(request: &HttpRequest) -> Result<Provenance, Refusal> {
    Ok(Provenance::of(request.headers(), &app_of(request)?.config.server.public_url.origin()))
}

/// A page that was opened before signing in (in another tab, or by a second click on *Sign in*) bears the token of the
/// stranger that this browser was. That is good enough where the browser itself says that the form is from our own page.
fn is_genuine(request: &HttpRequest, app: &App, visitor: &Visitor, from: Provenance, token: &str) -> bool {
    visitor.was_shown(&app.keys, token)
        || (from == Provenance::Ours
            && former_stranger(request, app).is_some_and(|former| former.was_shown(&app.keys, token)))
}

/// Where a form was sent from, as the browser says in headers that no page can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provenance {
    Ours,
    Elsewhere,
    /// Old browsers, and those told to keep it to themselves: the token alone decides.
    Unsaid,
}

impl Provenance {
    fn of(headers: &HeaderMap, origin: &str) -> Self {
        let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or("?").to_owned();
        match headers.get("sec-fetch-site").map(text).as_deref() {
            Some("same-origin" | "none") => return Self::Ours,
            Some(_) => return Self::Elsewhere,
            None => {}
        }
        match headers.get(ORIGIN).map(text).as_deref() {
            Some("null") | None => Self::Unsaid,
            Some(sent) if sent == origin => Self::Ours,
            Some(_) => Self::Elsewhere,
        }
    }
}

fn is_urlencoded(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

async fn read(mut payload: Payload) -> Result<BytesMut, Refusal> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::BadForm("the connection broke"))?;
        if body.len() + chunk.len() > FORM_LIMIT {
            return Err(Refusal::LargeForm);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The CSRF token, and the other fields written again with every name once.
///
/// Two fields of one name are read differently by different parsers, so they are no field (RFC 6749 §3.1 in spirit).
fn split_token(body: &[u8], lists: &[&str]) -> Result<(String, String), Refusal> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields.len() == MOST_FIELDS {
            return Err(Refusal::BadForm("too many fields"));
        }
        if value.contains('\0') {
            return Err(Refusal::BadForm("a NUL character"));
        }
        match fields.iter_mut().find(|(known, _)| *known == name) {
            None => fields.push((name.into_owned(), value.into_owned())),
            Some((_, values)) if lists.contains(&name.as_ref()) => {
                values.push(' ');
                values.push_str(&value);
            }
            Some(_) => return Err(Refusal::BadForm("a field came twice")),
        }
    }
    let place = fields.iter().position(|(name, _)| name == CSRF_FIELD).ok_or(Refusal::StaleForm)?;
    let (_, token) = fields.swap_remove(place);
    Ok((token, form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn provenance(headers: &[(&'static str, &'static str)]) -> Provenance {
        let request = headers.iter().fold(TestRequest::default(), |request, header| request.insert_header(*header));
        Provenance::of(request.to_http_request().headers(), "https://gate.example")
    }

    /// CSRF: another site's page, a sibling host, and a sandboxed frame.
    #[test]
    fn a_form_from_another_site_is_told_by_what_the_browser_says() {
        use Provenance::{Elsewhere, Ours, Unsaid};
        for (headers, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], Ours),
            (&[("sec-fetch-site", "none")], Ours),
            (&[("sec-fetch-site", "cross-site")], Elsewhere),
            (&[("sec-fetch-site", "same-site")], Elsewhere),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://gate.example")], Elsewhere),
            (&[("origin", "https://gate.example")], Ours),
            (&[("origin", "https://gate.example.evil")], Elsewhere),
            (&[("origin", "http://gate.example")], Elsewhere),
            (&[("origin", "https://gate.example:444")], Elsewhere),
            (&[("origin", "null")], Unsaid),
            (&[], Unsaid),
        ] {
            assert_eq!(provenance(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn every_field_comes_once_and_the_token_is_no_field() {
        let (token, rest) = split_token(b"a=1&csrf=t%2B&b=x+y", &[]).unwrap();
        assert_eq!((token.as_str(), rest.as_str()), ("t+", "a=1&b=x+y"));
        assert_eq!(split_token(b"a=1&csrf=t&a=2", &[]), Err(Refusal::BadForm("a field came twice")));
        assert_eq!(split_token(b"csrf=t&csrf=u", &["scope"]), Err(Refusal::BadForm("a field came twice")));
        assert_eq!(split_token(b"a=1", &[]), Err(Refusal::StaleForm));
    }

    #[test]
    fn tick_boxes_of_one_name_become_one_list() {
        let (_, rest) = split_token(b"scope=openid&csrf=t&scope=mcp%3Aread", &["scope"]).unwrap();
        assert_eq!(rest, "scope=openid+mcp%3Aread");
    }

    #[actix_web::test]
    async fn a_form_beyond_the_limit_is_not_read_to_its_end() {
        let body = |size| TestRequest::default().set_payload(vec![b'a'; size]).to_http_parts().1;
        assert_eq!(read(body(FORM_LIMIT)).await.unwrap().len(), FORM_LIMIT);
        assert_eq!(read(body(FORM_LIMIT + 1)).await, Err(Refusal::LargeForm));
    }
}
