//! What holds of any policies at all.

use portcullis::access::visit::Target;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::*;

const SERVERS: [&str; 4] = ["a", "ab", "*", "a*"];
const METHODS: [&str; 9] = [
    "tools/list",
    "tools/call",
    "*",
    "tools/*",
    "prompts/get",
    "prompts/list",
    "resources/read",
    "logging/setLevel",
    "all",
];
const NAMES: [&str; 5] = ["t", "tu", "*", "t*", "x"];
const CONDITIONS: [Option<&str>; 5] =
    [None, None, Some("arguments.n > 1"), Some("user == 'ada'"), Some("'staff' in groups && tool != 'x'")];

fn rule() -> impl Strategy<Value = Value> {
    let lists = (
        subsequence(&METHODS[..], 0..4),
        subsequence(&NAMES[..], 0..3),
        subsequence(&NAMES[..], 0..3),
        subsequence(&NAMES[..], 0..3),
    );
    let kind = (select(&["allow", "deny"][..]), select(&["tools", "tools", "all"][..]));
    (select(&SERVERS[..]), lists, kind, select(&CONDITIONS[..])).prop_map(
        |(server, (methods, tools, prompts, resources), (effect, list), condition)| {
            json!({
                "effect": effect, "server": server, "methods": methods, "tools": tools, "prompts": prompts,
                "resources": resources, "list": list, "condition": condition,
            })
        },
    )
}

/// Policies with rules, each for one of these groups.
fn several() -> impl Strategy<Value = Vec<(Vec<Value>, &'static str)>> {
    prop::collection::vec((prop::collection::vec(rule(), 0..4), select(&["staff", "everyone", "others"][..])), 0..4)
}

fn drafts(several: &[(Vec<Value>, &str)]) -> Vec<Draft> {
    let draft = |(place, (rules, group)): (usize, &(Vec<Value>, &str))| {
        let document = json!({ "name": format!("p{place}"), "groups": [group], "rules": rules });
        read(&document.to_string()).drafts.remove(0)
    };
    several.iter().enumerate().map(draft).collect()
}

/// Everything that can be asked in these tests, and the answers.
fn answers(policies: &Policies, who: &Principal) -> Vec<bool> {
    let arguments = [json!({}), json!({ "n": 1 }), json!({ "n": 2 }), json!({ "n": "x" })];
    let arguments = arguments.map(|value| value.as_object().unwrap().clone());
    let mut answers = Vec::new();
    for server in ["a", "ab", "b"] {
        for name in ["t", "tu", "x", "y"] {
            let calls =
                arguments.iter().map(|arguments| Target::CallTool { tool: name, class: Class::Write, arguments });
            let others = [
                Target::Enter,
                Target::SeeTool(name),
                Target::SeePrompt(name),
                Target::GetPrompt(name),
                Target::SeeResource(name),
                Target::ReadResource(name),
                Target::Method("tools/list"),
                Target::Method("prompts/list"),
                Target::Method("resources/list"),
                Target::Method("logging/setLevel"),
                Target::Method("ping"),
            ];
            answers.extend(calls.chain(others).map(|target| is_allowed(policies, who, server, target)));
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_rules_and_policies_means_nothing(several in several(), is_admin: bool) {
        let mut turned = several.clone();
        turned.reverse();
        turned.iter_mut().for_each(|(rules, _)| rules.reverse());
        let who = somebody(&["staff"], is_admin);
        let (one, other) = (compiled(drafts(&several)), compiled(drafts(&turned)));
        prop_assert_eq!(answers(&one, &who), answers(&other, &who));
    }

    #[test]
    fn another_rule_that_denies_never_allows_more(several in several(), mut deny in rule(), is_admin: bool) {
        deny["effect"] = "deny".into();
        let mut more = several.clone();
        more.push((vec![deny], "staff"));
        let who = somebody(&["staff"], is_admin);
        let (before, after) = (answers(&compiled(drafts(&several)), &who), answers(&compiled(drafts(&more)), &who));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| *before || !after));
    }

    #[test]
    fn another_rule_that_allows_never_allows_less(several in several(), mut allow in rule()) {
        allow["effect"] = "allow".into();
        let mut more = several.clone();
        more.push((vec![allow], "staff"));
        let who = member(&["staff"]);
        let (before, after) = (answers(&compiled(drafts(&several)), &who), answers(&compiled(drafts(&more)), &who));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| !before || *after));
    }

    #[test]
    fn what_may_be_used_is_seen_and_can_be_come_to(several in several()) {
        // A rule may hide what another lets be called, if it says that it denies the list; such are left out here.
        let hides = several.iter().flat_map(|(rules, _)| rules).any(|rule| {
            rule["effect"] == "deny" && rule["condition"].is_null()
        });
        prop_assume!(!hides);
        let (policies, who) = (compiled(drafts(&several)), member(&["staff"]));
        for server in ["a", "ab", "b"] {
            for name in ["t", "tu", "x", "y"] {
                if may_call_with(&policies, &who, server, name, json!({ "n": 2 })) {
                    prop_assert!(sees(&policies, &who, server, name));
                }
                for (look, list, uses) in [
                    (Target::SeePrompt(name), "prompts/list", Target::GetPrompt(name)),
                    (Target::SeeResource(name), "resources/list", Target::ReadResource(name)),
                ] {
                    if is_allowed(&policies, &who, server, uses) {
                        prop_assert!(is_allowed(&policies, &who, server, look));
                    }
                    if is_allowed(&policies, &who, server, look) {
                        prop_assert!(may_do(&policies, &who, server, list));
                    }
                }
                if sees(&policies, &who, server, name) {
                    prop_assert!(may_do(&policies, &who, server, "tools/list") && may_enter(&policies, &who, server));
                }
            }
        }
    }

    #[test]
    fn without_conditions_and_wide_lists_what_is_seen_by_a_call_can_be_called(several in several()) {
        let mut plain = several;
        for rule in plain.iter_mut().flat_map(|(rules, _)| rules) {
            rule["condition"] = Value::Null;
            rule["list"] = "tools".into();
            let calls = ["tools/list", "tools/call"];
            rule["methods"] = json!(calls);
        }
        let (policies, who) = (compiled(drafts(&plain)), member(&["staff"]));
        for server in ["a", "ab", "b"] {
            for tool in ["t", "tu", "x", "y"] {
                prop_assert_eq!(sees(&policies, &who, server, tool), may_call(&policies, &who, server, tool));
            }
        }
    }
}
