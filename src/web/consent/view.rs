//! What the consent page shows, in words.

use askama::Template;

use crate::config::Lifetimes;
use crate::http::page::{Csp, Foreign, Site, View};
use crate::places::{Reach, Tree};
use crate::types::{PlaceId, RedirectTarget, RedirectUri, known_scopes as known};
use crate::web::words::{self, Identity};

/// What a person reads before they decide. Only the request's id, the boxes and the decision come back from it.
#[derive(Clone, Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// The pending request; everything else of it stays with us.
    pub request: String,
    /// Who asks.
    pub client: Foreign,
    /// How we know who that is.
    pub identity: Identity,
    /// Its picture, served by us.
    pub logo: Option<String>,
    /// The places that its tokens are narrowed to, if they are.
    pub within: Option<Foreign>,
    /// The well-known client whose name this one resembles without being it.
    pub imitates: Option<String>,
    /// What for: the MCP server's name.
    pub server: Foreign,
    /// Its host.
    pub server_host: String,
    /// As who.
    pub username: Foreign,
    /// Where to become somebody else and come back here.
    pub switch_account: String,
    /// What it may do.
    pub scopes: Vec<ScopeBox>,
    /// The tools that this opens, by name; empty when they are not known.
    pub tools: Vec<Foreign>,
    /// True when it opens the servers behind the gate as well, as far as the person may use them.
    pub and_servers: bool,
    /// Where the answer goes.
    pub destination: Destination,
    /// How long it lasts, in a sentence.
    pub lasts: String,
}

/// One scope, with its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeBox {
    /// The name that programs use; what the box sends.
    pub token: String,
    /// What it lets the app do.
    pub words: String,
    /// The same, a little more exactly.
    pub detail: &'static str,
    /// Ticked and fixed: without it there is nothing to allow.
    pub required: bool,
    /// Ticked to begin with.
    pub ticked: bool,
    /// Not among what was allowed last time.
    pub is_new: bool,
}

impl ScopeBox {
    /// A scope that is always part of it.
    pub fn required(token: &str) -> Self {
        Self { required: true, ..Self::optional(token) }
    }

    /// A scope that the person may leave out.
    pub fn optional(token: &str) -> Self {
        let words::ScopeWords { token, words, detail } = words::scope(token);
        Self { token, words, detail, required: false, ticked: true, is_new: false }
    }

    /// Leaves the tick to the person.
    pub fn unticked(self) -> Self {
        Self { ticked: false, ..self }
    }

    /// Marks it as new since last time.
    pub fn is_new(self, is_new: bool) -> Self {
        Self { is_new, ..self }
    }
}

/// Where the answer goes (MCP authorization: the redirect host is shown clearly, and loopback with a warning).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A website, by its host.
    Host(String),
    /// This computer, by `host:port`.
    Loopback(String),
    /// An app on this device, by its private scheme (RFC 8252 §7.1).
    App(Foreign),
}

impl Destination {
    /// Where this redirect URI leads.
    pub(in crate::web) fn of(redirect_uri: &str) -> Self {
        let (_, rest) = redirect_uri.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match redirect_uri.parse::<RedirectUri>().map(|uri| uri.target()) {
            Ok(RedirectTarget::Web { host }) => Self::Host(host),
            Ok(RedirectTarget::Loopback) => Self::Loopback(authority.to_owned()),
            Ok(RedirectTarget::PrivateScheme { scheme }) => Self::App(Foreign::new(&scheme)),
            // It was registered under these rules, so this does not happen; the whole of it is the truth in any case.
            Err(_) => Self::App(Foreign::new(redirect_uri)),
        }
    }

    /// The words before the name.
    pub fn before(&self) -> &'static str {
        match self {
            Self::Host(_) => "To",
            Self::Loopback(_) => "To a program on this computer, at",
            Self::App(_) => "To the app",
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Loopback(name) => name,
            Self::App(scheme) => scheme.as_str(),
        }
    }

    /// The words after it.
    pub fn after(&self) -> &'static str {
        match self {
            Self::Host(_) | Self::Loopback(_) => "",
            Self::App(_) => " on this device",
        }
    }

    /// What to be careful about.
    pub fn warning(&self) -> Option<&'static str> {
        match self {
            Self::Host(_) => None,
            Self::Loopback(_) => Some(
                "Any program on this computer could be asking. Allow it only if you started this yourself just now.",
            ),
            Self::App(_) => Some(
                "Another app on this device could take this name. Allow it only if you started this yourself just now.",
            ),
        }
    }
}

/// The places of a reach in words, where it is narrowed to any.
pub(in crate::web) fn within(reach: &Reach, tree: &Tree) -> Option<Foreign> {
    let Reach::Places(places) = reach else { return None };
    let mut titles: Vec<String> = places.iter().filter_map(|place| titles(*place, tree)).collect();
    titles.sort_unstable();
    Some(match titles.is_empty() {
        true => Foreign::new("places that are gone"),
        false => Foreign::passage(&titles.join(", ")),
    })
}

/// The titles on the way to a place: "Acme / Apps".
fn titles(place: PlaceId, tree: &Tree) -> Option<String> {
    let path = tree.path(place)?;
    let titles: Vec<&str> = path.places().filter_map(|id| Some(tree.get(id)?.title.as_str())).collect();
    Some(titles.join(" / "))
}

/// How long an answer holds, for a client that uses refresh tokens or not.
pub(in crate::web) fn lasts(lifetimes: &Lifetimes, refreshes: bool) -> String {
    match refreshes {
        true => format!(
            "Until you revoke it under Connected apps, or for {} at most. It checks in every {}.",
            words::length(lifetimes.grant),
            words::every(lifetimes.access_token)
        ),
        false => format!("For {}; then it has to ask again.", words::length(lifetimes.access_token)),
    }
}

impl ConsentPage {
    /// True when somebody vouches for the name: only then does *Allow* look like the way on.
    pub fn is_known(&self) -> bool {
        self.imitates.is_none() && matches!(self.identity, Identity::Verified(_) | Identity::Administrator)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let scopes = vec![ScopeBox::required(known::MCP_READ), ScopeBox::optional(known::MCP_WRITE)];
        let verified = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            request: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            client: Foreign::new("Claude"),
            identity: Identity::Verified("claude.ai".to_owned()),
            logo: None,
            within: None,
            imitates: None,
            server: Foreign::new("Time server"),
            server_host: "gate.example.com".to_owned(),
            username: Foreign::new("alice"),
            switch_account: "/gate/login?return_to=sealed".to_owned(),
            scopes,
            tools: ["get_current_time", "convert_time"].map(Foreign::new).to_vec(),
            and_servers: false,
            destination: Destination::Host("claude.ai".to_owned()),
            lasts: lasts(&Lifetimes::default(), true),
        };
        let loopback = Self {
            client: Foreign::new("VS Code"),
            identity: Identity::SelfDeclared,
            destination: Destination::Loopback("127.0.0.1:33418".to_owned()),
            server: Foreign::new("Portcullis"),
            and_servers: true,
            ..verified.clone()
        };
        let app = Self {
            client: Foreign::new("Cursor"),
            identity: Identity::Administrator,
            logo: Some(Site::sample().logo(&[7; 32])),
            within: Some(Foreign::new("Acme / Apps")),
            destination: Destination::App(Foreign::new("cursor")),
            lasts: lasts(&Lifetimes::default(), false),
            ..verified.clone()
        };
        let hostile = Self {
            client: Foreign::hostile_sample(),
            identity: Identity::SelfDeclared,
            imitates: Some("Claude".to_owned()),
            server: Foreign::hostile_sample(),
            scopes: vec![
                ScopeBox::required(known::OPENID),
                ScopeBox::required(known::MCP_READ),
                ScopeBox::optional(known::MCP_DELETE).is_new(true),
                ScopeBox::optional("\"><script>alert(1)</script>"),
            ],
            tools: vec![Foreign::hostile_sample(), Foreign::new("rm")],
            destination: Destination::App(Foreign::hostile_sample()),
            ..verified.clone()
        };
        let colleague = Self { identity: Identity::Colleague(Foreign::new("alice (Acme)")), ..app.clone() };
        let hostile_colleague = Self {
            identity: Identity::Colleague(Foreign::hostile_sample()),
            within: Some(Foreign::hostile_sample()),
            ..hostile.clone()
        };
        vec![verified, loopback, app, hostile, colleague, hostile_colleague]
    }
}

impl View for ConsentPage {
    fn csp(&self) -> Csp {
        Csp::MayLeave
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn how_long_it_lasts_is_a_sentence_for_every_lifetime() {
        let usual = Lifetimes::default();
        let short = Lifetimes { access_token: TimeDelta::minutes(30), grant: TimeDelta::hours(1), ..usual.clone() };
        for (lifetimes, refreshes, sentence) in [
            (
                &usual,
                true,
                "Until you revoke it under Connected apps, or for 12 months at most. It checks in every hour.",
            ),
            (&usual, false, "For 1 hour; then it has to ask again."),
            (
                &short,
                true,
                "Until you revoke it under Connected apps, or for 1 hour at most. It checks in every 30 minutes.",
            ),
            (&short, false, "For 30 minutes; then it has to ask again."),
        ] {
            assert_eq!(lasts(lifetimes, refreshes), sentence);
        }
    }
}
