//! The order of checks at `/mcp`: size, `Origin`, credential, and only then everything else. Over HTTP, with real tokens.

use portcullis::http::urls;
use portcullis::mcp::endpoint::LARGEST;
use portcullis::mcp::metadata;
use reqwest::header::{AUTHORIZATION, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// An installation, and an access token of that scope.
async fn app_and_token(scope: &str) -> (TestApp, String) {
    let app =
        TestApp::configured(|config| config.server.allowed_origins = vec!["https://app.example".to_owned()]).await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect_for(&ada, scope).await.access;
    (app, token)
}

/// A call as it must be.
fn good(app: &TestApp, token: &str) -> RequestBuilder {
    app.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("Bearer {token}"))
}

fn structured(answer: &Answer) -> Value {
    answer.json()["result"]["structuredContent"].clone()
}

#[tokio::test]
async fn a_good_call_is_answered_in_json() {
    let (app, token) = app_and_token("mcp:read").await;
    assert!(structured(&app.call_mcp(&token).await.assert(200))["services"].is_array());
}

#[tokio::test]
async fn without_a_credential_every_method_and_every_shape_is_challenged() {
    let app = TestApp::start().await;
    for method in [Method::GET, Method::DELETE, Method::POST, Method::PUT, Method::PATCH] {
        let request = app.request(method.clone(), urls::MCP).header("mcp-protocol-version", "nonsense");
        let answer = app.send(request.header("accept", "x/y").body("not JSON")).await.assert(401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer ") && challenge.contains(r#"scope="mcp:read mcp:write""#), "{challenge}");
        assert!(!challenge.contains("error"), "RFC 6750 §3.1: no error before a credential was sent; {challenge}");
        assert_eq!(answer.json()["error"], "unauthorized");
    }
}

#[tokio::test]
async fn with_a_credential_sessions_are_not_allowed_and_streams_are_asked_for() {
    let (app, token) = app_and_token("mcp:read").await;
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let request = app.request(method, urls::MCP).header(AUTHORIZATION, format!("Bearer {token}"));
        let answer = app.send(request).await.assert(405);
        assert_eq!(answer.header("allow"), "GET, POST, OPTIONS");
        assert_eq!(answer.json()["jsonrpc"], "2.0");
    }
}

/// DNS rebinding and hostile pages (MCP 2026-07-28, Streamable HTTP, "Security").
#[tokio::test]
async fn a_foreign_origin_is_refused_before_its_credential_is_looked_at() {
    let (app, token) = app_and_token("mcp:read").await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://localhost.evil.example",
        "http://localhost:8080@evil.example",
        "http://localhost:8080/",
        "HTTP://LOCALHOST:8080",
        "https://app.example.evil",
        "file://localhost",
    ] {
        assert_eq!(app.send(good(&app, &token).header(ORIGIN, origin)).await.status, 403, "{origin:?}");
        let answer = app.send(app.request(Method::GET, urls::MCP).header(ORIGIN, origin)).await;
        assert_eq!(answer.status, 403, "{origin:?} comes before the credential");
        assert_eq!(answer.json()["jsonrpc"], "2.0");
    }
    let two = good(&app, &token).header(ORIGIN, app.issuer()).header(ORIGIN, "https://evil.example");
    app.send(two).await.assert(403);
}

#[tokio::test]
async fn our_own_loopback_and_allowed_origins_are_welcome() {
    let (app, token) = app_and_token("mcp:read").await;
    let own = app.issuer().to_owned();
    for origin in [&own, "http://127.0.0.1:6274", "http://[::1]:3000", "https://localhost", "https://app.example"] {
        assert_eq!(app.send(good(&app, &token).header(ORIGIN, origin)).await.status, 200, "{origin}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_no_credential_and_is_refused_beside_one() {
    let (app, token) = app_and_token("mcp:read").await;
    let query = format!("{}?access_token={token}", urls::MCP);
    let answer = app.send(app.request(Method::POST, &query)).await;
    assert_eq!(answer.status, 401, "I3; RFC 6750 §2.3 is not offered");
    let both = app.request(Method::POST, &format!("{}?x=1&access%5Ftoken=y", urls::MCP));
    app.send(both.header(AUTHORIZATION, format!("Bearer {token}"))).await.assert(400);
}

#[tokio::test]
async fn a_token_in_the_body_is_no_credential() {
    let (app, token) = app_and_token("mcp:read").await;
    let answer = app.post_form(urls::MCP, &[("access_token", &*token)]).await;
    assert_eq!(answer.status, 401, "I3; RFC 6750 §2.2 is not offered");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let (app, token) = app_and_token("mcp:read").await;
    app.send(good(&app, &token).body(vec![b' '; LARGEST + 1])).await.assert(413);
}

#[tokio::test]
async fn step_up_is_a_403_with_one_challenge() {
    let (app, token) = app_and_token("mcp:read").await;
    let answer = app.call_tool(&token, "disconnect_me", json!({})).await.assert(403);
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"scope="mcp:delete mcp:read""#), "{challenge}");
}

#[tokio::test]
async fn an_effect_takes_place_before_its_answer_and_a_failed_one_is_not_claimed() {
    let (app, token) = app_and_token("mcp:delete").await;
    let answer = app.call_tool(&token, "leave_note", json!({ "note": "hello" })).await.assert(200);
    assert_eq!(structured(&answer)["noted"], true);
    assert_eq!(app.events("note.left").await[0]["note"], "hello");
    app.database().close();
    let answer = app.call_tool(&token, "leave_note", json!({ "note": "hello" })).await.assert(503);
    assert!(answer.json().get("result").is_none());
}

#[tokio::test]
async fn a_client_that_disconnects_itself_is_gone_with_its_answer() {
    let (app, token) = app_and_token("mcp:delete").await;
    app.call_tool(&token, "disconnect_me", json!({})).await.assert(200);
    app.call_mcp(&token).await.assert(401);
}

#[tokio::test]
async fn the_resource_metadata_is_found_in_every_place() {
    let app = TestApp::start().await;
    for path in metadata::paths(&app.app().config.server.public_url) {
        let json = app.get(&path).await.assert(200).json();
        assert_eq!(json["resource"], app.at(urls::MCP), "{path}");
        let answer = app.send(app.request(Method::POST, &path)).await.assert(405);
        assert!(answer.json()["error"].is_string());
    }
}
