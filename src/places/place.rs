//! NOUN `places`: workspaces, projects and folders.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::{Connection, changes};
use crate::schema::places;
use crate::types::{PlaceId, PlaceName};

/// Which of the three levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What other systems call a realm or a tenant.
    Workspace,
    /// A part of a workspace.
    Project,
    /// A part of a project.
    Folder,
}

impl Kind {
    /// Its word in the database, in paths and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Project => "project",
            Self::Folder => "folder",
        }
    }

    /// What can be made in one.
    pub fn child(self) -> Option<Self> {
        match self {
            Self::Workspace => Some(Self::Project),
            Self::Project => Some(Self::Folder),
            Self::Folder => None,
        }
    }
}

/// A workspace, project or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Stable, never reused.
    pub id: PlaceId,
    /// Which of the three.
    pub kind: Kind,
    /// What it is in; a workspace is in nothing.
    pub parent: Option<PlaceId>,
    /// A segment of its path.
    pub name: PlaceName,
    /// What people call it.
    pub title: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
}

type Row = (PlaceId, String, Option<PlaceId>, PlaceName, String, DateTime<Utc>);

const COLUMNS: (places::id, places::kind, places::parent_id, places::name, places::title, places::created_at) =
    (places::id, places::kind, places::parent_id, places::name, places::title, places::created_at);

impl From<Row> for Place {
    fn from((id, kind, parent, name, title, created_at): Row) -> Self {
        // The column has a check of its own; whatever else it held would be the narrowest place.
        let kinds = [Kind::Workspace, Kind::Project];
        let kind = kinds.into_iter().find(|known| known.name() == kind).unwrap_or(Kind::Folder);
        Self { id, kind, parent, name, title, created_at }
    }
}

/// Every place, by name.
pub async fn all(conn: &mut Connection) -> QueryResult<Vec<Place>> {
    let rows: Vec<Row> = places::table.order((places::name, places::id)).select(COLUMNS).load(conn).await?;
    Ok(rows.into_iter().map(Place::from).collect())
}

/// The place of that id.
pub async fn find(conn: &mut Connection, id: PlaceId) -> QueryResult<Option<Place>> {
    let row: Option<Row> = places::table.find(id).select(COLUMNS).first(conn).await.optional()?;
    Ok(row.map(Place::from))
}

/// The workspace in which a place is, or which it is.
pub async fn workspace_of(conn: &mut Connection, id: PlaceId) -> QueryResult<Option<PlaceId>> {
    let mut inner = id;
    loop {
        let row: Option<Option<PlaceId>> =
            places::table.find(inner).select(places::parent_id).first(conn).await.optional()?;
        match row {
            None => return Ok(None),
            Some(None) => return Ok(Some(inner)),
            // The database allows three levels, so this ends.
            Some(Some(parent)) => inner = parent,
        }
    }
}

/// The workspace of that name.
pub async fn workspace(conn: &mut Connection, name: &str) -> QueryResult<Option<Place>> {
    let named = places::table.filter(places::parent_id.is_null().and(places::name.eq(name)));
    let row: Option<Row> = named.select(COLUMNS).first(conn).await.optional()?;
    Ok(row.map(Place::from))
}

/// Makes a place in `parent` (a workspace in nothing), unless one has that name there.
pub(super) async fn insert(conn: &mut Connection, new: &Place) -> QueryResult<bool> {
    let made = diesel::insert_into(places::table)
        .values((
            places::id.eq(new.id),
            places::kind.eq(new.kind.name()),
            places::parent_id.eq(new.parent),
            places::name.eq(&new.name),
            places::title.eq(&new.title),
            places::created_at.eq(new.created_at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if made > 0 {
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(made > 0)
}

/// The place of that id, held until the transaction ends: nobody changes it, and nothing is put into it by [`remove`]'s back.
pub(super) async fn hold(conn: &mut Connection, id: PlaceId) -> QueryResult<Option<Place>> {
    let row: Option<Row> = places::table.find(id).select(COLUMNS).for_update().first(conn).await.optional()?;
    Ok(row.map(Place::from))
}

/// True when a place beside this one has that name.
pub(super) async fn is_taken(conn: &mut Connection, place: &Place, name: &PlaceName) -> QueryResult<bool> {
    let beside = places::parent_id.is_not_distinct_from(place.parent).and(places::id.ne(place.id));
    let other: Option<PlaceId> =
        places::table.filter(beside.and(places::name.eq(name))).select(places::id).first(conn).await.optional()?;
    Ok(other.is_some())
}

/// Gives a place another name and title.
pub(super) async fn rename(conn: &mut Connection, id: PlaceId, name: &PlaceName, title: &str) -> QueryResult<()> {
    let values = (places::name.eq(name), places::title.eq(title));
    diesel::update(places::table.find(id)).set(values).execute(conn).await?;
    changes::announce(conn, super::CHANGED).await
}

/// Removes a place that nothing is in.
pub(super) async fn remove(conn: &mut Connection, id: PlaceId) -> QueryResult<()> {
    diesel::delete(places::table.find(id)).execute(conn).await?;
    changes::announce(conn, super::CHANGED).await
}
