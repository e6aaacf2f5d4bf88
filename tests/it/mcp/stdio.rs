//! Servers that are programs of their own (`decisions` 21): who starts them, what they get, who shares one with whom (nobody), and when
//! they end.

use std::path::Path;
use std::time::Duration;

use portcullis::http::urls;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::programs::{allow_sh, gone, is_alive};
use crate::support::{Answer, Browser, Manager, TestApp};

const SESSION: &str = "mcp-session-id";

/// An installation with a program behind it that everybody may use.
async fn before(directory: &Path) -> TestApp {
    let app = TestApp::configured(|config| allow_sh(config, directory)).await;
    app.register_program("shell").await;
    app.allow_everything().await;
    app
}

/// A session of somebody's with it.
struct Session<'a> {
    app: &'a TestApp,
    token: String,
    id: String,
}

impl<'a> Session<'a> {
    async fn of(app: &'a TestApp, person: &Browser) -> Self {
        let token = app.token_for(person, "shell", "mcp:read").await;
        Self::with(app, token).await
    }

    async fn with(app: &'a TestApp, token: String) -> Self {
        let hello = app.ask_behind("shell", &token, "initialize", json!({ "protocolVersion": "2025-11-25" })).await;
        let id = hello.header(SESSION).to_owned();
        assert_eq!(hello.assert(200).json()["result"]["serverInfo"]["name"], "program");
        Self { app, token, id }
    }

    fn request(&self, method: &str, params: Value) -> RequestBuilder {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.app.message("shell", &self.token, &message).header(SESSION, &self.id)
    }

    async fn call(&self, tool: &str) -> Answer {
        self.app.send(self.request("tools/call", json!({ "name": tool, "arguments": {} }))).await
    }

    /// What a tool tells.
    async fn told(&self, tool: &str) -> String {
        let answer = self.call(tool).await.assert(200).json();
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn end(&self) -> Answer {
        let request = self.app.request(Method::DELETE, &urls::server_mcp("shell"));
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        self.app.send(request.header(SESSION, &self.id)).await
    }
}

fn directories(below: &Path) -> usize {
    std::fs::read_dir(below).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_program_gets_what_the_operator_lists_and_nothing_else() {
    let below = TempDir::new().unwrap();
    let app = before(below.path()).await;
    let ada = app.person("ada").await;
    let session = Session::of(&app, &ada).await;
    let told = session.told("surroundings").await;
    assert!(told.starts_with(below.path().canonicalize().unwrap().to_str().unwrap()), "{told}");
    assert!(told.contains(" . ..  "), "an empty directory: {told}");
    assert!(told.ends_with("args:$(id):; id"), "no shell of ours reads them: {told}");
    let names = told.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
    // What a shell sets by itself.
    let own = ["OLDPWD", "PWD", "SHLVL", "_"];
    assert_eq!(names.filter(|name| !own.contains(name)).collect::<Vec<_>>(), ["PATH"], "{told}");
    assert_eq!(session.told("limits").await, "files:77 core:0 processor:99");
    let listed = app.send(session.request("tools/list", json!({}))).await.assert(200).json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 2);
    app.sql("DELETE FROM policies").await;
    app.allow(r#"{"effect":"allow","server":"shell","methods":["tools/list","tools/call"],"tools":["look"]}"#).await;
    let listed = app.send(session.request("tools/list", json!({}))).await.assert(200).json();
    assert_eq!(listed["result"]["tools"], json!([{ "name": "look" }]));
    session.call("child").await.assert(403);
}

#[tokio::test]
async fn nobody_shares_a_program_and_it_ends_with_its_session_and_all_that_it_started() {
    let below = TempDir::new().unwrap();
    let app = before(below.path()).await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let (one, other) = (Session::of(&app, &ada).await, Session::of(&app, &bob).await);
    let second = Session::with(&app, one.token.clone()).await;
    let pids = [one.told("look").await, other.told("look").await, second.told("look").await];
    assert!(pids[0] != pids[1] && pids[0] != pids[2] && pids[1] != pids[2], "{pids:?}");
    assert_eq!(one.told("look").await, pids[0], "the same in one session");
    let stolen = Session { app: &app, token: other.token.clone(), id: one.id.clone() };
    stolen.call("look").await.assert(404);
    stolen.end().await.assert(404);
    let child = one.told("child").await;
    assert!(is_alive(&child) && directories(below.path()) == 3);
    one.end().await.assert(204);
    gone(&pids[0]).await;
    gone(&child).await;
    one.call("look").await.assert(404);
    assert!(is_alive(&pids[1]) && is_alive(&pids[2]));
    app.sql("UPDATE servers SET enabled = false").await;
    gone(&pids[1]).await;
    gone(&pids[2]).await;
    let emptied = async {
        while directories(below.path()) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), emptied).await.expect("nothing is left behind");
}

#[tokio::test]
async fn a_program_that_dies_or_never_stops_talking_is_told_of_and_another_can_be_started() {
    let below = TempDir::new().unwrap();
    let app = before(below.path()).await;
    let ada = app.person("ada").await;
    for (tool, words) in [("die", "broke off"), ("huge", "too large")] {
        let session = Session::of(&app, &ada).await;
        let pid = session.told("look").await;
        let answer = session.call(tool).await;
        // An error with a status of its own, or an event where it took longer than a second.
        assert!(answer.body.contains(words) && answer.body.contains("\"id\":7"), "{}", answer.body);
        gone(&pid).await;
        app.becomes(async || session.call("look").await, 404).await;
    }
    Session::of(&app, &ada).await.told("look").await;
    app.sql("UPDATE servers SET command = 'lost'").await;
    let token = app.token_for(&ada, "shell", "mcp:read").await;
    let hello = app.ask_behind("shell", &token, "initialize", json!({})).await.assert(502);
    assert!(hello.body.contains("broke off"), "{}", hello.body);
    app.sql("UPDATE servers SET command = 'unknown'").await;
    let hello = app.ask_behind("shell", &token, "initialize", json!({})).await.assert(502);
    assert!(hello.body.contains("no command called"), "{}", hello.body);
}

#[tokio::test]
async fn a_program_ends_with_the_right_to_it_and_with_us() {
    let below = TempDir::new().unwrap();
    let app = before(below.path()).await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let client = app.client().await;
    let resource = app.at(&urls::server_mcp("shell"));
    let won = client.win(&ada, &client.ask().with("scope", "mcp:read").with("resource", &resource)).await;
    let tokens = client.redeem(&won).await.tokens();
    let session = Session::with(&app, tokens.access).await;
    let pid = session.told("look").await;
    let hanging = session.request("tools/call", json!({ "name": "hang" })).send().await.unwrap();
    assert_eq!(hanging.status(), 200);
    client.revoke(&tokens.refresh).await.assert(200);
    let cut = hanging.text().await.unwrap();
    assert!(cut.contains("not use this server any more"), "{cut}");
    gone(&pid).await;

    let last = Session::of(&app, &bob).await.told("look").await;
    let child = Session::of(&app, &bob).await.told("child").await;
    assert!(is_alive(&last) && is_alive(&child));
    // Whoever has a browser or a client of it keeps it going.
    drop((app, ada, bob, client));
    gone(&last).await;
    gone(&child).await;
}

#[tokio::test]
async fn at_the_one_door_each_caller_has_a_program_of_their_own() {
    let below = TempDir::new().unwrap();
    let app = before(below.path()).await;
    let mut pids = Vec::new();
    for name in ["ada", "bob"] {
        let person = app.person(name).await;
        let token = app.client().await.connect_for(&person, "mcp:read").await.access;
        for _ in 0..2 {
            let answer = app.call_tool(&token, "shell__look", json!({})).await.assert(200).json();
            pids.push(answer["result"]["content"][0]["text"].as_str().unwrap().to_owned());
        }
    }
    assert!(pids[0] == pids[1] && pids[2] == pids[3] && pids[0] != pids[2], "{pids:?}");
}

#[tokio::test]
async fn only_a_system_administrator_registers_one_and_only_what_the_operator_allows() {
    let below = TempDir::new().unwrap();
    let app = TestApp::configured(|config| allow_sh(config, below.path())).await;
    let root = app.root().await;
    let said = json!({ "name": "shell", "command": "sh" });
    let (admin, writer) =
        (Manager::new(&app, &root, "mgmt.admin").await, Manager::new(&app, &root, "mgmt.write").await);
    let refused = writer.register(said.clone()).await.assert(403);
    assert!(refused.body.contains("mgmt.admin"), "{}", refused.body);
    for (body, words) in [
        (json!({ "name": "a", "command": "/bin/sh" }), "no command"),
        (json!({ "name": "a", "transport": "stdio" }), "needs the name of a command"),
        (json!({ "name": "a", "transport": "stdio", "command": "sh", "url": "https://a.example" }), "has no URL"),
        (json!({ "name": "a", "transport": "sse", "command": "sh", "url": "https://a.example" }), "no other"),
        (json!({ "name": "a", "command": "sh", "auth": { "type": "passthrough" } }), "no headers"),
        (json!({ "name": "a", "command": "sh", "forwarded_headers": ["x-tenant"] }), "no headers"),
    ] {
        let refused = admin.register(body.clone()).await.assert(422);
        assert!(refused.body.contains(words), "{body}: {}", refused.body);
    }
    let server = admin.register(said).await.assert(201).json();
    assert_eq!((&server["transport"], &server["command"]), (&json!("stdio"), &json!("sh")));
    assert_eq!((&server["health"], server.get("url")), (&json!("healthy"), None), "{server}");
    let tools = admin.tools(&server).await;
    assert_eq!(tools["items"].as_array().unwrap().len(), 2, "it was asked for its tools: {tools}");
    assert_eq!(directories(below.path()), 0, "and ended after it");

    // Whoever manages its place may say other things of it, but not what is started.
    let path = format!("{}/{}", urls::API_MCP_SERVERS, server["id"].as_str().unwrap());
    writer.patch(&path, json!({ "description": "Tells of itself" })).await.assert(200);
    writer.patch(&path, json!({ "command": "lost" })).await.assert(403);
    let lost = admin.patch(&path, json!({ "command": "lost" })).await.assert(200).json();
    assert_eq!(lost["health"], "failing");
}
