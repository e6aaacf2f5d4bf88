//! The built-in tools: what they answer, what they refuse, and the scope that each takes.

use portcullis::access::Subject;
use portcullis::mcp::message::Object;
use portcullis::mcp::serve::Effect;
use serde_json::json;

use super::*;

fn call(principal: &Principal, name: &str, arguments: Value) -> Answer {
    modern(principal, "tools/call", json!({ "name": name, "arguments": arguments }))
}

fn done(answer: Answer) -> Value {
    let result = result(answer);
    assert!(result.get("isError").is_none(), "{result}");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"], "the text is the same for clients without structured content");
    text
}

fn mistake(answer: Answer) -> String {
    let result = result(answer);
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

#[test]
fn debug_auth_context_tells_who_by_what_and_why_and_never_a_token() {
    let ada = ada("email mcp:read");
    let context = done(call(&ada, "debug_auth_context", json!({})));
    assert_eq!(context["subject"]["username"], "ada");
    assert_eq!(context["client"], json!({ "client_id": "client-1", "client_name": "Test client" }));
    assert_eq!(context["groups"], json!(["engines"]));
    assert_eq!(context["scopes"], json!(["email", "mcp:read"]));
    assert_eq!(context["audience"], "http://localhost:8080/mcp");
    assert_eq!(context["credential"]["expires_at"], "2027-01-15T08:50:00Z");
    assert_eq!(context["decision"]["allowed"], true);
    let checks: Vec<&Value> = context["decision"]["checks"].as_array().unwrap().iter().map(|it| &it["check"]).collect();
    let all = ["credential", "audience", "expiry", "subject", "server", "place", "permissions", "scope"];
    assert_eq!(checks, all);
    assert!(!context.to_string().contains("the-jti") && !context.to_string().contains("null"));
}

#[test]
fn debug_auth_context_explains_what_a_tool_still_needs() {
    let context = done(call(&ada("mcp:read"), "debug_auth_context", json!({ "tool": "disconnect_me" })));
    assert_eq!(context["decision"]["allowed"], false);
    assert_eq!(context["decision"]["scope_to_ask_for"], "mcp:delete mcp:read");
    assert!(mistake(call(&ada("mcp:read"), "debug_auth_context", json!({ "tool": "nothing" }))).contains("no tool"));
}

#[test]
fn list_services_tells_what_each_is_for_and_not_where_it_lives() {
    let services = done(call(&ada("mcp:read"), "list_services", json!({})));
    assert_eq!(
        services["services"][1],
        json!({ "name": "tickets", "description": "Issues of the quantum department", "transport": "streamable-http" })
    );
}

#[test]
fn the_finder_ranks_tools_and_services_by_plain_words() {
    let found = done(call(&ada("mcp:read"), "intelligent_tool_finder", json!({ "natural_language_query": "quantum" })));
    assert_eq!(found["services"][0]["service_name"], "tickets");
    assert_eq!(found["tools"], json!([]));
    let query = json!({ "natural_language_query": "end the access of this app", "top_n_tools": 1 });
    let found = done(call(&ada("mcp:read"), "intelligent_tool_finder", query));
    assert_eq!(found["tools"].as_array().unwrap().len(), 1);
    assert_eq!(found["tools"][0]["tool_name"], "disconnect_me");
    assert_eq!(found["tools"][0]["allowed_now"], false, "found although it takes more scope");
}

/// True when `value` keeps to `schema`, as far as our output schemas go.
fn keeps_to(schema: &Value, value: &Value) -> bool {
    let members_keep = |value: &Object| {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let is_open = schema["additionalProperties"] != false;
        required.into_iter().all(|name| value.contains_key(name))
            && value.iter().all(|(name, member)| match schema["properties"].get(name) {
                Some(schema) => keeps_to(schema, member),
                None => is_open,
            })
    };
    match schema["type"].as_str() {
        Some("object") => value.as_object().is_some_and(members_keep),
        Some("array") => value.as_array().is_some_and(|all| all.iter().all(|item| keeps_to(&schema["items"], item))),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        other => panic!("a type that we use, not {other:?}"),
    }
}

#[test]
fn what_a_tool_answers_keeps_to_its_output_schema() {
    let everyone = ada("mcp:delete");
    let listed = result(modern(&everyone, "tools/list", json!({})));
    for (name, arguments) in [
        ("debug_auth_context", json!({})),
        ("debug_auth_context", json!({ "tool": "disconnect_me" })),
        ("disconnect_me", json!({})),
        ("intelligent_tool_finder", json!({ "natural_language_query": "meetings, tools, services, notes" })),
        ("leave_note", json!({ "note": "hello" })),
        ("list_services", json!({})),
    ] {
        let tool = listed["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap();
        let answer = done(call(&everyone, name, arguments));
        assert!(keeps_to(&tool["outputSchema"], &answer), "{name}: {answer}");
    }
    let scopeless = done(call(&ada("mcp:read"), "debug_auth_context", json!({ "tool": "leave_note" })));
    assert!(keeps_to(&listed["tools"][0]["outputSchema"], &scopeless), "{scopeless}");
}

#[test]
fn wrong_arguments_are_a_result_that_a_model_can_learn_from() {
    for (tool, arguments, word) in [
        ("list_services", json!({ "x": 1 }), "no argument `x`"),
        ("intelligent_tool_finder", json!({}), "`natural_language_query` is required"),
        ("intelligent_tool_finder", json!({ "natural_language_query": "a", "top_n_tools": 51 }), "1 to 50"),
        ("leave_note", json!({ "note": "x".repeat(501) }), "1 to 500"),
        ("leave_note", json!({ "note": "  " }), "blank"),
        ("leave_note", json!({ "note": "a\nforged entry" }), "one line"),
    ] {
        let why = mistake(call(&ada("mcp:delete"), tool, arguments));
        assert!(why.contains(word), "{tool}: {why}");
    }
}

#[test]
fn an_unknown_tool_or_malformed_call_is_a_protocol_error() {
    for params in [
        json!({ "name": "nothing" }),
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": "list_services", "arguments": [] }),
    ] {
        assert_eq!(error(modern(&ada("mcp:read"), "tools/call", params.clone())), (200, -32602), "{params}");
    }
}

#[test]
fn arguments_may_be_left_out() {
    assert!(done(modern(&ada("mcp:read"), "tools/call", json!({ "name": "list_services" })))["services"].is_array());
}

#[test]
fn step_up_asks_for_what_was_granted_and_what_is_needed() {
    for (granted, tool, asked) in [
        ("mcp:read", "leave_note", "mcp:read mcp:write"),
        ("mcp:read mcp:write", "disconnect_me", "mcp:delete mcp:read mcp:write"),
        ("email mcp:read", "disconnect_me", "email mcp:delete mcp:read"),
    ] {
        assert_eq!(challenged(call(&ada(granted), tool, json!({ "note": "hi" }))), asked);
        let body = json!({ "name": tool, "arguments": { "note": "hi" } });
        assert_eq!(challenged(legacy(&ada(granted), "tools/call", body)), asked, "in both eras");
    }
}

#[test]
fn a_token_without_an_mcp_scope_gets_nowhere() {
    for (method, params) in
        [("server/discover", json!({})), ("tools/list", json!({})), ("tools/call", json!({ "name": "list_services" }))]
    {
        assert_eq!(challenged(modern(&ada("openid"), method, params)), "mcp:read openid", "{method}");
    }
    assert_eq!(challenged(send(&ada(""), &headers(&[]), b"not even JSON")), "mcp:read");
}

#[test]
fn only_a_caller_with_enough_scope_brings_about_an_effect() {
    let ada = ada("mcp:delete");
    assert_eq!(call(&ada, "disconnect_me", json!({})).effect, Some(Effect::EndGrant(ada.credential.grant().unwrap())));
    let noted = call(&ada, "leave_note", json!({ "note": " deployed " }));
    assert_eq!(noted.effect, Some(Effect::LeaveNote("deployed".to_owned())));
    assert_eq!(call(&super::ada("mcp:write"), "disconnect_me", json!({})).effect, None);
}

#[test]
fn a_disabled_person_is_refused_without_a_challenge() {
    let mut ada = ada("mcp:delete");
    let Subject::Person(person) = &mut ada.subject else { panic!("a person") };
    Arc::make_mut(person).is_disabled = true;
    assert_eq!(message(modern(&ada, "tools/list", json!({}))).0, 403);
}
