//! What an app asked when it sent a browser to sign out: carried by the browser to the page that asks, sealed, so that nobody
//! else can write it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;

use super::urls;
use crate::crypto::{Label, RootKeys, Unsealable};
use crate::types::PublicUrl;

/// An app's wish that a person signs out (OpenID Connect RP-Initiated Logout §2), judged good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    /// The name of the app.
    pub client: String,
    /// Where the browser goes afterwards: an address that the app registered, with its `state`.
    pub back: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    request: LogoutRequest,
    expires: DateTime<Utc>,
}

impl LogoutRequest {
    /// The page that asks the person, until `expires`.
    pub fn page_url(
        &self,
        public_url: &PublicUrl,
        keys: &RootKeys,
        expires: DateTime<Utc>,
    ) -> Result<String, Unsealable> {
        let sealed = keys.seal(Label::LogoutRequest, &Sealed { request: self.clone(), expires })?;
        // A compact JWE is made of letters that a query takes as they are.
        Ok(format!("{}?request={sealed}", public_url.at(urls::LOGOUT)))
    }

    /// What was sealed, if it is ours, unaltered and not expired.
    pub fn open(keys: &RootKeys, sealed: &str, now: DateTime<Utc>) -> Option<Self> {
        let opened: Sealed = keys.open(Label::LogoutRequest, sealed).ok()?;
        (opened.expires > now).then_some(opened.request)
    }
}

/// The way back as it was registered, to the byte, with the app's `state` and nothing else (§3).
pub fn back(registered: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return registered.to_owned() };
    let state = Serializer::new(String::new()).append_pair("state", state).finish();
    let separator = match registered.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{registered}{separator}{state}")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::Clock;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn the_registered_uri_is_continued_to_the_byte() {
        for (registered, state, expected) in [
            ("https://c/out", None, "https://c/out"),
            ("https://c/out", Some("a b&c"), "https://c/out?state=a+b%26c"),
            ("https://c/out?x=1", Some("s"), "https://c/out?x=1&state=s"),
            ("https://c/out?", Some("s"), "https://c/out?state=s"),
            ("app.example:/out", Some("s"), "app.example:/out?state=s"),
        ] {
            assert_eq!(back(registered, state), expected);
        }
    }

    #[test]
    fn an_expired_or_invented_request_asks_nothing() {
        let (keys, now) = (KEY.parse::<RootKeys>().unwrap(), Clock::system().now());
        let request = LogoutRequest { client: "Cursor".to_owned(), back: Some("https://c/out".to_owned()) };
        let url =
            request.page_url(&"https://gate.example".parse().unwrap(), &keys, now + TimeDelta::minutes(9)).unwrap();
        let sealed = url.split_once("/logout?request=").unwrap().1;
        assert!(!sealed.contains("Cursor"));
        assert_eq!(LogoutRequest::open(&keys, sealed, now), Some(request));
        assert_eq!(LogoutRequest::open(&keys, sealed, now + TimeDelta::minutes(9)), None);
        let other = keys.seal(Label::ReturnTo, &"https://evil.example").unwrap();
        for bad in ["", "https://evil.example", &other, &sealed[1..]] {
            assert_eq!(LogoutRequest::open(&keys, bad, now), None, "{bad:?}");
        }
    }
}
