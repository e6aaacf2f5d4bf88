//! `/{server}/sse`: the transport of 2024-11-05 before a server that speaks the present one.

use std::time::Duration;

use actix_web::HttpResponse;
use portcullis::http::urls;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::behind::{Behind, ordinary, tools};
use crate::support::old_behind::{OldBehind, answered};
use crate::support::{Answer, TestApp};

/// A client of that transport.
struct Listener<'a> {
    app: &'a TestApp,
    token: &'a str,
    stream: Response,
    waiting: String,
    endpoint: String,
}

impl<'a> Listener<'a> {
    async fn open(app: &'a TestApp, token: &'a str) -> Self {
        let request = app.request(Method::GET, "/weather/sse").header("accept", "text/event-stream");
        let stream = request.header(AUTHORIZATION, format!("Bearer {token}")).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let mut listener = Self { app, token, stream, waiting: String::new(), endpoint: String::new() };
        let (name, endpoint) = listener.event().await;
        assert_eq!(name, "endpoint");
        Self { endpoint, ..listener }
    }

    /// The next event: its name and its data.
    async fn event(&mut self) -> (String, String) {
        loop {
            if let Some((event, rest)) = self.waiting.clone().split_once("\n\n") {
                self.waiting = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                if !event.starts_with(':') {
                    return (field("event: ").to_owned(), field("data: ").to_owned());
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.stream.chunk()).await;
            let chunk = chunk.expect("an event").unwrap().expect("the stream goes on");
            self.waiting.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn send(&self, message: &Value) -> Answer {
        send(self.app, self.token, &self.endpoint, message).await
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })).await.assert(202);
        serde_json::from_str(&self.event().await.1).unwrap()
    }
}

async fn send(app: &TestApp, token: &str, endpoint: &str, message: &Value) -> Answer {
    let request = app.request(Method::POST, endpoint).header(AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.header("content-type", "application/json").body(message.to_string())).await
}

#[tokio::test]
async fn what_is_sent_beside_the_stream_is_answered_on_it_as_far_as_policies_go() {
    let behind = Behind::answering(|reached| match reached.message()["method"].as_str() {
        Some("tools/list") => {
            let answer = json!({ "jsonrpc": "2.0", "id": reached.message()["id"], "result": { "tools": tools() } });
            HttpResponse::Ok().content_type("text/event-stream").body(format!("data: {answer}\n\n"))
        }
        _ => ordinary(reached),
    });
    let app = TestApp::start().await;
    app.register_behind("weather", &behind, "").await;
    app.allow(r#"{"effect":"allow","server":"weather","methods":["tools/list","tools/call"],"tools":["look"]}"#).await;
    let ada = app.person("ada").await;
    let token = app.token_for(&ada, "weather", "mcp:read mcp:write").await;
    let mut listener = Listener::open(&app, &token).await;
    assert!(listener.endpoint.starts_with("/weather/messages?sessionId="));
    let hello = listener.ask("initialize", json!({ "protocolVersion": "2024-11-05" })).await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "behind");
    let listed = listener.ask("tools/list", json!({})).await;
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["look"]);
    assert_eq!(behind.last().header("mcp-session-id"), Some("session-of-theirs"));
    let called = listener.ask("tools/call", json!({ "name": "look" })).await;
    assert_eq!(called["result"]["content"][0]["text"], "look");
    let denied = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": { "name": "change" } });
    listener.send(&denied).await.assert(403);

    let bob = app.person("bob").await;
    let of_bob = app.token_for(&bob, "weather", "mcp:read").await;
    let ping = json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" });
    send(&app, &of_bob, &listener.endpoint, &ping).await.assert(404);
    send(&app, &token, &format!("{}?sessionId=nobodys", urls::server_messages("weather")), &ping).await.assert(404);
    send(&app, &token, &urls::server_messages("weather"), &ping).await.assert(400);
    app.sql("DELETE FROM policies").await;
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while let Ok(Some(_)) = listener.stream.chunk().await {}
    });
    ended.await.expect("whoever is not welcome any more is cut off");
    send(&app, &token, &listener.endpoint, &ping).await.assert(404);
}

#[tokio::test]
async fn the_oldest_transport_on_both_sides() {
    let old = OldBehind::answering(|message| {
        let log = || json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
        let is_call = message["method"] == "tools/call";
        is_call.then(log).into_iter().chain(answered(message)).collect()
    });
    let app = TestApp::start().await;
    app.register_old("weather", &old).await;
    app.allow(r#"{"effect":"allow","server":"weather","methods":["tools/list","tools/call"],"tools":["look"]}"#).await;
    let ada = app.person("ada").await;
    let token = app.token_for(&ada, "weather", "mcp:read mcp:write").await;
    let mut listener = Listener::open(&app, &token).await;
    let early = listener.ask("tools/list", json!({})).await;
    assert!(early["error"]["message"].as_str().unwrap().contains("initialize"), "{early}");
    let hello = listener.ask("initialize", json!({ "protocolVersion": "2024-11-05" })).await;
    assert_eq!(hello["result"]["serverInfo"]["name"], "old");
    let listed = listener.ask("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1, "{listed}");
    let log = listener.ask("tools/call", json!({ "name": "look" })).await;
    assert_eq!(log["method"], "notifications/message");
    let called: Value = serde_json::from_str(&listener.event().await.1).unwrap();
    assert_eq!(called["result"]["content"][0]["text"], "look");
    old.hang_up(0);
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while let Ok(Some(_)) = listener.stream.chunk().await {}
    });
    ended.await.expect("with the server, the stream ends too, and the client begins anew");

    let mut listener = Listener::open(&app, &token).await;
    listener.ask("initialize", json!({ "protocolVersion": "2024-11-05" })).await;
    assert!(old.is_heard(1));
    drop(listener);
    let left = async {
        while old.is_heard(1) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), left).await.expect("with the client, the line ends too");
}
