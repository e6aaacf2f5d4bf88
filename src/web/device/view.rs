//! What the pages for devices show, in words.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use askama::Template;

use crate::http::limit::Network;
use crate::http::page::{Foreign, Site, View};
use crate::types::known_scopes as known;
use crate::web::consent::ScopeBox;
use crate::web::words::{self, Identity, Moment};

/// The field for the code that a device shows.
#[derive(Clone, Debug, Template)]
#[template(path = "device/code.html")]
pub struct CodePage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// As who.
    pub username: Foreign,
    /// Where to become somebody else and come back here.
    pub switch_account: String,
    /// What is in the field.
    pub typed: String,
    /// Why the last code did not lead on.
    pub problem: Option<CodeProblem>,
}

/// Why a code does not lead on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeProblem {
    /// Not eight letters of those that codes are made of.
    NotACode,
    /// Nothing waits under it for this person: the same words for wrong, expired, answered and somebody else's.
    Unknown,
    /// Too many wrong ones.
    TooMany {
        /// Until the next one.
        seconds: u64,
    },
}

impl CodeProblem {
    /// What the person reads.
    pub fn words(&self) -> String {
        match self {
            Self::NotACode => "A code has eight letters, like WDJB-MJHT.".to_owned(),
            Self::Unknown => {
                "Nothing waits under this code. Check it, or ask the device for a new one: a code is good for 10 minutes."
                    .to_owned()
            }
            Self::TooMany { seconds } => format!("Too many wrong codes. Try again in {}.", words::wait(*seconds)),
        }
    }
}

/// What was typed, short enough to be shown again.
pub(super) fn shortened(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_control()).take(20).collect()
}

/// What a person reads before they let a device in. Only the code, the boxes and the decision come back from it.
#[derive(Clone, Debug, Template)]
#[template(path = "device/confirm.html")]
pub struct ConfirmPage {
    /// Where we are.
    pub site: Site,
    /// Proof that the form is ours.
    pub csrf: String,
    /// The code, to be compared with the one on the device (RFC 8628 §3.3.1).
    pub user_code: String,
    /// Who asks.
    pub client: Foreign,
    /// How we know who that is.
    pub identity: Identity,
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
    /// From where the device asked.
    pub place: Place,
    /// When.
    pub asked_at: Moment,
    /// How long it lasts, in a sentence.
    pub lasts: String,
}

/// From where a device asked, as seen by the person who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The network that the person is in.
    Here(String),
    /// Another one.
    Elsewhere(String),
    /// Nobody knows.
    Unknown,
}

impl Place {
    /// Where an address is, seen from `here`.
    pub fn of(address: Option<&str>, here: IpAddr) -> Self {
        let Some(address) = address.and_then(|text| text.parse::<IpAddr>().ok()) else { return Self::Unknown };
        match Network::from(address) == Network::from(here) {
            true => Self::Here(address.to_string()),
            false => Self::Elsewhere(address.to_string()),
        }
    }

    /// The address, if it is known.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Here(address) | Self::Elsewhere(address) => Some(address),
            Self::Unknown => None,
        }
    }

    /// What that means.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Here(_) => "the network that you are in",
            Self::Elsewhere(_) => "not the network that you are in",
            Self::Unknown => "An address that is not known",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Template)]
#[template(path = "device/done.html")]
pub struct DonePage {
    /// Where we are.
    pub site: Site,
    /// What that is.
    pub outcome: Outcome,
}

/// How an answer to a device ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The device is connected.
    Allowed(Foreign),
    /// It is not.
    Denied(Foreign),
    /// There was nothing to answer any more.
    Gone,
    /// The app had changed meanwhile.
    Changed,
}

impl CodePage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let empty = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            username: Foreign::new("alice"),
            switch_account: "/gate/login?return_to=sealed".to_owned(),
            typed: String::new(),
            problem: None,
        };
        let prefilled = Self { typed: "WDJB-MJHT".to_owned(), ..empty.clone() };
        let unknown = Self { problem: Some(CodeProblem::Unknown), ..prefilled.clone() };
        let waiting = Self { problem: Some(CodeProblem::TooMany { seconds: 60 }), ..prefilled.clone() };
        let hostile = Self {
            username: Foreign::hostile_sample(),
            typed: "\"><script>alert(1)</script>".to_owned(),
            problem: Some(CodeProblem::NotACode),
            ..empty.clone()
        };
        vec![empty, prefilled, unknown, waiting, hostile]
    }
}

impl View for CodePage {
    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            Some(CodeProblem::NotACode | CodeProblem::Unknown) => StatusCode::BAD_REQUEST,
            Some(CodeProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl ConfirmPage {
    /// True when somebody vouches for the name: only then does *Allow* look like the way on.
    pub fn is_known(&self) -> bool {
        let is_unknown = matches!(self.identity, Identity::SelfDeclared | Identity::Colleague(_));
        self.imitates.is_none() && !is_unknown
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let known_app = Self {
            site: Site::sample(),
            csrf: "sample-csrf".to_owned(),
            user_code: "WDJB-MJHT".to_owned(),
            client: Foreign::new("Meeting room display"),
            identity: Identity::Administrator,
            imitates: None,
            server: Foreign::new("Portcullis"),
            server_host: "gate.example.com".to_owned(),
            username: Foreign::new("alice"),
            switch_account: "/gate/login?return_to=sealed".to_owned(),
            scopes: vec![ScopeBox::required(known::MCP_READ), ScopeBox::optional(known::MCP_WRITE)],
            place: Place::Here("198.51.100.7".to_owned()),
            asked_at: Moment::new(now - chrono::TimeDelta::minutes(2), now),
            lasts: "For 1 hour; then it has to ask again.".to_owned(),
        };
        let elsewhere = Self {
            identity: Identity::SelfDeclared,
            place: Place::Elsewhere("203.0.113.9".to_owned()),
            ..known_app.clone()
        };
        let hostile = Self {
            client: Foreign::hostile_sample(),
            identity: Identity::SelfDeclared,
            imitates: Some("Claude".to_owned()),
            scopes: vec![ScopeBox::required(known::MCP_READ), ScopeBox::optional("\"><script>alert(1)</script>")],
            place: Place::Unknown,
            ..known_app.clone()
        };
        vec![known_app, elsewhere, hostile]
    }
}

impl View for ConfirmPage {}

impl DonePage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let page = |outcome| Self { site: Site::sample(), outcome };
        let display = Foreign::new("Meeting room display");
        let all =
            [Outcome::Allowed(display), Outcome::Denied(Foreign::hostile_sample()), Outcome::Gone, Outcome::Changed];
        all.into_iter().map(page).collect()
    }
}

impl View for DonePage {
    fn status(&self) -> StatusCode {
        match self.outcome {
            Outcome::Allowed(_) | Outcome::Denied(_) => StatusCode::OK,
            Outcome::Gone | Outcome::Changed => StatusCode::CONFLICT,
        }
    }
}
