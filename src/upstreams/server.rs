//! Registered MCP servers (table `servers`).

mod registered;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tool;
use super::upstream::{Auth, Upstream};
use crate::crypto::RootKeys;
use crate::db::Connection;
use crate::places::{PlacePath, Tree};
use crate::schema::servers;
use crate::types::{PlaceId, ServerId};
pub use registered::{Health, Registered, Sort, Sought, after, count, find, named};

/// How often somebody looks how a server is and which tools it has.
const CHECKED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// A registered server that is switched on.
#[derive(Clone, Debug)]
pub struct Server {
    /// Stable, never reused.
    pub id: ServerId,
    /// Unique in the installation, and a path segment.
    pub name: String,
    /// What it is for, in its administrator's words.
    pub description: String,
    /// How it is spoken to: `streamable-http`, for one.
    pub transport: String,
    /// Where it is.
    pub place: PlacePath,
    /// What the gateway alone knows: callers never see it.
    pub upstream: Upstream,
}

/// A server that is switched on, as it is in the table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = servers, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: ServerId,
    name: String,
    url: String,
    command: Option<String>,
    description: String,
    transport: String,
    place_id: PlaceId,
    auth: String,
    auth_header: Option<String>,
    sealed_auth_value: Option<String>,
    forwarded_headers: Vec<Option<String>>,
    may_be_inside: bool,
}

impl Row {
    /// What the gateway alone knows of it.
    fn upstream(&self, keys: &RootKeys) -> Upstream {
        let (header, sealed) = (self.auth_header.clone(), self.sealed_auth_value.as_deref());
        Upstream {
            url: self.url.clone(),
            command: self.command.clone(),
            auth: Auth::of(&self.auth, header, sealed, keys),
            forwarded_headers: self.forwarded_headers.iter().flatten().cloned().collect(),
            may_be_inside: self.may_be_inside,
            tools: BTreeMap::new(),
        }
    }
}

/// What is kept of a server, besides where it is and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = servers, check_for_backend(diesel::pg::Pg), treat_none_as_null = true)]
pub(super) struct Kept {
    pub name: String,
    pub url: String,
    pub command: Option<String>,
    pub description: String,
    pub transport: String,
    pub enabled: bool,
    pub auth: String,
    pub auth_header: Option<String>,
    pub sealed_auth_value: Option<String>,
    pub forwarded_headers: Vec<Option<String>>,
    pub tags: Vec<Option<String>>,
    pub may_be_inside: bool,
}

impl Server {
    /// Every server that is switched on, in the order of [`named_in`]. One whose place is not in the tree yet is not there yet
    /// either.
    pub async fn enabled(conn: &mut Connection, tree: &Tree, keys: &RootKeys) -> QueryResult<Vec<Self>> {
        let rows: Vec<Row> = servers::table.filter(servers::enabled).select(Row::as_select()).load(conn).await?;
        let mut offered = tool::offered(conn).await?;
        let server = |row: Row| {
            let tools = offered.remove(&row.id).unwrap_or_default();
            let upstream = Upstream { tools, ..row.upstream(keys) };
            let Row { id, name, description, transport, place_id, .. } = row;
            Some(Self { id, name, description, transport, place: tree.path(place_id)?, upstream })
        };
        let mut servers: Vec<Self> = rows.into_iter().filter_map(server).collect();
        // The database may sort by a language's rules.
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(servers)
    }
}

/// How a server is spoken to, switched on or not: its transport, and what the gateway alone knows of it.
pub async fn dialled(conn: &mut Connection, id: ServerId, keys: &RootKeys) -> QueryResult<Option<(String, Upstream)>> {
    let row: Option<Row> = servers::table.find(id).select(Row::as_select()).first(conn).await.optional()?;
    Ok(row.map(|row| (row.transport.clone(), row.upstream(keys))))
}

/// The server of that name.
pub fn named_in<'a>(servers: &'a [Server], name: &str) -> Option<&'a Server> {
    let found = servers.binary_search_by(|server| server.name.as_str().cmp(name)).ok()?;
    servers.get(found)
}

/// Which of these servers has that name or id, and where it is.
pub fn enabled_as(servers: &[Server], written: &str) -> Option<(ServerId, PlacePath)> {
    let named = |server: &&Server| server.name == written || server.id.to_string() == written;
    servers.iter().find(named).map(|server| (server.id, server.place.clone()))
}

/// What is kept of a server and what of that is true now, held until the transaction ends.
pub(super) async fn hold(conn: &mut Connection, id: ServerId) -> QueryResult<Option<(Kept, PlaceId)>> {
    let query = servers::table.find(id).select((Kept::as_select(), servers::place_id));
    query.for_no_key_update().first(conn).await.optional()
}

/// A new server in that place, to be looked at by whoever made it; nothing when another has its name.
pub(super) async fn insert(
    conn: &mut Connection,
    kept: &Kept,
    place: PlaceId,
    now: DateTime<Utc>,
) -> QueryResult<Option<Registered>> {
    let whereabouts = (servers::id.eq(ServerId::fresh()), servers::place_id.eq(place));
    diesel::insert_into(servers::table)
        .values((kept, whereabouts, servers::created_at.eq(now), servers::next_check_at.eq(now + CHECKED_EVERY)))
        .on_conflict(servers::name)
        .do_nothing()
        .returning(Registered::as_returning())
        .get_result(conn)
        .await
        .optional()
}

/// True when another server has that name.
pub(super) async fn is_taken(conn: &mut Connection, id: ServerId, name: &str) -> QueryResult<bool> {
    let other = servers::table.filter(servers::name.eq(name).and(servers::id.ne(id)));
    diesel::select(diesel::dsl::exists(other)).get_result(conn).await
}

/// Says something else of a server.
pub(super) async fn update(conn: &mut Connection, id: ServerId, kept: &Kept) -> QueryResult<Registered> {
    let change = diesel::update(servers::table.find(id)).set(kept);
    change.returning(Registered::as_returning()).get_result(conn).await
}

/// Removes a server, with its tools and whatever is for it alone.
pub(super) async fn remove(conn: &mut Connection, id: ServerId) -> QueryResult<()> {
    diesel::delete(servers::table.find(id)).execute(conn).await.map(drop)
}

/// Writes down how a server was found.
pub(super) async fn note_health(
    conn: &mut Connection,
    id: ServerId,
    (health, detail): (Health, &str),
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let found = (servers::health.eq(health.name()), servers::health_detail.eq(detail), servers::checked_at.eq(now));
    let next = servers::next_check_at.eq(now + CHECKED_EVERY);
    diesel::update(servers::table.find(id)).set((found, next)).execute(conn).await.map(drop)
}

/// At most `most` servers that are switched on and due to be looked at; nobody else gets them until they are due again.
pub async fn claim_due(conn: &mut Connection, most: i64, now: DateTime<Utc>) -> QueryResult<Vec<ServerId>> {
    let is_due = servers::next_check_at.is_null().or(servers::next_check_at.le(now));
    let due: Vec<ServerId> = servers::table
        .filter(servers::enabled.and(is_due))
        .order(servers::next_check_at.asc().nulls_first())
        .limit(most)
        .select(servers::id)
        .for_no_key_update()
        .skip_locked()
        .load(conn)
        .await?;
    let claimed = diesel::update(servers::table.filter(servers::id.eq_any(&due)));
    claimed.set(servers::next_check_at.eq(now + CHECKED_EVERY)).execute(conn).await?;
    Ok(due)
}

/// Puts a server into another place.
pub(super) async fn put(conn: &mut Connection, id: ServerId, place: PlaceId) -> QueryResult<()> {
    diesel::update(servers::table.find(id)).set(servers::place_id.eq(place)).execute(conn).await.map(drop)
}

/// What a server cannot be called: the first segments of our own paths, those that are there and those that are promised
/// (`decisions` 27). A test derives them from the route table.
pub const RESERVED: [&str; 22] = [
    "admin",
    "api",
    "authorize",
    "confirm",
    "consent",
    "device",
    "healthz",
    "login",
    "logout",
    "mcp",
    "metrics",
    "oauth",
    "oauth2",
    "readyz",
    "realms",
    "register",
    "settings",
    "setup",
    "sse",
    "static",
    "token",
    "well-known",
];

/// True for what a server may be called: it becomes a path segment, and is nobody else's.
pub fn may_be_called(name: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    name.bytes().next().is_some_and(is_plain)
        && name.len() <= 63
        && name.bytes().all(|byte| is_plain(byte) || matches!(byte, b'_' | b'-'))
        && !RESERVED.contains(&name)
}
