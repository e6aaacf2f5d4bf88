//! MCP 2026-07-28: Streamable HTTP, versioning, discovery, lists, reads and error codes.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Sends `body` with the headers that belong to it, after `change` had its way with them.
fn with_headers(body: &Value, change: impl FnOnce(&mut HeaderMap)) -> Answer {
    let mut headers = modern_headers(body);
    change(&mut headers);
    send(&ada("mcp:read"), &headers, body.to_string().as_bytes())
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
}

#[test]
fn t1_session_and_resumption_headers_of_earlier_revisions_are_ignored() {
    let body = modern_body("tools/list", json!({}));
    let answer = with_headers(&body, |headers| {
        set(headers, "mcp-session-id", "made-up");
        set(headers, "last-event-id", "7");
    });
    assert!(result(answer)["tools"].is_array());
}

#[test]
fn t3_one_message_at_a_time_and_never_a_response() {
    for body in ["[]", r#"[{"jsonrpc":"2.0","id":7,"method":"tools/list"}]"#] {
        let (status, answer) = message(send(&ada("mcp:read"), &headers(&[]), body.as_bytes()));
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32600)));
        assert!(answer.get("id").is_none(), "no id rather than a null one");
    }
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": {} }).to_string();
    assert_eq!(error(send(&ada("mcp:read"), &headers(&[]), response.as_bytes())), (400, -32600));
    let (status, answer) = message(send(&ada("mcp:read"), &headers(&[]), b"{\"jsonrpc\":"));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32700)));
}

#[test]
fn t3_a_notification_is_accepted_without_a_body() {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {} }).to_string();
    for pairs in [&[][..], &[("mcp-protocol-version", MODERN)], &[("mcp-protocol-version", "2025-06-18")]] {
        assert_eq!(send(&ada("mcp:read"), &headers(pairs), body.as_bytes()).reply, Reply::Accepted, "{pairs:?}");
    }
    let unknown = headers(&[("mcp-protocol-version", "1999-01-01")]);
    assert_eq!(message(send(&ada("mcp:read"), &unknown, body.as_bytes())).0, 400);
}

#[test]
fn t4_only_a_client_that_rules_json_out_is_not_acceptable() {
    let body = modern_body("tools/list", json!({}));
    for (accept, status) in [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5, Application/JSON; q=0.1", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("text/event-stream", 406),
        ("application/json;q=0, text/event-stream", 406),
        ("text/html", 406),
    ] {
        let answer = with_headers(&body, |headers| {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        });
        assert_eq!(message(answer).0, status, "{accept}");
    }
    let answer = with_headers(&body, |headers| {
        headers.remove(ACCEPT);
    });
    assert_eq!(message(answer).0, 200);
}

#[test]
fn a_form_or_plain_text_is_no_message() {
    let body = modern_body("tools/list", json!({}));
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = with_headers(&body, |headers| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        });
        assert_eq!(message(answer).0, 415, "{content_type}");
    }
    let answer = with_headers(&body, |headers| {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/JSON; charset=utf-8"));
    });
    assert_eq!(message(answer).0, 200);
}

#[test]
fn t5_every_request_carries_version_and_capabilities() {
    for meta in [
        None,
        Some(json!("text")),
        Some(json!({})),
        Some(json!({ CAPABILITIES: {} })),
        Some(json!({ VERSION: 7, CAPABILITIES: {} })),
        Some(json!({ VERSION: MODERN })),
        Some(json!({ VERSION: MODERN, CAPABILITIES: null })),
        Some(json!({ VERSION: MODERN, CAPABILITIES: [] })),
    ] {
        let mut body = modern_body("server/discover", json!({}));
        match &meta {
            Some(meta) => body["params"]["_meta"] = meta.clone(),
            None => body["params"] = json!({}),
        }
        assert_eq!(error(with_headers(&body, |_| ())), (400, -32602), "{meta:?}");
    }
}

#[test]
fn t5_client_info_is_optional() {
    let mut body = modern_body("server/discover", json!({}));
    body["params"]["_meta"] = json!({ VERSION: MODERN, CAPABILITIES: {} });
    assert_eq!(message(with_headers(&body, |_| ())).0, 200);
}

#[test]
fn t6_the_version_header_must_be_there_and_say_what_the_body_says() {
    let body = modern_body("tools/list", json!({}));
    let missing = with_headers(&body, |headers| {
        headers.remove("mcp-protocol-version");
    });
    assert_eq!(error(missing), (400, -32020));
    let other = with_headers(&body, |headers| set(headers, "mcp-protocol-version", "2025-11-25"));
    assert_eq!(error(other), (400, -32020));
    let mut body = body;
    body["params"]["_meta"][VERSION] = json!("v999.0.0");
    assert_eq!(error(with_headers(&body, |_| ())), (400, -32020));
    let twice = with_headers(&modern_body("tools/list", json!({})), |headers| {
        headers.append(HeaderName::from_static("mcp-protocol-version"), HeaderValue::from_static(MODERN));
    });
    assert_eq!(error(twice), (400, -32020), "two headers are two sources of truth");
}

#[test]
fn t6_a_version_that_we_do_not_speak_is_told_those_that_we_do() {
    let mut body = modern_body("tools/list", json!({}));
    body["params"]["_meta"][VERSION] = json!("2099-01-01");
    let (status, answer) = message(with_headers(&body, |headers| set(headers, "mcp-protocol-version", "2099-01-01")));
    assert_eq!((status, &answer["error"]["code"], &answer["id"]), (400, &json!(-32022), &json!(7)));
    assert_eq!(answer["error"]["data"]["requested"], "2099-01-01");
    let discovered = result(modern(&ada("mcp:read"), "server/discover", json!({})));
    assert_eq!(answer["error"]["data"]["supported"], discovered["supportedVersions"]);
    assert_eq!(discovered["supportedVersions"][0], MODERN);
}

#[test]
fn t7_method_and_name_headers_must_match_the_body() {
    let body = modern_body("tools/call", json!({ "name": "list_services" }));
    for (name, value) in [
        ("mcp-method", None),
        ("mcp-method", Some("tools/list")),
        ("mcp-method", Some("TOOLS/CALL")),
        ("mcp-name", None),
        ("mcp-name", Some("disconnect_me")),
        ("mcp-name", Some("LIST_SERVICES")),
        ("mcp-name", Some("=?base64?!!!?=")),
        ("mcp-name", Some("=?base64?bGlzdF9zZXJ2aWNlcw?=")),
    ] {
        let answer = with_headers(&body, |headers| match value {
            Some(value) => set(headers, name, value),
            None => {
                headers.remove(name);
            }
        });
        assert_eq!(error(answer), (400, -32020), "{name}: {value:?}");
    }
    for value in ["list_services", "  list_services\t", "=?base64?bGlzdF9zZXJ2aWNlcw==?="] {
        assert_eq!(message(with_headers(&body, |headers| set(headers, "mcp-name", value))).0, 200, "{value}");
    }
}

#[test]
fn t7_resources_and_prompts_are_named_in_the_header_too() {
    for (method, params) in
        [("resources/read", json!({ "uri": "portcullis://guide" })), ("prompts/get", json!({ "name": "explore" }))]
    {
        let body = modern_body(method, params);
        assert_eq!(message(with_headers(&body, |_| ())).0, 200);
        let unnamed = with_headers(&body, |headers| {
            headers.remove("mcp-name");
        });
        assert_eq!(error(unnamed), (400, -32020), "{method}");
    }
}

#[test]
fn t8_unknown_and_removed_methods_are_not_found_in_http_too() {
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "completion/complete",
        "no/such",
        "",
    ] {
        assert_eq!(error(modern(&ada("mcp:read"), method, json!({}))), (404, -32601), "{method}");
    }
}

#[test]
fn t9_nothing_here_needs_a_capability_of_the_client() {
    for tool in ["debug_auth_context", "list_services"] {
        assert_eq!(message(modern(&ada("mcp:read"), "tools/call", json!({ "name": tool }))).0, 200);
    }
}

#[test]
fn t10_every_result_says_that_it_is_complete_and_how_long_lists_may_be_kept() {
    let params = |method: &str| match method {
        "resources/read" => json!({ "uri": "portcullis://guide" }),
        "prompts/get" => json!({ "name": "explore" }),
        "tools/call" => json!({ "name": "list_services" }),
        _ => json!({}),
    };
    for (method, is_kept) in [
        ("server/discover", true),
        ("tools/list", true),
        ("resources/list", true),
        ("resources/templates/list", true),
        ("resources/read", true),
        ("prompts/list", true),
        ("prompts/get", false),
        ("tools/call", false),
    ] {
        let result = result(modern(&ada("mcp:read"), method, params(method)));
        assert_eq!(result["resultType"], "complete", "{method}");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "portcullis", "{method}");
        assert_eq!(result["ttlMs"].is_u64(), is_kept, "{method}");
        assert_eq!(result.get("cacheScope"), is_kept.then_some(&json!("private")), "{method}");
    }
}

#[test]
fn t11_discovery_announces_what_there_is_and_what_changes_by_itself() {
    let result = result(modern(&ada("mcp:read"), "server/discover", json!({})));
    assert_eq!(result["capabilities"], json!({ "tools": { "listChanged": true }, "resources": {}, "prompts": {} }));
    assert!(result["instructions"].as_str().unwrap().contains("http://localhost:8080/settings/apps"));
}

#[test]
fn t12_a_subscription_says_what_it_is_for() {
    let body = json!({ "notifications": { "toolsListChanged": true } });
    let answer = modern(&ada("mcp:read"), "subscriptions/listen", body.clone());
    assert!(matches!(answer.reply, Reply::Listen(_)), "{answer:?}");
    assert_eq!(error(modern(&ada("mcp:read"), "subscriptions/listen", json!({}))), (200, -32602));
    assert_eq!(error(legacy(&ada("mcp:read"), "subscriptions/listen", body)), (200, -32601), "before, there was none");
}

#[test]
fn t15_state_that_we_never_handed_out_is_refused() {
    let params = json!({ "name": "list_services", "requestState": "forged" });
    assert_eq!(error(modern(&ada("mcp:read"), "tools/call", params)), (200, -32602));
}

#[test]
fn t16_t17_a_missing_resource_is_invalid_params_and_never_an_old_code() {
    let answer = modern(&ada("mcp:read"), "resources/read", json!({ "uri": "portcullis://nothing" }));
    let (status, body) = message(answer);
    assert_eq!((status, &body["error"]["code"]), (200, &json!(-32602)));
    assert_eq!(body["error"]["data"]["uri"], "portcullis://nothing");
    assert_eq!(error(modern(&ada("mcp:read"), "resources/read", json!({ "uri": 7 }))), (200, -32602));
}

#[test]
fn t16_lists_come_in_one_order_and_on_one_page() {
    let list = || result(modern(&ada("mcp:read"), "tools/list", json!({})));
    let names: Vec<Value> = list()["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(
        names,
        ["debug_auth_context", "disconnect_me", "intelligent_tool_finder", "leave_note", "list_services"]
    );
    assert_eq!(list(), list());
    for method in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        let answer = modern(&ada("mcp:read"), method, json!({ "cursor": "" }));
        assert_eq!(error(answer), (200, -32602), "{method}: an empty cursor is a cursor");
    }
}

#[test]
fn t18_no_schema_of_ours_refers_elsewhere() {
    let tools = result(modern(&ada("mcp:read"), "tools/list", json!({}))).to_string();
    assert!(!tools.contains("$ref") && !tools.contains("null"), "{tools}");
}

#[test]
fn a_request_in_the_new_era_is_known_by_its_meta_even_without_a_header() {
    let body = modern_body("tools/list", json!({}));
    assert_eq!(error(send(&ada("mcp:read"), &headers(&[]), body.to_string().as_bytes())), (400, -32020));
}

#[test]
fn the_prompt_takes_a_goal_and_the_guide_speaks_to_this_caller() {
    let prompt =
        result(modern(&ada("mcp:read"), "prompts/get", json!({ "name": "explore", "arguments": { "goal": "fly" } })));
    assert!(prompt["messages"][0]["content"]["text"].as_str().unwrap().ends_with("fly"));
    for params in [
        json!({ "name": "nothing" }),
        json!({ "name": "explore", "arguments": { "goal": 7 } }),
        json!({ "name": "explore", "arguments": [] }),
    ] {
        assert_eq!(error(modern(&ada("mcp:read"), "prompts/get", params.clone())), (200, -32602), "{params}");
    }
    let guide = result(modern(&ada("mcp:read"), "resources/read", json!({ "uri": "portcullis://guide" })));
    let text = guide["contents"][0]["text"].as_str().unwrap();
    assert!(text.contains("**ada**") && text.contains("needs `mcp:delete`"), "{text}");
}
