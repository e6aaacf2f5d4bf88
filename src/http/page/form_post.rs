//! An answer to a client as a form that the browser sends (OAuth 2.0 Form Post Response Mode).

use askama::Template;
use url::{Host, Url};

use super::{Csp, Foreign, Site, View};

/// A form that sends itself, with a button for browsers without scripts.
#[derive(Clone, Debug, Template)]
#[template(path = "form_post.html")]
pub struct FormPostPage {
    /// Where we are.
    pub site: Site,
    /// The redirect URI, to the byte.
    pub action: String,
    /// The answer.
    pub fields: Vec<(&'static str, String)>,
}

impl FormPostPage {
    /// The answer in these fields, on its way to that redirect URI.
    pub fn new(site: Site, redirect_uri: &str, fields: Vec<(&'static str, String)>) -> Self {
        Self { site, action: redirect_uri.to_owned(), fields }
    }

    /// Whom it goes to, for the person.
    pub fn host(&self) -> Foreign {
        let host = Url::parse(&self.action).ok().and_then(|url| url.host_str().map(Foreign::new));
        host.unwrap_or_else(|| Foreign::new(""))
    }

    /// A code, an error, and an answer as an attacker would have it.
    pub fn samples() -> Vec<Self> {
        let code = vec![
            ("code", "sample-code".to_owned()),
            ("state", "sample-state".to_owned()),
            ("iss", "https://gate.example.com/gate".to_owned()),
        ];
        let error = vec![
            ("error", "access_denied".to_owned()),
            ("error_description", "The person said no".to_owned()),
            ("state", "\"><script>alert(\"1\")</script>".to_owned()),
            ("iss", "https://gate.example.com/gate".to_owned()),
        ];
        vec![
            Self::new(Site::sample(), "https://app.example/callback?tenant=a&x='", code.clone()),
            Self::new(Site::sample(), "http://127.0.0.1:7777/callback", code),
            Self::new(Site::sample(), "https://app.example/call;back,'self'", error),
        ]
    }
}

impl View for FormPostPage {
    fn csp(&self) -> Csp {
        Csp::To(source_expression(&self.action))
    }
}

/// A redirect URI as a source expression (CSP Level 3 §2.3.1): that one, but for its query, which sources do not have.
///
/// Its grammar knows no IPv6 address, and uses `;` and `,` itself.
fn source_expression(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url) if matches!(url.host(), Some(Host::Ipv6(_))) => format!("{}:", url.scheme()),
        Ok(url) => {
            let path = url.path().replace(';', "%3B").replace(',', "%2C").replace('\'', "%27");
            format!("{}{path}", url.origin().ascii_serialization())
        }
        Err(_) => "'none'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path must not end the directive, or add a source to it.
    #[test]
    fn the_form_may_go_to_that_one_place() {
        for (uri, source) in [
            ("https://app.example/cb?x=1", "https://app.example/cb"),
            (
                "https://app.example:8443/a;script-src,'unsafe-inline'",
                "https://app.example:8443/a%3Bscript-src%2C%27unsafe-inline%27",
            ),
            ("http://127.0.0.1:7777/callback", "http://127.0.0.1:7777/callback"),
            ("http://[::1]:7777/callback", "http:"),
            ("https://app.example", "https://app.example/"),
        ] {
            assert_eq!(source_expression(uri), source, "{uri}");
        }
    }
}
