//! A question to the trail in words, as pages, programs and the command line put it.

use std::net::IpAddr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::audit::search::{Events, Search, Who};
use crate::audit::{Origin, Outcome};
use crate::config;
use crate::db::{Connection, QueryResult};
use crate::identity::change_group;
use crate::types::SubjectId;
use crate::upstreams::server;

/// What can be said.
pub const NAMES: [&str; 10] =
    ["since", "until", "event", "outcome", "user", "client", "server", "address", "request_id", "q"];

/// What cannot be looked for, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which part of the question.
    pub name: &'static str,
    /// What it must be, as a sentence without its end.
    pub words: String,
}

/// Reads a question whose parts `said` knows by their names. A part that is empty or only space says nothing.
pub async fn read<'a>(
    conn: &mut Connection,
    said: impl Fn(&'static str) -> Option<&'a str>,
    now: DateTime<Utc>,
) -> QueryResult<Result<Search, Wrong>> {
    let said = |name: &'static str| said(name).map(str::trim).filter(|text| !text.is_empty());
    let mut search = match plain(said, now) {
        Ok(search) => search,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if let Some(name) = said("user") {
        search.who = match (name.parse::<Uuid>(), change_group::somebody(conn, name).await?) {
            (_, Some(SubjectId::Person(id))) => Some(Who::Person(id)),
            (_, Some(SubjectId::Service(id))) => Some(Who::Program(id)),
            (Ok(id), _) => Some(Who::Id(id)),
            (Err(_), _) => {
                let nobody = "There is neither a person nor a program with the name";
                let words = format!("{nobody} {}; who is gone is found by their id", quoted(name));
                return Ok(Err(Wrong { name: "user", words }));
            }
        };
    }
    Ok(Ok(search))
}

/// What can be told without the database.
fn plain<'a>(said: impl Fn(&'static str) -> Option<&'a str>, now: DateTime<Utc>) -> Result<Search, Wrong> {
    let said = &said;
    let search = Search {
        since: part(said, "since", TIME, |text| moment(text, now))?,
        until: part(said, "until", TIME, |text| moment(text, now))?,
        events: part(said, "event", "the name of an event, or what names begin with, such as gateway.", Events::named)?,
        outcome: part(said, "outcome", "done or refused", Outcome::named)?,
        who: None,
        client: part(said, "client", "the id of a client", |text| within(text, 2048))?,
        server: part(said, "server", "the name of a server", |text| {
            server::may_be_called(text).then(|| text.to_owned())
        })?,
        address: part(said, "address", "an IP address", |text| text.parse::<IpAddr>().ok())?,
        request_id: part(said, "request_id", "the id of a request, as answers have it in x-request-id", request)?,
        words: part(said, "q", "200 characters at most", |text| within(text, 200))?,
    };
    match (search.since, search.until) {
        (Some(since), Some(until)) if since >= until => {
            Err(Wrong { name: "until", words: "The end is not after the beginning".to_owned() })
        }
        _ => Ok(search),
    }
}

const TIME: &str = "a time in UTC such as 2026-11-29T10:30 or 2026-11-29, or how long ago, such as 7d";

fn part<'a, T>(
    said: &impl Fn(&'static str) -> Option<&'a str>,
    name: &'static str,
    must: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Wrong> {
    let Some(text) = said(name) else { return Ok(None) };
    match read(text) {
        Some(value) => Ok(Some(value)),
        None => Err(Wrong { name, words: format!("{name} is {}, and it must be {must}", quoted(text)) }),
    }
}

/// A time as people, programs and browsers write it. What has no zone is UTC, as everything here.
fn moment(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Some(ago) = config::duration(text) {
        return now.trunc_subsecs(0).checked_sub_signed(ago);
    }
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let plain = || {
        let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(|at| at.and_utc())
    };
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    // Beyond these, PostgreSQL and we do not mean the same.
    zoned.or_else(plain).or_else(day).filter(|at| (1900..=9999).contains(&at.year()))
}

/// What the log calls a request: a UUID, or the word for what no request was.
fn request(text: &str) -> Option<String> {
    let known = Origin::operator().request_id;
    let id = || text.parse::<Uuid>().ok().map(|id| id.to_string());
    known.filter(|known| known == text).or_else(id)
}

fn within(text: &str, most: usize) -> Option<String> {
    (text.chars().count() <= most).then(|| text.to_owned())
}

/// What was said, so that it can be recognised and no more.
fn quoted(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{start:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    fn asked(parts: &[(&'static str, &str)]) -> Result<Search, Wrong> {
        let parts: BTreeMap<_, _> = parts.iter().copied().collect();
        plain(|name| parts.get(name).copied(), now())
    }

    #[test]
    fn a_time_is_said_in_many_ways_and_means_one() {
        for (text, time) in [
            ("2026-11-29T10:30:00Z", "2026-11-29T10:30:00Z"),
            ("2026-11-29T12:30:00+02:00", "2026-11-29T10:30:00Z"),
            ("2026-11-29T10:30", "2026-11-29T10:30:00Z"),
            ("2026-11-29", "2026-11-29T00:00:00Z"),
            ("90m", "2026-11-29T10:30:00Z"),
            ("7 days", "2026-11-22T12:00:00Z"),
        ] {
            assert_eq!(asked(&[("since", text)]).unwrap().since, Some(time.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_told_apart() {
        for (name, text) in [
            ("since", "yesterday"),
            ("until", "2026-13-01"),
            ("until", "0001-01-01"),
            ("event", "gatway."),
            ("event", "."),
            ("outcome", "ok"),
            ("server", "../etc"),
            ("address", "203.0.113"),
            ("request_id", "pcl_secret"),
        ] {
            let wrong = asked(&[(name, text)]).unwrap_err();
            assert!(wrong.name == name && wrong.words.contains(text), "{wrong:?}");
        }
        assert_eq!(asked(&[("since", "1h"), ("until", "2h")]).unwrap_err().name, "until");
        assert_eq!(asked(&[("q", &"x".repeat(201))]).unwrap_err().name, "q");
        assert_eq!(asked(&[]).unwrap(), Search::default());
        assert!(asked(&[("event", "gateway."), ("request_id", "command line")]).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_fail_otherwise_than_by_refusing(text in ".*") {
            for name in NAMES {
                let _ = asked(&[(name, &text)]);
            }
        }
    }
}
