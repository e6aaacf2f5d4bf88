//! The way back to a client (RFC 6749 §4.1.2, RFC 9207): a code or an error, always with `state` and `iss`.

use actix_web::HttpResponse;
use url::form_urlencoded::Serializer;

use super::page::{FormPostPage, Page, Site};
use super::see_other;
use crate::app::App;
use crate::crypto::PlainToken;
use crate::grants::pending_request::AuthorizationRequest;
use crate::types::ResponseMode;

/// What goes back.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// The person allowed it.
    Code(&'a PlainToken),
    /// An error of RFC 6749 §4.1.2.1, with words for the client's developer.
    Error(&'a str, &'a str),
}

/// Where it goes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayBack<'a> {
    /// The redirect URI, to the byte.
    pub redirect_uri: &'a str,
    /// Handed back untouched.
    pub state: Option<&'a str>,
    /// How it travels.
    pub mode: ResponseMode,
}

impl<'a> From<&'a AuthorizationRequest> for WayBack<'a> {
    fn from(request: &'a AuthorizationRequest) -> Self {
        Self { redirect_uri: &request.redirect_uri, state: request.state.as_deref(), mode: request.response_mode }
    }
}

/// Sends the browser back to the client: by 303, so that no POST is ever repeated there (RFC 9700 §4.12), or with a page
/// whose form is the answer (OAuth 2.0 Form Post Response Mode §2).
///
/// The redirect URI is continued as it was registered, to the byte: private schemes and odd paths stay what they are.
pub fn answer<'a>(app: &App, way: impl Into<WayBack<'a>>, outcome: Outcome<'_>) -> HttpResponse {
    let way = way.into();
    let parameters = parameters(app.issuer(), way.state, outcome);
    match way.mode {
        ResponseMode::Query => see_other(&location(way.redirect_uri, &parameters)).finish(),
        ResponseMode::FormPost => {
            let fields = parameters.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
            Page(FormPostPage::new(Site::of(&app.config.server.public_url), way.redirect_uri, fields)).into_response()
        }
    }
}

fn parameters<'a>(issuer: &'a str, state: Option<&'a str>, outcome: Outcome<'a>) -> Vec<(&'static str, &'a str)> {
    let mut parameters = match outcome {
        Outcome::Code(code) => vec![("code", code.reveal())],
        Outcome::Error(error, description) => vec![("error", error), ("error_description", description)],
    };
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    parameters
}

fn location(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let separator = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    let answer = Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{redirect_uri}{separator}{answer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_uri_is_continued_to_the_byte() {
        let error = parameters("http://i", Some("s"), Outcome::Error("access_denied", "no"));
        for (uri, expected) in [
            ("cursor://a.b/cb", "cursor://a.b/cb?error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi"),
            (
                "https://c/cb?x=1",
                "https://c/cb?x=1&error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi",
            ),
            ("https://c/cb?", "https://c/cb?error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi"),
        ] {
            assert_eq!(location(uri, &error), expected);
        }
    }
}
