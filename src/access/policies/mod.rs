//! The policies as one node holds them, compiled for the question that every call asks.
//!
//! What the rules mean: nothing is allowed that no rule allows, and a rule that denies wins over every rule that allows. So the
//! order of rules and policies means nothing. How a rule is about what is tried is in [`line`]; how the few that may be are found
//! among many is in [`index`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::principal::{Principal, Subject};
use super::visit::Visit;
use crate::db::{Connection, QueryResult};
use crate::places::Tree;
use crate::policies::{EVERYONE, Effect, Policy, WORKSPACE, policy};
use crate::types::{PlaceId, Scope, known_scopes};

mod index;
pub mod line;

use index::Index;
use line::{Asked, Line, Verdict};

/// What the policies of a caller's groups say, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// By group. Workspaces are not among them, whatever a group may be called.
    groups: HashMap<String, Index>,
    /// By the workspace whose members and keys they are for.
    workspaces: HashMap<PlaceId, Index>,
    /// Every rule, with the groups that it is for, in the order of policies: for people who wonder.
    all: Vec<(Arc<Line>, Arc<[Whom]>)>,
    /// Whom each policy is for, by its name.
    named: BTreeMap<Arc<str>, Arc<[Whom]>>,
}

/// Whom a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    Group(String),
    Workspace(PlaceId),
    /// A workspace that is not there.
    Nobody,
}

/// What they say about a visit, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<'p> {
    /// A rule allows it and none denies it.
    Allows(Cow<'p, str>),
    /// A rule denies it, or none allows it; and why, for the caller.
    Denies(Cow<'p, str>, &'static str),
}

/// What one rule has to do with a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The rule's name.
    pub rule: String,
    /// What it does where it applies.
    pub effect: Effect,
    /// Whether it does here.
    pub verdict: Verdict,
}

impl Policies {
    /// Reads them all, and compiles them.
    pub async fn load(conn: &mut Connection) -> QueryResult<Self> {
        let policies = policy::all(conn).await?;
        let tree = Tree::load(conn).await?;
        Ok(Self::compiled(&policies, &tree))
    }

    /// The same policies, compiled.
    pub fn compiled(policies: &[Policy], tree: &Tree) -> Self {
        let mut compiled = Self::default();
        for policy in policies {
            let name: Arc<str> = policy.draft.name.as_str().into();
            let whom: Arc<[Whom]> = policy.draft.groups.iter().map(|group| Whom::called(group, tree)).collect();
            for (place, rule) in policy.draft.rules.iter().enumerate() {
                let line = Arc::new(Line::new(&name, place, rule));
                compiled.note(&line, &whom);
            }
            compiled.named.insert(name, whom);
        }
        compiled
    }

    fn note(&mut self, line: &Arc<Line>, whom: &Arc<[Whom]>) {
        for one in whom.iter() {
            match one {
                Whom::Group(name) => self.groups.entry(name.clone()).or_default().add(line),
                Whom::Workspace(id) => self.workspaces.entry(*id).or_default().add(line),
                Whom::Nobody => {}
            }
        }
        self.all.push((Arc::clone(line), Arc::clone(whom)));
    }

    /// May they, by their groups? Whoever administers the installation may, unless a rule denies it; of everybody else it is a
    /// matter of rules that allow.
    pub fn word(&self, principal: &Principal, visit: &Visit<'_>) -> Word<'_> {
        let subject = &principal.subject;
        let asked = Asked::new(subject, visit, Self::named_in(&principal.scope));
        let denial = self.indexes(subject).find_map(|index| index.denies(&asked));
        if let Some(line) = denial {
            return Word::Denies(line.label().into(), "a policy of the caller's groups denies this");
        }
        if subject.is_admin() {
            return Word::Allows("administrator".into());
        }
        match self.indexes(subject).find_map(|index| index.allows(&asked)) {
            Some(line) => Word::Allows(line.label().into()),
            None => Word::Denies("no rule".into(), "no policy of the caller's groups allows this"),
        }
    }

    /// What each rule of the caller's groups has to do with it.
    pub fn tried(&self, principal: &Principal, visit: &Visit<'_>) -> Vec<Tried> {
        let subject = &principal.subject;
        let asked = Asked::new(subject, visit, Self::named_in(&principal.scope));
        let lines = self.all.iter().filter(|(_, whom)| whom.iter().any(|one| one.is(subject))).map(|(line, _)| line);
        lines
            .map(|line| Tried { rule: line.label().to_owned(), effect: line.effect(), verdict: line.verdict(&asked) })
            .collect()
    }

    /// True when a policy has that name.
    pub fn is_named(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// True when a policy has that name and is for them, by their groups or workspaces.
    pub fn are_for(&self, subject: &Subject, name: &str) -> bool {
        self.named.get(name).is_some_and(|whom| whom.iter().any(|one| one.is(subject)))
    }

    /// The policies that a scope names, if it names any: then no other rule allows anything (`decisions` 10). Whatever is no scope
    /// of ours is such a name, so that a policy that is gone still narrows.
    fn named_in(scope: &Scope) -> Option<Vec<&str>> {
        let named: Vec<&str> = scope.tokens().filter(|token| !known_scopes::ALL.contains(token)).collect();
        (!named.is_empty()).then_some(named)
    }

    fn indexes<'p, 's>(&'p self, subject: &'s Subject) -> impl Iterator<Item = &'p Index> + use<'p, 's> {
        let of_groups = groups(subject).filter_map(|group| self.groups.get(group));
        of_groups.chain(workspaces(subject).filter_map(|id| self.workspaces.get(&id)))
    }

    /// How many rules there are for how many groups.
    pub fn sizes(&self) -> BTreeMap<&'static str, usize> {
        BTreeMap::from([("rules", self.all.len()), ("groups", self.groups.len() + self.workspaces.len())])
    }
}

impl Whom {
    /// True when they are among these.
    fn is(&self, subject: &Subject) -> bool {
        match self {
            Self::Group(name) => groups(subject).any(|group| group == name),
            Self::Workspace(id) => workspaces(subject).any(|workspace| workspace == *id),
            Self::Nobody => false,
        }
    }

    fn called(group: &str, tree: &Tree) -> Self {
        match group.strip_prefix(WORKSPACE) {
            None => Self::Group(group.to_owned()),
            Some(words) if words.contains('/') => Self::Nobody,
            Some(workspace) => tree.find(workspace).map_or(Self::Nobody, |place| Self::Workspace(place.id)),
        }
    }
}

/// The groups of a subject, and the one that everybody is in.
fn groups(subject: &Subject) -> impl Iterator<Item = &str> {
    subject.groups().iter().map(String::as_str).filter(|group| *group != EVERYONE).chain([EVERYONE])
}

/// The workspaces that a subject is in.
fn workspaces(subject: &Subject) -> impl Iterator<Item = PlaceId> {
    let (of_person, other) = match subject {
        Subject::Person(person) => (Some(person.workspaces.all().map(|(id, _)| id)), None),
        Subject::Service(account) => (None, Some(account.workspace)),
        Subject::Workspace(place) => (None, Some(place.id)),
    };
    of_person.into_iter().flatten().chain(other)
}
