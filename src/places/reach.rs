//! What a credential is narrowed to, and where a thing is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Tree;
use crate::types::PlaceId;

/// Where a thing is: its workspace first, then the project and the folder that it is in, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacePath {
    workspace: PlaceId,
    below: Vec<PlaceId>,
}

impl PlacePath {
    /// The path of a workspace itself.
    pub fn workspace_itself(workspace: PlaceId) -> Self {
        Self { workspace, below: Vec::new() }
    }

    /// The path of a child of this place.
    pub fn child(mut self, id: PlaceId) -> Self {
        self.below.push(id);
        self
    }

    /// The workspace that it is in.
    pub fn workspace(&self) -> PlaceId {
        self.workspace
    }

    /// The innermost place.
    pub fn innermost(&self) -> PlaceId {
        self.below.last().copied().unwrap_or(self.workspace)
    }

    /// Every place on the way, from the workspace inwards.
    pub fn places(&self) -> impl Iterator<Item = PlaceId> {
        std::iter::once(self.workspace).chain(self.below.iter().copied())
    }
}

/// The places that a credential is narrowed to. What is gone reaches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// Everything that its owner reaches.
    #[default]
    Everywhere,
    /// These places and what is in them; nothing, when there are none.
    Places(BTreeSet<PlaceId>),
}

/// A reach as a column holds it: none for everywhere.
pub type StoredReach = Option<Vec<Option<PlaceId>>>;

impl Reach {
    /// These places and what is in them.
    pub fn of(places: impl IntoIterator<Item = PlaceId>) -> Self {
        Self::Places(places.into_iter().collect())
    }

    /// True when it is not narrowed at all.
    pub fn is_everywhere(&self) -> bool {
        *self == Self::Everywhere
    }

    /// True when a thing at `path` lies within.
    pub fn covers(&self, path: &PlacePath) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Places(places) => path.places().any(|place| places.contains(&place)),
        }
    }

    /// What of it lies within `ceiling`, too: of two places, one in the other, the inner one.
    pub fn meet(&self, ceiling: &Self, tree: &Tree) -> Self {
        match (self, ceiling) {
            (Self::Everywhere, other) | (other, Self::Everywhere) => other.clone(),
            (Self::Places(ours), Self::Places(theirs)) => Self::of(
                ours.union(theirs)
                    .copied()
                    .filter(|id| tree.path(*id).is_some_and(|path| self.covers(&path) && ceiling.covers(&path))),
            ),
        }
    }

    /// The places that both name: never wider than either, though it may be narrower where one names a part of the other's.
    pub fn within(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everywhere, narrower) | (narrower, Self::Everywhere) => narrower.clone(),
            (Self::Places(ours), Self::Places(theirs)) => Self::Places(ours.intersection(theirs).copied().collect()),
        }
    }

    /// What a column holds of it.
    pub fn stored(&self) -> StoredReach {
        match self {
            Self::Everywhere => None,
            Self::Places(places) => Some(places.iter().copied().map(Some).collect()),
        }
    }
}

impl From<StoredReach> for Reach {
    fn from(stored: StoredReach) -> Self {
        stored.map_or(Self::Everywhere, |places| Self::of(places.into_iter().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_covers_what_is_in_it_and_nothing_beside_or_above() {
        let [workspace, other, project, folder] = [(); 4].map(|()| PlaceId::fresh());
        let at_workspace = PlacePath::workspace_itself(workspace);
        let at_project = at_workspace.clone().child(project);
        let at_folder = at_project.clone().child(folder);
        for (reach, covered) in [
            (Reach::Everywhere, [true, true, true]),
            (Reach::of([workspace]), [true, true, true]),
            (Reach::of([project]), [false, true, true]),
            (Reach::of([folder]), [false, false, true]),
            (Reach::of([other, folder]), [false, false, true]),
            (Reach::of([other]), [false, false, false]),
            (Reach::of([]), [false, false, false]),
        ] {
            let found = [&at_workspace, &at_project, &at_folder].map(|path| reach.covers(path));
            assert_eq!(found, covered, "{reach:?}");
            assert_eq!(Reach::from(reach.stored()), reach);
        }
        assert_eq!(at_folder.innermost(), folder);
        assert_eq!(at_folder.workspace(), workspace);
    }

    #[test]
    fn what_two_are_narrowed_to_together_is_no_wider_than_either() {
        let [workspace, project, other] = [(); 3].map(|()| PlaceId::fresh());
        let narrow = Reach::of([project, other]);
        for (ours, theirs, both) in [
            (Reach::Everywhere, Reach::Everywhere, Reach::Everywhere),
            (Reach::Everywhere, narrow.clone(), narrow.clone()),
            (narrow.clone(), Reach::Everywhere, narrow.clone()),
            (narrow.clone(), Reach::of([other, workspace]), Reach::of([other])),
            (narrow, Reach::of([workspace]), Reach::of([])),
        ] {
            assert_eq!(ours.within(&theirs), both, "{ours:?} {theirs:?}");
        }
    }
}
