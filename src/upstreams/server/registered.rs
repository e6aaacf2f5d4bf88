//! Registered servers as those see them who manage.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::db::search::containing;
use crate::schema::servers;
use crate::types::{PlaceId, ServerId};

/// How a server was found when somebody looked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nobody looked yet, or nobody can say.
    Unknown,
    /// It answers.
    Healthy,
    /// It does not, or not as it should.
    Failing,
}

impl Health {
    const ALL: [Self; 3] = [Self::Unknown, Self::Healthy, Self::Failing];

    /// Its word in the table, for people and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
        }
    }
}

/// A registered server as those see it who manage. What proves us to it is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Stable, never reused.
    pub id: ServerId,
    /// Unique in the installation, and a path segment.
    pub name: String,
    /// Where it lives; empty for one that is a program of its own.
    pub url: String,
    /// Which of the operator's commands starts it, where it is one.
    pub command: Option<String>,
    /// What it is for, in its administrator's words.
    pub description: String,
    /// How it is spoken to.
    pub transport: String,
    /// True while it is switched on.
    pub enabled: bool,
    /// Where it is.
    pub place_id: PlaceId,
    /// Since when it is known.
    pub created_at: DateTime<Utc>,
    /// How we prove ourselves to it: `none`, `header` or `passthrough`.
    pub auth: String,
    /// By which header, where it is one.
    pub auth_header: Option<String>,
    /// Headers of callers that reach it.
    pub forwarded_headers: Vec<String>,
    /// Words by which it is found.
    pub tags: Vec<String>,
    /// How it was found.
    pub health: Health,
    /// Why it is not healthy.
    pub health_detail: String,
    /// When somebody looked.
    pub checked_at: Option<DateTime<Utc>>,
}

type Columns = (
    (servers::id, servers::name, servers::url, servers::description, servers::transport, servers::enabled),
    (servers::place_id, servers::created_at, servers::auth, servers::auth_header, servers::command),
    (servers::forwarded_headers, servers::tags, servers::health, servers::health_detail, servers::checked_at),
);
type Row = (
    (ServerId, String, String, String, String, bool),
    (PlaceId, DateTime<Utc>, String, Option<String>, Option<String>),
    (Vec<Option<String>>, Vec<Option<String>>, String, String, Option<DateTime<Utc>>),
);

impl Selectable<Pg> for Registered {
    type SelectExpression = Columns;

    fn construct_selection() -> Columns {
        (
            (servers::id, servers::name, servers::url, servers::description, servers::transport, servers::enabled),
            (servers::place_id, servers::created_at, servers::auth, servers::auth_header, servers::command),
            (servers::forwarded_headers, servers::tags, servers::health, servers::health_detail, servers::checked_at),
        )
    }
}

impl<ST> Queryable<ST, Pg> for Registered
where
    Row: diesel::deserialize::FromStaticSqlRow<ST, Pg>,
{
    type Row = Row;

    fn build(row: Row) -> diesel::deserialize::Result<Self> {
        let ((id, name, url, description, transport, enabled), whereabouts, rest) = row;
        let (place_id, created_at, auth, auth_header, command) = whereabouts;
        let (forwarded_headers, tags, health, health_detail, checked_at) = rest;
        // The table has no other words than these.
        let health = Health::ALL.into_iter().find(|known| known.name() == health).unwrap_or(Health::Unknown);
        let (forwarded_headers, tags) =
            (forwarded_headers.into_iter().flatten().collect(), tags.into_iter().flatten().collect());
        Ok(Self {
            id,
            name,
            url,
            command,
            description,
            transport,
            enabled,
            place_id,
            created_at,
            auth,
            auth_header,
            forwarded_headers,
            tags,
            health,
            health_detail,
            checked_at,
        })
    }
}

/// Which servers are looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought<'a> {
    /// Those in one of these places.
    pub places: &'a [PlaceId],
    /// That one alone, if one is all that the caller may see.
    pub only: Option<ServerId>,
    /// Those that are switched on, or those that are not.
    pub enabled: Option<bool>,
    /// Those with this tag.
    pub tag: Option<&'a str>,
    /// Those with this in their name or description.
    pub text: Option<&'a str>,
    /// Those that were found like that.
    pub health: Option<Health>,
    /// In which order.
    pub sort: Sort,
    /// Those behind this name, in the order of names.
    pub after: Option<&'a str>,
    /// How many before that are left out, besides.
    pub skip: usize,
}

/// In which order servers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// The newest first.
    Newest,
}

impl Sort {
    /// The order of that name; any other is the first.
    pub fn named(name: &str) -> Self {
        if name == "newest" { Self::Newest } else { Self::Name }
    }
}

/// At most `limit` registered servers.
pub async fn after(conn: &mut Connection, sought: Sought<'_>, limit: usize) -> QueryResult<Vec<Registered>> {
    let places = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let there = narrowed(sought).offset(places(sought.skip)).limit(places(limit));
    let there = match sought.sort {
        Sort::Name => there.order(servers::name),
        Sort::Newest => there.order(servers::created_at.desc()).then_order_by(servers::name),
    };
    there.select(Registered::as_select()).load(conn).await
}

/// How many there are on all pages.
pub async fn count(conn: &mut Connection, sought: Sought<'_>) -> QueryResult<i64> {
    narrowed(sought).count().get_result(conn).await
}

fn narrowed(sought: Sought<'_>) -> servers::BoxedQuery<'_, Pg> {
    let mut there = servers::table.into_boxed().filter(servers::place_id.eq_any(sought.places));
    if let Some(only) = sought.only {
        there = there.filter(servers::id.eq(only));
    }
    if let Some(enabled) = sought.enabled {
        there = there.filter(servers::enabled.eq(enabled));
    }
    if let Some(health) = sought.health {
        there = there.filter(servers::health.eq(health.name()));
    }
    if let Some(tag) = sought.tag {
        there = there.filter(servers::tags.contains(vec![Some(tag)]));
    }
    if let Some(text) = sought.text {
        let like = containing(text);
        there = there.filter(servers::name.ilike(like.clone()).or(servers::description.ilike(like)));
    }
    match sought.after {
        Some(name) => there.filter(servers::name.gt(name)),
        None => there,
    }
}

/// The server of that id.
pub async fn find(conn: &mut Connection, id: ServerId) -> QueryResult<Option<Registered>> {
    servers::table.find(id).select(Registered::as_select()).first(conn).await.optional()
}

/// The server of that name.
pub async fn named(conn: &mut Connection, name: &str) -> QueryResult<Option<Registered>> {
    // The database knows no such text.
    if name.contains('\0') {
        return Ok(None);
    }
    servers::table.filter(servers::name.eq(name)).select(Registered::as_select()).first(conn).await.optional()
}
