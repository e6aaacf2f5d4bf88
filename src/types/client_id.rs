//! Client identifiers that are URLs (OAuth Client ID Metadata Document draft, "Client Identifier").

use std::fmt;

use url::{Host, Url};

use super::redirect_uri::{has_dot_segment, is_uri_text};

/// A `client_id` under which a client publishes its metadata; kept as the exact text, which the document must repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientIdUrl {
    text: String,
    host: String,
    is_loopback: bool,
}

/// Why a text is no client identifier URL. The messages repeat nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdUrlError {
    /// Longer than [`ClientIdUrl::MAX_LENGTH`].
    #[error("a client identifier URL must be at most 2048 characters long")]
    TooLong,
    /// It does not parse, or has characters that no URL has.
    #[error("the client identifier is not a URL")]
    NotAUrl,
    /// Plain http, or another scheme.
    #[error("a client identifier URL must be https")]
    NotHttps,
    /// The bare host names no client.
    #[error("a client identifier URL must have a path")]
    NoPath,
    /// `#…`
    #[error("a client identifier URL must not have a fragment")]
    Fragment,
    /// `user@`
    #[error("a client identifier URL must not contain a user name or password")]
    UserInfo,
    /// `?…`: the draft says SHOULD NOT, and one document must not be countless clients.
    #[error("a client identifier URL must not have a query")]
    Query,
    /// `.`, `..`, their escapes, and `..;`
    #[error("a client identifier URL must not contain dot segments")]
    DotSegment,
    /// An address, a loopback name, or an encoded international name, which imitates others too well.
    #[error("the host of a client identifier URL must be a plain public name")]
    Host,
    /// Upper case, a default port, or another spelling that has a plainer one.
    #[error("a client identifier URL must be written in its plainest form")]
    NotCanonical,
}

impl ClientIdUrl {
    /// The longest text that we accept.
    pub const MAX_LENGTH: usize = 2048;

    /// True when a `client_id` is meant to be a URL; identifiers that we generate never are.
    pub fn is_meant_by(client_id: &str) -> bool {
        client_id.contains("://")
    }

    /// Reads a client identifier URL. `allow_loopback` is the draft's exception for servers that are on loopback
    /// themselves, and also admits http there.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, ClientIdUrlError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ClientIdUrlError::TooLong);
        }
        if !is_uri_text(text) {
            return Err(ClientIdUrlError::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| ClientIdUrlError::NotAUrl)?;
        let is_loopback = is_loopback(&url);
        check_host(&url, is_loopback && allow_loopback)?;
        check_parts(text, &url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { text: text.to_owned(), host, is_loopback })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, which a person is shown as the one thing about the client that is proven.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// True when the document is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

/// Scheme and host.
fn check_host(url: &Url, is_allowed_loopback: bool) -> Result<(), ClientIdUrlError> {
    let is_plain_name = match url.host() {
        Some(Host::Domain(name)) => is_plain_public_name(name),
        _ => false,
    };
    match url.scheme() {
        "https" if is_plain_name || is_allowed_loopback => Ok(()),
        "https" => Err(ClientIdUrlError::Host),
        "http" if is_allowed_loopback => Ok(()),
        _ => Err(ClientIdUrlError::NotHttps),
    }
}

/// Everything after the host, and the spelling of the whole.
fn check_parts(text: &str, url: &Url) -> Result<(), ClientIdUrlError> {
    let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    // The text decides, as the parser drops an empty `@`, `?` and `#`, and resolves dot segments.
    if authority.contains('@') {
        return Err(ClientIdUrlError::UserInfo);
    }
    if text.contains('#') {
        return Err(ClientIdUrlError::Fragment);
    }
    if text.contains('?') {
        return Err(ClientIdUrlError::Query);
    }
    if has_dot_segment(after_scheme) {
        return Err(ClientIdUrlError::DotSegment);
    }
    if url.path() == "/" {
        return Err(ClientIdUrlError::NoPath);
    }
    if url.as_str() != text {
        return Err(ClientIdUrlError::NotCanonical);
    }
    Ok(())
}

/// True for a name that may lead to a stranger's server and reads as what it is.
fn is_plain_public_name(name: &str) -> bool {
    name.contains('.')
        && !name.ends_with(".localhost")
        && name.split('.').all(|label| !label.is_empty() && !label.starts_with("xn--"))
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

impl fmt::Display for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_urls_of_known_clients_are_accepted() {
        for text in [
            "https://vscode.dev/oauth/client-metadata.json",
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://opencode.ai/oauth/opencode/client.json",
            "https://app.example:8443/client",
        ] {
            let url = ClientIdUrl::parse(text, false).unwrap();
            assert_eq!(url.as_str(), text);
            assert!(text.contains(url.host()) && !url.is_loopback());
        }
    }

    #[test]
    fn attacks_g1_are_refused_before_any_fetch() {
        use ClientIdUrlError as E;
        for (text, why) in [
            ("client", E::NotAUrl),
            ("https://", E::NotAUrl),
            ("https://app.example/\n", E::NotAUrl),
            ("https://аpp.example/c", E::NotAUrl),
            ("https://app.example\\c", E::NotAUrl),
            ("http://app.example/c", E::NotHttps),
            ("ftp://app.example/c", E::NotHttps),
            ("https://app.example", E::NoPath),
            ("https://app.example/", E::NoPath),
            ("https://app.example/c#x", E::Fragment),
            ("https://app.example/c#", E::Fragment),
            ("https://u@app.example/c", E::UserInfo),
            ("https://:@app.example/c", E::UserInfo),
            ("https://app.example/c?x=1", E::Query),
            ("https://app.example/c?", E::Query),
            ("https://app.example/a/../c", E::DotSegment),
            ("https://app.example/a/%2E%2e/c", E::DotSegment),
            ("https://app.example/a/..;/c", E::DotSegment),
            ("https://app.example:443/c", E::NotCanonical),
            ("https://APP.example/c", E::NotCanonical),
            ("HTTPS://app.example/c", E::NotCanonical),
            ("https:/app.example/c", E::NotCanonical),
            ("https://192.0.2.1/c", E::Host),
            ("https://[2001:db8::1]/c", E::Host),
            ("https://2130706433/c", E::Host),
            ("https://0x7f.1/c", E::Host),
            ("https://xn--pple-43d.example/c", E::Host),
            ("https://intranet/c", E::Host),
            ("https://app.example./c", E::Host),
            ("https://localhost/c", E::Host),
            ("https://a.localhost/c", E::Host),
            ("http://localhost/c", E::NotHttps),
        ] {
            assert_eq!(ClientIdUrl::parse(text, false), Err(why), "{text:?}");
        }
        assert_eq!(ClientIdUrl::parse(&format!("https://a.example/{}", "c".repeat(4096)), false), Err(E::TooLong));
    }

    #[test]
    fn loopback_is_for_those_who_ask_for_it() {
        for text in ["http://localhost:8000/c.json", "https://127.0.0.1:8000/c.json", "http://[::1]:8000/c.json"] {
            assert!(ClientIdUrl::parse(text, true).unwrap().is_loopback());
            assert!(ClientIdUrl::parse(text, false).is_err());
        }
        for text in ["http://127.0.0.2/c", "http://127.1/c", "http://app.example/c", "https://10.0.0.1/c"] {
            assert!(ClientIdUrl::parse(text, true).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https://)?.{0,80}") {
            drop(ClientIdUrl::parse(&text, true));
        }
    }
}
