//! The audit trail as every face shows it: what can be asked for, in which words, and how an event reads.

mod copy;
mod question;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::audit::search::{Recorded, Search};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::{self, Connection, QueryResult};
use crate::identity::{User, service_account};
use crate::types::{ServiceAccountId, SubjectId, UserId};

pub use copy::{Format, copy, file, narrowed_to_now};
pub use question::{NAMES, Wrong, read};

/// How long one look may take: whoever waits longer has asked for too much at once.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// What to do about that.
pub const TOO_MUCH: &str =
    "That is too much to look through at once: say from when to when, or who, which client, server or event";

/// What people and programs are called that events name by their ids.
#[derive(Clone, Debug, Default)]
pub struct Names {
    people: BTreeMap<UserId, String>,
    programs: BTreeMap<ServiceAccountId, String>,
}

impl Names {
    /// Those of these events. Who is gone has none.
    pub async fn of(conn: &mut Connection, events: &[Recorded]) -> QueryResult<Self> {
        let people: Vec<UserId> = events.iter().filter_map(|event| event.user_id).collect();
        let programs: Vec<ServiceAccountId> = events.iter().filter_map(|event| event.service_account_id).collect();
        Ok(Self {
            people: User::names(conn, &people).await?.into_iter().collect(),
            programs: service_account::names(conn, &programs).await?.into_iter().collect(),
        })
    }

    /// One person, for samples.
    pub fn sample() -> Self {
        Self { people: [(UserId(uuid::Uuid::from_u128(7)), "ada".to_owned())].into(), programs: BTreeMap::new() }
    }

    /// What the person of an event is called, or else the program.
    pub fn who(&self, event: &Recorded) -> Option<&str> {
        let person = event.user_id.and_then(|id| self.people.get(&id));
        let program = || event.service_account_id.and_then(|id| self.programs.get(&id));
        person.or_else(program).map(String::as_str)
    }
}

/// An event for programs. What there is nothing of is left out.
pub fn item(event: &Recorded, names: &Names) -> Value {
    without_nulls(json!({
        "id": event.id,
        "at": event.at,
        "event": event.event,
        "outcome": event.outcome().name(),
        "user": names.who(event),
        "user_id": event.user_id,
        "service_account_id": event.service_account_id,
        "client_id": event.client_id,
        "grant_id": event.grant_id,
        "address": event.address,
        "request_id": event.request_id,
        "detail": event.detail,
    }))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        plain => plain,
    }
}

/// That somebody looks something up, or takes a copy: the trail tells of that, too.
pub fn looked_up(search: &Search, by: Option<SubjectId>, format: Option<Format>) -> Entry {
    let mut detail = json!({ "filters": search.facts() });
    let event = match format {
        None => Event::TrailSearched,
        Some(format) => {
            detail["format"] = format.name().into();
            Event::TrailExported
        }
    };
    let entry = Entry::new(event).detail(detail);
    match by {
        Some(by) => entry.subject(by),
        None => entry,
    }
}

/// Writes that down, before anything is shown: here nothing waits for a batch.
pub async fn note(app: &App, entry: Entry, origin: &Origin) -> Result<(), db::Error> {
    let now = app.clock.now();
    app.db.write_once(async |conn| audit::record(conn, entry, origin, now).await).await
}
