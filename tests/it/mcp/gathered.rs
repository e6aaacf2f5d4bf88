//! `/mcp` as the one door to every server: their tools, under their names, as far as the caller may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::behind::{Behind, Reached, ordinary};
use crate::support::{Answer, TestApp};

/// An installation with a server behind it whose tools it has listed, and somebody's token for `/mcp`.
async fn before(behind: &Behind, scope: &str) -> (TestApp, String) {
    let app = TestApp::start().await;
    app.register_behind(
        "weather",
        behind,
        "UPDATE server_tools SET definition = jsonb_build_object('name', name, 'description', 'Tells of rain and sun')",
    )
    .await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect_for(&ada, scope).await.access;
    (app, token)
}

async fn legacy(app: &TestApp, token: &str, method: &str, params: Value) -> Answer {
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let request = app.request(Method::POST, urls::MCP).header(AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.header("content-type", "application/json").body(message.to_string())).await
}

async fn names(app: &TestApp, token: &str) -> Vec<String> {
    let listed = legacy(app, token, "tools/list", json!({})).await.assert(200).json();
    let tools = listed["result"]["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).filter(|name| name.contains("__")).collect()
}

#[tokio::test]
async fn tools_of_servers_are_listed_found_and_called_as_far_as_policies_go() {
    let behind = Behind::ordinary();
    let (app, token) = before(&behind, "mcp:read mcp:write").await;
    assert_eq!(names(&app, &token).await, Vec::<String>::new(), "nothing is allowed that no rule allows");
    legacy(&app, &token, "tools/call", json!({ "name": "weather__look" })).await.assert(403);
    assert!(behind.reached().is_empty());

    app.allow(
        r#"{"effect":"allow","server":"weather","methods":["tools/list","tools/call"],"tools":["look","destroy"]}"#,
    )
    .await;
    assert_eq!(names(&app, &token).await, ["weather__destroy", "weather__look"]);
    let answer = legacy(&app, &token, "tools/call", json!({ "name": "weather__look", "arguments": { "a": 1 } })).await;
    let result = answer.assert(200).json();
    assert_eq!((&result["id"], &result["result"]["content"][0]["text"]), (&json!(7), &json!("look")));
    assert_eq!(behind.last().message()["params"], json!({ "name": "look", "arguments": { "a": 1 } }));
    legacy(&app, &token, "tools/call", json!({ "name": "weather__change" })).await.assert(403);
    let step_up = legacy(&app, &token, "tools/call", json!({ "name": "weather__destroy" })).await.assert(403);
    assert!(step_up.header("www-authenticate").contains("mcp:delete"), "more scope would help");

    let found = app
        .call_tool(&token, "intelligent_tool_finder", json!({ "natural_language_query": "will there be rain?" }))
        .await;
    let found = found.assert(200).json()["result"]["structuredContent"].clone();
    let tools: Vec<&str> =
        found["tools"].as_array().unwrap().iter().filter_map(|tool| tool["tool_name"].as_str()).collect();
    assert_eq!(tools, ["weather__destroy", "weather__look"]);
    assert_eq!(found["tools"][0]["allowed_now"], false);
}

/// One session for one caller, begun anew when the server has forgotten it.
#[tokio::test]
async fn a_session_is_begun_for_each_caller_and_again_when_it_is_lost() {
    let forgets = Arc::new(AtomicBool::new(false));
    let forgetting = Arc::clone(&forgets);
    let behind = Behind::answering(move |reached| {
        let forgotten = reached.header("mcp-session-id").is_none() && reached.message()["method"] != "initialize";
        let lost = reached.message()["method"] == "tools/call" && forgetting.swap(false, Ordering::SeqCst);
        match forgotten || lost {
            true => HttpResponse::NotFound().finish(),
            false => ordinary(reached),
        }
    });
    let (app, token) = before(&behind, "mcp:read").await;
    app.allow_everything().await;
    let call = async || legacy(&app, &token, "tools/call", json!({ "name": "weather__look" })).await.assert(200);
    call().await;
    call().await;
    let methods = |reached: Vec<Reached>| -> Vec<String> {
        reached.iter().map(|one| one.message()["method"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let begun = ["initialize", "notifications/initialized", "tools/call"];
    assert_eq!(methods(behind.reached()), [&begun[..], &["tools/call"]].concat(), "begun once");
    forgets.store(true, Ordering::SeqCst);
    call().await;
    let since: Vec<Reached> = behind.reached().split_off(4);
    assert_eq!(methods(since), [&["tools/call"][..], &begun].concat(), "begun again");
    assert!(behind.reached().iter().all(|one| {
        one.message()["method"] == "initialize" || one.header("mcp-session-id") == Some("session-of-theirs")
    }));
    assert!(behind.reached().iter().all(|one| one.headers.iter().all(|(_, value)| !value.contains(&token))));
}

/// A server of the new era, for a client of the earlier one; and the other way round.
#[tokio::test]
async fn each_side_speaks_its_own_era() {
    let behind = Behind::answering(|reached| {
        let message = reached.message();
        if reached.header("mcp-method").is_none() {
            let error = json!({ "code": -32602, "message": "`_meta` is missing" });
            return HttpResponse::BadRequest().json(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }));
        }
        let said = format!(
            "{} {}",
            reached.header("mcp-name").unwrap(),
            message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]
        );
        let result = json!({ "content": [{ "type": "text", "text": said }], "resultType": "complete" });
        let event = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        let events =
            format!("data: {}\n\ndata: {event}\n\n", json!({ "jsonrpc": "2.0", "method": "notifications/progress" }));
        HttpResponse::Ok().content_type("text/event-stream").body(events)
    });
    let (app, token) = before(&behind, "mcp:read").await;
    app.allow_everything().await;
    let answer = legacy(&app, &token, "tools/call", json!({ "name": "weather__look" })).await.assert(200).json();
    assert_eq!(answer["result"]["content"][0]["text"], r#"look "2026-07-28""#);

    let old = Behind::ordinary();
    app.register_behind("old", &old, "").await;
    let answer = app.call_tool(&token, "old__look", json!({})).await.assert(200).json();
    assert_eq!(answer["result"]["resultType"], "complete", "T10");
    assert_eq!(old.last().message()["params"].get("_meta"), None, "what the earlier era does not know");
}

#[tokio::test]
async fn what_a_server_refuses_is_said_in_its_words_and_what_it_cannot_do_in_ours() {
    let behind = Behind::answering(|reached| match reached.message()["params"]["arguments"]["do"].as_str() {
        Some("refuse") => {
            let error = json!({ "code": -32602, "message": "No such city" });
            HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": reached.message()["id"], "error": error }))
        }
        Some("fail") => HttpResponse::InternalServerError().finish(),
        Some("lie") => HttpResponse::Ok().json(json!({ "hello": "world" })),
        Some("end") => HttpResponse::Ok().content_type("text/event-stream").body(": bye\n\n"),
        _ => ordinary(reached),
    });
    let (app, token) = before(&behind, "mcp:read").await;
    app.allow_everything().await;
    for (what, status, words) in [
        ("refuse", 200, "No such city"),
        ("fail", 502, "status 500"),
        ("lie", 502, "is no response"),
        ("end", 502, "ended without a response"),
    ] {
        let params = json!({ "name": "weather__look", "arguments": { "do": what } });
        let answer = legacy(&app, &token, "tools/call", params).await.assert(status).json();
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
        assert_eq!(answer["id"], 7);
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let behind = Behind::ordinary();
    let (app, token) = before(&behind, "mcp:read").await;
    app.allow_everything().await;
    app.sql(
        "INSERT INTO server_tools (server_id, name, definition, class, seen_at)
         SELECT servers.id, 'tool-' || number, '{}', 'read', now() FROM servers, generate_series(1, 450) AS number",
    )
    .await;
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    for page in 1.. {
        let params = cursor.as_ref().map_or(json!({}), |cursor| json!({ "cursor": cursor }));
        let listed = legacy(&app, &token, "tools/list", params).await.assert(200).json();
        let tools = listed["result"]["tools"].as_array().unwrap();
        all.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = listed["result"]["nextCursor"].as_str().map(str::to_owned);
        assert!(page <= 3);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.iter().filter(|name| name.starts_with("weather__tool-")).count(), 450);
    assert!(all.is_sorted());
    let strange = legacy(&app, &token, "tools/list", json!({ "cursor": "!" })).await.json();
    assert_eq!(strange["error"]["code"], -32602);
}
