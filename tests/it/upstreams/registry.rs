//! Who registers, changes and removes servers, and what is refused to everybody.

use portcullis::places::Role;
use portcullis::types::PlaceId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::documents::canary;
use crate::support::upstream::{Upstream, tool};
use crate::support::{Manager, TestApp};

const SERVERS: &str = "/api/v1/mcp-servers";

fn path(server: &Value) -> String {
    format!("{SERVERS}/{}", server["id"].as_str().unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

async fn root(app: &TestApp) -> Manager<'_> {
    let root = app.administrator("root").await;
    Manager::new(app, &root, "mgmt.write").await
}

/// An administrator of a workspace, and of nothing else.
async fn olga(app: &TestApp) -> (PlaceId, Manager<'_>) {
    let acme = app.place("acme").await;
    let olga = app.person("olga").await;
    app.join(acme, &olga, Role::Admin).await;
    (acme, Manager::new(app, &olga, "mgmt.write").await)
}

#[tokio::test]
async fn a_server_is_registered_found_changed_and_removed() {
    let app = TestApp::start().await;
    app.place("acme").await;
    let api = root(&app).await;
    let upstream = Upstream::with(vec![tool("look", json!({ "readOnlyHint": true }))]);
    let body = json!({
        "name": "calendar",
        "url": upstream.url(),
        "description": "Meetings & 100% of rooms",
        "place": "acme",
        "forwarded_headers": ["X-Tenant"],
        "tags": ["time", "rooms"],
    });
    let made = api.register(body.clone()).await.assert(201);
    let server = made.json();
    assert_eq!(made.location(), app.at(&path(&server)));
    for (member, value) in [
        ("transport", json!("streamable-http")),
        ("enabled", json!(true)),
        ("workspace", json!("acme")),
        ("auth", json!({ "type": "none" })),
        ("forwarded_headers", json!(["x-tenant"])),
        ("mcp_url", json!(app.at("/calendar/mcp"))),
        ("health", json!("healthy")),
    ] {
        assert_eq!(server[member], value, "{member}");
    }
    assert_eq!(api.get(&path(&server)).await.assert(200).json(), server);
    assert_eq!(app.app().servers.enabled()[0].name, "calendar", "it is so before the answer");
    api.register(json!({ "name": "mail", "url": "https://mail.example/mcp", "enabled": false })).await.assert(201);
    for (query, found) in [
        ("", &["calendar", "mail"][..]),
        ("?workspace=acme", &["calendar"]),
        ("?workspace=none", &[]),
        ("?enabled=false", &["mail"]),
        ("?tag=time", &["calendar"]),
        ("?tag=tim", &[]),
        ("?q=ROOM", &["calendar"]),
        ("?q=100%25", &["calendar"]),
        ("?q=%25x", &[]),
        ("?q=mail&enabled=true", &[]),
    ] {
        assert_eq!(names(&api.get(&format!("{SERVERS}{query}")).await.assert(200).json()), found, "{query}");
    }
    api.get(&format!("{SERVERS}?enabled=perhaps")).await.assert(400);
    let off = api.patch(&path(&server), json!({ "enabled": false, "tags": [] })).await.assert(200).json();
    assert_eq!((&off["enabled"], &off["tags"], &off["url"]), (&json!(false), &json!([]), &server["url"]));
    assert!(app.app().servers.enabled().is_empty());
    api.patch(&path(&server), json!({ "name": "mail" })).await.assert(409);
    api.register(body).await.assert(409);
    api.patch(&path(&server), json!({ "name": "rooms", "place": "mcp-gateway" })).await.assert(200);
    api.delete(&path(&server)).await.assert(204);
    api.delete(&path(&server)).await.assert(404);
    let changed = app.events("server.changed").await;
    assert_eq!(changed[0]["changed"]["enabled"], json!({ "was": true, "is": false }));
    assert_eq!(changed[1]["changed"]["name"], json!({ "was": "calendar", "is": "rooms" }));
    let counts = ["server.added", "server.changed", "server.moved", "server.removed"]
        .map(async |event| app.events(event).await.len());
    for (count, expected) in counts.into_iter().zip([2, 2, 1, 1]) {
        assert_eq!(count.await, expected);
    }
}

/// Write-only: not in an answer, the trail, the table or the log. What a test [`is_secret`](Node::is_secret) is looked for
/// in the last two when it ends.
#[tokio::test]
async fn a_secret_is_never_seen_again() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let secret = "hush-hush-0815-key";
    app.is_secret(secret);
    let upstream = Upstream::with(vec![]);
    let auth = json!({ "type": "header", "header": "X-API-Key", "value": secret });
    let made = api.register(json!({ "name": "one", "url": upstream.url(), "auth": auth })).await.assert(201);
    let server = made.json();
    assert_eq!(server["auth"], json!({ "type": "header", "header": "x-api-key" }));
    let mut said = vec![made.body];
    for answer in [
        api.get(&path(&server)).await.assert(200),
        api.get(SERVERS).await.assert(200),
        api.patch(&path(&server), json!({ "auth": { "type": "header", "header": "x-other" } })).await.assert(200),
        api.patch(&path(&server), json!({ "auth": { "type": "header", "header": "x y", "value": secret } }))
            .await
            .assert(422),
        api.patch(
            &path(&server),
            json!({ "auth": { "type": "header", "header": "x", "value": format!("{secret}\n") } }),
        )
        .await
        .assert(422),
        api.patch(&path(&server), json!({ "url": format!("https://me:{secret}@one.example") })).await.assert(422),
        api.post(&format!("{}/refresh", path(&server)), json!({})).await.assert(200),
        api.patch(&path(&server), json!({ "auth": { "type": "none" } })).await.assert(200),
    ] {
        said.push(answer.body);
    }
    for event in ["server.added", "server.changed"] {
        said.extend(app.events(event).await.iter().map(Value::to_string));
    }
    assert!(said.iter().all(|said| !said.contains(secret)), "{said:#?}");
    api.patch(&path(&server), json!({ "auth": { "type": "header", "header": "x" } })).await.assert(422);
}

#[tokio::test]
async fn what_is_said_obeys_the_rules() {
    let app = TestApp::start().await;
    let api = root(&app).await;
    let usual = json!({ "name": "one", "url": "https://one.example/mcp", "enabled": false });
    for program in [json!({ "name": "one", "transport": "stdio" }), json!({ "name": "one", "command": "memory" })] {
        assert!(api.register(program).await.assert(403).body.contains("mgmt.admin"));
    }
    for (change, why) in [
        (json!({ "name": "mcp" }), "a path of this gateway"),
        (json!({ "name": "settings" }), "a path of this gateway"),
        (json!({ "name": "One" }), "a to z"),
        (json!({ "name": "../admin" }), "a to z"),
        (json!({ "url": "ftp://one.example" }), "https://"),
        (json!({ "transport": "pigeon" }), "streamable-http"),
        (json!({ "forwarded_headers": ["authorization"] }), "never forwarded"),
        (json!({ "forwarded_headers": ["X-User"] }), "never forwarded"),
        (json!({ "tags": ["a,b"] }), "tag"),
        (json!({ "description": "x".repeat(1025) }), "1024"),
        (json!({ "place": "none" }), "no place"),
        (json!({ "auth": { "type": "header", "header": "host", "value": "x" } }), "host"),
    ] {
        let mut body = usual.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = api.register(body).await.assert(422).json();
        assert!(refused["detail"].as_str().unwrap().contains(why), "{change}: {refused}");
    }
    for body in [json!({ "name": "one", "nonsense": 1 }), json!({ "auth": { "type": "magic" } }), json!([])] {
        api.register(body).await.assert(400);
    }
    assert_eq!(names(&api.get(SERVERS).await.json()), [""; 0]);
    assert!(app.events("server.added").await.is_empty());
}

/// H: server-side request forgery, by whoever may register a server.
#[tokio::test]
async fn nobody_makes_the_gateway_knock_where_they_cannot() {
    let app = TestApp::start().await;
    let (_, olga) = olga(&app).await;
    let api = root(&app).await;
    let (port, knocks) = canary();
    let loops = api.register(json!({ "name": "one", "url": app.at("/one/mcp") })).await.assert(422);
    assert!(loops.body.contains("this gateway's own"), "{}", loops.body);
    for url in [
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://0.0.0.0/".to_owned(),
        "http://2852039166/".to_owned(),
    ] {
        let refused = api.register(json!({ "name": "one", "url": url })).await.assert(422);
        assert!(refused.body.contains("never spoken to"), "{url}: {}", refused.body);
    }
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        "https://10.0.0.1/".to_owned(),
        "https://intranet/".to_owned(),
    ] {
        let refused = olga.register(json!({ "name": "one", "url": url, "place": "acme" })).await.assert(422);
        assert!(refused.body.contains("only a system administrator"), "{url}: {}", refused.body);
    }
    let made = api.register(
        json!({ "name": "inside", "url": format!("http://127.0.0.1:{port}/"), "place": "acme", "enabled": false }),
    );
    let made = made.await.assert(201).json();
    let kept = json!({ "description": "ours", "url": made["url"] });
    olga.patch(&path(&made), kept).await.assert(200);
    olga.patch(&path(&made), json!({ "url": format!("https://127.0.0.1:{port}/other") })).await.assert(422);
    assert_eq!(knocks.load(std::sync::atomic::Ordering::SeqCst), 0);
    // A name that leads inside is judged whenever somebody goes there: an administrator's goes, another's does not.
    let sealed = "UPDATE servers SET may_be_inside = false";
    app.write(async |conn| diesel_async::SimpleAsyncConnection::batch_execute(conn, sealed).await).await;
    let found = api.post(&format!("{}/refresh", path(&made)), json!({})).await.assert(200).json();
    assert_eq!(found["health"], "failing", "{found}");
    assert_eq!(knocks.load(std::sync::atomic::Ordering::SeqCst), 0);
}

/// IDOR: of a server that is not theirs, nobody learns that it is there.
#[tokio::test]
async fn who_manages_one_workspace_finds_nothing_in_another() {
    let app = TestApp::start().await;
    let (_, olga) = olga(&app).await;
    let other = app.place("other").await;
    app.server("secret", other).await;
    let api = root(&app).await;
    let server = api.get(&format!("{SERVERS}?workspace=other")).await.json()["items"][0].clone();
    let one = path(&server);
    for (method, path, body) in [
        (Method::GET, one.clone(), None),
        (Method::PATCH, one.clone(), Some(json!({ "enabled": false }))),
        (Method::DELETE, one.clone(), None),
        (Method::POST, format!("{one}/refresh"), None),
        (Method::GET, format!("{one}/tools"), None),
        (Method::PATCH, format!("{one}/tools/x"), Some(json!({ "class": "read" }))),
        (Method::GET, format!("{SERVERS}/nonsense"), None),
    ] {
        let answer = olga.send(method.clone(), &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
    }
    assert!(names(&olga.get(&format!("{SERVERS}?workspace=other&q=secret")).await.json()).is_empty());
    for nothing in ["none", "%00", "%2e%2e"] {
        let path = format!("{one}/tools/{nothing}");
        api.patch(&path, json!({ "class": "read" })).await.assert(404);
    }
    olga.register(json!({ "name": "mine", "url": "https://mine.example", "place": "other" })).await.assert(422);
    let reads = Manager {
        app: &app,
        token: app
            .program(crate::support::m2m::account("agent"))
            .await
            .act(&[("scope", "mgmt.read")])
            .await
            .tokens()
            .access,
    };
    let refused = reads.register(json!({ "name": "mine", "url": "https://mine.example" })).await.assert(403);
    assert_eq!(refused.json()["error"], "insufficient_scope");
    assert_eq!(api.get(&one).await.assert(200).json(), server);
    assert!(app.events("server.added").await.is_empty() && app.events("server.changed").await.is_empty());
}
