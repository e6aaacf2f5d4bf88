//! The part of a page that says what a credential is narrowed to: its fields in a form, and its words everywhere else.

mod offer;
mod words;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::access::Subject;
use crate::access::scoping::{self, Maker, Purpose, Refusal, Scoping, Wanted, WantedPermissions};
use crate::app::App;
use crate::db;
use crate::http::page::Foreign;
use crate::places::{Reach, Tree};
use crate::types::{Permissions, PlaceId, Thing, Verb};
use crate::web::components::{BoxState, Choice, GridRow, TreeNode};
use offer::Offer;
pub use offer::{Finder, in_places};
pub use words::ScopingWords;

/// What the fields send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ScopingFields {
    /// The ids of the places that are ticked.
    #[serde(default)]
    scope: String,
    /// `read`, `write`, or `grid` for what is ticked in the grid.
    #[serde(default)]
    permissions: String,
    /// What is ticked there: `tools:read` and so on.
    #[serde(default)]
    grants: String,
    /// Which places are looked for among many.
    #[serde(default)]
    find: String,
    /// Which were looked for when the form was shown.
    #[serde(default)]
    found: String,
}

/// What is wrong, and with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopingError {
    /// The id of the field.
    pub field: &'static str,
    /// What is wrong and how to put it right.
    pub words: String,
}

/// The radio button under which the grid decides.
const GRID: &str = "grid";

impl ScopingFields {
    /// The fields that come once for every box that is ticked.
    pub const LISTS: &'static [&'static str] = &["scope", "grants"];

    /// An empty form: one place ticked, and the least permissions.
    pub fn starting_at(place: PlaceId) -> Self {
        Self { scope: place.to_string(), permissions: "read".to_owned(), ..Self::default() }
    }

    /// A form filled with what is stored.
    pub fn of(reach: &Reach, permissions: Option<&Permissions>) -> Self {
        let places = match reach {
            Reach::Everywhere => Vec::new(),
            Reach::Places(places) => places.iter().map(ToString::to_string).collect(),
        };
        let (permissions, grants) = match permissions {
            Some(stored) if *stored == Permissions::write() => ("write", String::new()),
            Some(stored) if *stored != Permissions::read() => (GRID, stored.to_string()),
            Some(_) | None => ("read", String::new()),
        };
        Self { scope: places.join(" "), permissions: permissions.to_owned(), grants, ..Self::default() }
    }

    /// Judges what came, for `maker`.
    pub fn judge(&self, maker: &Subject, purpose: Purpose, tree: &Tree) -> Result<Scoping, ScopingError> {
        let wanted = Wanted { scope: self.places(), permissions: self.wanted_permissions()? };
        scoping::judge(&Maker::in_person(maker), purpose, &wanted, tree).map_err(ScopingError::from)
    }

    /// True when other places are looked for than the form shows: it is shown again, and nothing is made.
    pub fn looks(&self) -> bool {
        self.find.trim() != self.found.trim()
    }

    /// The ids of the places that are ticked.
    pub fn places(&self) -> Vec<String> {
        self.scope.split_whitespace().map(str::to_owned).collect()
    }

    fn wanted_permissions(&self) -> Result<WantedPermissions, ScopingError> {
        match self.permissions.as_str() {
            "read" => Ok(WantedPermissions::Read),
            "write" => Ok(WantedPermissions::Write),
            _ => match self.grants.parse() {
                Ok(these) => Ok(WantedPermissions::These(these)),
                Err(_) => {
                    Err(ScopingError { field: "grants", words: "Choose among the boxes of this table.".to_owned() })
                }
            },
        }
    }
}

impl From<Refusal> for ScopingError {
    fn from(refusal: Refusal) -> Self {
        let (field, words) = match refusal {
            Refusal::NoPlace => ("scope", "Choose at least one workspace, or a part of one.".to_owned()),
            Refusal::Place(_) => {
                ("scope", "A place that was ticked is gone, or you are not in it any more.".to_owned())
            }
            Refusal::NoPermission => ("permissions", "Choose what may be done there.".to_owned()),
            Refusal::Permission(which) => ("grants", format!("You cannot give {which} in the places that are ticked.")),
        };
        Self { field, words }
    }
}

/// The fields as a form shows them.
#[derive(Clone, Debug)]
pub struct ScopingView {
    /// The workspaces that one can choose, with what is in them; of many, those that are looked for.
    pub tree: Vec<TreeNode>,
    /// The search among them, where they are many.
    pub finder: Option<Finder>,
    /// The three ways to say what may be done.
    pub modes: Vec<Choice>,
    /// Each kind of thing by itself.
    pub grid: Vec<GridRow>,
    /// What the form would do as it stands.
    pub words: ScopingWords,
}

impl ScopingView {
    /// The fields, filled with `fields`, for whoever makes something.
    pub async fn of(app: &App, maker: &Subject, purpose: Purpose, fields: &ScopingFields) -> Result<Self, db::Error> {
        let (tree, servers) = (app.tree().await?, app.enabled_servers().await?);
        let maker = Maker::in_person(maker);
        let workspaces = scoping::offered(&maker, &tree);
        let may = maker.permissions(purpose, &workspaces.iter().map(|place| place.id).collect());
        let chosen: BTreeSet<PlaceId> = fields.places().iter().filter_map(|id| id.parse().ok()).collect();
        let granted = match fields.wanted_permissions() {
            Ok(WantedPermissions::Read) => Permissions::read(),
            Ok(WantedPermissions::Write) => Permissions::write(),
            Ok(WantedPermissions::These(these)) => these,
            Err(_) => Permissions::default(),
        };
        let granted: Permissions = granted.pairs().filter(|(thing, verb)| may.allow(*thing, *verb)).collect();
        let offer = Offer::new(&tree, &workspaces, &servers, &chosen, fields.find.trim());
        Ok(Self {
            tree: workspaces.iter().filter_map(|place| offer.node(place)).collect(),
            finder: offer.finder,
            modes: modes(&fields.permissions),
            grid: grid(&may, &granted),
            words: ScopingWords::of(&Reach::of(chosen.iter().copied()), Some(&granted), &tree, &servers),
        })
    }

    /// What the button that is pressed calls its permissions, for the sentence that follows the fields.
    pub fn mode_words(&self) -> &str {
        self.modes.iter().find(|mode| mode.chosen).map_or("", |mode| &mode.words)
    }

    /// The fields for samples.
    pub fn sample() -> Self {
        Self::sampled("Acme Research".to_owned())
    }

    /// The same with a name as an attacker would choose it.
    pub fn hostile_sample() -> Self {
        let query = Foreign::hostile_sample().to_string();
        let finder = Finder { shown: "100 of 523 places are shown.".to_owned(), query };
        Self { finder: Some(finder), ..Self::sampled(Foreign::hostile_sample().to_string()) }
    }

    fn sampled(title: String) -> Self {
        let leaf = |value: &str, label: &str, detail: &str, chosen| TreeNode {
            value: value.to_owned(),
            label: label.to_owned(),
            detail: detail.to_owned(),
            chosen,
            ..TreeNode::default()
        };
        let apps =
            TreeNode { below: vec![leaf("f1", "Web", "1 server", true)], ..leaf("p1", "Apps", "2 servers", false) };
        let acme = TreeNode { below: vec![apps], ..leaf("w1", &title, "3 servers", false) };
        let places = format!("{title} / Apps / Web");
        Self {
            tree: vec![leaf("w0", "MCP Gateway", "no servers yet", true), acme],
            finder: None,
            modes: modes("read"),
            grid: grid(&Permissions::write(), &Permissions::read()),
            words: ScopingWords {
                can: "read".to_owned(),
                of: "1 server".to_owned(),
                places: format!("MCP Gateway, {places}"),
            },
        }
    }
}

fn modes(chosen: &str) -> Vec<Choice> {
    [
        Choice::new("read", "Read").words("read").detail("Find servers, and use tools that only look things up."),
        Choice::new("write", "Read and write")
            .words("read and write")
            .detail("Also use tools that change things; not those that delete."),
        Choice::new(GRID, "Choose for each kind")
            .words("do what the table says")
            .detail("A table of everything that can be given."),
    ]
    .map(|choice| {
        let is_chosen = choice.value == chosen;
        choice.chosen(is_chosen)
    })
    .to_vec()
}

/// A row for every kind of thing of which the maker could give anything.
fn grid(may: &Permissions, granted: &Permissions) -> Vec<GridRow> {
    let state = |thing, verb| match (may.allow(thing, verb), granted.allow(thing, verb)) {
        (false, _) => BoxState::Absent,
        (true, true) => BoxState::On,
        (true, false) => BoxState::Off,
    };
    let given = |thing: &Thing| Verb::ALL.into_iter().any(|verb| may.allow(*thing, verb));
    let row = |thing: Thing| {
        let (label, detail) = thing_words(thing);
        GridRow::new(thing.name(), label, detail, Verb::ALL.map(|verb| state(thing, verb)))
    };
    Thing::ALL.into_iter().filter(given).map(row).collect()
}

/// A kind of thing as people read it, and what it comprises.
fn thing_words(thing: Thing) -> (&'static str, &'static str) {
    match thing {
        Thing::Tools => ("Tools", "Tools, prompts and resources of MCP servers"),
        Thing::Servers => ("Servers", "Which servers there are, and how they are reached"),
        Thing::Places => ("Places", "Workspaces, projects, folders and their members"),
        Thing::Keys => ("Keys", "API keys and access tokens"),
        Thing::Clients => ("Clients", "OAuth clients"),
        Thing::People => ("People", "People, groups and M2M accounts"),
        Thing::Policies => ("Policies", "Rules about who may do what"),
        Thing::Audit => ("Audit", "The trail of everything that happened"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_with_what_is_stored() {
        let place = PlaceId::fresh();
        for (permissions, mode) in [("tools:read servers:read places:read", "read"), ("tools:delete", GRID)] {
            let permissions: Permissions = permissions.parse().unwrap();
            let fields = ScopingFields::of(&Reach::of([place]), Some(&permissions));
            assert!(!fields.looks());
            assert_eq!((fields.permissions.as_str(), fields.places()), (mode, vec![place.to_string()]));
            let back = match fields.wanted_permissions() {
                Ok(WantedPermissions::Read) => Permissions::read(),
                Ok(WantedPermissions::Write) => Permissions::write(),
                Ok(WantedPermissions::These(these)) => these,
                Err(error) => panic!("{error:?}"),
            };
            assert_eq!(back, permissions);
        }
    }
}
