//! Policies: what rules mean, what the dialects of other systems say, and what we do not have of the systems that they come from.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod decisions;
mod dialects;
mod flaws;
mod nodes;
mod properties;

use std::sync::Arc;

use chrono::DateTime;
use portcullis::access::explanation::supposed;
use portcullis::access::policy::Decision;
use portcullis::access::visit::{Target, Visit, judge};
use portcullis::access::{Policies, Principal, Subject};
use portcullis::identity::Person;
use portcullis::places::{Memberships, PlacePath, Role, Tree};
use portcullis::policies::dialect::{self, Import};
use portcullis::policies::{Draft, Listing, Policy};
use portcullis::types::{Class, PlaceId, PolicyId, ServerId, UserId};
use serde_json::{Map, Value, json};

/// Where every server of these tests is.
fn workspace() -> PlaceId {
    "018f0000-0000-7000-8000-000000000001".parse().unwrap()
}

/// What a document says.
fn read(text: &str) -> Import {
    dialect::read(text, None, Listing::Tools).unwrap()
}

fn compiled(drafts: Vec<Draft>) -> Policies {
    let at = DateTime::UNIX_EPOCH;
    let policy = |draft| Policy { id: PolicyId::fresh(), draft, created_at: at, changed_at: at };
    Policies::compiled(&drafts.into_iter().map(policy).collect::<Vec<_>>(), &Tree::default())
}

/// What documents say, compiled.
fn policies(documents: &[&str]) -> Policies {
    compiled(documents.iter().flat_map(|text| read(text).drafts).collect())
}

/// What rules in our own words say to the group `staff`.
fn rules(rules: Value) -> Policies {
    policies(&[&json!({ "name": "p", "groups": ["staff"], "rules": rules }).to_string()])
}

fn somebody(groups: &[&str], is_admin: bool) -> Principal {
    let person = Person {
        id: UserId::fresh(),
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        email: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        workspaces: [(workspace(), Role::Member)].into_iter().collect::<Memberships>(),
        is_admin,
        is_disabled: false,
    };
    supposed(Subject::Person(Arc::new(person)), DateTime::UNIX_EPOCH)
}

/// Somebody in these groups.
fn member(groups: &[&str]) -> Principal {
    somebody(groups, false)
}

fn is_allowed(policies: &Policies, who: &Principal, server: &str, target: Target<'_>) -> bool {
    let (id, at) = (ServerId::fresh(), PlacePath::workspace_itself(workspace()));
    let visit = Visit { id, server, at: &at, target };
    judge(who, &visit, policies).decision == Decision::Allowed
}

fn may_call_with(policies: &Policies, who: &Principal, server: &str, tool: &str, arguments: Value) -> bool {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    is_allowed(policies, who, server, Target::CallTool { tool, class: Class::Write, arguments: &arguments })
}

fn may_call(policies: &Policies, who: &Principal, server: &str, tool: &str) -> bool {
    may_call_with(policies, who, server, tool, Value::Object(Map::new()))
}

fn sees(policies: &Policies, who: &Principal, server: &str, tool: &str) -> bool {
    is_allowed(policies, who, server, Target::SeeTool(tool))
}

fn may_do(policies: &Policies, who: &Principal, server: &str, method: &str) -> bool {
    is_allowed(policies, who, server, Target::Method(method))
}

fn may_enter(policies: &Policies, who: &Principal, server: &str) -> bool {
    is_allowed(policies, who, server, Target::Enter)
}
