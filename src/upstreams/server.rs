//! Registered MCP servers (table `servers`).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tool;
use super::upstream::{Auth, Upstream};
use crate::crypto::RootKeys;
use crate::db::Connection;
use crate::places::{PlacePath, Tree};
use crate::schema::servers;
use crate::types::{PlaceId, ServerId};

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
    description: String,
    transport: String,
    place_id: PlaceId,
    auth: String,
    auth_header: Option<String>,
    sealed_auth_value: Option<String>,
    forwarded_headers: Vec<Option<String>>,
}

impl Server {
    /// Every server that is switched on, in the order of [`named_in`]. One whose place is not in the tree yet is not there yet
    /// either.
    pub async fn enabled(conn: &mut Connection, tree: &Tree, keys: &RootKeys) -> QueryResult<Vec<Self>> {
        let rows: Vec<Row> = servers::table.filter(servers::enabled).select(Row::as_select()).load(conn).await?;
        let mut classes = tool::classes(conn).await?;
        let server = |row: Row| {
            let auth = Auth::of(&row.auth, row.auth_header, row.sealed_auth_value.as_deref(), keys);
            let tools = classes.remove(&row.id).unwrap_or_default();
            let Row { id, name, url, description, transport, forwarded_headers, .. } = row;
            let forwarded_headers = forwarded_headers.into_iter().flatten().collect();
            let upstream = Upstream { url, auth, forwarded_headers, tools };
            Some(Self { id, name, description, transport, place: tree.path(row.place_id)?, upstream })
        };
        let mut servers: Vec<Self> = rows.into_iter().filter_map(server).collect();
        // The database may sort by a language's rules.
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(servers)
    }
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

/// A registered server as those see it who manage.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = servers, check_for_backend(diesel::pg::Pg))]
pub struct Registered {
    /// Stable, never reused.
    pub id: ServerId,
    /// Unique in the installation, and a path segment.
    pub name: String,
    /// Where it lives.
    pub url: String,
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
}

/// At most `limit` registered servers in these places by name, those behind `name` if there is one; `only` that one, if one
/// is all that the caller may see.
pub async fn after(
    conn: &mut Connection,
    places: &[PlaceId],
    only: Option<ServerId>,
    name: Option<&str>,
    limit: usize,
) -> QueryResult<Vec<Registered>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let there = servers::table.into_boxed().filter(servers::place_id.eq_any(places));
    let there = match only {
        Some(only) => there.filter(servers::id.eq(only)),
        None => there,
    };
    let there = match name {
        Some(name) => there.filter(servers::name.gt(name)),
        None => there,
    };
    there.order(servers::name).limit(limit).select(Registered::as_select()).load(conn).await
}

/// The name and place of a server, held until the transaction ends.
pub(super) async fn hold(conn: &mut Connection, id: ServerId) -> QueryResult<Option<(String, PlaceId)>> {
    let query = servers::table.find(id).select((servers::name, servers::place_id));
    query.for_no_key_update().first(conn).await.optional()
}

/// Puts a server into another place.
pub(super) async fn put(conn: &mut Connection, id: ServerId, place: PlaceId) -> QueryResult<()> {
    diesel::update(servers::table.find(id)).set(servers::place_id.eq(place)).execute(conn).await.map(drop)
}

/// The server of that id.
pub async fn find(conn: &mut Connection, id: ServerId) -> QueryResult<Option<Registered>> {
    servers::table.find(id).select(Registered::as_select()).first(conn).await.optional()
}

/// The server of that name.
pub async fn named(conn: &mut Connection, name: &str) -> QueryResult<Option<Registered>> {
    servers::table.filter(servers::name.eq(name)).select(Registered::as_select()).first(conn).await.optional()
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
