//! Every place as one node holds them.

use std::collections::HashMap;
use std::sync::Arc;

use super::place::{self, Kind, Place};
use super::reach::PlacePath;
use crate::db::{self, Connection, Db, Latest};
use crate::types::PlaceId;

/// All workspaces, projects and folders.
#[derive(Clone, Debug, Default)]
pub struct Tree(HashMap<PlaceId, Place>);

impl Tree {
    /// The tree of these places.
    pub fn new(places: Vec<Place>) -> Self {
        Self(places.into_iter().map(|place| (place.id, place)).collect())
    }

    /// Reads them all.
    pub async fn load(conn: &mut Connection) -> diesel::QueryResult<Self> {
        place::all(conn).await.map(Self::new)
    }

    /// The place of that id.
    pub fn get(&self, id: PlaceId) -> Option<&Place> {
        self.0.get(&id)
    }

    /// Where the place of that id is, if it is known.
    pub fn path(&self, id: PlaceId) -> Option<PlacePath> {
        let place = self.0.get(&id)?;
        match place.parent {
            None => Some(PlacePath::workspace_itself(id)),
            // The database allows three levels, so this ends.
            Some(parent) => Some(self.path(parent)?.child(id)),
        }
    }

    /// The path in words: `workspace/project/folder`.
    pub fn words(&self, id: PlaceId) -> Option<String> {
        let place = self.0.get(&id)?;
        match place.parent {
            None => Some(place.name.to_string()),
            Some(parent) => Some(format!("{}/{}", self.words(parent)?, place.name)),
        }
    }

    /// The place that a path in words names.
    pub fn find(&self, words: &str) -> Option<&Place> {
        words.split('/').try_fold(None, |parent: Option<&Place>, name| {
            self.0
                .values()
                .find(|place| place.parent == parent.map(|parent| parent.id) && place.name.as_str() == name)
                .map(Some)
        })?
    }

    /// Where the place is that somebody names by its id or by its path in words.
    pub fn at(&self, named: &str) -> Option<PlacePath> {
        let by_id = named.parse().ok().and_then(|id: PlaceId| self.get(id));
        self.path(by_id.or_else(|| self.find(named))?.id)
    }

    /// Every place for whose path `holds`.
    pub fn those(&self, holds: impl Fn(&PlacePath) -> bool) -> Vec<PlaceId> {
        self.0.keys().copied().filter(|id| self.path(*id).is_some_and(|path| holds(&path))).collect()
    }

    /// Every workspace, by title.
    pub fn workspaces(&self) -> Vec<&Place> {
        sorted(self.0.values().filter(|place| place.kind == Kind::Workspace))
    }

    /// What is directly in a place, by title.
    pub fn children(&self, id: PlaceId) -> Vec<&Place> {
        sorted(self.0.values().filter(|place| place.parent == Some(id)))
    }
}

fn sorted<'a>(places: impl Iterator<Item = &'a Place>) -> Vec<&'a Place> {
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|place| (place.title.to_lowercase(), place.id));
    places
}

/// The tree that one node remembers, read anew when it changes.
#[derive(Default)]
pub struct Map(Latest<Tree>);

impl Map {
    /// The tree as it was last read.
    pub fn tree(&self) -> Arc<Tree> {
        self.0.get_owned()
    }

    /// Reads it again.
    pub async fn reload(&self, db: &Db) -> Result<(), db::Error> {
        self.0.read(db, Tree::load).await
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::places::Reach;

    fn place(kind: Kind, parent: Option<PlaceId>, name: &str) -> Place {
        let created_at = DateTime::UNIX_EPOCH;
        Place {
            id: PlaceId::fresh(),
            kind,
            parent,
            name: name.parse().unwrap(),
            title: name.to_uppercase(),
            created_at,
        }
    }

    #[test]
    fn of_two_reaches_what_lies_within_both_is_left() {
        let place = |kind, parent, name: &str| Place {
            id: PlaceId::fresh(),
            kind,
            parent,
            name: name.parse().unwrap(),
            title: name.to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        };
        let workspace = place(Kind::Workspace, None, "acme");
        let project = place(Kind::Project, Some(workspace.id), "apps");
        let other = place(Kind::Workspace, None, "other");
        let [workspace_id, project_id, other_id] = [workspace.id, project.id, other.id];
        let tree = Tree::new(vec![workspace, project, other]);
        for (one, two, both) in [
            (Reach::Everywhere, Reach::of([project_id]), Reach::of([project_id])),
            (Reach::of([workspace_id]), Reach::of([project_id, other_id]), Reach::of([project_id])),
            (Reach::of([workspace_id, other_id]), Reach::of([other_id]), Reach::of([other_id])),
            (Reach::of([workspace_id]), Reach::of([other_id]), Reach::of([])),
            (Reach::of([workspace_id]), Reach::of([]), Reach::of([])),
        ] {
            assert_eq!(one.meet(&two, &tree), both);
            assert_eq!(two.meet(&one, &tree), both);
        }
    }

    #[test]
    fn a_path_in_words_leads_to_one_place_and_back() {
        let acme = place(Kind::Workspace, None, "acme");
        let other = place(Kind::Workspace, None, "other");
        let apps = place(Kind::Project, Some(acme.id), "apps");
        let apps_of_other = place(Kind::Project, Some(other.id), "apps");
        let web = place(Kind::Folder, Some(apps.id), "web");
        let all = [&acme, &other, &apps, &apps_of_other, &web].map(Clone::clone);
        let tree = Tree::new(all.to_vec());
        for (words, expected) in
            [("acme", &acme), ("acme/apps", &apps), ("other/apps", &apps_of_other), ("acme/apps/web", &web)]
        {
            assert_eq!(tree.find(words), Some(expected), "{words}");
            assert_eq!(tree.words(expected.id).as_deref(), Some(words));
            assert_eq!(tree.path(expected.id).unwrap().innermost(), expected.id);
        }
        for words in ["", "/", "acme/", "acme/web", "acme/apps/web/x", "apps", "ACME"] {
            assert_eq!(tree.find(words), None, "{words:?}");
        }
        assert_eq!(tree.path(web.id).unwrap().places().collect::<Vec<_>>(), [acme.id, apps.id, web.id]);
        assert_eq!(tree.workspaces(), [&acme, &other]);
        assert_eq!(tree.children(acme.id), [&apps]);
    }
}
