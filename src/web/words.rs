//! What pages say: scopes, clients, times and waits in plain words. And what people answer.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::grants::client::{ClientOrigin, Listed};
use crate::grants::known_clients;
use crate::http::page::Foreign;
use crate::places::Tree;
use crate::types::known_scopes as known;

/// A scope as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeWords {
    /// The name that programs use.
    pub token: String,
    /// What it lets an app do, in a few words.
    pub words: String,
    /// The same, a little more exactly.
    pub detail: &'static str,
}

/// The words for one scope token; a token that means nothing here says so.
pub fn scope(token: &str) -> ScopeWords {
    let (words, detail) = match token {
        known::OPENID => ("Know that it is you", "It gets an identifier for you, the same one every time."),
        known::EMAIL => ("See your email address", "The address that is kept here for you."),
        known::PROFILE => ("See your name", "Your username and the name that you are shown by."),
        known::GROUPS => ("See which groups you are in", "Their names; not who else is in them."),
        known::OFFLINE_ACCESS => {
            ("Stay connected while you are away", "It need not ask you again each time it starts.")
        }
        known::MCP_READ => ("Read what your tools can see", "List tools, and use those that only look things up."),
        known::MCP_WRITE => ("Use tools that change things", "They create and edit in your name."),
        known::MCP_DELETE => ("Use tools that delete things", "What they remove may be gone for good."),
        known::MGMT_READ => {
            ("See how this gate is set up", "Servers, people, groups and rules, without their secrets.")
        }
        known::MGMT_WRITE => ("Change how this gate is set up", "Servers, groups and rules."),
        known::MGMT_ADMIN => ("Administer this gate", "People, apps and keys, and with that everything else here."),
        _ => return unknown(token),
    };
    ScopeWords { token: token.to_owned(), words: words.to_owned(), detail }
}

fn unknown(token: &str) -> ScopeWords {
    ScopeWords {
        token: Foreign::new(token).to_string(),
        words: UNKNOWN.to_owned(),
        detail: "It opens nothing here; the app knows what it means by it.",
    }
}

const UNKNOWN: &str = "Something that is not known here";

/// How we know who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It proved that it belongs to this host, by a document published there, and we know whose host that is.
    Verified(String),
    /// It proved that it belongs to this host, of which we know nothing.
    Published(String),
    /// An administrator of this installation registered it.
    Administrator,
    /// Somebody here registered it for a workspace: who, and which.
    Colleague(Foreign),
    /// It is a part of this gate.
    BuiltIn,
    /// It registered itself and could call itself anything.
    SelfDeclared,
}

impl Identity {
    /// How we know this client. `trusted` are hosts that the operator trusts besides the well-known ones.
    pub fn of(known: &Listed, trusted: &[String], tree: &Tree) -> Self {
        let client = &known.client;
        let verified = known_clients::verified_host(client, trusted);
        match (client.origin, verified, known_clients::host(client)) {
            (ClientOrigin::Administrator, _, _) => Self::Administrator,
            (ClientOrigin::Person, _, _) => Self::Colleague(registrar(known, tree)),
            (ClientOrigin::BuiltIn, _, _) => Self::BuiltIn,
            (_, Some(host), _) => Self::Verified(host),
            (_, None, Some(host)) => Self::Published(host),
            (_, None, None) => Self::SelfDeclared,
        }
    }

    /// The line underneath the client's name.
    pub fn words(&self) -> String {
        match self {
            Self::Verified(host) => format!("Verified: {host} publishes this app"),
            Self::Published(host) => format!("Unverified: an app of {host}, which is not known here"),
            Self::Administrator => "Registered by your administrator".to_owned(),
            Self::Colleague(who) => format!("Registered by {who}"),
            Self::BuiltIn => "Part of this gate: tokens that you made for yourself".to_owned(),
            Self::SelfDeclared => "Not verified: it gave this name itself".to_owned(),
        }
    }

    /// How the line is coloured.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Administrator | Self::BuiltIn => "known",
            Self::Published(_) | Self::Colleague(_) | Self::SelfDeclared => "unverified",
        }
    }
}

/// Who registered a client, and for which workspace: "alice (Acme)".
pub fn registrar(known: &Listed, tree: &Tree) -> Foreign {
    let workspace = known.ownership.as_ref().and_then(|own| tree.get(own.workspace_id));
    let workspace = workspace.map_or_else(|| "the whole installation".to_owned(), |place| place.title.clone());
    Foreign::new(&match &known.registrar {
        Some(who) => format!("{who} ({workspace})"),
        None => format!("somebody of {workspace}"),
    })
}

/// What a person answers to a program that asks: which button was pressed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// A point in time, relative for reading and exact for knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For `<time datetime>`.
    pub machine: String,
    /// Exact, for people.
    pub exact: String,
    /// Relative to now.
    pub relative: String,
}

impl Moment {
    /// `at`, as it reads at `now`.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            machine: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: at.format("%-d %b %Y, %H:%M:%S UTC").to_string(),
            relative: relative(at, now),
        }
    }
}

/// `at` in words, seen from `now`: "3 hours ago", "in 5 minutes".
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = (now - at).abs();
    if distance < TimeDelta::minutes(1) {
        return "just now".to_owned();
    }
    let words = span(distance);
    if at <= now { format!("{words} ago") } else { format!("in {words}") }
}

/// How long to wait, rounded up so that waiting that long is enough: "30 seconds", "2 minutes".
pub fn wait(seconds: u64) -> String {
    match seconds {
        0..=90 => count(seconds.max(1), "second"),
        91..=5400 => count(seconds.div_ceil(60), "minute"),
        _ => count(seconds.div_ceil(3600), "hour"),
    }
}

/// How long: "1 hour", "90 minutes", "12 months". Below two months it is exact, in the largest unit that divides it.
pub fn length(lifetime: TimeDelta) -> String {
    let seconds = lifetime.num_seconds().unsigned_abs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        _ if lifetime >= TimeDelta::days(60) => span(lifetime),
        Some((unit, name)) => count(seconds / unit, name),
        None => count(seconds, "second"),
    }
}

/// How often, after the word "every": "hour", "30 minutes".
pub fn every(interval: TimeDelta) -> String {
    let words = length(interval);
    words.strip_prefix("1 ").map(str::to_owned).unwrap_or(words)
}

/// The largest unit that fits, rounded down.
fn span(distance: TimeDelta) -> String {
    let (minutes, hours, days) = (distance.num_minutes(), distance.num_hours(), distance.num_days());
    let (number, unit) = match () {
        () if hours < 1 => (minutes, "minute"),
        () if days < 1 => (hours, "hour"),
        () if days < 60 => (days, "day"),
        () if days < 730 => (days / 30, "month"),
        () => (days / 365, "year"),
    };
    count(number.unsigned_abs(), unit)
}

fn count(number: u64, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_that_can_be_granted_has_words_of_its_own() {
        for token in known::ALL {
            assert_ne!(scope(token).words, UNKNOWN, "{token}");
        }
        assert_eq!(scope("files").words, UNKNOWN);
    }

    #[test]
    fn times_read_as_people_say_them() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds_ago, words) in [
            (5, "just now"),
            (-59, "just now"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (40 * 86_400, "40 days ago"),
            (90 * 86_400, "3 months ago"),
            (800 * 86_400, "2 years ago"),
            (-300, "in 5 minutes"),
        ] {
            assert_eq!(relative(now - TimeDelta::seconds(seconds_ago), now), words);
        }
    }

    #[test]
    fn lifetimes_read_as_people_say_them() {
        for (lifetime, how_long, how_often) in [
            (TimeDelta::seconds(1), "1 second", "second"),
            (TimeDelta::seconds(45), "45 seconds", "45 seconds"),
            (TimeDelta::seconds(90), "90 seconds", "90 seconds"),
            (TimeDelta::minutes(1), "1 minute", "minute"),
            (TimeDelta::minutes(30), "30 minutes", "30 minutes"),
            (TimeDelta::hours(1), "1 hour", "hour"),
            (TimeDelta::minutes(90), "90 minutes", "90 minutes"),
            (TimeDelta::hours(24), "1 day", "day"),
            (TimeDelta::hours(36), "36 hours", "36 hours"),
            (TimeDelta::days(30), "30 days", "30 days"),
            (TimeDelta::days(365), "12 months", "12 months"),
            (TimeDelta::days(3650), "10 years", "10 years"),
        ] {
            assert_eq!(length(lifetime), how_long);
            assert_eq!(every(lifetime), how_often);
        }
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        assert_eq!(wait(0), "1 second");
        assert_eq!(wait(61), "61 seconds");
        assert_eq!(wait(121), "3 minutes");
    }
}
