//! The decision: pure, the same for a list as for a call, and able to say how it was reached.
//!
//! Two kinds of refusal are kept apart. What a caller *may never* do here is denied and hidden from lists. What only takes
//! more *scope* is not hidden: a client that never sees a tool can never ask for the right to call it (step-up,
//! MCP 2026-07-28, authorization §"Scope challenge"). So [`Action::SeeTool`] takes `mcp:read` whatever the tool's class.
//!
//! Not checked here: that the credential is real, alive and meant for this door. Whoever holds a [`Principal`] has that.

use crate::access::action::Action;
use crate::access::{Principal, Subject};
use crate::places::{PlacePath, Reach};
use crate::types::{Scope, Thing, Verb, known_scopes};

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// Come back with this scope: what the action takes and everything that was granted already, since some clients
    /// replace their scope by what a challenge names.
    NeedsScope(Scope),
    /// Never, as things are, and why.
    Denied(&'static str),
}

/// One rule's word on an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule's name.
    pub rule: &'static str,
    /// True when it had nothing against the action.
    pub passed: bool,
    /// What it looked at.
    pub detail: String,
}

struct Rule {
    name: &'static str,
    refuses: fn(&Principal, &Action<'_>) -> Option<Decision>,
    looks_at: fn(&Principal, &Action<'_>) -> String,
}

/// Every rule, in the order in which it is asked. The first refusal decides.
const RULES: [Rule; 5] = [
    Rule { name: "subject", refuses: refuses_disabled, looks_at: looks_at_subject },
    Rule { name: "server", refuses: refuses_server, looks_at: looks_at_server },
    Rule { name: "place", refuses: refuses_place, looks_at: looks_at_place },
    Rule { name: "permissions", refuses: refuses_permission, looks_at: looks_at_permissions },
    Rule { name: "scope", refuses: refuses_scope, looks_at: looks_at_scope },
];

/// May this caller do this?
pub fn decide(principal: &Principal, action: &Action<'_>) -> Decision {
    decide_by(principal, action).0
}

/// The same, and the name of the rule that decided: the last, where none had anything against it.
pub(super) fn decide_by(principal: &Principal, action: &Action<'_>) -> (Decision, &'static str) {
    let refusal = RULES.iter().find_map(|rule| Some(((rule.refuses)(principal, action)?, rule.name)));
    refusal.unwrap_or((Decision::Allowed, "scope"))
}

/// What every rule says about it, for people who wonder.
pub fn explain(principal: &Principal, action: &Action<'_>) -> Vec<Check> {
    let check = |rule: &Rule| Check {
        rule: rule.name,
        passed: (rule.refuses)(principal, action).is_none(),
        detail: (rule.looks_at)(principal, action),
    };
    RULES.iter().map(check).collect()
}

fn refuses_disabled(principal: &Principal, _: &Action<'_>) -> Option<Decision> {
    let why = match principal.subject {
        Subject::Person(_) => "this person may no longer do anything here",
        Subject::Service(_) => "this service account may no longer do anything here",
        Subject::Workspace(_) => "this workspace may no longer do anything here",
    };
    principal.subject.is_disabled().then_some(Decision::Denied(why))
}

fn looks_at_subject(principal: &Principal, _: &Action<'_>) -> String {
    let state = if principal.subject.is_disabled() { "disabled" } else { "active" };
    format!("{} is {state}", principal.subject.name())
}

/// A credential that is for one server is good for that alone: not for our own tools, for another server or for anything else
/// that is managed. Which servers a list of them shows, and which one is changed, is asked of each.
fn refuses_server(principal: &Principal, action: &Action<'_>) -> Option<Decision> {
    let only = principal.narrowing.server?;
    let fits = match action {
        Action::Enter => true,
        Action::SeeServer { id, .. } | Action::AtServer { id, .. } => *id == only,
        Action::SeeTool { .. } | Action::CallTool { .. } => false,
        Action::Manage { thing, verb, .. } => (*thing, *verb) == (Thing::Servers, Verb::Read),
    };
    (!fits).then_some(Decision::Denied("the credential is for one server, and this is not that server"))
}

fn looks_at_server(principal: &Principal, _: &Action<'_>) -> String {
    match principal.narrowing.server {
        None => "the credential is for no server in particular".to_owned(),
        Some(server) => format!("the credential is for the server {server}"),
    }
}

/// Who is not in a workspace, or does not manage it, has no business there; nor has a credential that is narrowed to elsewhere.
fn refuses_place(principal: &Principal, action: &Action<'_>) -> Option<Decision> {
    let there = action.place();
    let may = match action {
        Action::Manage { thing, .. } => principal.subject.manages(*thing, there.map(PlacePath::workspace)),
        _ => there.is_none_or(|path| principal.subject.is_in(path.workspace())),
    };
    let within = there.is_none_or(|path| principal.narrowing.reach.covers(path));
    match (may, within) {
        (true, true) => None,
        (false, _) => Some(Decision::Denied("this is not within what the caller manages or may enter")),
        (true, false) => Some(Decision::Denied("the credential is narrowed to other places")),
    }
}

fn looks_at_place(principal: &Principal, action: &Action<'_>) -> String {
    match (action.place(), &principal.narrowing.reach) {
        (None, _) => "it happens in no place in particular".to_owned(),
        (Some(_), Reach::Everywhere) => "the credential is narrowed to no place".to_owned(),
        (Some(_), Reach::Places(places)) => format!("the credential is narrowed to {} places", places.len()),
    }
}

/// A right that was not ticked when the credential was made is no scope that could be asked for.
fn refuses_permission(principal: &Principal, action: &Action<'_>) -> Option<Decision> {
    let (thing, verb) = action.permission();
    let missing = principal.narrowing.permissions.as_ref().is_some_and(|held| !held.allow(thing, verb));
    missing.then_some(Decision::Denied("the credential was made without the permission that this takes"))
}

fn looks_at_permissions(principal: &Principal, action: &Action<'_>) -> String {
    let (thing, verb) = action.permission();
    match &principal.narrowing.permissions {
        None => "the credential is narrowed by no permissions".to_owned(),
        Some(held) => format!("needs {}:{}, has {held}", thing.name(), verb.name()),
    }
}

/// RFC 6750 §3.1, `insufficient_scope`; higher scopes stand for the lower ones.
fn refuses_scope(principal: &Principal, action: &Action<'_>) -> Option<Decision> {
    let needed = action.scope();
    let missing = !principal.scope.grants(needed);
    missing.then(|| Decision::NeedsScope(challenged(&principal.scope, needed)))
}

/// What was granted together with what is needed, since some clients replace their scope by what a challenge names; but not
/// `offline_access`, which is no resource's business (MCP authorization §"Scope Selection Strategy").
fn challenged(granted: &Scope, needed: &str) -> Scope {
    granted.union(&Scope::of(&[needed])).filtered(|token| token != known_scopes::OFFLINE_ACCESS)
}

fn looks_at_scope(principal: &Principal, action: &Action<'_>) -> String {
    let granted = if principal.scope.is_empty() { "nothing".to_owned() } else { principal.scope.to_string() };
    format!("needs {}, granted {granted}", action.scope())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::access::action::Class;
    use crate::access::principal::{AccessTokenCredential, Credential, Narrowing};
    use crate::identity::Person;
    use crate::places::{Memberships, Role};
    use crate::types::{GrantId, PlaceId, ServerId, UserId};

    fn caller(scope: &str, is_disabled: bool) -> Principal {
        let person = Person {
            id: UserId::fresh(),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            email: None,
            groups: Vec::new(),
            workspaces: Memberships::default(),
            is_admin: false,
            is_disabled,
        };
        let credential = AccessTokenCredential {
            id: "jti".to_owned(),
            grant: Some(GrantId::fresh()),
            client_id: "client".to_owned(),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH,
            key: None,
        };
        Principal {
            subject: Subject::Person(Arc::new(person)),
            credential: Credential::AccessToken(credential),
            scope: scope.parse().unwrap(),
            audience: "http://localhost:8080/mcp".to_owned(),
            narrowing: Narrowing::default(),
        }
    }

    fn call(class: Class) -> Action<'static> {
        Action::CallTool { tool: "t", class }
    }

    #[test]
    fn scope_decides_by_class_and_higher_scopes_stand_for_lower_ones() {
        use Class::{Delete, Read, Write};
        let see = Action::SeeTool { tool: "t" };
        for (scope, action, needs) in [
            ("mcp:read", Action::Enter, None),
            ("mcp:delete", Action::Enter, None),
            ("openid", Action::Enter, Some("mcp:read openid")),
            ("", Action::Enter, Some("mcp:read")),
            ("mcp:read", call(Read), None),
            ("mcp:read", call(Write), Some("mcp:read mcp:write")),
            ("mcp:read", call(Delete), Some("mcp:delete mcp:read")),
            ("mcp:write", call(Read), None),
            ("mcp:write", call(Write), None),
            ("email mcp:write", call(Delete), Some("email mcp:delete mcp:write")),
            ("mcp:delete", call(Write), None),
            ("mcp:delete", call(Delete), None),
            ("mgmt.admin", call(Read), Some("mcp:read mgmt.admin")),
            ("mcp:read", see, None),
        ] {
            let expected = needs.map_or(Decision::Allowed, |scope| Decision::NeedsScope(scope.parse().unwrap()));
            assert_eq!(decide(&caller(scope, false), &action), expected, "{scope:?} {action:?}");
        }
    }

    #[test]
    fn a_disabled_person_is_denied_whatever_was_granted_and_is_not_asked_for_more() {
        for action in [Action::Enter, call(Class::Read), call(Class::Delete)] {
            assert!(matches!(decide(&caller("mcp:delete", true), &action), Decision::Denied(_)));
            assert!(matches!(decide(&caller("", true), &action), Decision::Denied(_)));
        }
    }

    /// The same person as a member, an admin or nothing in `workspace`.
    fn member(mut caller: Principal, workspace: PlaceId, role: Option<Role>) -> Principal {
        let Subject::Person(person) = &mut caller.subject else { unreachable!() };
        Arc::make_mut(person).workspaces = role.map(|role| (workspace, role)).into_iter().collect();
        caller
    }

    #[test]
    fn a_place_is_entered_by_its_members_and_managed_by_its_managers() {
        let (workspace, project, other) = (PlaceId::fresh(), PlaceId::fresh(), PlaceId::fresh());
        let path = PlacePath::workspace_itself(workspace).child(project);
        let see = Action::SeeServer { id: ServerId::fresh(), server: "s", at: &path };
        let manage = Action::Manage { thing: Thing::Servers, verb: Verb::Write, at: Some(&path) };
        let manage_people = Action::Manage { thing: Thing::People, verb: Verb::Read, at: None };
        let all = "mcp:read mgmt.admin";
        for (role, sees, manages) in [
            (None, false, false),
            (Some(Role::Member), true, false),
            (Some(Role::Admin), true, true),
            (Some(Role::Owner), true, true),
        ] {
            let caller = member(caller(all, false), workspace, role);
            assert_eq!(decide(&caller, &see) == Decision::Allowed, sees, "{role:?}");
            assert_eq!(decide(&caller, &manage) == Decision::Allowed, manages, "{role:?}");
            assert!(matches!(decide(&caller, &manage_people), Decision::Denied(_)), "people are not a workspace's");
            let elsewhere = member(caller, other, role);
            assert!(matches!(decide(&elsewhere, &see), Decision::Denied(_)), "{role:?} of another workspace");
            assert!(matches!(decide(&elsewhere, &manage), Decision::Denied(_)), "{role:?} of another workspace");
        }
    }

    #[test]
    fn a_credential_reaches_only_the_places_and_does_only_the_things_that_it_is_narrowed_to() {
        let (workspace, project, other) = (PlaceId::fresh(), PlaceId::fresh(), PlaceId::fresh());
        let path = PlacePath::workspace_itself(workspace).child(project);
        let see = Action::SeeServer { id: ServerId::fresh(), server: "s", at: &path };
        let narrowed = |narrowing| Principal {
            narrowing,
            ..member(caller("mcp:delete mgmt.admin", false), workspace, Some(Role::Owner))
        };
        for (reach, sees) in [
            (Reach::Everywhere, true),
            (Reach::of([workspace]), true),
            (Reach::of([project]), true),
            (Reach::of([other]), false),
            (Reach::of([]), false),
        ] {
            let caller = narrowed(Narrowing { reach: reach.clone(), ..Narrowing::default() });
            assert_eq!(decide(&caller, &see) == Decision::Allowed, sees, "{reach:?}");
        }
        let permissions = Some("tools:read".parse().unwrap());
        let caller = narrowed(Narrowing { permissions, ..Narrowing::default() });
        assert_eq!(decide(&caller, &call(Class::Read)), Decision::Allowed);
        for refused in [
            call(Class::Write),
            call(Class::Delete),
            Action::Manage { thing: Thing::Keys, verb: Verb::Write, at: None },
        ] {
            assert!(matches!(decide(&caller, &refused), Decision::Denied(_)), "the owner's role widens nothing");
        }
    }

    #[test]
    fn a_credential_for_one_server_finds_that_and_nothing_else() {
        let (workspace, server) = (PlaceId::fresh(), ServerId::fresh());
        let path = PlacePath::workspace_itself(workspace);
        let bound = Principal {
            narrowing: Narrowing { server: Some(server), ..Narrowing::default() },
            ..member(caller("mcp:delete mgmt.write", false), workspace, Some(Role::Owner))
        };
        let see = |id| Action::SeeServer { id, server: "s", at: &path };
        let manage = |thing, verb| Action::Manage { thing, verb, at: Some(&path) };
        for allowed in [Action::Enter, see(server), manage(Thing::Servers, Verb::Read)] {
            assert_eq!(decide(&bound, &allowed), Decision::Allowed, "{allowed:?}");
        }
        for refused in [
            see(ServerId::fresh()),
            Action::SeeTool { tool: "t" },
            call(Class::Read),
            manage(Thing::Servers, Verb::Write),
            manage(Thing::Places, Verb::Read),
        ] {
            assert!(matches!(decide(&bound, &refused), Decision::Denied(_)), "{refused:?}");
        }
    }

    #[test]
    fn an_explanation_agrees_with_the_decision() {
        for scope in ["", "mcp:read", "mcp:delete"] {
            for disabled in [false, true] {
                let caller = caller(scope, disabled);
                let passed = explain(&caller, &call(Class::Write)).iter().all(|check| check.passed);
                assert_eq!(passed, decide(&caller, &call(Class::Write)) == Decision::Allowed);
            }
        }
    }
}
