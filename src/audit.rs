//! Everything worth remembering: who did what, when, from where.
//!
//! A change is recorded in its own transaction, so that one never exists without the other. What hot paths decide is written
//! in batches ([`Batch`]).

mod batch;
mod event;
pub mod months;
pub mod search;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::Connection;
use crate::schema::audit_events;
use crate::types::{GrantId, ServiceAccountId, SubjectId, UserId};
pub use batch::Batch;
pub use event::{Event, Outcome};

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's network address.
    pub address: Option<String>,
    /// The id by which the log knows the request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The operator on the machine itself.
    pub fn operator() -> Self {
        Self { address: None, request_id: Some("command line".to_owned()) }
    }
}

/// An event and what it concerns; never a secret.
#[derive(Clone, Debug)]
pub struct Entry {
    event: Event,
    user: Option<UserId>,
    service_account: Option<ServiceAccountId>,
    client: Option<String>,
    grant: Option<GrantId>,
    detail: Value,
}

impl Entry {
    /// An event that concerns nothing yet.
    pub fn new(event: Event) -> Self {
        Self { event, user: None, service_account: None, client: None, grant: None, detail: json!({}) }
    }

    /// Concerns this person.
    pub fn user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Done by this person; by nobody in particular where the operator or a program did it.
    pub fn by(mut self, user: Option<UserId>) -> Self {
        self.user = user;
        self
    }

    /// Concerns this person or service account; a workspace has no column of its own.
    pub fn subject(mut self, subject: SubjectId) -> Self {
        match subject {
            SubjectId::Person(user) => self.user = Some(user),
            SubjectId::Service(account) => self.service_account = Some(account),
            SubjectId::Workspace(_) => {}
        }
        self
    }

    /// Concerns this client.
    pub fn client(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }

    /// Concerns this grant, if any.
    pub fn grant(mut self, grant: impl Into<Option<GrantId>>) -> Self {
        self.grant = grant.into();
        self
    }

    /// Says more.
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

/// What the trail says of one object.
#[derive(Clone, Debug, Queryable)]
pub struct Told {
    /// When.
    pub at: DateTime<Utc>,
    /// What: an [`Event::name`].
    pub event: String,
    /// About or by whom.
    pub user: Option<UserId>,
    /// The rest.
    pub detail: Value,
}

/// The latest of these events about a client.
pub async fn of_client(conn: &mut Connection, client: &str, events: &[Event], most: i64) -> QueryResult<Vec<Told>> {
    let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
    audit_events::table
        .filter(audit_events::client_id.eq(client).and(audit_events::event.eq_any(names)))
        .order((audit_events::at.desc(), audit_events::id.desc()))
        .limit(most)
        .select((audit_events::at, audit_events::event, audit_events::user_id, audit_events::detail))
        .load(conn)
        .await
}

/// An event as it is written.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_events)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    event: &'static str,
    user_id: Option<UserId>,
    service_account_id: Option<ServiceAccountId>,
    client_id: Option<String>,
    grant_id: Option<GrantId>,
    address: Option<String>,
    request_id: Option<String>,
    detail: Value,
}

impl Row {
    fn new(entry: Entry, origin: &Origin, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            at: now,
            event: entry.event.name(),
            user_id: entry.user,
            service_account_id: entry.service_account,
            client_id: entry.client,
            grant_id: entry.grant,
            address: origin.address.clone(),
            request_id: origin.request_id.clone(),
            detail: entry.detail,
        }
    }
}

/// Writes an event, in the transaction of what it tells of.
pub async fn record(mut conn: &Connection, entry: Entry, origin: &Origin, now: DateTime<Utc>) -> QueryResult<()> {
    let row = Row::new(entry, origin, now);
    diesel::insert_into(audit_events::table).values(&row).execute(&mut conn).await.map(drop)
}

/// Writes many; what is there already stays as it is.
async fn insert_all(conn: &mut Connection, rows: &[&Row]) -> QueryResult<()> {
    let query = diesel::insert_into(audit_events::table).values(rows.to_vec()).on_conflict_do_nothing();
    query.execute(conn).await.map(drop)
}
