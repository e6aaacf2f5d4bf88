//! The way back to a client (RFC 6749 §4.1.2, RFC 9207): a code or an error, always with `state` and `iss`.

use actix_web::HttpResponse;
use url::form_urlencoded::Serializer;

use super::see_other;
use crate::app::App;
use crate::crypto::PlainToken;

/// What goes back.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// The person allowed it.
    Code(&'a PlainToken),
    /// An error of RFC 6749 §4.1.2.1, with words for the client's developer.
    Error(&'a str, &'a str),
}

/// Sends the browser back to the client, by 303 so that no POST is ever repeated there (RFC 9700 §4.12).
///
/// The redirect URI is continued as it was registered, to the byte: private schemes and odd paths stay what they are.
pub fn answer(app: &App, redirect_uri: &str, state: Option<&str>, outcome: Outcome<'_>) -> HttpResponse {
    let location = location(app.issuer(), redirect_uri, state, outcome);
    see_other(&location).finish()
}

fn location(issuer: &str, redirect_uri: &str, state: Option<&str>, outcome: Outcome<'_>) -> String {
    let mut answer = Serializer::new(String::new());
    match outcome {
        Outcome::Code(code) => {
            answer.append_pair("code", code.reveal());
        }
        Outcome::Error(error, description) => {
            answer.append_pair("error", error).append_pair("error_description", description);
        }
    }
    if let Some(state) = state {
        answer.append_pair("state", state);
    }
    answer.append_pair("iss", issuer);
    let separator = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{separator}{}", answer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_uri_is_continued_to_the_byte() {
        let error = Outcome::Error("access_denied", "no");
        for (uri, expected) in [
            ("cursor://a.b/cb", "cursor://a.b/cb?error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi"),
            (
                "https://c/cb?x=1",
                "https://c/cb?x=1&error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi",
            ),
            ("https://c/cb?", "https://c/cb?error=access_denied&error_description=no&state=s&iss=http%3A%2F%2Fi"),
        ] {
            assert_eq!(location("http://i", uri, Some("s"), error), expected);
        }
    }
}
