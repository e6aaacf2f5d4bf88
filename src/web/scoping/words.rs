//! What a credential is narrowed to, in words.

use std::collections::BTreeSet;
use std::fmt;

use crate::http::page::Foreign;
use crate::places::{PlacePath, Reach, Tree};
use crate::types::{Permissions, PlaceId, Thing, Verb};
use crate::upstreams::Server;

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

pub(super) fn counted(servers: usize) -> String {
    match servers {
        0 => "no servers yet".to_owned(),
        1 => "1 server".to_owned(),
        more => format!("{more} servers"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::places::{Kind, Place};
    use crate::types::ServerId;
    use crate::upstreams::Upstream;

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
}
