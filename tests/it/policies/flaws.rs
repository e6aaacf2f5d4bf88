//! What the systems that we take over from do wrong, each as a test that we do not.

use portcullis::access::visit::Target;
use portcullis::policies::dialect;
use serde_json::json;

use super::*;

/// There a list of tools with `*` grants every method of a server.
#[test]
fn a_wildcard_in_tools_grants_no_method() {
    let policies = policies(&["s:\n- server: a\n  methods: [tools/list]\n  tools: ['*']\ngroup_mappings: {g: [s]}"]);
    let who = member(&["g"]);
    for method in ["resources/list", "resources/read", "prompts/list", "logging/setLevel", "completion/complete"] {
        assert!(!may_do(&policies, &who, "a", method), "{method}");
    }
    assert!(!may_call(&policies, &who, "a", "t") && sees(&policies, &who, "a", "t"));
    assert!(!is_allowed(&policies, &who, "a", Target::ReadResource("r")));
}

/// There `tools/call` is granted by the list of tools alone, and a method whose name stands among the tools too.
#[test]
fn a_list_of_tools_grants_no_call_without_the_method() {
    let text = "s:\n- server: a\n  methods: [initialize]\n  tools: [t, resources/list]\ngroup_mappings: {g: [s]}";
    let (policies, who) = (policies(&[text]), member(&["g"]));
    assert!(!may_call(&policies, &who, "a", "t") && !sees(&policies, &who, "a", "t"));
    assert!(!may_do(&policies, &who, "a", "resources/list") && may_enter(&policies, &who, "a"));
    let notes = read(text).notes;
    assert!(notes.iter().any(|note| note.at == "/s/0" && note.what.contains("tools/call")), "{notes:?}");
}

/// There a "read" scope lets its user execute (§10.4).
#[test]
fn read_never_executes() {
    let text = |level: &str| {
        json!({
            "scope_name": "g", "description": "", "servers": [{ "server_name": "a", "tools": ["*"], "access_level": level }],
        })
    };
    for (level, executes) in [("read", false), ("execute", true)] {
        let (policies, who) = (policies(&[&text(level).to_string()]), member(&["g"]));
        assert_eq!(may_call(&policies, &who, "a", "t"), executes);
        assert!(sees(&policies, &who, "a", "t") && may_do(&policies, &who, "a", "resources/list"));
        assert!(is_allowed(&policies, &who, "a", Target::ReadResource("r")));
        assert!(is_allowed(&policies, &who, "a", Target::GetPrompt("p")));
        assert!(!may_do(&policies, &who, "a", "logging/setLevel"));
    }
}

/// There nothing is denied, conditional, or about prompts and resources.
#[test]
fn prompts_and_resources_are_told_apart() {
    let policies = rules(json!([{
        "server": "a", "methods": ["prompts/get", "resources/read"], "prompts": ["greet"], "resources": ["file:///pub/*"],
    }]));
    let who = member(&["staff"]);
    for (target, expected) in [
        (Target::GetPrompt("greet"), true),
        (Target::SeePrompt("greet"), true),
        (Target::GetPrompt("other"), false),
        (Target::SeePrompt("other"), false),
        (Target::ReadResource("file:///pub/a"), true),
        (Target::SeeResource("file:///pub/a"), true),
        (Target::ReadResource("file:///etc/passwd"), false),
        (Target::SeeResource("file:///etc/passwd"), false),
        (Target::SeeTool("t"), false),
        (Target::Method("prompts/list"), true),
        (Target::Method("resources/templates/list"), true),
        (Target::Method("tools/list"), false),
    ] {
        assert_eq!(is_allowed(&policies, &who, "a", target), expected, "{target:?}");
    }
}

/// There a missing file allows all, and so did an exception once.
#[test]
fn nothing_said_is_nothing_allowed() {
    let who = member(&["staff"]);
    for policies in [Policies::default(), rules(json!([])), rules(json!([{ "server": "a" }]))] {
        assert!(!may_call(&policies, &who, "a", "t") && !sees(&policies, &who, "a", "t"));
        assert!(!may_do(&policies, &who, "a", "tools/list"));
    }
    assert!(!may_enter(&Policies::default(), &who, "a"));
    let broken = rules_unchecked("this is no condition(");
    assert!(!may_call(&broken, &who, "a", "t"), "a rule that cannot be evaluated allows nothing");
}

/// A condition that could not have been saved today, as one that an older version took.
fn rules_unchecked(condition: &str) -> Policies {
    let mut draft = read(
        &json!({
            "name": "p", "groups": ["staff"],
            "rules": [{ "server": "a", "methods": ["*"], "tools": ["*"], "condition": "true" }],
        })
        .to_string(),
    )
    .drafts
    .remove(0);
    draft.rules[0].condition = Some(condition.to_owned());
    compiled(vec![draft])
}

/// There rules were looked up with the transport in the server's name, so that all tools vanished.
#[test]
fn slashes_and_the_word_of_a_transport_are_no_part_of_a_name() {
    for written in ["a", "/a", "a/", "/a/", "a/mcp", "/a/mcp/", "/a/sse"] {
        let document = json!({
            "scope_name": "g", "server_access": [{ "server": written, "methods": ["tools/call"], "tools": ["t"] }],
        });
        assert!(may_call(&policies(&[&document.to_string()]), &member(&["g"]), "a", "t"), "{written}");
    }
}

/// There the documented dialect is ignored by the import, and the group grants nothing, silently (§10.1).
#[test]
fn the_documented_dialect_grants_what_it_says() {
    let document = json!({
        "scope_name": "public-mcp-users",
        "description": "Users with access to public MCP servers",
        "servers": [
            { "server_name": "currenttime", "tools": ["get_current_time"], "access_level": "execute" },
            { "server_name": "mcpgw", "tools": ["*"], "access_level": "execute" },
        ],
        "create_in_idp": true,
    });
    let (policies, who) = (policies(&[&document.to_string()]), member(&["public-mcp-users"]));
    assert!(may_call(&policies, &who, "currenttime", "get_current_time") && may_call(&policies, &who, "mcpgw", "x"));
    assert!(!may_call(&policies, &who, "currenttime", "x"));
}

/// There what is not known is dropped without a word.
#[test]
fn what_is_not_known_is_refused_with_the_way_to_it() {
    let refused = |document: Value| {
        let fault = dialect::read_value(&document, None, Listing::Tools).expect_err("it has a fault");
        fault.to_string()
    };
    let server = |server: Value| json!({ "scope_name": "g", "description": "", "servers": [server] });
    for (document, words) in [
        (server(json!({ "server_name": "a", "tools": [], "access_level": "admin" })), "/servers/0/access_level: "),
        (server(json!({ "server_name": "a", "tools": [], "access": "read" })), "/servers/0/access: "),
        (server(json!({ "server_name": "a", "access_level": "read" })), "/servers/0: the field \"tools\" is missing"),
        (server(json!({ "server_name": "/", "tools": [], "access_level": "read" })), "/servers/0/server_name: "),
        (json!({ "scope_name": "g", "servers": [] }), "the field \"description\" is missing"),
        (json!({ "description": "", "servers": [] }), "the field \"scope_name\" is missing"),
        (json!({ "scope_name": "g", "server_access": [], "servers": [] }), "/servers: "),
        (
            json!({ "scope_name": "g", "server_acces": [] }),
            "/server_acces: this field is not known here; is it \"server_access\"?",
        ),
        (json!({ "scope_name": "g", "server_access": [{ "server": "a", "tool": ["t"] }] }), "/server_access/0/tool: "),
        (json!({ "scope_name": "g", "server_access": [{ "agents": {}, "server": "a" }] }), "/server_access/0/server: "),
        (
            json!({ "scope_name": "g", "server_access": [{ "server": "a", "tools": "t" }] }),
            "/server_access/0/tools: this must be a list",
        ),
        (json!({ "scope_name": "g", "_id": "h", "server_access": [] }), "/_id: "),
        (json!({ "UI-Scopes": {}, "a/b": [{ "server": "a", "method": [] }] }), "/a~1b/0/method: "),
        (json!({ "name": "p", "rules": [{ "server": "a", "effect": "maybe" }] }), "/rules/0/effect: "),
        (json!({ "name": "p", "rules": [{ "server": "a", "condition": "1 +" }] }), "/rules/0/condition: "),
        (json!({ "name": "p", "rules": [{ "server": "a", "condition": "who == 'me'" }] }), "\"who\""),
        (json!({ "name": "p", "rules": [{ "server": "a\u{0}" }] }), "/rules/0/server: "),
        (json!({ "name": "p", "permissions": { "a": "\u{0}" } }), "U+0000"),
        (json!({ "name": "a,b" }), "\"a,b\""),
        (json!({ "name": "p", "groups": [""] }), "\"\""),
        (json!([{ "name": "p" }, { "name": "p" }]), "twice"),
        (json!(3), "the document: this must be an object"),
    ] {
        let said = refused(document.clone());
        assert!(said.contains(words), "{document}: {said}");
    }
}

/// What means nothing here is kept and told.
#[test]
fn agents_and_permissions_of_pages_are_kept_for_export_and_told() {
    let text = std::fs::read_to_string(format!("{}/examples/groups/public-mcp-users.json", env!("CARGO_MANIFEST_DIR")));
    let text = text.unwrap();
    let import = read(&text);
    for at in ["/server_access/2/agents", "/ui_permissions", "/create_in_idp"] {
        assert!(import.notes.iter().any(|note| note.at == at), "{at}: {:?}", import.notes);
    }
    let again = dialect::write(&[&import.drafts[0]], dialect::Dialect::ServerAccess).unwrap();
    assert_eq!(read(&again).drafts, import.drafts);
    let again: Value = serde_json::from_str(&again).unwrap();
    let first: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["server_access"][2], first["server_access"][2]);
    assert_eq!(again["ui_permissions"], first["ui_permissions"]);
}
