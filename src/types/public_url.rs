//! The one canonical URL under which everything hangs.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// `PORTCULLIS_PUBLIC_URL`: the issuer, and the root of every URL we hand out. Never derived from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Without a trailing slash: the issuer identifier, compared byte for byte by clients (RFC 8414 §3.3).
    text: String,
    url: Url,
}

/// Why a text cannot be the public URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// It does not parse.
    #[error("it is not a URL")]
    NotAUrl,
    /// Plain http anywhere but on loopback.
    #[error("it must be https unless its host is localhost, 127.0.0.1 or [::1]")]
    NotHttps,
    /// More than scheme, host, port and path.
    #[error("it must have no user name, password, query or fragment")]
    TooMuch,
}

impl PublicUrl {
    /// The issuer identifier, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.text
    }

    /// The absolute URL of one of our paths (`/oauth/token`).
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The path below which everything hangs: empty, or `/like/this`.
    pub fn base_path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// `scheme://host[:port]`, as a browser writes it in `Origin`.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// `host[:port]`, as a browser writes it in `Host`.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// True when browsers reach us by TLS.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// True when the host is one of this machine's own names.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The URL itself.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAUrl)?;
        if url.cannot_be_a_base() || url.host().is_none() {
            return Err(PublicUrlError::NotAUrl);
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(PublicUrlError::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(PublicUrlError::TooMuch);
        }
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { text, url })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_never_ends_in_a_slash() {
        for (text, issuer, base) in [
            ("http://localhost:8080/", "http://localhost:8080", ""),
            ("https://Example.com/gate/", "https://example.com/gate", "/gate"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.issuer(), url.base_path()), (issuer, base));
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert_eq!("http://example.com".parse::<PublicUrl>(), Err(PublicUrlError::NotHttps));
        assert_eq!("http://localhost.evil.example".parse::<PublicUrl>(), Err(PublicUrlError::NotHttps));
        assert!("http://[::1]:80".parse::<PublicUrl>().is_ok());
    }
}
