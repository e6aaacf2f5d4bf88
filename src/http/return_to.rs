//! Where a browser was going when it was sent to sign in: carried by the browser, sealed, so that nobody else can write it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::urls;
use crate::crypto::{Label, RootKeys};
use crate::types::PublicUrl;

/// A page of ours to go to after sign-in, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    path_and_query: String,
    client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    target: ReturnTo,
    expires: DateTime<Utc>,
}

/// The longest target that we send around: an authorization request with a generous `state`.
const LONGEST: usize = 8 * 1024;
/// As many characters as the field for the name takes.
const LONGEST_HINT: usize = 128;

impl ReturnTo {
    /// The page at this path, if it is one of ours and nothing else: no scheme, no other host, in no reading of it.
    pub fn new(public_url: &PublicUrl, path_and_query: &str) -> Option<Self> {
        is_our_path(public_url, path_and_query).then(|| Self {
            path_and_query: path_and_query.to_owned(),
            client: None,
            login_hint: None,
        })
    }

    /// The same, on behalf of a client that the sign-in page may name.
    pub fn on_behalf_of(self, client_name: &str) -> Self {
        Self { client: Some(client_name.to_owned()), ..self }
    }

    /// The same, for somebody who may want to sign in with this name. It is a stranger's word (OpenID Connect Core §3.1.2.1):
    /// one that nobody could have is left out.
    pub fn hinting(self, login_hint: Option<&str>) -> Self {
        let plain = |hint: &&str| hint.chars().count() <= LONGEST_HINT && !hint.chars().any(char::is_control);
        Self { login_hint: login_hint.filter(plain).map(str::to_owned), ..self }
    }

    /// The name that the person may want to sign in with.
    pub fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// The name of the client that sent the person here.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The absolute URL, on our own origin.
    pub fn url(&self, public_url: &PublicUrl) -> String {
        format!("{}{}", public_url.origin(), self.path_and_query)
    }

    /// The sign-in page that leads there afterwards, until `expires`.
    pub fn login_url(&self, public_url: &PublicUrl, keys: &RootKeys, expires: DateTime<Utc>) -> String {
        self.by_way_of(public_url.at(urls::LOGIN), keys, expires)
    }

    /// The page on which somebody proves once more who they are, and that leads there afterwards, until `expires`.
    pub fn confirm_url(&self, public_url: &PublicUrl, keys: &RootKeys, expires: DateTime<Utc>) -> String {
        self.by_way_of(public_url.at(urls::CONFIRM), keys, expires)
    }

    fn by_way_of(&self, page: String, keys: &RootKeys, expires: DateTime<Utc>) -> String {
        match keys.seal(Label::ReturnTo, &Sealed { target: self.clone(), expires }) {
            // A compact JWE is made of letters that a query takes as they are.
            Ok(sealed) => format!("{page}?return_to={sealed}"),
            Err(_) => page,
        }
    }

    /// What was sealed, if it is ours, unaltered and not expired.
    pub fn open(public_url: &PublicUrl, keys: &RootKeys, sealed: &str, now: DateTime<Utc>) -> Option<Self> {
        let opened: Sealed = keys.open(Label::ReturnTo, sealed).ok()?;
        (opened.expires > now && is_our_path(public_url, &opened.target.path_and_query)).then_some(opened.target)
    }
}

/// Browsers read `\` as `/` and skip tabs and line breaks, so `/\evil` and `/<tab>/evil` are `//evil`: another host.
fn is_our_path(public_url: &PublicUrl, text: &str) -> bool {
    let plain = text.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'\\');
    let base = public_url.base_path();
    let below = text.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
    let resolved = public_url.url().join(text);
    plain
        && below
        && text.len() <= LONGEST
        && !text.starts_with("//")
        && resolved.is_ok_and(|url| url.origin() == public_url.url().origin() && url.path().starts_with(base))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::Clock;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn ours() -> PublicUrl {
        "https://gate.example".parse().unwrap()
    }

    fn carried(public_url: &PublicUrl, target: &ReturnTo) -> String {
        let url = target.login_url(public_url, &KEY.parse().unwrap(), Clock::system().now() + TimeDelta::minutes(30));
        url.split_once("/login?return_to=").unwrap().1.to_owned()
    }

    #[test]
    fn a_target_survives_the_journey_and_cannot_be_read_on_the_way() {
        let (public_url, now) = (ours(), Clock::system().now());
        let target = ReturnTo::new(&public_url, "/oauth/authorize?client_id=a&state=%2F%2Fb").unwrap();
        let target = target.on_behalf_of("Cursor");
        let sealed = carried(&public_url, &target);
        assert!(!sealed.contains("authorize") && !sealed.contains('&'), "{sealed}");
        let opened = ReturnTo::open(&public_url, &KEY.parse().unwrap(), &sealed, now).unwrap();
        assert_eq!(opened.url(&public_url), "https://gate.example/oauth/authorize?client_id=a&state=%2F%2Fb");
        assert_eq!(opened.client(), Some("Cursor"));
    }

    /// Open redirect after sign-in (RFC 9700 §4.11).
    #[test]
    fn a_target_elsewhere_is_none() {
        for bad in [
            "",
            "settings",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/a\r\nLocation: https://evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/ä",
            "/a b",
            "?x",
            "#x",
            " /a",
            "/a\\b",
        ] {
            assert_eq!(ReturnTo::new(&ours(), bad), None, "{bad:?}");
        }
        assert!(ReturnTo::new(&ours(), &format!("/{}", "a".repeat(LONGEST))).is_none());
    }

    #[test]
    fn below_a_path_only_what_is_below_it_is_ours() {
        let public_url: PublicUrl = "https://example.com/gate".parse().unwrap();
        let target = ReturnTo::new(&public_url, "/gate/settings/apps").unwrap();
        assert_eq!(target.url(&public_url), "https://example.com/gate/settings/apps");
        for bad in ["/settings/apps", "/gateway", "/gate/../other", "/gate/%2e%2e/other"] {
            assert_eq!(ReturnTo::new(&public_url, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_expired_or_invented_value_leads_nowhere() {
        let (public_url, keys) = (ours(), KEY.parse::<RootKeys>().unwrap());
        let sealed = carried(&public_url, &ReturnTo::new(&public_url, "/settings/apps").unwrap());
        let now = Clock::system().now();
        assert!(ReturnTo::open(&public_url, &keys, &sealed, now).is_some());
        assert_eq!(ReturnTo::open(&public_url, &keys, &sealed, now + TimeDelta::minutes(31)), None);
        let other = keys.seal(Label::Csrf, &"/settings/apps").unwrap();
        for bad in ["", "/settings/apps", "https://evil.example", &other, &sealed[1..]] {
            assert_eq!(ReturnTo::open(&public_url, &keys, bad, now), None, "{bad:?}");
        }
    }
}
