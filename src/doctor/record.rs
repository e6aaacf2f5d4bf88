//! The case, and what was asked and answered so far.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use url::{Host, Url};

use super::profile::{Home, Profile};
use crate::net::{Exchange, NetError, Request};

/// What came back, or why nothing did.
pub type Seen = Result<Exchange, NetError>;

/// What is to be examined.
#[derive(Clone, Debug)]
pub struct Case {
    /// The MCP endpoint, as a person would paste it.
    pub url: Url,
    /// Whether to register clients for real, and to remove them again where that is offered.
    pub registers: bool,
    /// A PKCE challenge whose verifier nobody has: no code that it wins can be redeemed.
    pub challenge: String,
    /// The `state` of its authorization requests, for which nobody waits.
    pub state: String,
}

/// A URL that cannot be an MCP endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be the http or https URL of an MCP endpoint, such as https://example.com/mcp")]
pub struct BadUrl;

impl Case {
    /// The case of the endpoint at `url`. `challenge` is what nobody has the verifier of.
    pub fn new(url: &str, registers: bool, challenge: String) -> Result<Self, BadUrl> {
        let mut url = Url::parse(url.trim()).map_err(|_| BadUrl)?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || has_credentials {
            return Err(BadUrl);
        }
        url.set_fragment(None);
        Ok(Self { url, registers, state: challenge.chars().rev().take(16).collect(), challenge })
    }

    /// Scheme, host and port, without a slash.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// True where nobody but this machine or its network can reach it.
    pub fn is_private(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => !name.contains('.') || name.ends_with(".local") || name.ends_with(".internal"),
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
            Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
            None => true,
        }
    }
}

/// An answer that is needed and that nobody has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Request);

/// Everything that was asked, each once.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<Request, Seen>);

impl Records {
    /// Keeps an answer.
    pub fn keep(&mut self, request: Request, seen: Seen) {
        self.0.insert(request, seen);
    }

    /// What a request brought.
    pub fn see(&self, request: &Request) -> Result<&Seen, Missing> {
        self.0.get(request).ok_or_else(|| Missing(request.clone()))
    }
}

/// What one client looks at.
pub(super) struct Look<'a> {
    pub case: &'a Case,
    pub profile: &'a Profile,
    pub records: &'a Records,
}

impl<'a> Look<'a> {
    /// Sends a request as this client, with the origin that its browser adds.
    pub fn send(&self, request: Request) -> Result<&'a Seen, Missing> {
        let request = match self.profile.home {
            Home::Browser(origin) => request.with("origin", origin),
            Home::Cloud | Home::Desktop => request,
        };
        self.records.see(&request)
    }

    /// Fetches a document.
    pub fn fetch(&self, url: &str) -> Result<&'a Seen, Missing> {
        self.send(Request::get(url).with("accept", "application/json"))
    }
}

/// The body as a JSON object.
pub(super) fn object(exchange: &Exchange) -> Option<Value> {
    serde_json::from_slice::<Value>(&exchange.body).ok().filter(Value::is_object)
}

/// A text member of an object.
pub(super) fn text<'a>(document: &'a Value, member: &str) -> Option<&'a str> {
    document.get(member).and_then(Value::as_str)
}

/// The members of an object that are `null`.
pub(super) fn nulls(document: &Value) -> String {
    let members = document.as_object().into_iter().flatten().filter(|(_, value)| value.is_null());
    members.map(|(name, _)| shown(name)).collect::<Vec<_>>().join(", ")
}

/// True when a list has this text in it; `None` when there is no list.
pub(super) fn lists(document: &Value, member: &str, wanted: &str) -> Option<bool> {
    let list = document.get(member)?.as_array()?;
    Some(list.iter().any(|item| item.as_str() == Some(wanted)))
}

/// True for https, and for http on the machine itself (OAuth 2.1 §1.5, MCP: communication security).
pub(super) fn is_secure(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

/// A stranger's text, short and on one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 160;
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST + 1).collect();
    match plain.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain,
    }
}
