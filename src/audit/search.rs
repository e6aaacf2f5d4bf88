//! Looking things up in the trail: what is asked for, and pages of what was found.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Event, Outcome};
use crate::db::{self, Connection, Db};
use crate::schema::audit_events as table;
use crate::types::{GrantId, ServiceAccountId, UserId};

/// What is asked for: everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Not before this.
    pub since: Option<DateTime<Utc>>,
    /// Before this.
    pub until: Option<DateTime<Utc>>,
    /// One of these events.
    pub events: Option<Events>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// By or about somebody.
    pub who: Option<Who>,
    /// With this client.
    pub client: Option<String>,
    /// At the server of this name.
    pub server: Option<String>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// In the request that the log knows by this id.
    pub request_id: Option<String>,
    /// With these words in the detail, in whatever case.
    pub words: Option<String>,
}

/// One event, or those whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    said: String,
    names: Vec<&'static str>,
}

/// Somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person.
    Person(UserId),
    /// A program.
    Program(ServiceAccountId),
    /// Whoever had this id: people and programs that are gone are still in the trail.
    Id(Uuid),
}

/// One way in which an event has to do with somebody.
#[derive(Clone, Debug)]
enum Side {
    /// It is by or about this person.
    Person(UserId),
    /// It is by or about this program.
    Program(ServiceAccountId),
    /// It is about something else, and its detail says that they did it, in one of these forms.
    By(Vec<String>),
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// For reading back.
    NewestFirst,
    /// For copies, as a log reads.
    OldestFirst,
}

/// Where an event is in the trail. Its text is micro-seconds and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    at: DateTime<Utc>,
    id: Uuid,
}

/// An event as it was written.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = table, check_for_backend(Pg))]
pub struct Recorded {
    /// Names it.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// What: an [`Event::name`].
    pub event: String,
    /// By or about this person.
    pub user_id: Option<UserId>,
    /// By or about this program.
    pub service_account_id: Option<ServiceAccountId>,
    /// With this client.
    pub client_id: Option<String>,
    /// Under this grant.
    pub grant_id: Option<GrantId>,
    /// From this network address.
    pub address: Option<String>,
    /// In the request that the log knows by this id.
    pub request_id: Option<String>,
    /// The rest.
    pub detail: Value,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub enum Found {
    /// These.
    Page(Vec<Recorded>),
    /// Nothing in the time that there was: the question is too wide.
    TooMuch,
}

impl Events {
    /// The event of this name, or all those that begin with `gateway.`; `None` where there is none.
    pub fn named(said: &str) -> Option<Self> {
        let all = Event::ALL.iter().map(|event| event.name());
        let names: Vec<_> = match said.ends_with('.') {
            true => all.filter(|name| name.starts_with(said)).collect(),
            false => all.filter(|name| *name == said).collect(),
        };
        (!names.is_empty()).then(|| Self { said: said.to_owned(), names })
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Recorded {
    /// Its place.
    pub fn key(&self) -> Key {
        Key { at: self.at, id: self.id }
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(&self.event)
    }

    /// A member of the detail that is text.
    pub fn said(&self, name: &str) -> Option<&str> {
        self.detail.get(name)?.as_str()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id)
    }
}

/// Text that is no place in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the trail")]
pub struct KeyError;

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (micros, id) = text.split_once('.').ok_or(KeyError)?;
        let at = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(KeyError)?;
        Ok(Self { at, id: id.parse().map_err(|_| KeyError)? })
    }
}

impl Search {
    /// What is asked for, as the trail tells of it. Not the words: somebody who looks for a secret that got out types it there.
    pub fn facts(&self) -> Value {
        let who = match self.who {
            Some(Who::Person(id)) => Some(id.0),
            Some(Who::Program(id)) => Some(id.0),
            Some(Who::Id(id)) => Some(id),
            None => None,
        };
        let asked = [
            ("since", json!(self.since)),
            ("until", json!(self.until)),
            ("event", json!(self.events.as_ref().map(Events::to_string))),
            ("outcome", json!(self.outcome.map(Outcome::name))),
            ("user", json!(who)),
            ("client", json!(self.client)),
            ("server", json!(self.server)),
            ("address", json!(self.address)),
            ("request_id", json!(self.request_id)),
            ("words", if self.words.is_some() { json!("not written down") } else { Value::Null }),
        ];
        asked.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A page of what there is after `after`, given up after so long.
    pub async fn page(
        &self,
        db: &Db,
        (order, after, most): (Order, Option<Key>, usize),
        patience: Duration,
    ) -> Result<Found, db::Error> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        match db.look(patience, async |conn| self.load(conn, order, after, most).await).await {
            Ok(page) => Ok(Found::Page(page)),
            Err(error) if error.is_too_much() => Ok(Found::TooMuch),
            Err(error) => Err(error),
        }
    }

    /// One statement where one index finds it; what somebody has to do with in several ways is found in each, and put together.
    async fn load(
        &self,
        conn: &mut Connection,
        order: Order,
        after: Option<Key>,
        most: i64,
    ) -> QueryResult<Vec<Recorded>> {
        let Some(who) = self.who else { return shown(in_order(self.narrowed(), (order, after, most)), conn).await };
        let mut found: Vec<Recorded> = Vec::new();
        for side in who.sides() {
            found.extend(shown(in_order(beside(self.narrowed(), &side), (order, after, most)), conn).await?);
        }
        found.sort_by_key(|event| (event.at, event.id));
        found.dedup_by_key(|event| event.id);
        if order == Order::NewestFirst {
            found.reverse();
        }
        found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(found)
    }

    fn narrowed(&self) -> Query<'_> {
        let mut query = table::table.into_boxed();
        if let Some(since) = self.since {
            query = query.filter(table::at.ge(since));
        }
        if let Some(until) = self.until {
            query = query.filter(table::at.lt(until));
        }
        if let Some(events) = &self.events {
            query = query.filter(table::event.eq_any(&events.names));
            if !events.names.iter().any(|name| name.starts_with("gateway.")) {
                // What the index `audit_events_event` is for, in its own words and not as a parameter, so that it is always used.
                query = query.filter(sql::<Bool>("event NOT LIKE 'gateway.%'"));
            }
        }
        if let Some(outcome) = self.outcome {
            let refusals = Event::ALL.iter().map(|event| event.name());
            let refusals: Vec<_> = refusals.filter(|name| Outcome::of(name) == Outcome::Refused).collect();
            query = match outcome {
                Outcome::Refused => query.filter(table::event.eq_any(refusals)),
                Outcome::Done => query.filter(table::event.ne_all(refusals)),
            };
        }
        if let Some(client) = &self.client {
            query = query.filter(table::client_id.eq(client));
        }
        if let Some(server) = &self.server {
            query = query.filter(table::detail.retrieve_as_text("server").eq(server));
        }
        if let Some(address) = self.address {
            query = query.filter(table::address.eq(address.to_string()));
        }
        if let Some(id) = &self.request_id {
            query = query.filter(table::request_id.eq(id));
        }
        if let Some(words) = &self.words {
            query = query.filter(table::detail.cast::<Text>().ilike(containing(words)));
        }
        query
    }
}

impl Who {
    fn sides(self) -> Vec<Side> {
        let forms = |id: Uuid| {
            let plain = [id.to_string(), format!("service:{id}"), format!("workspace:{id}")];
            let told = ["person", "service_account", "workspace"].map(|kind| format!("{{\"{kind}\": \"{id}\"}}"));
            Side::By(plain.into_iter().chain(told).collect())
        };
        match self {
            Self::Person(id) => vec![Side::Person(id), forms(id.0)],
            Self::Program(id) => vec![Side::Program(id), forms(id.0)],
            Self::Id(id) => vec![Side::Person(UserId(id)), Side::Program(ServiceAccountId(id)), forms(id)],
        }
    }
}

type Query<'a> = table::BoxedQuery<'a, Pg>;

async fn shown(query: Query<'_>, conn: &mut Connection) -> QueryResult<Vec<Recorded>> {
    query.select(Recorded::as_select()).load(conn).await
}

fn beside<'a>(query: Query<'a>, side: &Side) -> Query<'a> {
    match side {
        Side::Person(id) => query.filter(table::user_id.eq(*id)),
        Side::Program(id) => query.filter(table::service_account_id.eq(*id)),
        Side::By(forms) => query.filter(table::detail.retrieve_as_text("by").eq_any(forms.clone())),
    }
}

/// A page of it. The first comparison is one that an index goes along and that leaves whole months out; the second is for what
/// happened in the same moment.
fn in_order<'a>(query: Query<'a>, (order, after, most): (Order, Option<Key>, i64)) -> Query<'a> {
    let query = match (order, after) {
        (_, None) => query,
        (Order::NewestFirst, Some(Key { at, id })) => {
            query.filter(table::at.le(at)).filter(table::at.lt(at).or(table::id.lt(id)))
        }
        (Order::OldestFirst, Some(Key { at, id })) => {
            query.filter(table::at.ge(at)).filter(table::at.gt(at).or(table::id.gt(id)))
        }
    };
    let query = match order {
        Order::NewestFirst => query.order((table::at.desc(), table::id.desc())),
        Order::OldestFirst => query.order((table::at.asc(), table::id.asc())),
    };
    query.limit(most)
}

/// The pattern of `LIKE` for text with these words in it.
fn containing(words: &str) -> String {
    let escaped: String =
        words.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}
