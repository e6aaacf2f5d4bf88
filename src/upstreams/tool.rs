//! The tools that registered servers have (table `server_tools`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::server::{Health, Registered};
use super::upstream::Offered;
use crate::db::Connection;
use crate::schema::server_tools;
use crate::types::{Class, ServerId};

/// A tool of a server, as those see it who manage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// What it is called there.
    pub name: String,
    /// As the server describes it.
    pub definition: Value,
    /// What its annotations say that it does: the worst of it that nobody has approved to be less.
    pub class: Class,
    /// A lesser class that they have claimed since.
    pub proposed: Option<Class>,
    /// What an administrator says instead.
    pub chosen: Option<Class>,
    /// When it was listed last.
    pub seen_at: DateTime<Utc>,
}

impl Tool {
    /// What calling it does to the world, as it is judged.
    pub fn judged(&self) -> Class {
        self.chosen.unwrap_or(self.class)
    }

    /// False for one that its server does not list any more.
    pub fn is_listed_by(&self, server: &Registered) -> bool {
        server.health != Health::Healthy || server.checked_at.is_none_or(|checked| self.seen_at >= checked)
    }

    /// What a hint among its annotations says.
    pub fn hint(&self, name: &str) -> Option<bool> {
        self.definition["annotations"][name].as_bool()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = server_tools, check_for_backend(diesel::pg::Pg))]
struct Row {
    server_id: ServerId,
    name: String,
    definition: Value,
    class: String,
    proposed_class: Option<String>,
    chosen_class: Option<String>,
    seen_at: DateTime<Utc>,
}

impl Row {
    fn new(server_id: ServerId, tool: &Tool) -> Self {
        let word = |class: Class| class.name().to_owned();
        let Tool { name, definition, class, proposed, chosen, seen_at } = tool.clone();
        let (class, proposed_class, chosen_class) = (word(class), proposed.map(word), chosen.map(word));
        Self { server_id, name, definition, class, proposed_class, chosen_class, seen_at }
    }

    fn tool(self) -> Tool {
        let Self { name, definition, seen_at, .. } = self;
        let (class, proposed) = (class_of(&self.class), self.proposed_class.as_deref().map(class_of));
        Tool { name, definition, class, proposed, chosen: self.chosen_class.as_deref().map(class_of), seen_at }
    }
}

/// The table has no other words than these; whatever else it held would be the worst.
fn class_of(word: &str) -> Class {
    word.parse().unwrap_or(Class::Delete)
}

/// Every tool of every server, with what it does by what an administrator says, or else by its annotations.
pub(super) async fn offered(conn: &mut Connection) -> QueryResult<HashMap<ServerId, BTreeMap<String, Offered>>> {
    let rows: Vec<Row> = server_tools::table.select(Row::as_select()).load(conn).await?;
    let mut offered: HashMap<ServerId, BTreeMap<String, Offered>> = HashMap::new();
    for row in rows {
        let (server, tool) = (row.server_id, row.tool());
        let class = tool.judged();
        let tools = offered.entry(server).or_default();
        tools.insert(tool.name, Offered { class, definition: Arc::new(tool.definition) });
    }
    Ok(offered)
}

/// What a server has, and what it had not long ago, by name.
pub async fn of_server(conn: &mut Connection, server: ServerId) -> QueryResult<Vec<Tool>> {
    let rows: Vec<Row> =
        server_tools::table.filter(server_tools::server_id.eq(server)).select(Row::as_select()).load(conn).await?;
    let mut tools: Vec<Tool> = rows.into_iter().map(Row::tool).collect();
    // The database may sort by a language's rules.
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tools)
}

/// One tool of a server.
pub async fn find(conn: &mut Connection, server: ServerId, name: &str) -> QueryResult<Option<Tool>> {
    // The database knows no such text.
    if name.contains('\0') {
        return Ok(None);
    }
    let row: Option<Row> =
        server_tools::table.find((server, name)).select(Row::as_select()).first(conn).await.optional()?;
    Ok(row.map(Row::tool))
}

/// Writes tools down, over what was known of them.
pub(super) async fn note(conn: &mut Connection, server: ServerId, tools: &[Tool]) -> QueryResult<()> {
    let rows: Vec<Row> = tools.iter().map(|tool| Row::new(server, tool)).collect();
    diesel::insert_into(server_tools::table)
        .values(&rows)
        .on_conflict((server_tools::server_id, server_tools::name))
        .do_update()
        .set((
            server_tools::definition.eq(excluded(server_tools::definition)),
            server_tools::class.eq(excluded(server_tools::class)),
            server_tools::proposed_class.eq(excluded(server_tools::proposed_class)),
            server_tools::chosen_class.eq(excluded(server_tools::chosen_class)),
            server_tools::seen_at.eq(excluded(server_tools::seen_at)),
        ))
        .execute(conn)
        .await
        .map(drop)
}

/// Forgets what was not listed since `before`, and of the rest all but the `most` that were listed last.
pub(super) async fn forget(
    conn: &mut Connection,
    server: ServerId,
    before: DateTime<Utc>,
    most: i64,
) -> QueryResult<()> {
    let old = server_tools::server_id.eq(server).and(server_tools::seen_at.lt(before));
    diesel::delete(server_tools::table.filter(old)).execute(conn).await?;
    let surplus: Vec<String> = server_tools::table
        .filter(server_tools::server_id.eq(server))
        .order((server_tools::seen_at.desc(), server_tools::name))
        .offset(most)
        .select(server_tools::name)
        .load(conn)
        .await?;
    if !surplus.is_empty() {
        let them = server_tools::server_id.eq(server).and(server_tools::name.eq_any(surplus));
        diesel::delete(server_tools::table.filter(them)).execute(conn).await?;
    }
    Ok(())
}
