//! The sources' decision tables, row by row (C-100 to C-112, U-24, U-29 to U-32), and what our own rules add.

use portcullis::access::visit::Target;
use portcullis::policies::dialect;
use portcullis::policies::{Dialect, Listing};
use serde_json::json;

use super::*;

const FININFO: &str = "
group_mappings:
  analysts: [mcp-servers-restricted/execute]
# User can list tools but only execute specific ones
mcp-servers-restricted/execute:
  - server: fininfo
    methods:
      - tools/list        # Can list all tools
      - tools/call        # Can call tools
    tools:
      - get_stock_aggregates   # But only these specific tools
      - print_stock_data       # Not other tools in the server
";

#[test]
fn the_example_of_the_sources_decides_as_it_says() {
    let (policies, analyst) = (policies(&[FININFO]), member(&["analysts"]));
    for (tool, expected) in [
        ("get_stock_aggregates", true),
        ("print_stock_data", true),
        ("delete_everything", false),
        ("get_stock_aggregate", false),
        ("Get_stock_aggregates", false),
        ("get_stock_aggregates ", false),
        ("", false),
        ("*", false),
    ] {
        assert_eq!(may_call(&policies, &analyst, "fininfo", tool), expected, "{tool:?}");
        assert_eq!(sees(&policies, &analyst, "fininfo", tool), expected, "a list shows what may be called: {tool:?}");
    }
    for (method, expected) in [
        ("initialize", true),
        ("ping", true),
        ("notifications/initialized", true),
        ("server/discover", true),
        ("tools/list", true),
        ("resources/list", false),
        ("prompts/list", false),
        ("logging/setLevel", false),
        ("tools/lis", false),
        ("get_stock_aggregates", false),
    ] {
        assert_eq!(may_do(&policies, &analyst, "fininfo", method), expected, "{method}");
    }
    for server in ["fininfo2", "Fininfo", "currenttime", "fininfo/"] {
        assert!(!may_enter(&policies, &analyst, server) && !may_call(&policies, &analyst, server, "print_stock_data"));
    }
    for stranger in [member(&[]), member(&["mcp-servers-restricted/execute"]), member(&["everyone"])] {
        assert!(!may_enter(&policies, &stranger, "fininfo"), "who is in no group of the policy has nothing of it");
    }
}

/// "Can list all tools … but only these specific tools": the other reading (C-109).
#[test]
fn a_list_shows_every_tool_where_that_was_asked_for_and_calls_are_the_same() {
    let import = dialect::read(FININFO, Some(Dialect::ScopesYml), Listing::All).unwrap();
    let (policies, analyst) = (compiled(import.drafts), member(&["analysts"]));
    for (tool, callable) in [("print_stock_data", true), ("another", false)] {
        assert!(sees(&policies, &analyst, "fininfo", tool));
        assert_eq!(may_call(&policies, &analyst, "fininfo", tool), callable);
    }
    assert!(!sees(&policies, &analyst, "currenttime", "another"));
}

#[test]
fn the_three_scenarios_are_as_in_the_table() {
    let seeds = portcullis::policies::seeds::documents().unwrap();
    let policies = compiled(seeds.into_iter().flat_map(|import| import.drafts).collect());
    // Scenario, can list tools, can execute, which tools.
    for (groups, lists, executes, others) in [
        (&["mcp-registry-user"][..], true, false, false),
        (&["mcp-registry-developer"], true, true, false),
        (&["mcp-registry-operator"], true, true, false),
        (&["mcp-servers-restricted"], true, true, false),
        (&["mcp-registry-admin"], true, true, true),
        (&["mcp-servers-unrestricted"], true, true, true),
        (&["registry-admins"], true, true, true),
        (&[], false, false, false),
    ] {
        let who = member(groups);
        for (server, tool) in [("fininfo", "print_stock_data"), ("currenttime", "current_time_by_timezone")] {
            assert_eq!(may_do(&policies, &who, server, "tools/list"), lists, "{groups:?}");
            assert_eq!(sees(&policies, &who, server, tool), lists, "{groups:?}");
            assert_eq!(may_call(&policies, &who, server, tool), executes, "{groups:?} {tool}");
            assert_eq!(may_call(&policies, &who, server, "another"), others, "{groups:?}");
        }
        assert_eq!(may_call(&policies, &who, "another", "another"), others, "{groups:?}");
    }
}

#[test]
fn the_examples_that_come_with_us_say_what_they_are_called() {
    let example = |name: &str| {
        let path = format!("{}/examples/groups/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let names =
        ["public-mcp-users", "currenttime-users", "registry-admins", "time-and-registry-users", "careful-analysts"];
    let listed = std::fs::read_dir(format!("{}/examples/groups", env!("CARGO_MANIFEST_DIR"))).unwrap().count();
    assert_eq!(listed, names.len(), "every example is tried");
    let texts = names.map(example);
    let policies = policies(&texts.each_ref().map(String::as_str));
    for (group, server, tool, expected) in [
        ("public-mcp-users", "context7", "resolve-library-id", true),
        ("public-mcp-users", "cloudflare-docs", "search", true),
        ("public-mcp-users", "currenttime", "current_time_by_timezone", false),
        ("currenttime-users", "currenttime", "current_time_by_timezone", true),
        ("currenttime-users", "currenttime", "other", false),
        ("currenttime-users", "context7", "resolve-library-id", false),
        ("registry-admins", "anything", "at_all", true),
        ("time-and-registry-users", "currenttime", "get_current_time", true),
        ("time-and-registry-users", "currenttime", "current_time_by_timezone", false),
        ("time-and-registry-users", "mcpgw", "list_services", true),
        ("time-and-registry-users", "fininfo", "print_stock_data", false),
        ("careful-analysts", "warehouse", "query", true),
        ("careful-analysts", "warehouse", "export_totals", true),
        ("careful-analysts", "warehouse", "export_salaries", false),
        ("careful-analysts", "warehouse", "drop_table", false),
    ] {
        assert_eq!(may_call(&policies, &member(&[group]), server, tool), expected, "{group} {server} {tool}");
    }
    let analyst = member(&["careful-analysts"]);
    for (arguments, expected) in [
        (json!({ "limit": 100, "table": "sandbox_a" }), true),
        (json!({ "limit": 101, "table": "sandbox_a" }), false),
        (json!({ "limit": 1, "table": "salaries" }), false),
        (json!({ "table": "sandbox_a" }), false),
        (json!({ "limit": "1", "table": "sandbox_a" }), false),
        (json!({}), false),
    ] {
        let may = may_call_with(&policies, &analyst, "warehouse", "update_rows", arguments.clone());
        assert_eq!(may, expected, "{arguments}");
    }
    assert!(sees(&policies, &analyst, "warehouse", "update_rows"), "what may be called sometimes is seen");
    assert!(is_allowed(&policies, &analyst, "warehouse", Target::ReadResource("warehouse://reports/q1")));
    assert!(!is_allowed(&policies, &analyst, "warehouse", Target::ReadResource("warehouse://people/ada")));
}

#[test]
fn whoever_administers_may_do_everything_but_what_a_rule_denies_them() {
    let deny = |group: &str| {
        let rule = json!({ "effect": "deny", "server": "bank", "methods": ["tools/call"], "tools": ["pay"] });
        json!({ "name": "no-pay", "groups": [group], "rules": [rule] }).to_string()
    };
    let admin = somebody(&["staff"], true);
    assert!(may_call(&Policies::default(), &admin, "bank", "pay"));
    assert!(!may_call(&policies(&[&deny("everyone")]), &admin, "bank", "pay"));
    assert!(!may_call(&policies(&[&deny("staff")]), &admin, "bank", "pay"));
    assert!(may_call(&policies(&[&deny("others")]), &admin, "bank", "pay"));
    assert!(may_call(&policies(&[&deny("everyone")]), &admin, "bank", "look"));
}

#[test]
fn a_rule_that_denies_is_about_no_more_than_it_says() {
    let allow = json!({
        "server": "*", "methods": ["*"], "tools": ["*"], "prompts": ["*"], "resources": ["*"],
    });
    let with = |deny: Value| {
        let mut deny = deny;
        deny["effect"] = "deny".into();
        deny["server"] = "s".into();
        rules(json!([allow, deny]))
    };
    let who = member(&["staff"]);
    let one = with(json!({ "methods": ["*"], "tools": ["drop"] }));
    assert!(!may_call(&one, &who, "s", "drop") && !sees(&one, &who, "s", "drop"));
    assert!(may_call(&one, &who, "s", "keep") && may_enter(&one, &who, "s"));
    assert!(may_do(&one, &who, "s", "tools/list") && may_do(&one, &who, "s", "logging/setLevel"));
    let calls = with(json!({ "methods": ["tools/call"], "tools": ["*"] }));
    assert!(!may_call(&calls, &who, "s", "keep") && !sees(&calls, &who, "s", "keep"));
    assert!(is_allowed(&calls, &who, "s", Target::ReadResource("r")) && may_enter(&calls, &who, "s"));
    let method = with(json!({ "methods": ["logging/*"] }));
    assert!(!may_do(&method, &who, "s", "logging/setLevel") && may_do(&method, &who, "s", "tools/list"));
    let all = with(json!({ "methods": ["*"], "tools": ["*"], "prompts": ["*"], "resources": ["*"] }));
    assert!(!may_enter(&all, &who, "s") && !may_do(&all, &who, "s", "ping"));
    assert!(may_enter(&all, &who, "other"));
    let sometimes = with(json!({ "methods": ["tools/call"], "tools": ["pay"], "condition": "arguments.amount > 100" }));
    assert!(sees(&sometimes, &who, "s", "pay"), "a condition hides nothing");
    assert!(may_call_with(&sometimes, &who, "s", "pay", json!({ "amount": 100 })));
    assert!(!may_call_with(&sometimes, &who, "s", "pay", json!({ "amount": 101 })));
    assert!(!may_call_with(&sometimes, &who, "s", "pay", json!({ "amount": "1" })), "what cannot be told is denied");
    assert!(!may_call(&sometimes, &who, "s", "pay"), "what cannot be told is denied");
}

#[test]
fn a_scope_that_names_policies_narrows_and_never_widens() {
    let policies = policies(&[
        FININFO,
        &json!({
            "name": "mcp-servers-restricted/read", "groups": ["analysts"],
            "rules": [{ "server": "fininfo", "methods": ["tools/list"], "tools": ["*"] }],
        })
        .to_string(),
    ]);
    let with = |scope: &str, groups: &[&str]| {
        let mut who = member(groups);
        who.scope = format!("mcp:delete {scope}").parse().unwrap();
        (may_call(&policies, &who, "fininfo", "print_stock_data"), sees(&policies, &who, "fininfo", "another"))
    };
    assert_eq!(with("", &["analysts"]), (true, true));
    assert_eq!(with("mcp-servers-restricted/execute", &["analysts"]), (true, false));
    assert_eq!(with("mcp-servers-restricted/read", &["analysts"]), (false, true));
    assert_eq!(with("mcp-servers-restricted/read mcp-servers-restricted/execute", &["analysts"]), (true, true));
    assert_eq!(with("mcp-servers-gone/execute", &["analysts"]), (false, false));
    assert_eq!(with("mcp-servers-restricted/execute", &[]), (false, false));
}
