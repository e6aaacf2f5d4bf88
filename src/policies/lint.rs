//! What looks wrong in policies, though it can be meant so.

use serde_json::{Value, json};

use super::pattern::{Pattern, any_is_all, any_matches};
use super::rule::{Effect, Rule};
use super::{Draft, EVERYONE, WORKSPACE};

/// What there is that rules could be about.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The registered servers and their tools, as far as they are known.
    pub servers: Vec<(String, Vec<String>)>,
    /// The groups, and how many people and programs are in each.
    pub groups: Vec<(String, i64)>,
}

/// Something that looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The policy, or its rule.
    pub name: String,
    /// A word for the kind.
    pub kind: &'static str,
    /// What.
    pub what: String,
}

impl Finding {
    /// For programs.
    pub fn facts(&self) -> Value {
        json!({ "name": self.name, "kind": self.kind, "what": self.what })
    }
}

/// Everything that looks wrong in these policies.
pub fn lint(drafts: &[&Draft], known: &Known) -> Vec<Finding> {
    drafts.iter().flat_map(|draft| [of_groups(draft, known), of_rules(draft, known)]).flatten().collect()
}

fn of_groups(draft: &Draft, known: &Known) -> Vec<Finding> {
    let finding = |kind, what| Finding { name: draft.name.clone(), kind, what };
    let mut findings = Vec::new();
    if draft.groups.is_empty() {
        findings.push(finding("no-group", "it is for no group".to_owned()));
    }
    for group in draft.groups.iter().filter(|group| *group != EVERYONE && !group.starts_with(WORKSPACE)) {
        match known.groups.iter().find(|(name, _)| name == group) {
            Some((_, 0)) => findings.push(finding("empty-group", format!("nobody is in the group {group:?}"))),
            Some(_) => {}
            None => findings
                .push(finding("unknown-group", unknown("group", group, known.groups.iter().map(|(name, _)| name)))),
        }
    }
    findings
}

fn of_rules(draft: &Draft, known: &Known) -> Vec<Finding> {
    let numbered = draft.rules.iter().enumerate();
    numbered
        .flat_map(|(place, rule)| {
            let name = format!("{}#{}", draft.name, place + 1);
            let of_rule = of_rule(draft, rule, known).into_iter();
            of_rule.map(move |(kind, what)| Finding { name: name.clone(), kind, what })
        })
        .collect()
}

fn of_rule(draft: &Draft, rule: &Rule, known: &Known) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let calls = any_matches(&rule.methods, "tools/call");
    if let Some(fault) = rule.condition_fault() {
        found.push(("condition", fault));
    }
    if rule.methods.is_empty() {
        found.push(("no-method", "it names no methods, so it is about nothing but coming in".to_owned()));
    }
    if rule.effect == Effect::Allow && rule.server.is_all() {
        found.push(("wildcard", "it is about every server, those too that will be added".to_owned()));
    }
    if rule.effect == Effect::Allow && calls && any_is_all(&rule.tools) {
        found.push(("wildcard", "it allows every tool, those too that the server will add".to_owned()));
    }
    if rule.effect == Effect::Allow && calls && draft.name.ends_with("/read") {
        found.push(("read-calls", "the policy is called \"read\" and lets tools be called".to_owned()));
    }
    found.extend(never(rule, known));
    found
}

/// What can never match.
fn never(rule: &Rule, known: &Known) -> Vec<(&'static str, String)> {
    let servers: Vec<_> = known.servers.iter().filter(|(name, _)| rule.server.matches(name)).collect();
    if servers.is_empty() {
        let what = match &rule.server {
            Pattern::One(name) => unknown("server", name, known.servers.iter().map(|(name, _)| name)),
            pattern => format!("there is no server that {pattern} means"),
        };
        return vec![("unknown-server", what)];
    }
    // Of a server that has not told its tools nobody knows what it has.
    if servers.iter().any(|(_, tools)| tools.is_empty()) {
        return Vec::new();
    }
    let tools = || servers.iter().flat_map(|(_, tools)| tools);
    let missing = rule.tools.iter().filter(|pattern| !tools().any(|tool| pattern.matches(tool)));
    missing
        .map(|pattern| match pattern {
            Pattern::One(name) => ("unknown-tool", unknown("tool", name, tools())),
            pattern => ("unknown-tool", format!("there is no tool that {pattern} means")),
        })
        .collect()
}

/// That there is none of that name, and which one may have been meant.
fn unknown<'k>(kind: &str, name: &str, known: impl Iterator<Item = &'k String>) -> String {
    let nearest =
        known.map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 => format!("there is no {kind} {name:?}; is it {nearest:?}?"),
        _ => format!("there is no {kind} {name:?}"),
    }
}
