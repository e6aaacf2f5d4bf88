//! The places that a form offers: all of few; of many, those that are looked for.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::words::counted;
use crate::http::page::Foreign;
use crate::places::{Place, Tree};
use crate::types::PlaceId;
use crate::upstreams::Server;
use crate::web::components::TreeNode;

/// The search among many places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finder {
    /// What is looked for.
    pub query: String,
    /// How many of how many are shown.
    pub shown: String,
}

/// Where places are no more than these, one sees them all at a glance.
const FEW: usize = 20;
/// As many of those that are looked for are shown at once.
const MOST: usize = 100;

/// The places that a form offers.
pub(super) struct Offer<'t> {
    tree: &'t Tree,
    servers: HashMap<PlaceId, usize>,
    chosen: &'t BTreeSet<PlaceId>,
    /// Those that are shown: what is looked for, what is ticked, and what they are in.
    shown: HashSet<PlaceId>,
    pub(super) finder: Option<Finder>,
}

impl<'t> Offer<'t> {
    pub(super) fn new(
        tree: &'t Tree,
        workspaces: &[&'t Place],
        servers: &[Server],
        chosen: &'t BTreeSet<PlaceId>,
        query: &str,
    ) -> Self {
        let all: Vec<&Place> = workspaces.iter().copied().flat_map(|place| with_all_in(place, tree)).collect();
        let wanted = query.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let homes: HashSet<PlaceId> =
            servers.iter().filter(|server| has(&server.name)).map(|server| server.place.innermost()).collect();
        let is_meant = |place: &&Place| has(&place.title) || has(place.name.as_str()) || homes.contains(&place.id);
        let found: Vec<PlaceId> = all.iter().copied().filter(is_meant).map(|place| place.id).collect();
        let is_long = all.len() > FEW;
        let most = if is_long { MOST } else { all.len() };
        let first = found.iter().take(most).chain(chosen).filter_map(|id| tree.path(*id));
        let words = match (found.len(), wanted.is_empty()) {
            (0, _) => "No place is like that. What is ticked stays.".to_owned(),
            (many, _) if many > most => format!("{most} of {many} places are shown: look for the others by name."),
            (_, true) => String::new(),
            (1, false) => format!("1 of {} places is like that. What is ticked stays.", all.len()),
            (many, false) => format!("{many} of {} places are like that. What is ticked stays.", all.len()),
        };
        Self {
            shown: first.flat_map(|path| path.places().collect::<Vec<_>>()).collect(),
            finder: is_long.then(|| Finder { query: query.to_owned(), shown: words }),
            servers: in_places(servers),
            tree,
            chosen,
        }
    }

    /// A place with what is shown of what is in it, if it is shown.
    pub(super) fn node(&self, place: &Place) -> Option<TreeNode> {
        if !self.shown.contains(&place.id) {
            return None;
        }
        Some(TreeNode {
            value: place.id.to_string(),
            label: Foreign::new(&place.title).to_string(),
            detail: counted(self.servers.get(&place.id).copied().unwrap_or_default()),
            chosen: self.chosen.contains(&place.id),
            open: self.finder.as_ref().is_some_and(|finder| !finder.query.is_empty()),
            below: self.tree.children(place.id).into_iter().filter_map(|child| self.node(child)).collect(),
        })
    }
}

/// A place, and everything in it: each before what is in it.
fn with_all_in<'t>(place: &'t Place, tree: &'t Tree) -> Vec<&'t Place> {
    std::iter::once(place)
        .chain(tree.children(place.id).into_iter().flat_map(|child| with_all_in(child, tree)))
        .collect()
}

/// How many of these servers are in each place or in something that is in it.
pub fn in_places(servers: &[Server]) -> HashMap<PlaceId, usize> {
    let mut counts = HashMap::new();
    for place in servers.iter().flat_map(|server| server.place.places()) {
        *counts.entry(place).or_default() += 1;
    }
    counts
}
