//! Who may make clients known to us, and which.

use std::fmt;

use url::Url;

use super::value::words;
use crate::types::{Scope, known_scopes};

/// Who may make clients known to us, and which.
#[derive(Clone, Debug)]
pub struct RegistrationConfig {
    /// `PORTCULLIS_REGISTRATION`: who may register clients (RFC 7591).
    pub mode: RegistrationMode,
    /// `PORTCULLIS_REGISTRATION_HOSTS`: where redirect URIs of unvouched clients may lead; anywhere when empty.
    pub redirect_hosts: Vec<String>,
    /// `PORTCULLIS_REGISTRATION_SCHEMES`: their private-use schemes; any that is safe when empty.
    pub schemes: Vec<String>,
    /// `PORTCULLIS_REGISTRATION_SCOPE`: what such a client may ever be granted.
    pub scope: Scope,
    /// `PORTCULLIS_SOFTWARE_STATEMENT_ISSUERS`: whose software statements count.
    pub statement_issuers: Vec<StatementIssuer>,
    /// `PORTCULLIS_TRUSTED_CLIENT_HOSTS`: hosts whose metadata documents are shown as verified, besides those that we know.
    pub trusted_hosts: Vec<String>,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Open,
            redirect_hosts: Vec::new(),
            schemes: Vec::new(),
            scope: Scope::of(&known_scopes::SELF_REGISTERED),
            statement_issuers: Vec::new(),
            trusted_hosts: Vec::new(),
        }
    }
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Anybody.
    Open,
    /// Whoever holds an initial access token (RFC 7591 §3).
    Token,
    /// Nobody but an administrator.
    Off,
}

impl RegistrationMode {
    /// Its name in the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token => "token",
            Self::Off => "off",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Token, Self::Off].into_iter().find(|mode| mode.name() == name)
    }
}

/// Somebody whose software statements count, and where their keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementIssuer {
    /// The `iss` of their statements.
    pub issuer: String,
    /// Where their keys are.
    pub jwks_uri: String,
}

impl fmt::Display for StatementIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.issuer, self.jwks_uri)
    }
}

/// `issuer=jwks_uri`, separated by commas.
pub(super) fn statement_issuers(text: &str) -> Option<Vec<StatementIssuer>> {
    let one = |word: &str| {
        // The issuer is an identifier and has no query, so the first `=` ends it.
        let (issuer, jwks_uri) = word.split_once('=').filter(|(issuer, _)| !issuer.is_empty())?;
        let is_url = Url::parse(jwks_uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        is_url.then(|| StatementIssuer { issuer: issuer.to_owned(), jwks_uri: jwks_uri.to_owned() })
    };
    words(text).map(one).collect()
}

/// Hosts as a URL has them, with a port where it is not the usual one.
pub(super) fn hosts(text: &str) -> Option<Vec<String>> {
    let one = |word: &str| {
        let url = Url::parse(&format!("https://{word}")).ok()?;
        let host = word.to_ascii_lowercase();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        (format!("{}{port}", url.host_str()?) == host).then_some(host)
    };
    words(text).map(one).collect()
}

/// Schemes without colon.
pub(super) fn schemes(text: &str) -> Option<Vec<String>> {
    let is_scheme = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    words(text).map(|word| is_scheme(word).then(|| word.to_ascii_lowercase())).collect()
}

/// A ceiling: of what strangers may have at all, and not nothing.
pub(super) fn ceiling(text: &str) -> Option<Scope> {
    let scope: Scope = text.parse().ok()?;
    let most = Scope::of(&known_scopes::SELF_REGISTERED);
    (!scope.is_empty() && scope.tokens().all(|token| most.has(token))).then_some(scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_schemes_and_issuers_are_read_as_they_are_compared() {
        assert_eq!(hosts("App.example, other.example:8443").unwrap(), ["app.example", "other.example:8443"]);
        assert_eq!(schemes("Cursor vscode").unwrap(), ["cursor", "vscode"]);
        let issuers = statement_issuers("https://a.example=https://a.example/keys?x=1").unwrap();
        assert_eq!(
            (issuers[0].issuer.as_str(), issuers[0].jwks_uri.as_str()),
            ("https://a.example", "https://a.example/keys?x=1")
        );
        for bad in ["https://app.example", "app.example/x", "a@b", "127.1"] {
            assert_eq!(hosts(bad), None, "{bad}");
        }
        assert_eq!((schemes("cursor:"), statement_issuers("https://a.example")), (None, None));
    }

    /// `decisions` 14: management is for clients that an administrator registered.
    #[test]
    fn no_setting_lets_strangers_manage() {
        for bad in ["mgmt.read", "mcp:read mgmt.admin", "", "files", "a\"b"] {
            assert_eq!(ceiling(bad), None, "{bad}");
        }
        assert_eq!(ceiling("mcp:read openid").unwrap().to_string(), "mcp:read openid");
    }
}
