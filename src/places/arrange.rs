//! VERBS: make, rename and remove workspaces, projects and folders.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::actor::Actor;
use super::contents::Contents;
use super::member::{self, Role};
use super::place::{self, Kind, Place};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::{DEFAULT_WORKSPACE, PlaceId, PlaceName, PlaceNameError};

/// What is said about a place that is to be made, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlace {
    /// What it is to be in; nothing for a workspace.
    pub parent: Option<PlaceId>,
    /// Its name, a segment of its path.
    pub name: String,
    /// What people call it; the name when there is none.
    pub title: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arranged {
    /// It is so now; this is the place, or was.
    Done(Place),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why not, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be a name.
    #[error(transparent)]
    Name(#[from] PlaceNameError),
    /// It cannot be a title.
    #[error("the title {0:?} must have 1 to 128 characters and no line breaks")]
    Title(String),
    /// There is one beside it.
    #[error("there is already a {0} with the name \"{1}\"")]
    Taken(&'static str, PlaceName),
    /// No such place, or none that this actor may know of.
    #[error("there is no such place")]
    Unknown,
    /// A folder holds servers, and nothing else.
    #[error("nothing can be made in a folder but servers")]
    TooDeep,
    /// Workspaces are made by administrators.
    #[error("only a system administrator makes workspaces")]
    AdministratorsOnly,
    /// Projects and folders are arranged by those who manage the workspace.
    #[error("only an owner or admin of the workspace may do that")]
    ManagersOnly,
    /// The workspace itself is its owners'.
    #[error("only an owner of the workspace or a system administrator may do that")]
    OwnersOnly,
    /// Everybody who is new is put there, and old URLs name it.
    #[error("the workspace \"{DEFAULT_WORKSPACE}\" keeps its name and stays: everybody who is new here joins it")]
    Default,
    /// There is something in it.
    #[error("{0} is not empty: {words} must be moved or removed first", words = .1.words())]
    NotEmpty(String, Contents),
}

/// Makes a place. Whoever makes a workspace owns it.
pub async fn make(
    conn: &mut Connection,
    actor: Actor,
    new: NewPlace,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Arranged> {
    let parent = match new.parent {
        None => None,
        Some(id) => match hold_for(conn, actor, id, Role::Admin).await? {
            Ok((parent, _)) => Some(parent),
            Err(refusal) => return Ok(Arranged::Refused(refusal)),
        },
    };
    let place = match judge(actor, &new, parent.as_ref(), now) {
        Ok(place) => place,
        Err(refusal) => return Ok(Arranged::Refused(refusal)),
    };
    if !place::insert(conn, &place).await? {
        return Ok(Arranged::Refused(Refusal::Taken(place.kind.name(), place.name)));
    }
    if let (Kind::Workspace, Some(owner)) = (place.kind, actor.person()) {
        member::set(conn, place.id, owner, Role::Owner, now).await?;
    }
    record(conn, Event::PlaceMade, actor, &place, origin, now).await?;
    Ok(Arranged::Done(place))
}

fn judge(actor: Actor, new: &NewPlace, parent: Option<&Place>, now: DateTime<Utc>) -> Result<Place, Refusal> {
    let kind = match parent {
        None if actor.is_above() => Kind::Workspace,
        None => return Err(Refusal::AdministratorsOnly),
        Some(parent) => parent.kind.child().ok_or(Refusal::TooDeep)?,
    };
    let name: PlaceName = new.name.parse()?;
    let title = title(new.title.as_deref().unwrap_or(name.as_str()))?;
    Ok(Place { id: PlaceId::fresh(), kind, parent: parent.map(|parent| parent.id), name, title, created_at: now })
}

/// Gives a place another name, another title, or both. Who holds it by its id, a credential for one, is not troubled; paths
/// and URLs that say its name are.
pub async fn rename(
    conn: &mut Connection,
    actor: Actor,
    id: PlaceId,
    wanted: (Option<&str>, Option<&str>),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Arranged> {
    let (place, role) = match hold_for(conn, actor, id, Role::Admin).await? {
        Ok(held) => held,
        Err(refusal) => return Ok(Arranged::Refused(refusal)),
    };
    let renamed = match renamed(&place, role, wanted) {
        Ok(renamed) => renamed,
        Err(refusal) => return Ok(Arranged::Refused(refusal)),
    };
    if place::is_taken(conn, &place, &renamed.name).await? {
        return Ok(Arranged::Refused(Refusal::Taken(place.kind.name(), renamed.name)));
    }
    if renamed != place {
        place::rename(conn, id, &renamed.name, &renamed.title).await?;
        record(conn, Event::PlaceRenamed, actor, &renamed, origin, now).await?;
    }
    Ok(Arranged::Done(renamed))
}

fn renamed(place: &Place, role: Role, (name, wanted): (Option<&str>, Option<&str>)) -> Result<Place, Refusal> {
    let name = name.map(str::parse::<PlaceName>).transpose()?.unwrap_or_else(|| place.name.clone());
    let title = wanted.map(title).transpose()?.unwrap_or_else(|| place.title.clone());
    let is_workspace = place.kind == Kind::Workspace;
    if is_workspace && name != place.name {
        if place.name.as_str() == DEFAULT_WORKSPACE {
            return Err(Refusal::Default);
        }
        if role < Role::Owner {
            return Err(Refusal::OwnersOnly);
        }
    }
    Ok(Place { name, title, ..place.clone() })
}

/// Removes a place that nothing is in but, in a workspace, its members: they are let go.
pub async fn remove(
    conn: &mut Connection,
    actor: Actor,
    id: PlaceId,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Arranged> {
    let (place, role) = match hold_for(conn, actor, id, Role::Admin).await? {
        Ok(held) => held,
        Err(refusal) => return Ok(Arranged::Refused(refusal)),
    };
    if place.kind == Kind::Workspace && place.name.as_str() == DEFAULT_WORKSPACE {
        return Ok(Arranged::Refused(Refusal::Default));
    }
    if place.kind == Kind::Workspace && role < Role::Owner {
        return Ok(Arranged::Refused(Refusal::OwnersOnly));
    }
    let contents = Contents::of(conn, id).await?;
    if !contents.is_empty() {
        return Ok(Arranged::Refused(Refusal::NotEmpty(place.name.to_string(), contents)));
    }
    place::remove(conn, id).await?;
    record(conn, Event::PlaceRemoved, actor, &place, origin, now).await?;
    Ok(Arranged::Done(place))
}

/// The place, held until the transaction ends, and what the actor is in its workspace: at least `least`.
async fn hold_for(
    conn: &mut Connection,
    actor: Actor,
    id: PlaceId,
    least: Role,
) -> QueryResult<Result<(Place, Role), Refusal>> {
    let Some(place) = place::hold(conn, id).await? else { return Ok(Err(Refusal::Unknown)) };
    let Some(workspace) = place::workspace_of(conn, id).await? else { return Ok(Err(Refusal::Unknown)) };
    Ok(match actor.role_in(conn, workspace).await? {
        None => Err(Refusal::Unknown),
        Some(role) if role < least => Err(Refusal::ManagersOnly),
        Some(role) => Ok((place, role)),
    })
}

/// What people call a place, in the form in which it is kept.
fn title(text: &str) -> Result<String, Refusal> {
    let trimmed = text.trim();
    let fits = (1..=128).contains(&trimmed.chars().count()) && !trimmed.chars().any(char::is_control);
    if fits { Ok(trimmed.to_owned()) } else { Err(Refusal::Title(text.to_owned())) }
}

async fn record(
    conn: &mut Connection,
    event: Event,
    actor: Actor,
    place: &Place,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let detail = json!({
        "by": actor.in_trail(),
        "place": place.id,
        "kind": place.kind.name(),
        "name": place.name.as_str(),
        "title": place.title,
        "in": place.parent,
    });
    audit::record(conn, Entry::new(event).detail(detail), origin, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UserId;

    fn place(kind: Kind, parent: Option<PlaceId>, name: &str) -> Place {
        let created_at = DateTime::UNIX_EPOCH;
        Place { id: PlaceId::fresh(), kind, parent, name: name.parse().unwrap(), title: name.to_owned(), created_at }
    }

    #[test]
    fn what_is_made_is_one_level_below_and_has_a_name_and_a_title() {
        let (admin, person) = (Actor::Operator, Actor::Person { id: UserId::fresh(), is_admin: false });
        let workspace = place(Kind::Workspace, None, "acme");
        let project = place(Kind::Project, Some(workspace.id), "apps");
        let folder = place(Kind::Folder, Some(project.id), "web");
        let new = |name: &str, title: Option<&str>| NewPlace {
            parent: None,
            name: name.to_owned(),
            title: title.map(str::to_owned),
        };
        let judged = |actor, name: &str, title, parent| judge(actor, &new(name, title), parent, DateTime::UNIX_EPOCH);
        let made = judged(admin, "lab", None, None).unwrap();
        assert_eq!((made.kind, made.title.as_str()), (Kind::Workspace, "lab"));
        assert_eq!(judged(person, "lab", None, None), Err(Refusal::AdministratorsOnly));
        let made = judged(person, "lab", Some(" The lab "), Some(&workspace)).unwrap();
        assert_eq!((made.kind, made.title.as_str()), (Kind::Project, "The lab"));
        assert_eq!(judged(person, "lab", None, Some(&project)).unwrap().kind, Kind::Folder);
        assert_eq!(judged(admin, "lab", None, Some(&folder)), Err(Refusal::TooDeep));
        assert!(matches!(judged(admin, "The Lab", None, None), Err(Refusal::Name(_))));
        for bad in ["", "  ", "a\nb", &"x".repeat(129)] {
            assert!(matches!(judged(admin, "lab", Some(bad), None), Err(Refusal::Title(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_workspace_gets_another_name_from_its_owners_alone_and_the_first_one_never() {
        let acme = place(Kind::Workspace, None, "acme");
        let first = place(Kind::Workspace, None, DEFAULT_WORKSPACE);
        let project = place(Kind::Project, Some(acme.id), "apps");
        let name = (Some("other"), None);
        assert_eq!(renamed(&acme, Role::Owner, name).unwrap().name.as_str(), "other");
        assert_eq!(renamed(&acme, Role::Admin, name), Err(Refusal::OwnersOnly));
        assert_eq!(renamed(&acme, Role::Admin, (Some("acme"), Some("Acme"))).unwrap().title, "Acme");
        assert_eq!(renamed(&first, Role::Owner, name), Err(Refusal::Default));
        assert_eq!(renamed(&first, Role::Owner, (None, Some("Ours"))).unwrap().title, "Ours");
        assert_eq!(renamed(&project, Role::Admin, name).unwrap().name.as_str(), "other");
    }
}
