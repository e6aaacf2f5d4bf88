//! Servers that do not speak streamable HTTP, behind `/{server}/mcp`, `/{server}/sse` and `/mcp`: who hears what, and what goes wrong
//! on the way (`decisions` 20, 24; attack H).

use std::time::Duration;

use actix_web::web::Bytes;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::old_behind::{OldBehind, answered};
use crate::support::{Answer, Browser, TestApp};

const ALL: &str = "mcp:read mcp:write mcp:delete";
const SESSION: &str = "mcp-session-id";

/// An installation with a server behind it, and a session of an administrator with that.
struct Place {
    app: TestApp,
    root: Browser,
    token: String,
    session: String,
}

impl Place {
    async fn before(old: &OldBehind) -> Self {
        let app = TestApp::start().await;
        app.register_old("weather", old).await;
        let root = app.root().await;
        let token = app.token_for(&root, "weather", ALL).await;
        let session = session_of(&app, &token).await;
        Self { app, root, token, session }
    }

    /// A message in the session.
    fn message(&self, message: &Value) -> RequestBuilder {
        self.app.message("weather", &self.token, message).header(SESSION, &self.session)
    }

    async fn say(&self, message: &Value) -> Answer {
        self.app.send(self.message(message)).await
    }

    async fn ask(&self, method: &str, params: Value) -> Answer {
        self.say(&request(7, method, params)).await
    }

    /// The stream beside the answers.
    async fn listen(&self) -> Stream {
        Stream::of(self.follow(Method::GET).header(ACCEPT, "text/event-stream")).await
    }

    fn follow(&self, method: Method) -> RequestBuilder {
        let request = self.app.request(method, "/weather/mcp").header(AUTHORIZATION, format!("Bearer {}", self.token));
        request.header(SESSION, &self.session)
    }
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A session that somebody begins.
async fn session_of(app: &TestApp, token: &str) -> String {
    let hello = app.ask_behind("weather", token, "initialize", json!({ "protocolVersion": "2025-11-25" })).await;
    let session = hello.header(SESSION).to_owned();
    assert_eq!(hello.assert(200).json()["result"]["serverInfo"]["name"], "old");
    assert!(!session.is_empty());
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    app.send(app.message("weather", token, &ready).header(SESSION, &session)).await.assert(202);
    session
}

/// A stream of events.
struct Stream {
    response: Response,
    waiting: String,
}

impl Stream {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, waiting: String::new() }
    }

    /// The next message; nothing at its end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.waiting.clone().split_once("\n\n") {
                self.waiting = rest.to_owned();
                if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.response.chunk()).await;
            let chunk = chunk.expect("something comes, or it ends").ok().flatten()?;
            self.waiting.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// Waits until it is so, and fails after ten seconds.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn words(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_server_of_the_oldest_transport_is_spoken_to_as_if_it_spoke_the_present_one() {
    let old = OldBehind::ordinary();
    let place = Place::before(&old).await;
    let call = place.ask("tools/call", json!({ "name": "change" })).await.assert(200);
    assert!(call.is_json(), "an answer that comes at once and alone");
    assert_eq!(call.json()["result"]["content"][0]["text"], "change");
    let refused = place.ask("nothing/of/the/sort", json!({})).await.assert(200).json();
    assert_eq!(refused["error"]["message"], "no", "in its own words");
    place.app.sql("DELETE FROM policies").await;
    let rule = r#"{"effect":"allow","server":"weather","methods":["tools/list","tools/call"],"tools":["look"]}"#;
    place.app.allow(rule).await;
    let ada = place.app.person("ada").await;
    let token = place.app.token_for(&ada, "weather", ALL).await;
    let session = session_of(&place.app, &token).await;
    let ask = |method: &str, params: Value| {
        let message = place.app.message("weather", &token, &request(8, method, params));
        place.app.send(message.header(SESSION, &session))
    };
    let listed = ask("tools/list", json!({})).await.assert(200).json();
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(), ["look"]);
    let before = old.told().len();
    ask("tools/call", json!({ "name": "change" })).await.assert(403);
    assert_eq!(old.told().len(), before, "it never got there");
    assert!(old.told().iter().all(|(stream, message)| *stream == 0 || message["params"]["name"] != "change"));
    for reached in old.behind.reached() {
        for name in ["authorization", SESSION, "cookie", "x-authorization"] {
            assert_eq!(reached.header(name), None, "nothing of ours gets there");
        }
    }
}

/// `decisions` 24.
#[tokio::test]
async fn a_line_is_of_one_caller_with_one_client_and_one_server_and_of_one_node() {
    let old = OldBehind::ordinary();
    let place = Place::before(&old).await;
    let Place { app, root, token, session } = &place;
    let grace = app.add(NewPerson { username: "grace".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let of_grace = app.token_for(&grace, "weather", ALL).await;
    let another = app.vouched_client("another", "https://another.example/cb").await;
    let resource = app.at(&urls::server_mcp("weather"));
    let won = another.win(root, &another.ask().with("scope", ALL).with("resource", &resource)).await;
    let of_another_client = another.redeem(&won).await.tokens().access;
    app.register_old("other", &old).await;
    let elsewhere = app.token_for(root, "other", ALL).await;
    let before = old.told().len();
    let ping = request(7, "ping", json!({}));
    for (server, token, session) in [
        ("weather", &of_grace, session.as_str()),
        ("weather", &of_another_client, session),
        ("other", &elsewhere, session),
        ("weather", token, "made-up"),
    ] {
        app.send(app.message(server, token, &ping).header(SESSION, session)).await.assert(404);
        let end = app.request(Method::DELETE, &urls::server_mcp(server)).header(SESSION, session);
        app.send(end.header(AUTHORIZATION, format!("Bearer {token}"))).await.assert(404);
    }
    let second = app.second_node().await;
    second.send(second.message("weather", token, &ping).header(SESSION, session)).await.assert(404);
    let without = app.send(app.message("weather", token, &ping)).await.assert(400).json();
    assert!(words(&without).contains("initialize"), "{without}");
    assert_eq!(old.told().len(), before, "none of them got there");
    session_of(app, &of_grace).await;
    assert_eq!(old.opened(), 2, "two people never share a line");
    place.say(&ping).await.assert(200);
    app.send(place.follow(Method::DELETE)).await.assert(204);
    place.say(&ping).await.assert(404);
    until("the server hears that it ended", || !old.is_heard(0)).await;
    assert!(old.is_heard(1), "that of somebody else goes on");
}

/// H: a server has messages, with our credential for it, sent to where only we can go.
#[tokio::test]
async fn messages_are_sent_nowhere_but_to_the_server_itself() {
    let victim = OldBehind::ordinary();
    let port = victim.behind.url.clone();
    let elsewhere: &'static str = format!("{port}?stream=").leak();
    for endpoint in [elsewhere, "http://169.254.169.254/latest?stream=", "//127.0.0.1:1/?stream=", "ftp://x/"] {
        let old = OldBehind::at(endpoint, |_| Vec::new());
        let app = TestApp::start().await;
        app.register_old("weather", &old).await;
        let root = app.root().await;
        let token = app.token_for(&root, "weather", ALL).await;
        let hello = app.ask_behind("weather", &token, "initialize", json!({})).await.assert(502).json();
        assert!(words(&hello).contains("another place than its own"), "{endpoint}: {hello}");
        assert_eq!((old.told().len(), victim.behind.reached().len()), (0, 0));
        until("the stream is left", || !old.is_heard(0)).await;
    }
}

fn log() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": "by the way" } })
}

#[tokio::test]
async fn what_comes_before_an_answer_comes_as_events_where_it_belongs() {
    let old = OldBehind::answering(|message| match message["params"]["name"].as_str() {
        Some("look") => {
            let progress = json!({ "progressToken": message["params"]["_meta"]["progressToken"], "progress": 1 });
            let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": progress });
            let asks = json!({ "jsonrpc": "2.0", "id": "s1", "method": "sampling/createMessage", "params": {} });
            vec![progress, asks, answered(message).unwrap()]
        }
        _ if message["method"] == "ping" => vec![answered(message).unwrap(), log()],
        _ => answered(message).into_iter().collect(),
    });
    let place = Place::before(&old).await;
    let params = json!({ "name": "look", "_meta": { "progressToken": "t" } });
    let mut stream = Stream::of(place.message(&request(7, "tools/call", params.clone()))).await;
    assert_eq!(stream.next().await.unwrap()["params"]["progressToken"], "t");
    assert_eq!(stream.next().await.unwrap()["method"], "sampling/createMessage", "nobody else listens");
    let response = json!({ "jsonrpc": "2.0", "id": "s1", "result": { "role": "assistant" } });
    place.say(&response).await.assert(202);
    assert_eq!(old.told().last().unwrap().1, response);
    assert_eq!(stream.next().await.unwrap()["result"]["content"][0]["text"], "look");
    assert_eq!(stream.next().await, None, "the answer is the last");

    place.ask("ping", json!({})).await.assert(200);
    let mut listener = place.listen().await;
    assert_eq!(listener.next().await, Some(log()), "what was said while nobody listened");
    let mut stream = Stream::of(place.message(&request(8, "tools/call", params))).await;
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/progress");
    assert_eq!(listener.next().await.unwrap()["method"], "sampling/createMessage");
    assert_eq!(stream.next().await.unwrap()["id"], 8);
}

#[tokio::test]
async fn a_server_that_dies_is_mourned_by_everybody_who_waits() {
    let old = OldBehind::answering(|message| match message["method"].as_str() {
        Some("tools/call") => Vec::new(),
        _ => answered(message).into_iter().collect(),
    });
    let place = Place::before(&old).await;
    // Without a second to go by, the answer is an error with a status of its own; after that, it is an event.
    let slow = async {
        let mut stream = Stream::of(place.message(&request(7, "tools/call", json!({ "name": "look" })))).await;
        old.hang_up(0);
        stream.next().await.unwrap()
    };
    let answer = slow.await;
    assert_eq!(answer["id"], 7);
    assert!(words(&answer).contains("broke off"), "{answer}");
    until("the line is gone", || !old.is_heard(0)).await;
    place.app.becomes(async || place.ask("ping", json!({})).await, 404).await;
    let again = session_of(&place.app, &place.token).await;
    assert_ne!(again, place.session);
}

#[tokio::test]
async fn nonsense_is_passed_over_and_what_is_too_large_ends_the_line() {
    let old = OldBehind::ordinary();
    let place = Place::before(&old).await;
    old.send(
        0,
        Bytes::from_static(
            b"event: message\ndata: no JSON\n\ndata: 7\n\nevent: other\ndata: {\"id\":7,\"result\":{}}\n\n",
        ),
    );
    assert_eq!(place.ask("tools/call", json!({ "name": "look" })).await.json()["result"]["content"][0]["text"], "look");
    let batch = json!([{ "jsonrpc": "2.0", "method": "a" }, { "jsonrpc": "2.0", "method": "b" }]);
    old.say(0, &batch);
    let mut listener = place.listen().await;
    assert_eq!(listener.next().await.unwrap()["method"], "a");
    assert_eq!(listener.next().await.unwrap()["method"], "b");
    old.send(0, Bytes::from_static(b"data: "));
    for _ in 0..9 {
        old.send(0, Bytes::from(vec![b'x'; 1 << 20]));
    }
    assert_eq!(listener.next().await, None);
    place.app.becomes(async || place.ask("ping", json!({})).await, 404).await;
}

#[tokio::test]
async fn whoever_hangs_up_or_calls_off_is_not_worked_for_any_more() {
    let old = OldBehind::answering(|message| match message["method"].as_str() {
        Some("tools/call") => Vec::new(),
        _ => answered(message).into_iter().collect(),
    });
    let place = Place::before(&old).await;
    let call = |id| place.message(&request(id, "tools/call", json!({ "name": "look" })));
    let stream = Stream::of(call(7)).await;
    assert!(old.told().iter().all(|(_, message)| message["method"] != "notifications/cancelled"));
    drop(stream);
    // Sooner or later something is written to whoever has gone; the next request shows that the line goes on.
    let cancelled = || old.told().iter().any(|(_, message)| message["params"]["requestId"] == 7);
    until_for("the server is told", Duration::from_secs(40), cancelled).await;
    let mut stream = Stream::of(call(8)).await;
    let duplicate = place.app.send(call(8)).await.assert(400).json();
    assert!(words(&duplicate).contains("under way"), "{duplicate}");
    let params = json!({ "requestId": 8, "reason": "enough" });
    place.say(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).await.assert(202);
    assert_eq!(stream.next().await, None);
    assert_eq!(old.told().iter().filter(|(_, message)| message["params"]["requestId"] == 8).count(), 1);
    place.ask("ping", json!({})).await.assert(200);
}

async fn until_for(what: &str, limit: Duration, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(limit, waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_line_ends_with_the_right_to_it() {
    let old = OldBehind::answering(|message| match message["method"].as_str() {
        Some("tools/call") => Vec::new(),
        _ => answered(message).into_iter().collect(),
    });
    let place = Place::before(&old).await;
    place.app.allow_everything().await;
    let ada = place.app.person("ada").await;
    let client = place.app.client().await;
    let resource = place.app.at(&urls::server_mcp("weather"));
    let won = client.win(&ada, &client.ask().with("scope", ALL).with("resource", &resource)).await;
    let tokens = client.redeem(&won).await.tokens();
    let session = session_of(&place.app, &tokens.access).await;
    let call = request(7, "tools/call", json!({ "name": "look" }));
    let mut stream = Stream::of(place.app.message("weather", &tokens.access, &call).header(SESSION, &session)).await;
    client.revoke(&tokens.refresh).await.assert(200);
    let cut = stream.next().await.expect("it is told why");
    assert!(words(&cut).contains("not use this server any more"), "{cut}");
    assert_eq!(stream.next().await, None);
    until("the server hears no more of it", || !old.is_heard(1)).await;
    assert!(old.is_heard(0), "that of somebody else goes on");
    // Nobody asks anything meanwhile.
    place.app.sql("UPDATE servers SET enabled = false").await;
    until("a line ends with its server", || !old.is_heard(0)).await;
}

#[tokio::test]
async fn one_caller_has_so_many_lines_and_the_one_that_is_idle_goes_first() {
    let old = OldBehind::ordinary();
    let place = Place::before(&old).await;
    let _listener = place.listen().await;
    for _ in 0..16 {
        session_of(&place.app, &place.token).await;
    }
    until("the idlest is gone", || !old.is_heard(1)).await;
    assert_eq!(old.opened(), 17);
    place.ask("ping", json!({})).await.assert(200);
}

#[tokio::test]
async fn at_the_one_door_a_caller_has_a_line_of_their_own_and_nobody_is_asked_for_anything() {
    let old = OldBehind::answering(|message| {
        let asks = || json!({ "jsonrpc": "2.0", "id": "s1", "method": "sampling/createMessage", "params": {} });
        let is_call = message["method"] == "tools/call";
        is_call.then(asks).into_iter().chain(answered(message)).collect()
    });
    let app = TestApp::start().await;
    app.register_old("weather", &old).await;
    app.allow_everything().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let of_ada = app.client().await.connect_for(&ada, "mcp:read").await.access;
    let of_bob = app.client().await.connect_for(&bob, "mcp:read").await.access;
    for token in [&of_ada, &of_ada, &of_bob] {
        let answer = app.call_tool(token, "weather__look", json!({})).await.assert(200).json();
        assert_eq!(answer["result"]["content"][0]["text"], "look");
    }
    assert_eq!(old.opened(), 2, "one for each");
    until("it is told that nobody can be asked", || {
        old.told().iter().any(|(_, message)| message["id"] == "s1" && message["error"]["code"] == -32601)
    })
    .await;
    old.hang_up(0);
    until("the line is gone", || !old.is_heard(0)).await;
    app.becomes(async || app.call_tool(&of_ada, "weather__look", json!({})).await, 200).await;
}
