//! Whatever comes in, what goes out is a JSON-RPC message, a 202 or a challenge; never a panic and never a 500.

use actix_web::http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![MODERN, "2025-11-25", "list_services", "portcullis://guide", "explore", "2.0"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(member(), inner, 0..5).prop_map(|members| json!(members)),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    let known = vec![
        "name",
        "uri",
        "arguments",
        "_meta",
        "cursor",
        "requestState",
        "protocolVersion",
        "natural_language_query",
        "top_n_tools",
        "note",
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientCapabilities",
    ];
    prop_oneof![prop::sample::select(known).prop_map(str::to_owned), ".{0,8}"]
}

fn method() -> impl Strategy<Value = String> {
    let known = vec![
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/read",
        "prompts/get",
        "notifications/initialized",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn envelope() -> impl Strategy<Value = Vec<u8>> {
    (method(), json_value(), json_value(), any::<bool>()).prop_map(|(method, id, params, whole)| {
        let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        body["id"] = if whole { json!(7) } else { id };
        body.to_string().into_bytes()
    })
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop::sample::select(vec![
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "accept",
        "content-type",
        "mcp-session-id",
        "mcp-param-x",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::sample::select(vec![MODERN, "tools/call", "list_services", "application/json", "=?base64?AA==?="])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec((name, value), 0..6).prop_map(|pairs| {
        let mut headers = headers(&[]);
        for (name, value) in pairs {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        headers
    })
}

fn is_proper(answer: &Answer) -> bool {
    match &answer.reply {
        Reply::Accepted | Reply::Challenge(_) | Reply::Onward(_) | Reply::Manage(_) | Reply::Listen(_) => true,
        Reply::Message(status, body) => {
            let is_error = body["error"]["code"].is_i64() && body["error"]["message"].is_string();
            let has_id = body.get("id").is_none_or(|id| id.is_string() || id.is_i64() || id.is_u64());
            let is_ok = status.as_u16() == 200 && body["result"].is_object();
            !status.is_server_error() && body["jsonrpc"] == "2.0" && has_id && (is_error != is_ok)
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_break_us(body in prop::collection::vec(any::<u8>(), 0..200), headers in any_headers()) {
        let answer = send(&ada("mcp:read"), &headers, &body);
        prop_assert!(is_proper(&answer), "{:?}", answer);
    }

    #[test]
    fn random_messages_never_break_us(body in envelope(), headers in any_headers()) {
        let answer = send(&ada("mcp:delete"), &headers, &body);
        prop_assert!(is_proper(&answer), "{:?}", answer);
    }

    #[test]
    fn a_message_cut_short_or_flipped_anywhere_never_breaks_us(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let body = modern_body("tools/call", json!({ "name": "debug_auth_context", "arguments": {} }));
        let (headers, mut bytes) = (modern_headers(&body), body.to_string().into_bytes());
        let at = at.index(bytes.len());
        prop_assert!(is_proper(&send(&ada("mcp:read"), &headers, &bytes[..at])));
        bytes[at] = with;
        prop_assert!(is_proper(&send(&ada("mcp:read"), &headers, &bytes)));
    }
}

#[test]
fn a_body_of_a_hundred_thousand_brackets_is_refused_without_recursion() {
    for bracket in ["[", "{\"a\":"] {
        let body = bracket.repeat(100_000);
        assert_eq!(message(send(&ada("mcp:read"), &headers(&[]), body.as_bytes())).0, 400);
    }
}
