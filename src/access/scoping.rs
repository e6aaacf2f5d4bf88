//! VERB: what a credential may be narrowed to when it is made: places, and permissions in them.
//!
//! Keys, tokens and clients are all scoped by [`judge`] and by nothing else, whether a page, the API or the command line
//! asks. It never hands on more than the maker has; and since people lose rights, [`policy`](super::policy) looks again at
//! every use.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;

use super::principal::{Narrowing, Principal, Subject};
use crate::places::{Place, PlacePath, Reach, Tree};
use crate::types::{Permissions, PermissionsError, PlaceId, Scope, Thing, Verb};

/// What somebody wants a credential to be narrowed to, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Wanted {
    /// Places, each by its path in words (`workspace/project/folder`) or by its id.
    pub scope: Vec<String>,
    /// What may be done there.
    pub permissions: WantedPermissions,
}

/// What may be done: one of the two simple answers, or each kind of thing by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum WantedPermissions {
    /// As much of [`Permissions::read`] as the maker has.
    Read,
    /// As much of [`Permissions::write`] as the maker has.
    Write,
    /// Exactly these.
    These(Permissions),
}

/// What a credential is narrowed to from its making on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoping {
    /// The places that it reaches: at least one, and none within another. What is added to a place later is covered, too.
    pub reach: Reach,
    /// What it may do there.
    pub permissions: Permissions,
}

/// What is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An API key or access token: one never makes, changes or revokes credentials.
    Standing,
    /// A client, whose tokens come and go.
    Client,
}

/// Why something cannot be scoped like this, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It could be used nowhere.
    #[error("choose at least one workspace, or a part of one")]
    NoPlace,
    /// There is none, or the maker does not reach it: nobody learns which of the two.
    #[error("there is no place {0:?} that you could give access to")]
    Place(String),
    /// Nothing could be done with it.
    #[error("choose at least one permission")]
    NoPermission,
    /// The maker has it in none of these places, or this kind of credential never can.
    #[error("the permission {0} is not yours to give there")]
    Permission(String),
}

/// Who makes a credential, and within what.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    subject: &'a Subject,
    /// What the maker's own credential is held to, unless they are here in person.
    held: Option<(&'a Scope, &'a Narrowing)>,
}

impl<'a> Maker<'a> {
    /// Somebody at a page of ours, or the one for whom the operator makes something.
    pub fn in_person(subject: &'a Subject) -> Self {
        Self { subject, held: None }
    }

    /// Whoever calls: what they make is never wider than what they call with.
    pub fn by(principal: &'a Principal) -> Self {
        Self { subject: &principal.subject, held: Some((&principal.scope, &principal.narrowing)) }
    }

    /// What of `scope` they could hand on, whatever else narrows it. What is handed on by scope alone has every permission that
    /// the scope is for: who is held to some of them has none of that to give.
    pub fn hands_on(&self, scope: &Scope) -> Scope {
        let theirs = self.subject.within_rights(scope);
        let Some((held, narrowing)) = self.held else { return theirs };
        let within = theirs.within(held);
        match &narrowing.permissions {
            Some(permissions) => within.filtered(|token| permissions.exhaust(token)),
            None => within,
        }
    }

    /// True when they use no credential of their own, which might be narrower than they are.
    pub fn is_in_person(&self) -> bool {
        self.held.is_none()
    }

    /// Who they are.
    pub fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// True when they reach what is at `path`.
    pub fn reaches(&self, path: &PlacePath) -> bool {
        let within = self.held.is_none_or(|(_, narrowing)| narrowing.reach.covers(path));
        within && self.subject.is_in(path.workspace())
    }

    /// Everything that they could hand on for this purpose in some of these workspaces.
    pub fn permissions(&self, purpose: Purpose, workspaces: &BTreeSet<PlaceId>) -> Permissions {
        Permissions::all().pairs().filter(|(thing, verb)| self.may(purpose, *thing, *verb, workspaces)).collect()
    }

    fn may(&self, purpose: Purpose, thing: Thing, verb: Verb, workspaces: &BTreeSet<PlaceId>) -> bool {
        let makes_credentials = matches!(thing, Thing::Keys | Thing::Clients) && verb != Verb::Read;
        let scope = thing.scope(verb);
        let held = self.held.is_none_or(|(granted, narrowing)| {
            granted.grants(scope) && narrowing.permissions.as_ref().is_none_or(|held| held.allow(thing, verb))
        });
        let has_right = !self.subject.within_rights(&Scope::of(&[scope])).is_empty();
        let somewhere = thing == Thing::Tools || workspaces.iter().any(|one| self.subject.manages(thing, Some(*one)));
        (purpose == Purpose::Client || !makes_credentials) && held && has_right && somewhere
    }
}

/// Judges both halves: the places first, then what may be done there.
pub fn judge(maker: &Maker<'_>, purpose: Purpose, wanted: &Wanted, tree: &Tree) -> Result<Scoping, Refusal> {
    let reach = judge_places(maker, &wanted.scope, tree)?;
    let workspaces = workspaces(&reach, tree);
    let permissions = judge_permissions(maker, purpose, &wanted.permissions, &workspaces)?;
    Ok(Scoping { reach, permissions })
}

/// Judges the places alone, for credentials whose permissions are their scope: they exist, the maker reaches them, and there
/// is one. What lies within another chosen place is covered by that and left out.
pub fn judge_places(maker: &Maker<'_>, wanted: &[String], tree: &Tree) -> Result<Reach, Refusal> {
    let chosen: Vec<PlacePath> = wanted.iter().map(|words| place(maker, words, tree)).collect::<Result<_, _>>()?;
    if chosen.is_empty() {
        return Err(Refusal::NoPlace);
    }
    let all: BTreeSet<PlaceId> = chosen.iter().map(PlacePath::innermost).collect();
    let is_outermost = |path: &&PlacePath| path.places().filter(|id| all.contains(id)).count() == 1;
    Ok(Reach::of(chosen.iter().filter(is_outermost).map(PlacePath::innermost)))
}

fn place(maker: &Maker<'_>, words: &str, tree: &Tree) -> Result<PlacePath, Refusal> {
    tree.at(words).filter(|path| maker.reaches(path)).ok_or_else(|| Refusal::Place(words.to_owned()))
}

/// The simple answers give what the maker has of them; what is named one by one must all be the maker's.
fn judge_permissions(
    maker: &Maker<'_>,
    purpose: Purpose,
    wanted: &WantedPermissions,
    workspaces: &BTreeSet<PlaceId>,
) -> Result<Permissions, Refusal> {
    let may = maker.permissions(purpose, workspaces);
    let simple = |all: Permissions| all.pairs().filter(|(thing, verb)| may.allow(*thing, *verb)).collect();
    let permissions: Permissions = match wanted {
        WantedPermissions::Read => simple(Permissions::read()),
        WantedPermissions::Write => simple(Permissions::write()),
        WantedPermissions::These(these) => these.clone(),
    };
    if let Some((thing, verb)) = permissions.pairs().find(|(thing, verb)| !may.allow(*thing, *verb)) {
        return Err(Refusal::Permission(format!("{}:{}", thing.name(), verb.name())));
    }
    if permissions.is_empty() { Err(Refusal::NoPermission) } else { Ok(permissions) }
}

/// The workspaces in which a reach has places; none where it is not narrowed.
pub fn workspaces(reach: &Reach, tree: &Tree) -> BTreeSet<PlaceId> {
    match reach {
        Reach::Everywhere => BTreeSet::new(),
        Reach::Places(places) => places.iter().filter_map(|id| tree.path(*id)).map(|path| path.workspace()).collect(),
    }
}

/// A stored reach as programs read it: the paths of its places in words, without those that are gone; none for everywhere.
pub fn paths(reach: &Reach, tree: &Tree) -> Option<Vec<String>> {
    match reach {
        Reach::Everywhere => None,
        Reach::Places(places) => {
            let mut words: Vec<String> = places.iter().filter_map(|id| tree.words(*id)).collect();
            words.sort_unstable();
            Some(words)
        }
    }
}

/// The places that a maker can choose among, workspace by workspace, by title.
pub fn offered<'t>(maker: &Maker<'_>, tree: &'t Tree) -> Vec<&'t Place> {
    let reached = tree.those(|path| maker.reaches(path));
    let in_some: BTreeSet<PlaceId> = reached.into_iter().filter_map(|id| Some(tree.path(id)?.workspace())).collect();
    tree.workspaces().into_iter().filter(|place| in_some.contains(&place.id)).collect()
}

/// Permissions as they are written: one word, or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    List(Vec<String>),
}

impl TryFrom<Written> for WantedPermissions {
    type Error = PermissionsError;

    fn try_from(written: Written) -> Result<Self, PermissionsError> {
        match written {
            Written::Word(word) => word.parse(),
            Written::List(words) => Ok(Self::These(words.join(" ").parse()?)),
        }
    }
}

/// `read`, `write`, or permissions with commas or spaces between: `tools:read,tools:write`.
impl FromStr for WantedPermissions {
    type Err = PermissionsError;

    fn from_str(text: &str) -> Result<Self, PermissionsError> {
        match text.trim() {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            these => Ok(Self::These(these.replace(',', " ").parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::access::principal::{AccessTokenCredential, Credential};
    use crate::identity::{Person, ServiceAccount};
    use crate::places::{Kind, Memberships, Role};
    use crate::types::{ServiceAccountId, UserId};

    /// `acme` with `apps` with `web`, and `other` with `lab`.
    struct House {
        tree: Tree,
        ids: [PlaceId; 5],
    }

    fn house() -> House {
        let place = |kind, parent, name: &str| Place {
            id: PlaceId::fresh(),
            kind,
            parent,
            name: name.parse().unwrap(),
            title: name.to_uppercase(),
            created_at: DateTime::UNIX_EPOCH,
        };
        let acme = place(Kind::Workspace, None, "acme");
        let apps = place(Kind::Project, Some(acme.id), "apps");
        let web = place(Kind::Folder, Some(apps.id), "web");
        let other = place(Kind::Workspace, None, "other");
        let lab = place(Kind::Project, Some(other.id), "lab");
        let ids = [acme.id, apps.id, web.id, other.id, lab.id];
        House { tree: Tree::new(vec![acme, apps, web, other, lab]), ids }
    }

    fn person(workspaces: Memberships, is_admin: bool) -> Subject {
        Subject::Person(Arc::new(Person {
            id: UserId::fresh(),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            email: None,
            groups: Vec::new(),
            workspaces,
            is_admin,
            is_disabled: false,
        }))
    }

    fn wanted(scope: &[&str], permissions: &str) -> Wanted {
        let scope = scope.iter().map(|&place| place.to_owned()).collect();
        Wanted { scope, permissions: permissions.parse().unwrap() }
    }

    #[test]
    fn places_are_chosen_by_path_or_id_and_a_whole_place_covers_its_parts() {
        let House { tree, ids: [acme, apps, web, other, lab] } = house();
        let ada = person([(acme, Role::Member), (other, Role::Member)].into_iter().collect(), false);
        let maker = Maker::in_person(&ada);
        let id = web.to_string();
        for (scope, reach) in [
            (&["acme"][..], Reach::of([acme])),
            (&["acme/apps"], Reach::of([apps])),
            (&[id.as_str()], Reach::of([web])),
            (&["acme/apps/web", "acme/apps"], Reach::of([apps])),
            (&["acme/apps/web", "acme", "acme"], Reach::of([acme])),
            (&["acme/apps/web", "other/lab"], Reach::of([web, lab])),
        ] {
            let judged = judge(&maker, Purpose::Standing, &wanted(scope, "read"), &tree).unwrap();
            assert_eq!(judged.reach, reach, "{scope:?}");
            assert_eq!(judged.permissions, "tools:read".parse().unwrap(), "as much of it as a member has");
        }
        assert_eq!(paths(&Reach::of([web, other]), &tree).unwrap(), ["acme/apps/web", "other"]);
        assert_eq!(paths(&Reach::Everywhere, &tree), None);
        assert_eq!(paths(&Reach::of([PlaceId::fresh()]), &tree), Some(Vec::new()), "what is gone is not shown");
    }

    /// A place that is not there and one that is another's are refused in the same words.
    #[test]
    fn nobody_hands_on_a_place_that_they_do_not_reach() {
        let House { tree, ids: [acme, _, _, other, _] } = house();
        let ada = person([(acme, Role::Owner)].into_iter().collect(), false);
        let robot = Subject::Service(Arc::new(ServiceAccount {
            id: ServiceAccountId::fresh(),
            name: "robot".to_owned(),
            description: String::new(),
            groups: Vec::new(),
            workspace: acme,
            created_at: DateTime::UNIX_EPOCH,
            is_disabled: false,
        }));
        let id = other.to_string();
        for maker in [Maker::in_person(&ada), Maker::in_person(&robot)] {
            for place in ["other", "other/lab", "nowhere", "acme/", "", id.as_str()] {
                let refused = judge(&maker, Purpose::Client, &wanted(&["acme", place], "read"), &tree);
                assert_eq!(refused, Err(Refusal::Place(place.to_owned())));
            }
            assert_eq!(judge(&maker, Purpose::Client, &wanted(&[], "read"), &tree), Err(Refusal::NoPlace));
        }
        let root = person(Memberships::default(), true);
        let root = Maker::in_person(&root);
        assert!(judge(&root, Purpose::Client, &wanted(&["other"], "read"), &tree).is_ok());
        assert_eq!(offered(&root, &tree).len(), 2);
        assert_eq!(offered(&Maker::in_person(&ada), &tree).len(), 1);
    }

    #[test]
    fn nobody_hands_on_a_permission_that_they_do_not_have() {
        let House { tree, ids: [acme, _, _, other, _] } = house();
        let roles = |role| person([(acme, role), (other, Role::Member)].into_iter().collect(), false);
        let (member, admin, root) = (roles(Role::Member), roles(Role::Admin), person(Memberships::default(), true));
        for (who, scope, permissions, purpose, allowed) in [
            (&member, "acme", "tools:read,tools:write,tools:delete", Purpose::Standing, true),
            (&member, "acme", "servers:read", Purpose::Standing, false),
            (&admin, "acme", "servers:write,places:delete", Purpose::Standing, true),
            (&admin, "other", "servers:write", Purpose::Standing, false),
            (&admin, "acme", "keys:read", Purpose::Standing, true),
            (&admin, "acme", "keys:write", Purpose::Client, false),
            (&admin, "acme", "people:read", Purpose::Client, false),
            (&root, "acme", "keys:write", Purpose::Client, true),
            (&root, "acme", "keys:write", Purpose::Standing, false),
            (&root, "acme", "clients:delete", Purpose::Standing, false),
            (&root, "acme", "people:delete,audit:read", Purpose::Standing, true),
        ] {
            let judged = judge(&Maker::in_person(who), purpose, &wanted(&[scope], permissions), &tree);
            assert_eq!(judged.is_ok(), allowed, "{permissions} {judged:?}");
        }
        let nothing = judge(&Maker::in_person(&root), Purpose::Client, &wanted(&["acme"], ""), &tree);
        assert_eq!(nothing, Err(Refusal::NoPermission));
    }

    /// L1, L2: what is made with a token is never wider than the token.
    #[test]
    fn a_narrowed_caller_hands_on_nothing_wider_than_itself() {
        let House { tree, ids: [acme, apps, ..] } = house();
        let caller = |scope: &str, permissions: Option<&str>| Principal {
            subject: person([(acme, Role::Owner)].into_iter().collect(), false),
            credential: Credential::AccessToken(AccessTokenCredential {
                id: "jti".to_owned(),
                grant: None,
                client_id: "client".to_owned(),
                issued_at: DateTime::UNIX_EPOCH,
                expires_at: DateTime::UNIX_EPOCH,
                key: None,
            }),
            scope: scope.parse().unwrap(),
            audience: String::new(),
            narrowing: Narrowing {
                reach: Reach::of([apps]),
                permissions: permissions.map(|permissions| permissions.parse().unwrap()),
                server: None,
            },
        };
        let judged = |caller: &Principal, scope: &str, permissions: &str| {
            judge(&Maker::by(caller), Purpose::Client, &wanted(&[scope], permissions), &tree)
        };
        let by_scope = caller("mcp:read mgmt.read", None);
        assert!(judged(&by_scope, "acme/apps/web", "tools:read,servers:read").is_ok());
        assert_eq!(judged(&by_scope, "acme", "read"), Err(Refusal::Place("acme".to_owned())));
        assert_eq!(judged(&by_scope, "acme/apps", "tools:write"), Err(Refusal::Permission("tools:write".to_owned())));
        let by_permissions = caller("mcp:delete mgmt.admin", Some("tools:read"));
        let as_much = judged(&by_permissions, "acme/apps", "write").unwrap();
        assert_eq!(as_much.permissions, "tools:read".parse().unwrap());
        assert!(judged(&by_permissions, "acme/apps", "servers:read").is_err());
    }

    /// What is scoped by OAuth scope alone is never made with permissions that are fewer than the scope is for.
    #[test]
    fn a_caller_who_is_held_to_permissions_hands_on_no_scope_that_is_wider() {
        let root = person(Memberships::default(), true);
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        let all = scope("mcp:read mcp:write mcp:delete mgmt.read mgmt.write mgmt.admin");
        for (held, permissions, handed_on) in [
            ("mgmt.admin", Some("keys:write"), ""),
            ("mgmt.admin mcp:delete", Some("keys:write tools:read tools:write"), "mcp:read mcp:write"),
            ("mgmt.admin mcp:delete", Some("tools:write tools:delete"), ""),
            ("mcp:read", Some("tools:read tools:write tools:delete"), "mcp:read"),
            ("mgmt.admin", None, "mgmt.admin mgmt.read mgmt.write"),
        ] {
            let (held, permissions) = (scope(held), permissions.map(|permissions| permissions.parse().unwrap()));
            let narrowing = Narrowing { reach: Reach::Everywhere, permissions, server: None };
            let maker = Maker { subject: &root, held: Some((&held, &narrowing)) };
            assert_eq!(maker.hands_on(&all), scope(handed_on), "{narrowing:?}");
        }
        let narrowing = Narrowing { reach: Reach::Everywhere, permissions: Some(Permissions::all()), server: None };
        let maker = Maker { subject: &root, held: Some((&all, &narrowing)) };
        assert_eq!((maker.hands_on(&all), Maker::in_person(&root).hands_on(&all)), (all.clone(), all));
    }

    #[test]
    fn permissions_are_read_from_a_command_line_and_from_json() {
        let these = WantedPermissions::These("tools:read tools:write".parse().unwrap());
        assert_eq!("tools:read,tools:write".parse(), Ok(these.clone()));
        assert_eq!("tools:read tools:write".parse(), Ok(these.clone()));
        for (json, expected) in [
            (r#""read""#, Some(WantedPermissions::Read)),
            (r#""write""#, Some(WantedPermissions::Write)),
            (r#"["tools:read", "tools:write"]"#, Some(these)),
            (r#""all""#, None),
            (r#"["tools"]"#, None),
            ("1", None),
        ] {
            assert_eq!(serde_json::from_str(json).ok(), expected, "{json}");
        }
    }
}
