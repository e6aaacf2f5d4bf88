//! What the forms for a new client and a changed one have in common.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::access::Subject;
use crate::access::scoping::{Purpose, Scoping};
use crate::grants::add_client::Flaw;
use crate::grants::client::{Client, ClientOptions};
use crate::grants::client_metadata::MAX_REDIRECT_URIS;
use crate::places::{Reach, Tree};
use crate::types::{Permissions, RedirectUri};
use crate::web::components::Errors;
use crate::web::scoping::{ScopingError, ScopingFields};

/// What both forms send.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ClientFields {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) redirect_uris: String,
    #[serde(default)]
    pub(super) jwks: String,
    #[serde(flatten)]
    pub(super) scoping: ScopingFields,
}

/// The same, understood.
#[derive(Clone, Debug)]
pub(super) struct Understood {
    pub(super) redirect_uris: Vec<RedirectUri>,
    pub(super) jwks: Option<Value>,
    pub(super) reach: Reach,
    pub(super) permissions: Permissions,
}

impl ClientFields {
    /// A form filled with what a client is.
    pub(super) fn of(client: &Client, reach: &Reach, permissions: Option<&Permissions>) -> Self {
        let uris: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let pretty = |jwks: &Value| serde_json::to_string_pretty(jwks).unwrap_or_default();
        Self {
            name: client.name.clone(),
            redirect_uris: uris.join("\n"),
            jwks: client.options.jwks.as_ref().map(pretty).unwrap_or_default(),
            scoping: ScopingFields::of(reach, permissions),
        }
    }

    /// Judges each field by itself; what is wrong is said of each. Without a maker, nothing is narrowed.
    pub(super) fn understood(&self, tree: &Tree, maker: Option<&Subject>, errors: &mut Errors) -> Option<Understood> {
        if self.name.trim().is_empty() {
            errors.add("name", "Enter a name that people will recognise.");
        }
        let redirect_uris = uris(&self.redirect_uris);
        if let Err(lines) = &redirect_uris {
            errors.add("redirect_uris", lines.to_string());
        }
        let jwks = match self.jwks.trim() {
            "" => Ok(None),
            // PostgreSQL keeps no NUL.
            text if text.contains("\\u0000") => Err(()),
            text => serde_json::from_str(text).map(Some).map_err(drop),
        };
        if jwks.is_err() {
            errors.add("jwks", "This is no JSON Web Key Set: paste the whole {\"keys\": […]}.");
        }
        let unscoped = || Scoping { reach: Reach::Everywhere, permissions: Permissions::all() };
        let scoping = maker.map_or_else(|| Ok(unscoped()), |maker| self.scoping.judge(maker, Purpose::Client, tree));
        if let Err(ScopingError { field, words }) = &scoping {
            errors.add(field, words.clone());
        }
        let Scoping { reach, permissions } = scoping.ok()?;
        let (redirect_uris, jwks) = (redirect_uris.ok()?, jwks.ok()?);
        errors.is_empty().then_some(Understood { redirect_uris, jwks, reach, permissions })
    }
}

/// What is wrong with lines of redirect URIs.
#[derive(Debug, PartialEq, Eq)]
struct WrongLines(Vec<(usize, String)>);

impl fmt::Display for WrongLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (line, why)) in self.0.iter().enumerate() {
            let gap = if place > 0 { " " } else { "" };
            write!(f, "{gap}Line {line}: {why}.")?;
        }
        Ok(())
    }
}

/// One redirect URI on each line, each under the rules that hold for all of them.
fn uris(text: &str) -> Result<Vec<RedirectUri>, WrongLines> {
    let (mut good, mut wrong): (Vec<RedirectUri>, _) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate().map(|(place, line)| (place + 1, line.trim())) {
        match line.parse::<RedirectUri>() {
            _ if line.is_empty() => {}
            Ok(uri) if good.contains(&uri) => wrong.push((number, "it is there already".to_owned())),
            Ok(uri) if good.len() < MAX_REDIRECT_URIS => good.push(uri),
            Ok(_) => wrong.push((number, format!("a client has at most {MAX_REDIRECT_URIS}"))),
            Err(error) => wrong.push((number, error.to_string())),
        }
    }
    if wrong.is_empty() && good.is_empty() {
        return Err(WrongLines(vec![(1, "enter at least one redirect URI".to_owned())]));
    }
    if wrong.is_empty() { Ok(good) } else { Err(WrongLines(wrong)) }
}

/// What is wrong with the whole, at the field that can put it right.
pub(super) fn explain(flaw: &Flaw, errors: &mut Errors) {
    let field = match flaw {
        Flaw::NoName | Flaw::BadName => "name",
        Flaw::NoRedirectUri | Flaw::IdleRedirectUri | Flaw::SecretInPrivateUse => "redirect_uris",
        Flaw::TwoSourcesOfKeys | Flaw::NoKeys | Flaw::Keys(_) | Flaw::BadUrl(_) => "jwks",
        Flaw::UnknownScope(_) => "permissions",
        Flaw::RefreshAlone | Flaw::Machine | Flaw::UnknownGrant(_) | Flaw::NotFapi2 => "name",
    };
    let words = match flaw {
        Flaw::SecretInPrivateUse => {
            "An address with a scheme of its own, such as com.example.app:/callback, is for public clients.".to_owned()
        }
        Flaw::NoKeys => "Paste the public keys with which the client signs.".to_owned(),
        other => format!("{other}."),
    };
    errors.add(field, words);
}

/// Options of a client that stands in settings: keys by value, and nothing else.
pub(super) fn options(jwks: Option<Value>) -> ClientOptions {
    ClientOptions { jwks, ..ClientOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_judged_and_told_by_its_number() {
        let good = uris("https://app.example/cb\r\n\n  http://127.0.0.1/cb  \ncom.example.app:/cb\n").unwrap();
        assert_eq!(good.len(), 3);
        let wrong = uris("https://app.example/cb\njavascript:alert(1)\nhttps://app.example/cb\nhttp://evil.example/")
            .unwrap_err();
        let lines: Vec<usize> = wrong.0.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4]);
        assert!(wrong.to_string().starts_with("Line 2: the scheme of this redirect URI is never allowed. Line 3:"));
        assert!(uris(" \n\n").is_err());
        let many: String = (0..=MAX_REDIRECT_URIS).map(|number| format!("https://app.example/{number}\n")).collect();
        assert_eq!(uris(&many).unwrap_err().0.len(), 1);
    }
}
