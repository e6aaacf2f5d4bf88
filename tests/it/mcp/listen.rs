//! Hearing that the tools which one may use are others now: MCP 2025-11-25, Streamable HTTP §"Listening for Messages from the
//! Server"; MCP 2026-07-28, server/subscriptions.

use std::time::Duration;

use chrono::TimeDelta;
use portcullis::http::urls;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::meta;
use crate::support::app::Node;
use crate::support::behind::Behind;
use crate::support::upstream::{Upstream, tool};
use crate::support::{Browser, Manager, TestApp};

/// What a stream has to say within this, it says.
const PATIENCE: Duration = Duration::from_secs(5);

/// A stream of events.
struct Ears {
    response: Response,
    heard: String,
}

impl Ears {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("no-store"));
        Self { response, heard: String::new() }
    }

    /// By GET, as clients of the earlier era do.
    async fn legacy(node: &Node, token: &str) -> Self {
        let mut ears = Self::open(get(node, token).header(ACCEPT, "text/event-stream")).await;
        ears.comment().await;
        ears
    }

    /// By a request, as those of the new one do.
    async fn modern(node: &Node, token: &str, notifications: Value) -> Self {
        Self::open(listen(node, token, json!({ "notifications": notifications }))).await
    }

    async fn chunk(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("something is said in time");
        match chunk {
            Ok(Some(chunk)) => {
                self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    async fn comment(&mut self) {
        while !self.heard.contains("\n\n") {
            assert!(self.chunk().await, "the stream says that it is open");
        }
        self.heard.clear();
    }

    /// The next message; nothing at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.heard.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
                self.heard = rest.to_owned();
                match data {
                    Some(data) => return Some(serde_json::from_str(&data).unwrap()),
                    None => continue,
                }
            }
            if !self.chunk().await {
                return None;
            }
        }
    }

    async fn hears_of_tools(&mut self) {
        let message = self.next().await.expect("the stream goes on");
        assert_eq!(message["method"], "notifications/tools/list_changed", "{message}");
        assert!(message.get("id").is_none());
    }
}

fn get(node: &Node, token: &str) -> reqwest::RequestBuilder {
    node.request(Method::GET, urls::MCP).header(AUTHORIZATION, format!("Bearer {token}"))
}

fn listen(node: &Node, token: &str, mut params: Value) -> reqwest::RequestBuilder {
    params["_meta"] = meta();
    let body = json!({ "jsonrpc": "2.0", "id": "news", "method": "subscriptions/listen", "params": params });
    node.request(Method::POST, urls::MCP)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .body(body.to_string())
}

/// The tools of servers that a token finds.
async fn tools(node: &Node, token: &str) -> Vec<String> {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let request = node.request(Method::POST, urls::MCP).header(AUTHORIZATION, format!("Bearer {token}"));
    let answer = node.send(request.header(CONTENT_TYPE, "application/json").body(message.to_string())).await;
    let listed = answer.assert(200).json();
    let names =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
    names.filter(|name| name.contains("__")).collect()
}

/// Ada's token for `/mcp`, and a server whose tools everybody may find.
async fn house(behind: &Behind) -> (TestApp, Browser, String) {
    let app = TestApp::start().await;
    app.register_behind("weather", behind, "UPDATE server_tools SET definition = jsonb_build_object('name', name)")
        .await;
    app.allow(r#"{"effect":"allow","server":"*","methods":["tools/list","tools/call"],"tools":["*"]}"#).await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect_for(&ada, "mcp:read").await.access;
    (app, ada, token)
}

async fn root(app: &TestApp) -> Manager<'_> {
    let root = app.administrator("root").await;
    Manager::new(app, &root, "mgmt.admin").await
}

async fn id_of(api: &Manager<'_>, server: &str) -> String {
    let all = api.get(urls::API_MCP_SERVERS).await.assert(200).json();
    let found = all["items"].as_array().unwrap().iter().find(|item| item["name"] == server).unwrap().clone();
    format!("{}/{}", urls::API_MCP_SERVERS, found["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_client_hears_of_servers_policies_and_tools_that_change_for_it_and_of_no_others() {
    let (app, _, token) = house(&Behind::ordinary()).await;
    let api = root(&app).await;
    app.place("elsewhere").await;
    let mut ears = Ears::legacy(&app, &token).await;
    let weather = id_of(&api, "weather").await;
    // Where Ada is not.
    let foreign = Upstream::with(vec![tool("look", json!({}))]);
    let elsewhere = json!({ "name": "foreign", "url": foreign.url(), "place": "elsewhere" });
    api.register(elsewhere).await.assert(201);
    api.patch(&weather, json!({ "description": "Rain and sun" })).await.assert(200);

    api.patch(&weather, json!({ "enabled": false })).await.assert(200);
    ears.hears_of_tools().await;
    assert!(tools(&app, &token).await.is_empty(), "it is so by the time that it is told");
    api.patch(&weather, json!({ "enabled": true })).await.assert(200);
    ears.hears_of_tools().await;
    assert_eq!(tools(&app, &token).await.len(), 3);

    let rule = json!({ "effect": "deny", "server": "weather", "methods": ["tools/list"], "tools": ["destroy"] });
    let policy = json!({ "name": "careful", "groups": ["everyone"], "rules": [rule] });
    api.post(urls::API_POLICIES, policy).await.assert(201);
    ears.hears_of_tools().await;
    assert_eq!(tools(&app, &token).await, ["weather__change", "weather__look"]);

    let upstream = Upstream::with(vec![tool("listen", json!({ "readOnlyHint": true }))]);
    api.register(json!({ "name": "radio", "url": upstream.url() })).await.assert(201);
    ears.hears_of_tools().await;
    while !tools(&app, &token).await.contains(&"radio__listen".to_owned()) {
        ears.hears_of_tools().await;
    }
    upstream.change(|manner| manner.tools.push(tool("tune", json!({}))));
    api.post(&format!("{}/refresh", id_of(&api, "radio").await), json!({})).await.assert(200);
    while !tools(&app, &token).await.contains(&"radio__tune".to_owned()) {
        ears.hears_of_tools().await;
    }
}

#[tokio::test]
async fn a_client_hears_at_another_node_too() {
    let (app, _, token) = house(&Behind::ordinary()).await;
    let api = root(&app).await;
    let other = app.second_node().await;
    let mut ears = Ears::legacy(&other, &token).await;
    api.patch(&id_of(&api, "weather").await, json!({ "enabled": false })).await.assert(200);
    ears.hears_of_tools().await;
    assert!(tools(&other, &token).await.is_empty());
}

#[tokio::test]
async fn a_request_subscribes_in_the_new_era_and_every_message_names_it() {
    let (app, _, token) = house(&Behind::ordinary()).await;
    let api = root(&app).await;
    let all = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:b"] });
    let mut ears = Ears::modern(&app, &token, all).await;
    let hello = ears.next().await.unwrap();
    let id = json!({ "io.modelcontextprotocol/subscriptionId": "news" });
    assert_eq!(hello["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(hello["params"], json!({ "notifications": { "toolsListChanged": true }, "_meta": id }), "what there is");
    api.patch(&id_of(&api, "weather").await, json!({ "enabled": false })).await.assert(200);
    let changed = ears.next().await.unwrap();
    assert_eq!((&changed["method"], &changed["params"]["_meta"]), (&json!("notifications/tools/list_changed"), &id));
    app.app().shifts.end();
    let cancelled = ears.next().await.unwrap();
    assert_eq!(
        (&cancelled["method"], &cancelled["params"]["requestId"]),
        (&json!("notifications/cancelled"), &json!("news"))
    );
    let result = ears.next().await.unwrap();
    assert_eq!((&result["id"], &result["result"]["resultType"]), (&json!("news"), &json!("complete")));
    assert_eq!(result["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "news");
    assert_eq!(ears.next().await, None, "T4: the last event is the response");
}

#[tokio::test]
async fn who_asks_for_nothing_that_there_is_is_told_so_and_let_go() {
    let (app, _, token) = house(&Behind::ordinary()).await;
    let mut ears = Ears::modern(&app, &token, json!({ "promptsListChanged": true, "toolsListChanged": false })).await;
    assert_eq!(ears.next().await.unwrap()["params"]["notifications"], json!({}));
    assert_eq!(ears.next().await.unwrap()["method"], "notifications/cancelled");
    assert_eq!(ears.next().await.unwrap()["id"], "news");
    assert_eq!(ears.next().await, None);
    for params in [json!({}), json!({ "notifications": [] }), json!({ "notifications": true })] {
        let refused = app.send(listen(&app, &token, params.clone())).await.assert(200).json();
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("news"), &json!(-32602)), "{params}");
    }
}

/// Attack: a stream that outlives the right to it. It ends within two seconds (`decisions` 3), and the next one is refused.
#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let (app, ada, token) = house(&Behind::ordinary()).await;
    let (mut one, mut other) = (Ears::legacy(&app, &token).await, Ears::legacy(&app, &token).await);
    app.clock().advance(TimeDelta::minutes(61));
    assert_eq!(one.next().await, None, "the token has expired");
    assert_eq!(other.next().await, None);
    app.send(get(&app, &token).header(ACCEPT, "text/event-stream")).await.assert(401);

    let token = app.client().await.connect_for(&ada, "mcp:read").await.access;
    let mut ears = Ears::modern(&app, &token, json!({ "toolsListChanged": true })).await;
    ears.next().await.unwrap();
    app.disable(&ada).await;
    assert_eq!(ears.next().await, None, "nothing more is said to somebody who may do nothing");
}

#[tokio::test]
async fn get_listens_where_somebody_asks_for_events_and_in_the_earlier_era_alone() {
    let (app, _, token) = house(&Behind::ordinary()).await;
    for (accept, version, status) in [
        ("*/*", "2025-11-25", 405),
        ("application/json", "2025-11-25", 405),
        ("text/event-stream", "2026-07-28", 405),
        ("text/event-stream", "1999-01-01", 400),
    ] {
        let request = get(&app, &token).header(ACCEPT, accept).header("mcp-protocol-version", version);
        app.send(request).await.assert(status);
    }
    let request = app.request(Method::GET, urls::MCP).header(ACCEPT, "text/event-stream");
    app.send(request).await.assert(401);
    let spoken = get(&app, &token).header(ACCEPT, "text/event-stream, application/json;q=0.5");
    let mut ears = Ears::open(spoken.header("mcp-protocol-version", "2025-06-18")).await;
    ears.comment().await;
}
