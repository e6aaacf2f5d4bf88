//! MCP 2025-11-25 and before: a handshake first, no sessions.

use serde_json::json;

use super::*;

#[test]
fn a_handshake_negotiates_whatever_the_header_already_says() {
    for (requested, answered) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2024-11-05"),
        (MODERN, "2025-11-25"),
    ] {
        for pairs in [&[][..], &[("mcp-protocol-version", MODERN)], &[("mcp-protocol-version", "2024-11-05")]] {
            let params = json!({ "protocolVersion": requested, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
            let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params });
            let result = result(send(&ada("mcp:read"), &headers(pairs), body.to_string().as_bytes()));
            assert_eq!(result["protocolVersion"], answered, "{requested} {pairs:?}");
            assert_eq!(result["serverInfo"]["name"], "portcullis");
            assert_eq!(
                result["capabilities"],
                json!({ "tools": { "listChanged": true }, "resources": {}, "prompts": {} })
            );
        }
    }
}

#[test]
fn a_handshake_without_a_version_is_invalid() {
    for params in [json!({}), json!({ "protocolVersion": 7 })] {
        assert_eq!(error(legacy(&ada("mcp:read"), "initialize", params)), (200, -32602));
    }
}

#[test]
fn a_missing_version_header_is_fine_and_an_unknown_one_is_not() {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" }).to_string();
    assert_eq!(result(send(&ada("mcp:read"), &headers(&[]), body.as_bytes())), json!({}));
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let known = headers(&[("mcp-protocol-version", version)]);
        assert_eq!(result(send(&ada("mcp:read"), &known, body.as_bytes())), json!({}));
    }
    for version in ["1999-01-01", "latest", ""] {
        let unknown = headers(&[("mcp-protocol-version", version)]);
        assert_eq!(error(send(&ada("mcp:read"), &unknown, body.as_bytes())), (400, -32022), "{version:?}");
    }
}

#[test]
fn the_initialized_notification_is_accepted() {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let version = headers(&[("mcp-protocol-version", "2025-11-25")]);
    assert_eq!(send(&ada("mcp:read"), &version, body.as_bytes()).reply, Reply::Accepted);
}

#[test]
fn results_are_bare_of_what_the_new_era_added() {
    for (method, member) in [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let result = result(legacy(&ada("mcp:read"), method, json!({})));
        let members: Vec<&String> = result.as_object().unwrap().keys().collect();
        assert_eq!(members, [member]);
    }
}

#[test]
fn unknown_methods_are_json_rpc_errors_with_status_200() {
    for method in ["logging/setLevel", "completion/complete", "resources/subscribe", "no/such"] {
        assert_eq!(error(legacy(&ada("mcp:read"), method, json!({}))), (200, -32601), "{method}");
    }
}

#[test]
fn a_missing_resource_has_the_old_code() {
    assert_eq!(error(legacy(&ada("mcp:read"), "resources/read", json!({ "uri": "x:y" }))), (200, -32002));
}

#[test]
fn tools_resources_and_prompts_work_without_a_handshake_since_there_is_no_session() {
    let called = result(legacy(&ada("mcp:read"), "tools/call", json!({ "name": "list_services" })));
    assert_eq!(called["structuredContent"]["services"][0]["name"], "calendar");
    assert!(result(legacy(&ada("mcp:read"), "resources/read", json!({ "uri": "portcullis://guide" })))["contents"][0]["text"].is_string());
    assert!(result(legacy(&ada("mcp:read"), "prompts/get", json!({ "name": "explore" })))["messages"].is_array());
}
