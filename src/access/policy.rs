//! The decision: pure, the same for a list as for a call, and able to say how it was reached.
//!
//! Two kinds of refusal are kept apart. What a caller *may never* do here is denied and hidden from lists. What only takes
//! more *scope* is not hidden: a client that never sees a tool can never ask for the right to call it (step-up,
//! MCP 2026-07-28, authorization §"Scope challenge"). So [`Action::SeeTool`] takes `mcp:read` whatever the tool's class.
//!
//! Not checked here: that the credential is real, alive and meant for this door. Whoever holds a [`Principal`] has that.

use crate::access::action::Action;
use crate::access::{Principal, Subject};
use crate::types::{Scope, known_scopes};

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
const RULES: [Rule; 2] = [
    Rule { name: "subject", refuses: refuses_disabled, looks_at: looks_at_subject },
    Rule { name: "scope", refuses: refuses_scope, looks_at: looks_at_scope },
];

/// May this caller do this?
pub fn decide(principal: &Principal, action: &Action<'_>) -> Decision {
    RULES.iter().find_map(|rule| (rule.refuses)(principal, action)).unwrap_or(Decision::Allowed)
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
    };
    principal.subject.is_disabled().then_some(Decision::Denied(why))
}

fn looks_at_subject(principal: &Principal, _: &Action<'_>) -> String {
    let state = if principal.subject.is_disabled() { "disabled" } else { "active" };
    format!("{} is {state}", principal.subject.name())
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
    use crate::access::principal::{AccessTokenCredential, Credential};
    use crate::identity::Person;
    use crate::types::{GrantId, UserId};

    fn caller(scope: &str, is_disabled: bool) -> Principal {
        let person = Person {
            id: UserId::fresh(),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            email: None,
            groups: Vec::new(),
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
            ("mgmt.read", Action::SeeServer { server: "s" }, Some("mcp:read mgmt.read")),
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
