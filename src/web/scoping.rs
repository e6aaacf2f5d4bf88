//! The part of a page that says what a credential is narrowed to: its fields in a form, and its words everywhere else.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use crate::access::Subject;
use crate::access::scoping::{self, Maker, Purpose, Refusal, Scoping, Wanted, WantedPermissions};
use crate::app::App;
use crate::db;
use crate::http::page::Foreign;
use crate::places::{Place, PlacePath, Reach, Tree};
use crate::types::{Permissions, PlaceId, Thing, Verb};
use crate::upstreams::Server;
use crate::web::components::{BoxState, Choice, GridRow, TreeNode};

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
        Self { scope: place.to_string(), permissions: "read".to_owned(), grants: String::new() }
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
        Self { scope: places.join(" "), permissions: permissions.to_owned(), grants }
    }

    /// Judges what came, for `maker`.
    pub fn judge(&self, maker: &Subject, purpose: Purpose, tree: &Tree) -> Result<Scoping, ScopingError> {
        let wanted = Wanted { scope: self.places(), permissions: self.wanted_permissions()? };
        scoping::judge(&Maker::in_person(maker), purpose, &wanted, tree).map_err(ScopingError::from)
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
    /// The workspaces that one can choose, with what is in them.
    pub tree: Vec<TreeNode>,
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
        let nodes = workspaces.iter().map(|place| node(place, &tree, &servers, &chosen));
        Ok(Self {
            tree: nodes.collect(),
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
        Self::sampled(Foreign::hostile_sample().to_string())
    }

    fn sampled(title: String) -> Self {
        let leaf = |value: &str, label: &str, detail: &str, chosen| TreeNode {
            value: value.to_owned(),
            label: label.to_owned(),
            detail: detail.to_owned(),
            chosen,
            below: Vec::new(),
        };
        let apps =
            TreeNode { below: vec![leaf("f1", "Web", "1 server", true)], ..leaf("p1", "Apps", "2 servers", false) };
        let acme = TreeNode { below: vec![apps], ..leaf("w1", &title, "3 servers", false) };
        let places = format!("{title} / Apps / Web");
        Self {
            tree: vec![leaf("w0", "MCP Gateway", "no servers yet", true), acme],
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

fn node(place: &Place, tree: &Tree, servers: &[Server], chosen: &BTreeSet<PlaceId>) -> TreeNode {
    let reach = Reach::of([place.id]);
    TreeNode {
        value: place.id.to_string(),
        label: Foreign::new(&place.title).to_string(),
        detail: counted(servers.iter().filter(|server| reach.covers(&server.place)).count()),
        chosen: chosen.contains(&place.id),
        below: tree.children(place.id).into_iter().map(|child| node(child, tree, servers, chosen)).collect(),
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

/// What something is narrowed to, in words: "can read 3 servers in Acme".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopingWords {
    /// What may be done: "read and write", or thing by thing.
    pub can: String,
    /// To what, where that goes without saying: "3 servers". Else nothing.
    pub of: String,
    /// Where: "Acme, Other / Lab". Nothing where there is no such place any more.
    pub places: String,
}

impl ScopingWords {
    /// The words for what is stored. Permissions that are not narrowed are what its OAuth scope allows.
    pub fn of(reach: &Reach, permissions: Option<&Permissions>, tree: &Tree, servers: &[Server]) -> Self {
        let simple = permissions.is_some_and(is_simple);
        let of = match reach {
            _ if !simple => String::new(),
            Reach::Everywhere => "servers".to_owned(),
            Reach::Places(_) => match servers.iter().filter(|server| reach.covers(&server.place)).count() {
                0 => "servers (none yet)".to_owned(),
                some => counted(some),
            },
        };
        let places = match reach {
            Reach::Everywhere => "every workspace of its owner".to_owned(),
            Reach::Places(places) => listed(titles(places, tree), "place"),
        };
        Self { can: permissions.map_or_else(|| "do what its scope allows".to_owned(), can), of, places }
    }
}

impl fmt::Display for ScopingWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { can, of, places } = self;
        match (places.is_empty(), of.is_empty()) {
            (true, _) => f.write_str("can do nothing: its places are gone"),
            (false, true) => write!(f, "can {can} in {places}"),
            (false, false) => write!(f, "can {can} {of} in {places}"),
        }
    }
}

/// True for what the simple answers give, or as much of it as somebody had.
fn is_simple(permissions: &Permissions) -> bool {
    let simple = Permissions::write();
    permissions.allow(Thing::Tools, Verb::Read) && permissions.pairs().all(|(thing, verb)| simple.allow(thing, verb))
}

fn can(permissions: &Permissions) -> String {
    let verbs = |thing| Verb::ALL.into_iter().filter(move |verb| permissions.allow(thing, *verb)).map(Verb::name);
    if is_simple(permissions) {
        return joined(&verbs(Thing::Tools).map(str::to_owned).collect::<Vec<_>>());
    }
    let things: Vec<String> = Thing::ALL
        .into_iter()
        .filter_map(|thing| {
            let verbs: Vec<String> = verbs(thing).map(str::to_owned).collect();
            (!verbs.is_empty()).then(|| format!("{} {}", joined(&verbs), thing.name()))
        })
        .collect();
    if things.is_empty() { "do nothing".to_owned() } else { things.join(", ") }
}

/// The titles of places, each with those above it, by title.
fn titles(places: &BTreeSet<PlaceId>, tree: &Tree) -> Vec<String> {
    let title = |id| tree.get(id).map(|place| Foreign::new(&place.title).to_string());
    let path = |path: PlacePath| path.places().filter_map(title).collect::<Vec<_>>().join(" / ");
    let mut titles: Vec<String> = places.iter().filter_map(|id| tree.path(*id)).map(path).collect();
    titles.sort_unstable_by_key(|title| title.to_lowercase());
    titles
}

/// As many names as a line has room for.
const SHOWN: usize = 3;

fn listed(mut names: Vec<String>, what: &str) -> String {
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        names.truncate(SHOWN);
        names.push(if more == 1 { format!("1 more {what}") } else { format!("{more} more {what}s") });
    }
    joined(&names)
}

fn joined(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn counted(servers: usize) -> String {
    match servers {
        0 => "no servers yet".to_owned(),
        1 => "1 server".to_owned(),
        more => format!("{more} servers"),
    }
}

#[cfg(test)]
mod tests {
    use crate::upstreams::Upstream;
    use chrono::DateTime;

    use super::*;
    use crate::places::Kind;
    use crate::types::ServerId;

    #[test]
    fn a_scoping_reads_as_one_sentence() {
        let place = |kind, parent, name: &str, title: &str| Place {
            id: PlaceId::fresh(),
            kind,
            parent,
            name: name.parse().unwrap(),
            title: title.to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        };
        let acme = place(Kind::Workspace, None, "acme", "Acme");
        let lab = place(Kind::Project, Some(acme.id), "lab", "Lab");
        let other = place(Kind::Workspace, None, "other", "Other");
        let (in_acme, in_lab, in_other) = (acme.id, lab.id, other.id);
        let tree = Tree::new(vec![acme, lab, other]);
        let server = |name: &str, place| Server {
            id: ServerId::fresh(),
            name: name.to_owned(),
            description: String::new(),
            transport: String::new(),
            place: tree.path(place).unwrap(),
            upstream: Upstream::default(),
        };
        let servers = [server("a", in_acme), server("b", in_lab), server("c", in_lab)];
        for (reach, permissions, words) in [
            (Reach::of([in_acme]), Some("tools:read"), "can read 3 servers in Acme"),
            (Reach::of([in_acme]), Some("tools:read servers:read places:read"), "can read 3 servers in Acme"),
            (Reach::of([in_lab]), Some("tools:read tools:write"), "can read and write 2 servers in Acme / Lab"),
            (Reach::of([in_other, in_lab]), Some("tools:read"), "can read 2 servers in Acme / Lab and Other"),
            (Reach::of([in_other]), Some("tools:read"), "can read servers (none yet) in Other"),
            (Reach::of([in_acme]), Some("tools:read tools:delete"), "can read and delete tools in Acme"),
            (Reach::of([in_acme]), Some("servers:read keys:read"), "can read servers, read keys in Acme"),
            (Reach::of([in_acme]), None, "can do what its scope allows in Acme"),
            (Reach::Everywhere, Some("tools:read"), "can read servers in every workspace of its owner"),
            (Reach::of([PlaceId::fresh()]), Some("tools:read"), "can do nothing: its places are gone"),
        ] {
            let permissions = permissions.map(|permissions| permissions.parse().unwrap());
            let said = ScopingWords::of(&reach, permissions.as_ref(), &tree, &servers);
            assert_eq!(said.to_string(), words);
        }
        let many = (1..=5).map(|number| format!("P{number}")).collect();
        assert_eq!(listed(many, "place"), "P1, P2, P3 and 2 more places");
    }

    #[test]
    fn a_form_is_filled_with_what_is_stored() {
        let place = PlaceId::fresh();
        for (permissions, mode) in [("tools:read servers:read places:read", "read"), ("tools:delete", GRID)] {
            let permissions: Permissions = permissions.parse().unwrap();
            let fields = ScopingFields::of(&Reach::of([place]), Some(&permissions));
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
