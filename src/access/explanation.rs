//! A decision with everything that was looked at, for people who wonder.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::action::Action;
use super::policies::{Policies, Tried};
use super::policy::{self, Check, Decision};
use super::principal::{AccessTokenCredential, Credential, Narrowing, Principal, Subject};
use super::visit::{self, Judgement, Visit};
use crate::types::{Scope, known_scopes};

/// How a decision was reached.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What came out.
    pub decision: Decision,
    /// The rule that decided.
    pub rule: String,
    /// What each check of person, client, token and place says.
    pub checks: Vec<Check>,
    /// What each rule of the caller's groups has to do with it.
    pub tried: Vec<Tried>,
}

/// The same decision as for a call, and how it was reached.
pub fn explain(principal: &Principal, visit: &Visit<'_>, policies: &Policies) -> Explanation {
    let Judgement { decision, rule } = visit::judge(principal, visit, policies);
    let action = Action::AtServer { id: visit.id, server: visit.server, at: visit.at, class: visit.target.class() };
    let (checks, tried) = (policy::explain(principal, &action), policies.tried(principal, visit));
    Explanation { decision, rule: rule.into_owned(), checks, tried }
}

/// Somebody who comes with a token that has every scope for tools and is narrowed to nothing: only who they are decides then.
pub fn supposed(subject: Subject, now: DateTime<Utc>) -> Principal {
    let token = AccessTokenCredential {
        id: String::new(),
        grant: None,
        client_id: String::new(),
        issued_at: now,
        expires_at: now,
        key: None,
    };
    Principal {
        subject,
        credential: Credential::AccessToken(token),
        scope: Scope::of(&[known_scopes::MCP_READ, known_scopes::MCP_WRITE, known_scopes::MCP_DELETE]),
        audience: String::new(),
        narrowing: Narrowing::default(),
    }
}

impl Explanation {
    /// True when it is allowed.
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allowed
    }

    /// The outcome in a sentence.
    pub fn sentence(&self) -> String {
        match &self.decision {
            Decision::Allowed => format!("allowed by {}", self.rule),
            Decision::NeedsScope(scope) => format!("needs more scope: {scope}"),
            Decision::Denied(why) => format!("denied by {}: {why}", self.rule),
        }
    }

    /// Every line of it.
    pub fn words(&self) -> String {
        let mark = |passed| if passed { "yes" } else { "no " };
        let checks =
            self.checks.iter().map(|check| format!("  {}  {}: {}", mark(check.passed), check.rule, check.detail));
        let tried = self.tried.iter().map(|tried| {
            let Tried { rule, effect, verdict } = tried;
            format!("  {}  {rule} ({}): {}", mark(verdict.applies(*effect)), effect.name(), verdict.words())
        });
        [self.sentence(), "checks:".to_owned()]
            .into_iter()
            .chain(checks)
            .chain(["rules of the caller's groups:".to_owned()])
            .chain(tried)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The same for programs.
    pub fn facts(&self) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| json!({ "check": check.rule, "passed": check.passed, "detail": check.detail }))
            .collect();
        let tried: Vec<Value> = self
            .tried
            .iter()
            .map(|tried| {
                let applies = tried.verdict.applies(tried.effect);
                json!({ "rule": tried.rule, "effect": tried.effect, "applies": applies, "why": tried.verdict.words() })
            })
            .collect();
        json!({
            "allowed": self.is_allowed(), "rule": self.rule, "outcome": self.sentence(), "checks": checks, "rules": tried,
        })
    }
}
