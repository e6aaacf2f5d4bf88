//! What a server has: asked in every way in which servers speak, and believed only so far (`decisions` 12, 20).

use chrono::TimeDelta;
use portcullis::jobs::check_servers;
use serde_json::{Value, json};

use crate::support::upstream::{Manner, Upstream, Voice, tool};
use crate::support::{Manager, TestApp};

fn look() -> Value {
    tool("look", json!({ "readOnlyHint": true }))
}

fn edit() -> Value {
    tool("edit", json!({}))
}

fn destroy() -> Value {
    tool("destroy", json!({ "destructiveHint": true }))
}

async fn root(app: &TestApp) -> Manager<'_> {
    let root = app.administrator("root").await;
    Manager::new(app, &root, "mgmt.write").await
}

/// Where a server is.
fn path(server: &Value) -> String {
    format!("/api/v1/mcp-servers/{}", server["id"].as_str().unwrap())
}

/// Each tool with its class.
fn classes(tools: &Value) -> Vec<(&str, &str)> {
    let items = tools["items"].as_array().unwrap();
    items.iter().map(|tool| (tool["name"].as_str().unwrap(), tool["class"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_server_is_asked_for_its_tools_in_every_way_in_which_servers_speak() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    for (name, voice, transport) in [
        ("json", Voice::Json, "streamable-http"),
        ("stream", Voice::Stream, "streamable-http"),
        ("modern", Voice::Modern, "streamable-http"),
        ("old", Voice::OldSse, "sse"),
    ] {
        let upstream = Upstream::start(Manner { voice, tools: vec![look(), edit(), destroy()], wants: None });
        let body = json!({ "name": name, "url": upstream.url(), "transport": transport });
        let made = api.register(body).await.assert(201).json();
        assert_eq!(made["health"], "healthy", "{made}");
        let tools = api.get(&format!("{}/tools", path(&made))).await.assert(200).json();
        assert_eq!(classes(&tools), [("destroy", "delete"), ("edit", "write"), ("look", "read")], "{name}");
        let visits = upstream.visits();
        let last = visits.last().unwrap();
        match voice {
            Voice::Json | Voice::Stream => {
                assert_eq!(
                    (last.method.as_str(), last.header("mcp-session-id")),
                    ("DELETE", Some("s1")),
                    "it is ended"
                );
                let list = visits.iter().find(|visit| visit.body["method"] == "tools/list").unwrap();
                assert_eq!(list.header("mcp-protocol-version"), Some("2025-06-18"), "what it chose");
            }
            _ => assert_eq!(last.body["method"], "tools/list"),
        }
    }
}

#[tokio::test]
async fn a_server_is_found_as_it_is() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let upstream = Upstream::with(vec![look()]);
    let made = api.register(json!({ "name": "one", "url": upstream.url() })).await.assert(201).json();
    let refresh = format!("{}/refresh", path(&made));
    for (voice, says) in [(Voice::Status(401), "401"), (Voice::Status(503), "503"), (Voice::Status(302), "302")] {
        upstream.change(|manner| manner.voice = voice);
        let found = api.post(&refresh, json!({})).await.assert(200).json();
        assert_eq!(found["health"], "failing");
        assert!(found["health_detail"].as_str().unwrap().contains(says), "{found}");
    }
    assert_eq!(api.tools(&made).await["items"][0]["listed"], true, "nobody knows better");
    upstream.change(|manner| manner.voice = Voice::Json);
    let found = api.post(&refresh, json!({})).await.assert(200).json();
    assert!(found["health"] == "healthy" && found.get("health_detail").is_none(), "{found}");
    api.patch(&path(&made), json!({ "auth": { "type": "passthrough" } })).await.assert(200);
    upstream.change(|manner| manner.voice = Voice::Status(401));
    let found = api.post(&refresh, json!({})).await.assert(200).json();
    assert_eq!(found["health"], "unknown", "it is not asked with anybody's credential: {found}");
}

/// `decisions` 12: tool definitions that change after they were looked at.
#[tokio::test]
async fn a_tool_does_not_become_harmless_by_saying_so() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let upstream = Upstream::with(vec![look(), destroy()]);
    let made = api.register(json!({ "name": "one", "url": upstream.url() })).await.assert(201).json();
    let refresh = async |tools: Vec<Value>| {
        upstream.change(|manner| manner.tools = tools);
        api.post(&format!("{}/refresh", path(&made)), json!({})).await.assert(200);
        api.tools(&made).await
    };
    let harmless = tool("destroy", json!({ "readOnlyHint": true }));
    let tools = refresh(vec![look(), harmless.clone()]).await;
    assert_eq!(classes(&tools), [("destroy", "delete"), ("look", "read")]);
    assert_eq!(tools["items"][0]["proposed_class"], "read");
    let tools = refresh(vec![look()]).await;
    assert_eq!(tools["items"][0]["listed"], false);
    let tools = refresh(vec![look(), harmless.clone()]).await;
    assert_eq!(classes(&tools)[0], ("destroy", "delete"), "nor by being away for a while");
    let one = format!("{}/tools/destroy", path(&made));
    api.patch(&one, json!({ "approve": "write" })).await.assert(409);
    let approved = api.patch(&one, json!({ "approve": "read" })).await.assert(200).json();
    assert!(approved["class"] == "read" && approved.get("proposed_class").is_none(), "{approved}");
    let tools = refresh(vec![tool("look", json!({ "destructiveHint": true })), harmless]).await;
    assert_eq!(classes(&tools), [("destroy", "read"), ("look", "delete")], "worse is worse at once");
    let server = app.app().servers.enabled();
    assert_eq!(server[0].upstream.class_of("look").name(), "delete", "and holds at once");
    let told = app.events("server.tools_changed").await;
    assert!(told.iter().any(|told| told["worse"] == json!(["look"])), "{told:?}");
    assert_eq!(app.events("server.tool_classed").await.len(), 1);
}

#[tokio::test]
async fn an_administrator_says_what_a_tool_does_until_it_says_worse_of_itself() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let upstream = Upstream::with(vec![tool("a/b c", json!({}))]);
    let made = api.register(json!({ "name": "one", "url": upstream.url() })).await.assert(201).json();
    let one = format!("{}/tools/a%2Fb%20c", path(&made));
    let chosen = api.patch(&one, json!({ "class": "read" })).await.assert(200).json();
    assert_eq!(
        (&chosen["class"], &chosen["annotated_class"], &chosen["chosen_class"]),
        (&json!("read"), &json!("write"), &json!("read"))
    );
    assert_eq!(app.app().servers.enabled()[0].upstream.class_of("a/b c").name(), "read");
    let back = api.patch(&one, json!({ "class": "annotated" })).await.assert(200).json();
    assert!(back["class"] == "write" && back.get("chosen_class").is_none(), "{back}");
    api.patch(&one, json!({ "class": "read" })).await.assert(200);
    upstream.change(|manner| manner.tools = vec![tool("a/b c", json!({ "destructiveHint": true }))]);
    api.post(&format!("{}/refresh", path(&made)), json!({})).await.assert(200);
    assert_eq!(classes(&api.tools(&made).await), [("a/b c", "delete")]);
    for (body, status) in [
        (json!({ "class": "harmless" }), 422),
        (json!({}), 400),
        (json!({ "class": "read", "approve": "read" }), 400),
        (json!({ "klass": "read" }), 400),
    ] {
        api.patch(&one, body).await.assert(status);
    }
    api.patch(&format!("{}/tools/none", path(&made)), json!({ "class": "read" })).await.assert(404);
}

#[tokio::test]
async fn the_clock_looks_every_five_minutes_and_one_node_at_a_time() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let upstream = Upstream::with(vec![look()]);
    api.register(json!({ "name": "one", "url": upstream.url() })).await.assert(201);
    api.register(json!({ "name": "off", "url": upstream.url(), "enabled": false })).await.assert(201);
    let node = app.second_node().await;
    assert_eq!(check_servers::work(app.app()).await.unwrap(), 0, "whoever registered it has just looked");
    app.clock().advance(TimeDelta::minutes(5));
    upstream.change(|manner| manner.tools = vec![destroy()]);
    let (one, other) = tokio::join!(check_servers::work(app.app()), check_servers::work(node.app()));
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    let knows =
        |node: &crate::support::app::Node| node.app().servers.enabled()[0].upstream.tools.contains_key("destroy");
    let since = std::time::Instant::now();
    while !(knows(&app) && knows(&node)) {
        assert!(since.elapsed().as_secs() < 2, "each node knows");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let unused = api.get("/api/v1/mcp-servers?enabled=false").await.json();
    assert_eq!(unused["items"][0]["health"], "unknown", "one that is switched off is left alone");
}

/// H: a server that lies about where to post would be given our credential for somebody else.
#[tokio::test]
async fn what_proves_us_goes_to_the_server_alone() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let secret = "Bearer hush-hush-4711";
    app.is_secret(secret);
    let wants = Some(("authorization", secret.to_owned()));
    let upstream = Upstream::start(Manner { tools: vec![look()], wants, ..Manner::default() });
    let auth = json!({ "type": "header", "header": "Authorization", "value": secret });
    let made = api.register(json!({ "name": "one", "url": upstream.url(), "auth": auth })).await.assert(201).json();
    assert_eq!(made["health"], "healthy");
    let visits = upstream.visits();
    assert!(visits.len() > 3 && visits.iter().all(|visit| visit.header("authorization") == Some(secret)));
    let elsewhere = Upstream::with(vec![]);
    let moved = api.patch(&path(&made), json!({ "url": elsewhere.url() })).await.assert(422);
    assert!(moved.body.contains("enter the value of the header again"), "{}", moved.body);
    let keep = json!({ "url": elsewhere.url(), "auth": { "type": "header", "header": "authorization" } });
    api.patch(&path(&made), keep).await.assert(422);
    assert!(elsewhere.visits().is_empty());
    let anew = json!({ "type": "header", "header": "authorization", "value": "Bearer another" });
    api.patch(&path(&made), json!({ "url": elsewhere.url(), "auth": anew })).await.assert(200);
    assert!(elsewhere.visits().iter().all(|visit| visit.header("authorization") == Some("Bearer another")));
}
