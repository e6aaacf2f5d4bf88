//! `/api/v1/api-keys`: making, listing and ending keys, and who may not (attacks L1, L2 and the IDOR family).

use chrono::TimeDelta;
use portcullis::credentials::NewKey;
use portcullis::grants::m2m_account::NewAccount;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::types::{Permissions, Scope, SubjectId};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::{Answer, Browser, TestApp};

async fn send(node: &Node, method: Method, token: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = node.request(method, path).header(AUTHORIZATION, format!("Bearer {token}"));
    node.send(match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
        None => request,
    })
    .await
}

async fn get(node: &Node, token: &str, path: &str) -> Answer {
    send(node, Method::GET, token, path, None).await
}

async fn post(node: &Node, token: &str, path: &str, body: &Value) -> Answer {
    let answer = send(node, Method::POST, token, path, Some(body)).await;
    if answer.status == 201 {
        node.is_secret(answer.json()["key"].as_str().unwrap());
    }
    answer
}

/// A system administrator, and an access token of theirs for the management API.
async fn administrator(app: &TestApp) -> (Browser, String) {
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let token = console(app, &root, "mgmt.admin mcp:write").await;
    (root, token)
}

async fn console(app: &TestApp, person: &Browser, scope: &str) -> String {
    let client = app.vouched_client(&format!("console-{}", person.username), "https://console.example/cb").await;
    let ask = client.ask().with("scope", scope).and("resource", app.issuer());
    let won = client.win(person, &ask).await;
    client.redeem(&won).await.tokens().access
}

fn usual() -> Value {
    json!({ "name": "CI/CD Pipeline", "scope": ["mcp-gateway"], "permissions": "write" })
}

#[tokio::test]
async fn a_key_is_made_used_seen_and_ended() {
    let app = TestApp::start().await;
    let (_, token) = administrator(&app).await;
    let body = json!({
        "name": "CI/CD Pipeline", "scope": ["mcp-gateway"], "permissions": ["tools:read", "servers:read"],
        "expires_at": app.clock().now() + TimeDelta::days(7),
        "allowed_networks": ["127.0.0.1", "192.0.2.0/24"], "rate_limit": 60,
    });
    let made = post(&app, &token, urls::API_KEYS, &body).await.assert(201);
    assert!(made.header("cache-control").contains("no-store"));
    let (location, made) = (made.location().to_owned(), made.json());
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(location, format!("{}/{id}", app.at(urls::API_KEYS)));
    app.call_mcp(key).await.assert(200);
    let mut seen = get(&app, &token, &location).await.assert(200).json();
    for (member, value) in [
        ("name", json!("CI/CD Pipeline")),
        ("prefix", json!(key[..8])),
        ("state", json!("active")),
        ("workspace", json!("mcp-gateway")),
        ("scope", json!(["mcp-gateway"])),
        ("permissions", json!(["tools:read", "servers:read"])),
        ("allowed_networks", json!(["127.0.0.1/32", "192.0.2.0/24"])),
        ("rate_limit", json!(60)),
    ] {
        assert_eq!(seen[member], value, "{member}");
    }
    assert_eq!(seen["owner"]["kind"], "person");
    assert!(seen.get("key").is_none() && !seen.to_string().contains(key));
    for _ in 0..2 {
        send(&app, Method::DELETE, &token, &location, None).await.assert(204);
        app.call_mcp(key).await.assert(401);
    }
    seen = get(&app, &token, &location).await.assert(200).json();
    assert_eq!(seen["state"], "revoked");
    assert_eq!(app.events("api_key.made").await.len(), 1);
    assert_eq!(app.events("api_key.revoked").await.len(), 1);
}

#[tokio::test]
async fn a_rotated_key_has_a_successor_once() {
    let app = TestApp::start().await;
    let (_, token) = administrator(&app).await;
    let made = post(&app, &token, urls::API_KEYS, &usual()).await.assert(201).json();
    let path = urls::API_KEY_ROTATION.replace("{id}", made["id"].as_str().unwrap());
    for bad in [json!({ "overlap_days": 8 }), json!({ "overlap_days": -1 })] {
        post(&app, &token, &path, &bad).await.assert(422);
    }
    let next = post(&app, &token, &path, &json!({ "overlap_days": 2 })).await.assert(201).json();
    assert_eq!(next["permissions"], made["permissions"]);
    post(&app, &token, &path, &json!({})).await.assert(409);
    for key in [&made, &next] {
        app.call_mcp(key["key"].as_str().unwrap()).await.assert(200);
    }
    app.clock().advance(TimeDelta::minutes(59));
    let old = get(&app, &token, &format!("{}/{}", urls::API_KEYS, made["id"].as_str().unwrap())).await.json();
    assert_eq!((&old["replaced_by"], old["ends_at"].is_string()), (&next["id"], true));
}

/// What is over has no successor, with or without an overlap: a program does not undo what somebody revoked.
#[tokio::test]
async fn a_key_that_is_over_is_not_rotated() {
    let app = TestApp::start().await;
    let (root, token) = administrator(&app).await;
    let soon = app.clock().now() + TimeDelta::minutes(10);
    let [revoked, expired] =
        [app.key(&root).await, app.key_as(&root, |usual| NewKey { expires_at: Some(soon), ..usual }).await];
    app.revoke_key(&revoked).await;
    app.clock().advance(TimeDelta::minutes(10));
    for key in [&revoked, &expired] {
        let path = urls::API_KEY_ROTATION.replace("{id}", &key.id.to_string());
        for days in [0, 1] {
            post(&app, &token, &path, &json!({ "overlap_days": days })).await.assert(409);
        }
    }
    assert!(app.events("api_key.replaced").await.is_empty());
}

#[tokio::test]
async fn the_list_is_searched_sorted_narrowed_and_paged_by_the_server() {
    let app = TestApp::start().await;
    let (root, token) = administrator(&app).await;
    for name in ["Claude Desktop – MacBook", "CI/CD Pipeline", "nightly report", "Cursor", "claude code"] {
        app.key_as(&root, |usual| NewKey { name: name.parse().unwrap(), ..usual }).await;
    }
    let gone = app.key_as(&root, |usual| NewKey { name: "Old CI".parse().unwrap(), ..usual }).await;
    app.revoke_key(&gone).await;
    let names = async |query: &str| -> Vec<String> {
        let list = get(&app, &token, &format!("{}?{query}", urls::API_KEYS)).await.assert(200).json();
        let items = list["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await.len(), 6);
    assert_eq!(names("search=claude").await, ["claude code", "Claude Desktop – MacBook"]);
    assert_eq!(names("search=mac").await, ["Claude Desktop – MacBook"], "words are found by how they begin");
    assert_eq!(names("search=cd").await, ["CI/CD Pipeline"]);
    assert_eq!(names(&format!("search={}", gone.prefix)).await, ["Old CI"]);
    assert_eq!(names("search=claude+zzz").await, Vec::<String>::new());
    assert_eq!(names("state=revoked").await, ["Old CI"]);
    assert_eq!(names("state=active&search=ci").await, ["CI/CD Pipeline"]);
    assert_eq!(names("sort=name").await[..2], ["CI/CD Pipeline", "claude code"]);
    assert_eq!(names("workspace=mcp-gateway").await.len(), 6);
    for sort in ["created", "name", "expires", "used"] {
        let whole = names(&format!("sort={sort}")).await;
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("{}?limit=2&sort={sort}{cursor}", urls::API_KEYS);
            let page = get(&app, &token, &query).await.assert(200).json();
            let items = page["items"].as_array().unwrap().clone();
            paged.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, whole, "{sort}");
    }
    for bad in ["sort=age", "state=lost", "workspace=none", "cursor=AA", "limit=0", "sort=name&cursor=JyBPUiAnMSc9JzE"]
    {
        get(&app, &token, &format!("{}?{bad}", urls::API_KEYS)).await.assert(400);
    }
    for hostile in ["search=%27+OR+1%3D1+--", "search=%3A*%26%21", "search=%5C%27%29%3B+DROP", "search=%22%3Cb%3E"] {
        get(&app, &token, &format!("{}?{hostile}", urls::API_KEYS)).await.assert(200);
    }
}

/// L1: nobody's, somebody else's, and by another key.
#[tokio::test]
async fn l1_nobody_makes_lists_or_ends_keys_without_an_access_token_of_their_own() {
    let app = TestApp::start().await;
    let (root, token) = administrator(&app).await;
    let ada = app.person("ada").await;
    let all = |usual| NewKey { permissions: Permissions::all(), ..usual };
    let key = app.key_as(&root, all).await;
    let item = format!("{}/{}", urls::API_KEYS, key.id);
    let rotation = format!("{item}/rotate");
    for (method, path) in [
        (Method::POST, urls::API_KEYS),
        (Method::GET, urls::API_KEYS),
        (Method::GET, &item),
        (Method::DELETE, &item),
        (Method::POST, &rotation),
    ] {
        let request = || app.request(method.clone(), path).header(CONTENT_TYPE, "application/json").body("{}");
        app.send(request()).await.assert(401);
        app.send(request().header("cookie", "portcullis_session=x")).await.assert(401);
    }
    for (method, path, body) in [
        (Method::POST, urls::API_KEYS, Some(usual())),
        (Method::DELETE, &item, None),
        (Method::POST, &rotation, Some(json!({}))),
    ] {
        let answer = send(&app, method, &key.secret, path, body.as_ref()).await.assert(403);
        assert!(answer.body.contains("make and end no others"), "{}", answer.body);
    }
    app.call_mcp(&key.secret).await.assert(200);
    for member in ["userId", "user_id", "made_by", "owner_id", "key_hash", "id"] {
        let mut body = usual();
        body[member] = json!(ada.user);
        let answer = post(&app, &token, urls::API_KEYS, &body).await.assert(400);
        assert!(answer.body.contains(member), "{}", answer.body);
    }
    let mut body = usual();
    body["owner"] = json!("ada");
    post(&app, &token, urls::API_KEYS, &body).await.assert(400);
    assert_eq!(app.events("api_key.made").await.len(), 1, "the one that the test made");
}

/// L2: a key that only reads opens nothing that writes, whoever made it.
#[tokio::test]
async fn l2_a_read_only_key_of_an_administrator_opens_no_route_that_changes_anything() {
    let app = TestApp::start().await;
    let (root, _) = administrator(&app).await;
    let key = app.key_as(&root, |usual| NewKey { permissions: Permissions::read(), ..usual }).await;
    get(&app, &key.secret, urls::API_MCP_SERVERS).await.assert(200);
    get(&app, &key.secret, urls::API_KEYS).await.assert(403);
    post(&app, &key.secret, urls::API_KEYS, &usual()).await.assert(403);
    let reader = |usual| NewKey { permissions: "keys:read".parse().unwrap(), ..usual };
    let reader = app.key_as(&root, reader).await;
    get(&app, &reader.secret, urls::API_KEYS).await.assert(200);
    post(&app, &reader.secret, urls::API_KEYS, &usual()).await.assert(403);
    let item = format!("{}/{}", urls::API_KEYS, key.id);
    send(&app, Method::DELETE, &reader.secret, &item, None).await.assert(403);
    app.call_mcp(&key.secret).await.assert(200);
}

/// IDOR: another workspace's keys are not there, and one person's key is never another's to have.
#[tokio::test]
async fn what_is_not_theirs_is_not_there() {
    let app = TestApp::start().await;
    let (root, token) = administrator(&app).await;
    let ada = app.person("ada").await;
    let (roots, hers) = (app.key(&root).await, app.key(&ada).await);
    let elsewhere = app.another_workspace("acme").await;
    let wanted =
        NewAccount { workspace: "acme".to_owned(), scope: Scope::of(&["mgmt.admin", "mcp:write"]), ..account("agent") };
    let agent = app.program(wanted).await.act(&[]).await.tokens().access;
    for key in [&roots, &hers] {
        let item = format!("{}/{}", urls::API_KEYS, key.id);
        get(&app, &agent, &item).await.assert(404);
        send(&app, Method::DELETE, &agent, &item, None).await.assert(404);
        post(&app, &agent, &format!("{item}/rotate"), &json!({})).await.assert(404);
    }
    assert_eq!(get(&app, &agent, urls::API_KEYS).await.json()["items"], json!([]));
    post(&app, &agent, urls::API_KEYS, &usual()).await.assert(422);
    let own = json!({ "name": "its own", "scope": ["acme"], "permissions": ["tools:read"], "owner": "workspace" });
    let own = post(&app, &agent, urls::API_KEYS, &own).await.assert(201).json();
    assert_eq!(own["owner"], json!({ "kind": "workspace", "id": elsewhere }));
    // An administrator ends anybody's key, and never has one made anew that would be somebody else's.
    let item = format!("{}/{}", urls::API_KEYS, hers.id);
    post(&app, &token, &format!("{item}/rotate"), &json!({})).await.assert(403);
    app.call_mcp(&hers.secret).await.assert(200);
    send(&app, Method::DELETE, &token, &item, None).await.assert(204);
    app.call_mcp(&hers.secret).await.assert(401);
    for bad in ["01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55", "x", "%00", "..%2f"] {
        let answer = get(&app, &token, &format!("{}/{bad}", urls::API_KEYS)).await;
        assert!(answer.status == 404, "{bad}: {}", answer.status);
    }
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_by_the_name_of_what_is_wrong() {
    let app = TestApp::start().await;
    let (_, token) = administrator(&app).await;
    let with = |member: &str, value: Value| {
        let mut body = usual();
        body[member] = value;
        body
    };
    for (body, status, words) in [
        (with("name", json!("")), 422, "name"),
        (with("name", json!("x".repeat(129))), 422, "128"),
        (with("name", json!("two\nlines")), 422, "control"),
        (with("scope", json!([])), 422, "at least one workspace"),
        (with("scope", json!(["nowhere"])), 422, "nowhere"),
        (with("permissions", json!([])), 422, "permission"),
        (with("permissions", json!(["keys:write"])), 422, "keys:write"),
        (with("permissions", json!("everything")), 400, "everything"),
        (with("allowed_networks", json!(["300.0.0.1"])), 400, "300.0.0.1"),
        (with("rate_limit", json!(0)), 422, "rate limit"),
        (with("expires_at", json!("2020-01-01T00:00:00Z")), 400, "future"),
        (with("workspace", json!("nowhere")), 400, "workspace"),
        (json!([]), 400, ""),
        (json!({}), 400, "name"),
    ] {
        let answer = post(&app, &token, urls::API_KEYS, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let request = app.request(Method::POST, urls::API_KEYS).header(AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.header(CONTENT_TYPE, "application/json").body("{")).await.assert(400);
    let answer = send(&app, Method::PUT, &token, urls::API_KEYS, Some(&json!({}))).await.assert(405);
    assert!(answer.header("allow").contains("POST"));
}

/// A key for a program is within what both its maker and the program may.
#[tokio::test]
async fn a_key_of_an_account_never_does_more_than_the_account() {
    let app = TestApp::start().await;
    let (_, token) = administrator(&app).await;
    app.program(NewAccount { scope: Scope::of(&["mcp:read"]), ..account("reader") }).await;
    let body = json!({ "name": "for it", "scope": ["mcp-gateway"], "permissions": "write", "owner": "reader" });
    let made = post(&app, &token, urls::API_KEYS, &body).await.assert(201).json();
    assert_eq!(made["owner"]["kind"], "m2m_account");
    let key = made["key"].as_str().unwrap();
    app.call_mcp(key).await.assert(200);
    let told = app.call_tool(key, "debug_auth_context", json!({})).await.json();
    assert_eq!(told["result"]["structuredContent"]["scopes"], json!(["mcp:read"]));
    let id = app.account_id("reader").await;
    assert_eq!(told["result"]["structuredContent"]["subject"]["sub"], SubjectId::Service(id).to_string());
}
