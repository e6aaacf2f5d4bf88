//! `/{server}/mcp`: what reaches a server behind the gate, what comes back, and what goes wrong on the way.

use actix_web::HttpResponse;
use futures_util::stream;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::behind::{Behind, ordinary, tools};
use crate::support::{Answer, Browser, TestApp};

const ALL: &str = "mcp:read mcp:write mcp:delete";

/// An installation with a server behind it, and an administrator's token for that.
async fn before(behind: &Behind, scope: &str) -> (TestApp, Browser, String) {
    let app = TestApp::start().await;
    app.register_behind("weather", behind, "").await;
    let root = app.root().await;
    let token = app.token_for(&root, "weather", scope).await;
    (app, root, token)
}

fn error_of(answer: &Answer) -> (i64, String) {
    let error = &answer.json()["error"];
    (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn messages_pass_both_ways_as_they_are() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, ALL).await;
    let hello = app.ask_behind("weather", &token, "initialize", json!({ "protocolVersion": "2025-11-25" })).await;
    assert_eq!(hello.assert(200).json()["result"]["serverInfo"]["name"], "behind");
    let body =
        r#"{"jsonrpc":"2.0", "id":"x",  "method":"tools/call","params":{"name":"change","arguments":{"exact":1.50}}}"#;
    let request = app.message("weather", &token, &Value::Null).body(body);
    let answer = app.send(request).await.assert(200).json();
    assert_eq!(
        answer,
        json!({ "jsonrpc": "2.0", "id": "x", "result": { "content": [{ "type": "text", "text": "change" }] } })
    );
    assert_eq!(&behind.last().body[..], body.as_bytes(), "byte for byte");
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    app.send(app.message("weather", &token, &note)).await.assert(202);
    let response = json!({ "jsonrpc": "2.0", "id": 3, "result": {} });
    app.send(app.message("weather", &token, &response)).await;
    assert_eq!(behind.last().message(), response, "answers to what a server asks its client");
}

/// RFC 9728, and the order of checks: who has no credential is told where to get one, whatever they sent.
#[tokio::test]
async fn a_server_has_its_own_metadata_and_its_own_challenge() {
    let behind = Behind::ordinary();
    let (app, _, _) = before(&behind, ALL).await;
    for path in
        ["/.well-known/oauth-protected-resource/weather/mcp", "/weather/mcp/.well-known/oauth-protected-resource"]
    {
        let document = app.get(path).await.assert(200).json();
        assert_eq!(document["resource"], app.at("/weather/mcp"));
        assert_eq!(document["authorization_servers"], json!([app.issuer()]));
    }
    app.get("/.well-known/oauth-protected-resource/nobody/mcp").await.assert(404);
    for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
        let answer = app.send(app.request(method, "/weather/mcp").body("no JSON")).await.assert(401);
        let metadata = app.at("/.well-known/oauth-protected-resource/weather/mcp");
        assert!(answer.header("www-authenticate").contains(&metadata), "{}", answer.header("www-authenticate"));
    }
    let nobody = app.send(app.request(Method::POST, "/nobody/mcp").body("{}")).await.assert(404);
    assert!(nobody.json()["error"]["message"].as_str().unwrap().contains("no such server"));
    assert!(behind.reached().is_empty());
}

/// H1, RFC 8707: a token opens the server that it is for, and no other door.
#[tokio::test]
async fn a_token_for_another_door_opens_none() {
    let behind = Behind::ordinary();
    let (app, root, token) = before(&behind, ALL).await;
    app.register_behind("other", &behind, "").await;
    let for_mcp = app.client().await.connect_for(&root, ALL).await.access;
    app.ask_behind("weather", &for_mcp, "ping", json!({})).await.assert(401);
    app.ask_behind("other", &token, "ping", json!({})).await.assert(401);
    app.call_mcp(&token).await.assert(401);
    assert!(behind.reached().is_empty());
    app.ask_behind("weather", &token, "ping", json!({})).await.assert(200);
}

#[tokio::test]
async fn scope_decides_by_the_class_of_the_tool_and_one_that_nobody_has_listed_is_taken_at_its_worst() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, "mcp:read").await;
    for (tool, status) in [("look", 200), ("change", 403), ("destroy", 403), ("unheard-of", 403)] {
        let answer = app.ask_behind("weather", &token, "tools/call", json!({ "name": tool })).await;
        assert_eq!(answer.status, status, "{tool}");
        if status == 403 {
            let challenge = answer.header("www-authenticate").to_owned();
            assert!(challenge.contains("insufficient_scope") && challenge.contains("mcp:read"), "{challenge}");
        }
    }
    assert_eq!(behind.reached().len(), 1, "what was refused never got there");
    let listed = app.ask_behind("weather", &token, "tools/list", json!({})).await.assert(200).json();
    assert_eq!(listed["result"]["tools"], tools(), "what only takes more scope can be found");
}

/// Default deny: who is in no group that a policy is for gets nothing, and is not asked for more scope.
#[tokio::test]
async fn whom_no_policy_allows_gets_nothing_through() {
    let behind = Behind::ordinary();
    let (app, _, _) = before(&behind, ALL).await;
    let ada = app.person("ada").await;
    let token = app.token_for(&ada, "weather", ALL).await;
    for (method, params) in
        [("initialize", json!({})), ("tools/list", json!({})), ("tools/call", json!({ "name": "look" }))]
    {
        let answer = app.ask_behind("weather", &token, method, params).await.assert(403);
        assert!(answer.headers.get("www-authenticate").is_none(), "no scope would help");
        assert_eq!(answer.json()["id"], 7);
    }
    assert!(behind.reached().is_empty());
}

/// What a server goes by and what we go by must be the same request.
#[tokio::test]
async fn headers_that_say_something_else_than_the_body_stop_a_message() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, "mcp:read").await;
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "look" } });
    for (name, value) in
        [("mcp-name", "destroy"), ("mcp-method", "tools/list"), ("mcp-name", "=?base64?ZGVzdHJveQ==?=")]
    {
        let answer = app.send(app.message("weather", &token, &message).header(name, value)).await.assert(400);
        assert_eq!(error_of(&answer).0, -32020, "{name}: {value}");
    }
    let two = app.message("weather", &token, &message).header("mcp-name", "look").header("mcp-name", "destroy");
    app.send(two).await.assert(400);
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    app.send(app.message("weather", &token, &ping).header("mcp-name", "destroy")).await.assert(400);
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","name":"destroy"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"a":1,"a":2}}}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"destroy"}}]"#,
    ] {
        let answer = app.send(app.message("weather", &token, &Value::Null).body(body)).await.assert(400);
        assert_eq!(error_of(&answer).0, -32600, "{body}");
    }
    assert!(behind.reached().is_empty());
}

/// Rows C-87 and H6: nothing of ours and nothing that says who somebody is leaves the house.
#[tokio::test]
async fn a_server_gets_nothing_but_what_is_meant_for_it() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, ALL).await;
    app.sql("UPDATE servers SET forwarded_headers = '{x-tenant,cookie,authorization,x-user}'").await;
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    let request = app.message("weather", &token, &message);
    let mut request = request.header("x-tenant", "blue").header("mcp-param-city", "Bern").header("last-event-id", "9");
    for name in ["cookie", "x-user", "x-forwarded-for", "x-api-key-2", "x-anything", "traceparent", "x-user-pool-id"] {
        request = request.header(name, "leak");
    }
    app.send(request).await.assert(200);
    let reached = behind.last();
    let mut names: Vec<&str> = reached.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "last-event-id",
        "mcp-param-city",
        "mcp-protocol-version",
        "user-agent",
        "x-tenant",
    ];
    assert_eq!(names, expected);
    assert!(reached.headers.iter().all(|(_, value)| !value.contains("leak") && !value.contains(&token)));
}

/// `decisions` 9: the caller's second credential goes on only where it is a second one, to a server that is meant to have it.
#[tokio::test]
async fn a_second_credential_goes_on_to_a_server_in_passthrough_alone() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, ALL).await;
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    let both = || {
        let request = app.request(Method::POST, "/weather/mcp").header("content-type", "application/json");
        let request = request.header("x-authorization", format!("Bearer {token}"));
        request.header(AUTHORIZATION, "Bearer of-theirs").body(message.to_string())
    };
    app.send(both()).await.assert(200);
    assert_eq!(behind.last().header("authorization"), None);
    app.sql("UPDATE servers SET auth = 'passthrough'").await;
    app.send(both()).await.assert(200);
    assert_eq!(behind.last().header("authorization"), Some("Bearer of-theirs"));
    assert_eq!(behind.last().header("x-authorization"), None);
    app.send(app.message("weather", &token, &message)).await.assert(200);
    assert_eq!(behind.last().header("authorization"), None, "ours is not theirs");
}

#[tokio::test]
async fn a_server_is_sent_the_header_that_an_administrator_entered() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, ALL).await;
    let sealed = app.app().keys.seal(portcullis::crypto::Label::ServerAuth, &"key-of-the-house").unwrap();
    app.sql(&format!("UPDATE servers SET auth = 'header', auth_header = 'x-api-key', sealed_auth_value = '{sealed}'"))
        .await;
    app.ask_behind("weather", &token, "ping", json!({})).await.assert(200);
    assert_eq!(behind.last().header("x-api-key"), Some("key-of-the-house"));
    app.sql("UPDATE servers SET sealed_auth_value = 'altered'").await;
    let answer = app.ask_behind("weather", &token, "ping", json!({})).await.assert(502);
    assert!(error_of(&answer).1.contains("must be entered again"), "{}", answer.body);
}

/// `decisions` 24: a session is whoever's it is who began it.
#[tokio::test]
async fn a_session_is_sealed_and_belongs_to_its_caller_and_its_server() {
    let behind = Behind::ordinary();
    let (app, root, token) = before(&behind, ALL).await;
    app.register_behind("other", &behind, "").await;
    let hello = app.ask_behind("weather", &token, "initialize", json!({})).await;
    let session = hello.header("mcp-session-id").to_owned();
    assert!(!session.contains("session-of-theirs"));
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    let within = |server: &str, token: &str, session: &str| {
        app.send(app.message(server, token, &ping).header("mcp-session-id", session))
    };
    within("weather", &token, &session).await.assert(200);
    assert_eq!(behind.last().header("mcp-session-id"), Some("session-of-theirs"));
    let before = behind.reached().len();
    let elsewhere = app.token_for(&root, "other", ALL).await;
    let grace = app.add(NewPerson { username: "grace".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let of_grace = app.token_for(&grace, "weather", ALL).await;
    for (server, token, session) in [
        ("weather", &token, "session-of-theirs"),
        ("weather", &token, "x"),
        ("other", &elsewhere, &*session),
        ("weather", &of_grace, &*session),
    ] {
        let answer = within(server, token, session).await.assert(404);
        assert_eq!(error_of(&answer).0, -32001, "{server} {session}");
    }
    assert_eq!(behind.reached().len(), before, "none of them got there");
    let second = app.second_node().await;
    second.send(second.message("weather", &token, &ping).header("mcp-session-id", &session)).await.assert(200);
    let end = app.request(Method::DELETE, "/weather/mcp").header(AUTHORIZATION, format!("Bearer {token}"));
    app.send(end.header("mcp-session-id", &session)).await.assert(204);
    assert_eq!(behind.last().method, "DELETE");
}

/// A session that is ended may be answered with 200 and nothing, whose length nobody announces (as the official SDK does).
#[tokio::test]
async fn a_session_ends_whether_or_not_it_is_announced_that_nothing_more_is_said() {
    let behind = Behind::answering(|reached| match (reached.method.as_str(), reached.header("mcp-session-id")) {
        ("DELETE", Some(_)) => HttpResponse::Ok().streaming(stream::empty::<Result<_, std::io::Error>>()),
        ("DELETE", None) => {
            HttpResponse::Ok().streaming(stream::iter([Ok::<_, std::io::Error>("words of no kind".into())]))
        }
        _ => ordinary(reached),
    });
    let (app, _, token) = before(&behind, ALL).await;
    let hello = app.ask_behind("weather", &token, "initialize", json!({ "protocolVersion": "2025-11-25" })).await;
    let session = hello.header("mcp-session-id").to_owned();
    let end = || app.request(Method::DELETE, "/weather/mcp").header(AUTHORIZATION, format!("Bearer {token}"));
    let ended = app.send(end().header("mcp-session-id", &session)).await.assert(200);
    assert_eq!(ended.body, "");
    app.send(end()).await.assert(502);
}

fn events(all: &str) -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").body(all.to_owned())
}

/// A list in a stream of events is a list.
#[tokio::test]
async fn a_list_is_the_same_in_json_and_in_events() {
    let behind = Behind::answering(|reached| match reached.message()["method"].as_str() {
        Some("tools/list") => {
            let answer = json!({ "jsonrpc": "2.0", "id": reached.message()["id"], "result": { "tools": tools() } });
            events(&format!(": hello\n\nevent: message\nid: 4\ndata: {answer}\n\n"))
        }
        _ => ordinary(reached),
    });
    let (app, _, token) = before(&behind, ALL).await;
    let listed = app.ask_behind("weather", &token, "tools/list", json!({})).await.assert(200);
    assert!(listed.header("content-type").starts_with("text/event-stream"));
    assert_eq!(listed.header("x-accel-buffering"), "no");
    let data = listed.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["result"]["tools"], tools());
    assert!(listed.body.starts_with(": hello\n\n"));
}

/// Whatever a server does, its caller is told in the field's terms, and nothing else breaks.
#[tokio::test]
async fn a_server_that_fails_is_told_apart_from_the_gate() {
    let behind = Behind::answering(|reached| {
        match reached.message()["params"]["arguments"]["do"].as_str().unwrap_or_default() {
            "401" => HttpResponse::Unauthorized().insert_header(("www-authenticate", "Bearer realm=theirs")).finish(),
            "403" => HttpResponse::Forbidden().finish(),
            "302" => HttpResponse::Found().insert_header(("location", "http://169.254.169.254/")).finish(),
            "500" => HttpResponse::InternalServerError().body("secret stack trace"),
            "429" => HttpResponse::TooManyRequests().insert_header(("retry-after", "9")).finish(),
            "404" => HttpResponse::NotFound()
                .json(json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32001, "message": "gone" } })),
            "html" => HttpResponse::Ok().content_type("text/html").body("<h1>Welcome"),
            "gzip" => HttpResponse::Ok()
                .insert_header(("content-encoding", "gzip"))
                .content_type("application/json")
                .body("x"),
            "cookie" => {
                HttpResponse::Ok().insert_header(("set-cookie", "a=b")).insert_header(("x-leak", "1")).json(json!({}))
            }
            _ => ordinary(reached),
        }
    });
    let (app, _, token) = before(&behind, ALL).await;
    let call = async |name: &str| {
        app.ask_behind("weather", &token, "tools/call", json!({ "name": "look", "arguments": { "do": name } })).await
    };
    for (name, status, words) in [
        ("401", 502, "did not accept the credential"),
        ("403", 502, "did not accept the credential"),
        ("302", 502, "status 302"),
        ("500", 502, "status 500"),
        ("429", 429, "status 429"),
        ("html", 502, "neither JSON nor"),
        ("gzip", 502, "compressed"),
    ] {
        let answer = call(name).await.assert(status);
        assert!(error_of(&answer).1.contains(words), "{name}: {}", answer.body);
        assert_eq!(answer.json()["id"], 7, "{name}");
        assert!(answer.headers.get("www-authenticate").is_none(), "no challenge of theirs is ours");
        assert!(!answer.body.contains("secret"));
    }
    assert_eq!(error_of(&call("404").await.assert(404)), (-32001, "gone".to_owned()), "their own words");
    let cookie = call("cookie").await.assert(200);
    assert!(cookie.headers.get("set-cookie").is_none() && cookie.headers.get("x-leak").is_none());
    app.sql("UPDATE servers SET url = 'http://127.0.0.1:1/mcp'").await;
    let down = call("look").await.assert(502);
    assert!(error_of(&down).1.contains("cannot be reached"), "{}", down.body);
    app.sql("UPDATE servers SET url = 'http://169.254.169.254/mcp'").await;
    assert!(error_of(&call("look").await.assert(502)).1.contains("not on the public internet"));
}

/// The stream of a caller who is cut off ends, within a second or two.
#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let behind = Behind::answering(|reached| match reached.method.as_str() {
        "GET" => {
            let ticks = stream::unfold(0, |count| async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let event =
                    format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tick\",\"params\":{count}}}\n\n");
                Some((Ok::<_, actix_web::Error>(actix_web::web::Bytes::from(event)), count + 1))
            });
            HttpResponse::Ok().content_type("text/event-stream").streaming(Box::pin(ticks))
        }
        _ => ordinary(reached),
    });
    let (app, root, _) = before(&behind, ALL).await;
    let client = app.client().await;
    let resource = app.at(&urls::server_mcp("weather"));
    let won = client.win(&root, &client.ask().with("scope", ALL).with("resource", &resource)).await;
    let tokens = client.redeem(&won).await.tokens();
    let open = async || {
        let request = app.request(Method::GET, "/weather/mcp").header("accept", "text/event-stream");
        request.header(AUTHORIZATION, format!("Bearer {}", tokens.access)).send().await.unwrap()
    };
    let mut stream = open().await;
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some(), "it flows");
    client.revoke(&tokens.refresh).await.assert(200);
    let ended =
        tokio::time::timeout(Duration::from_secs(10), async { while let Ok(Some(_)) = stream.chunk().await {} });
    ended.await.expect("it is cut");
    assert_eq!(open().await.status(), 401);
}

/// `decisions` 25.
#[tokio::test]
async fn decisions_are_written_down_with_the_rule_that_made_them() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind, "mcp:read").await;
    app.ask_behind("weather", &token, "initialize", json!({})).await.assert(200);
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(200);
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "change" })).await.assert(403);
    app.app().audit.drain(app.db(), Duration::from_secs(5)).await;
    let allowed = app.events("gateway.allowed").await;
    assert_eq!(allowed.len(), 1, "a handshake is none: {allowed:?}");
    assert_eq!(allowed[0]["server"], "weather");
    assert_eq!((&allowed[0]["method"], &allowed[0]["object"]), (&json!("tools/call"), &json!("look")));
    assert_eq!(allowed[0]["rule"], "administrator");
    let denied = app.events("gateway.denied").await;
    assert_eq!((&denied[0]["decision"], &denied[0]["rule"]), (&json!("needs_scope"), &json!("scope")));
}
