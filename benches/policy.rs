//! What a decision costs with 1, 100 and 10,000 rules: judged as every call and every line of a list is.
//!
//! Look at the ratios: nanoseconds are this machine's, and no test depends on them. `make bench` runs it.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on stops")]

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use chrono::DateTime;
use portcullis::access::explanation::supposed;
use portcullis::access::visit::{Target, Visit, judge};
use portcullis::access::{Policies, Principal, Subject};
use portcullis::identity::Person;
use portcullis::places::{Memberships, PlacePath, Role, Tree};
use portcullis::policies::{Draft, Policy, Reading};
use portcullis::types::{Class, PlaceId, PolicyId, ServerId, UserId};
use serde_json::{Map, Value, json};

/// How often each question is put in one turn.
const TIMES: u32 = 20_000;
/// How many turns; the quickest counts.
const TURNS: usize = 9;

fn main() {
    let workspace = PlaceId::fresh();
    let who = somebody(workspace);
    let path = PlacePath::workspace_itself(workspace);
    let arguments = json!({ "amount": 1 }).as_object().unwrap().clone();
    let mut lines = vec!["| rules | call allowed | call refused | tool seen | with a condition |".to_owned()];
    lines.push("|---|---|---|---|---|".to_owned());
    let mut first = None;
    for rules in [1, 100, 10_000] {
        let policies = policies(rules);
        let times = questions(&arguments).map(|(server, target)| measure(&policies, &who, &path, server, target));
        let base = *first.get_or_insert(times);
        let cell = |(time, base): (f64, f64)| format!("{time:.0} ns ({:.2})", time / base);
        let cells: Vec<_> = times.into_iter().zip(base).map(cell).collect();
        lines.push(format!("| {rules} | {} |", cells.join(" | ")));
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", lines.join("\n")).unwrap();
}

fn questions(arguments: &Map<String, Value>) -> [(&'static str, Target<'_>); 4] {
    let call = |tool| Target::CallTool { tool, class: Class::Write, arguments };
    [
        ("server0", call("tool0")),
        ("server0", call("none")),
        ("server0", Target::SeeTool("tool0")),
        ("bank", call("pay")),
    ]
}

/// So many rules, on servers of ten tools each, for the three groups that the caller is in; and one with a condition.
fn policies(rules: usize) -> Policies {
    let rule = |place: usize| {
        let (server, tool) = (format!("server{}", place / 10), format!("tool{}", place % 10));
        json!({ "server": server, "methods": ["tools/list", "tools/call"], "tools": [tool] })
    };
    let paying = json!([{
        "server": "bank", "methods": ["tools/call"], "tools": ["pay"], "condition": "arguments.amount < 100",
    }]);
    let third = |group: usize| (0..rules).filter(|place| place % 3 == group).map(rule).collect::<Value>();
    let documents = [("staff", third(0)), ("analysts", third(1)), ("everyone", third(2)), ("staff", paying)];
    let policy = |(place, (group, rules)): (usize, (&str, Value))| {
        let document = json!({ "name": format!("p{place}"), "groups": [group], "rules": rules });
        let (draft, at) = (Draft::read(&Reading::of(&document)).unwrap(), DateTime::UNIX_EPOCH);
        Policy { id: PolicyId::fresh(), draft, created_at: at, changed_at: at }
    };
    let policies: Vec<Policy> = documents.into_iter().enumerate().map(policy).collect();
    Policies::compiled(&policies, &Tree::default())
}

fn somebody(workspace: PlaceId) -> Principal {
    let person = Person {
        id: UserId::fresh(),
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        email: None,
        groups: vec!["analysts".to_owned(), "staff".to_owned()],
        workspaces: [(workspace, Role::Member)].into_iter().collect::<Memberships>(),
        is_admin: false,
        is_disabled: false,
    };
    supposed(Subject::Person(Arc::new(person)), DateTime::UNIX_EPOCH)
}

/// Nanoseconds for one answer.
fn measure(policies: &Policies, who: &Principal, at: &PlacePath, server: &str, target: Target<'_>) -> f64 {
    let visit = Visit { id: ServerId::fresh(), server, at, target };
    let turn = || {
        let since = Instant::now();
        for _ in 0..TIMES {
            black_box(judge(black_box(who), black_box(&visit), black_box(policies)));
        }
        since.elapsed().as_secs_f64() / f64::from(TIMES) * 1e9
    };
    (0..TURNS).map(|_| turn()).fold(f64::INFINITY, f64::min)
}
