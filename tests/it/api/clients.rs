//! `/api/v1/clients`: what an administrator's program does with OAuth clients, and what nobody else's may.

use chrono::TimeDelta;
use portcullis::http::urls;
use portcullis::types::Scope;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::owned::NOTES_CALLBACK;
use crate::support::{Answer, Client, TestApp};

async fn ask(node: &Node, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = node.request(method, path).header(AUTHORIZATION, format!("Bearer {token}"));
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    node.send(request).await
}

/// The token of a program that may do this.
async fn token(app: &TestApp, name: &str, scope: &str) -> String {
    let scope: Scope = scope.parse().unwrap();
    let mut wanted = account(name);
    wanted.groups = Vec::new();
    app.program(portcullis::grants::m2m_account::NewAccount { scope, ..wanted }).await.act(&[]).await.tokens().access
}

fn notes() -> Value {
    json!({
        "name": "Team notes", "type": "confidential", "redirect_uris": [NOTES_CALLBACK],
        "scope": ["mcp-gateway"], "permissions": "read",
    })
}

fn of(path: &str, id: &str) -> String {
    path.replace("{id}", id)
}

#[tokio::test]
async fn a_client_lives_from_registration_to_removal() {
    let app = TestApp::start().await;
    let (token, ada) = (token(&app, "agent", "mgmt.admin mcp:read").await, app.person("ada").await);
    let made = ask(&app, &token, Method::POST, urls::API_CLIENTS, Some(notes())).await.assert(201);
    let client = made.json();
    let id = client["id"].as_str().unwrap();
    assert_eq!(made.location(), app.at(&of(urls::API_CLIENT, id)));
    assert!(made.header("cache-control").contains("no-store"));
    let secret = client["client_secret"].as_str().unwrap();
    app.is_secret(secret);
    for (member, value) in [
        ("type", json!("confidential")),
        ("origin", json!("person")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("scope", json!(["mcp-gateway"])),
        ("workspace", json!("mcp-gateway")),
        ("enabled", json!(true)),
        ("connected", json!(0)),
    ] {
        assert_eq!(client[member], value, "{member}");
    }
    let known = Client::known(&app, id, NOTES_CALLBACK).proving("client_secret_post", Some(secret));
    let tokens = known.connect_for(&ada, "mcp:read").await;

    let seen = ask(&app, &token, Method::GET, &of(urls::API_CLIENT, id), None).await.assert(200).json();
    assert_eq!((&seen["connected"], seen.get("client_secret")), (&json!(1), None));
    let change = json!({ "name": "Notes", "redirect_uris": [NOTES_CALLBACK, "https://notes.example/two"] });
    let changed = ask(&app, &token, Method::PATCH, &of(urls::API_CLIENT, id), Some(change)).await.assert(200).json();
    assert_eq!((&changed["name"], changed["redirect_uris"].as_array().unwrap().len()), (&json!("Notes"), 2));
    app.call_mcp(&tokens.access).await.assert(200);

    let rotate = Some(json!({ "overlap_seconds": 3600 }));
    let rotated = ask(&app, &token, Method::POST, &of(urls::API_CLIENT_SECRETS, id), rotate).await.assert(201).json();
    let fresh = rotated["client_secret"].as_str().unwrap();
    app.is_secret(fresh);
    let new = known.proving("client_secret_post", Some(fresh));
    let refresh = known.refresh(&tokens.refresh).await.tokens().refresh;
    let refresh = new.refresh(&refresh).await.tokens().refresh;
    let old = rotated["replaced"]["id"].as_str().unwrap();
    let path = of(urls::API_CLIENT_SECRET, id).replace("{secret_id}", old);
    ask(&app, &token, Method::DELETE, &path, None).await.assert(204);
    ask(&app, &token, Method::DELETE, &path, None).await.assert(404);
    known.refresh(&refresh).await.assert_refused(401, "invalid_client");

    let disable = Some(json!({ "enabled": false }));
    ask(&app, &token, Method::PATCH, &of(urls::API_CLIENT, id), disable).await.assert(200);
    app.call_mcp(&tokens.access).await.assert(401);
    ask(&app, &token, Method::DELETE, &of(urls::API_CLIENT, id), None).await.assert(204);
    ask(&app, &token, Method::GET, &of(urls::API_CLIENT, id), None).await.assert(404);
    new.refresh(&refresh).await.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn clients_are_listed_in_order_page_by_page() {
    let app = TestApp::start().await;
    let token = token(&app, "agent", "mgmt.admin").await;
    for name in ["Beta", "alpha", "Gamma", "delta"] {
        let mut new = notes();
        (new["name"], new["type"]) = (json!(name), json!("public"));
        ask(&app, &token, Method::POST, urls::API_CLIENTS, Some(new)).await.assert(201);
        app.clock().advance(TimeDelta::seconds(1));
    }
    for (sort, order) in
        [("newest", ["delta", "Gamma", "alpha", "Beta"]), ("name", ["alpha", "Beta", "delta", "Gamma"])]
    {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{}?sort={sort}&limit=3{cursor}", urls::API_CLIENTS);
            let page = ask(&app, &token, Method::GET, &path, None).await.assert(200).json();
            found
                .extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, order, "{sort}");
    }
    let path = format!("{}?search=AMM", urls::API_CLIENTS);
    let found = ask(&app, &token, Method::GET, &path, None).await.json();
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["name"]), (1, &json!("Gamma")));
    for bad in [
        "sort=x",
        "state=x",
        "unused_for=0",
        "unused_for=x",
        "self_registered=x",
        "cursor=AAAA",
        "state=active&unused_for=3",
    ] {
        ask(&app, &token, Method::GET, &format!("{}?{bad}", urls::API_CLIENTS), None).await.assert(400);
    }
    let path = format!("{}?self_registered=true", urls::API_CLIENTS);
    ask(&app, &token, Method::GET, &path, None).await.assert(403);
}

/// F2, F3, B at registration: what cannot be is named, and nothing is made.
#[tokio::test]
async fn a_client_that_cannot_be_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let token = token(&app, "agent", "mgmt.admin").await;
    for (member, value, status) in [
        ("name", json!(""), 422),
        ("name", json!("A\u{202e}B"), 422),
        ("type", json!("native"), 400),
        ("token_endpoint_auth_method", json!("none"), 400),
        ("token_endpoint_auth_method", json!("private_key_jwt"), 422),
        ("redirect_uris", json!([]), 422),
        ("redirect_uris", json!(["javascript:alert(1)"]), 422),
        ("redirect_uris", json!(["https://app.example@evil.example/"]), 422),
        ("scope", json!([]), 422),
        ("scope", json!(["acme"]), 422),
        ("permissions", json!([]), 422),
        ("permissions", json!("everything"), 400),
        ("logo_uri", json!("https://127.0.0.1/logo.png"), 422),
        ("workspace", json!("acme"), 422),
        ("client_id", json!("chosen"), 400),
        ("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), 422),
    ] {
        let mut new = notes();
        new[member] = value.clone();
        let answer = ask(&app, &token, Method::POST, urls::API_CLIENTS, Some(new)).await;
        assert_eq!(answer.status, status, "{member} {value}: {}", answer.body);
        assert!(answer.json()["detail"].is_string());
    }
    assert_eq!(app.events("client.added").await.len(), 0);
}

/// L1, L2: who may not, may not on any of these, and learns nothing of what is there.
#[tokio::test]
async fn nobody_without_the_right_reads_or_changes_anything() {
    let app = TestApp::start().await;
    let (admin, reader) = (token(&app, "agent", "mgmt.admin").await, token(&app, "reader", "mgmt.read").await);
    let none = token(&app, "user", "mcp:read").await;
    let made = ask(&app, &admin, Method::POST, urls::API_CLIENTS, Some(notes())).await.json();
    app.is_secret(made["client_secret"].as_str().unwrap());
    let id = made["id"].as_str().unwrap();
    app.sql(
        "INSERT INTO places (id, kind, name, title, created_at)
         VALUES (gen_random_uuid(), 'workspace', 'acme', 'Acme', now());",
    )
    .await;
    let elsewhere = "UPDATE client_ownerships SET workspace_id = (SELECT id FROM places WHERE name = 'acme');";
    let secret = of(urls::API_CLIENT_SECRET, id).replace("{secret_id}", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55");
    let writes = [
        (Method::POST, urls::API_CLIENTS.to_owned(), Some(notes())),
        (Method::PATCH, of(urls::API_CLIENT, id), Some(json!({ "name": "Mine" }))),
        (Method::DELETE, of(urls::API_CLIENT, id), None),
        (Method::POST, of(urls::API_CLIENT_SECRETS, id), Some(json!({}))),
        (Method::DELETE, secret, None),
    ];
    for (method, path, body) in &writes {
        for token in [&reader, &none] {
            ask(&app, token, method.clone(), path, body.clone()).await.assert(403);
        }
        ask(&app, "nonsense", method.clone(), path, body.clone()).await.assert(401);
    }
    ask(&app, &none, Method::GET, urls::API_CLIENTS, None).await.assert(403);
    ask(&app, &reader, Method::GET, &of(urls::API_CLIENT, id), None).await.assert(200);

    app.sql(elsewhere).await;
    let list = ask(&app, &admin, Method::GET, urls::API_CLIENTS, None).await.assert(200).json();
    assert_eq!(list, json!({ "items": [] }), "it is another workspace's now");
    for (method, path, body) in writes.iter().skip(1) {
        ask(&app, &admin, method.clone(), path, body.clone()).await.assert(404);
    }
    let own = Client::register(&app, json!({})).await;
    for id in [own.id.as_str(), "agent", "unknown", "%00", "%2e%2e%2f"] {
        for method in [Method::GET, Method::DELETE] {
            ask(&app, &admin, method, &of(urls::API_CLIENT, id), None).await.assert(404);
        }
    }
    let ada = app.person("ada").await;
    own.connect(&ada).await;
}

/// What an administrator's token is narrowed to holds for clients of no workspace too, and so does what it may not do.
#[tokio::test]
async fn a_narrowed_token_of_an_administrator_sees_and_ends_nothing_outside() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let own = Client::register(&app, json!({})).await;
    let path = of(urls::API_CLIENT, &own.id);
    let every = "clients:read clients:write clients:delete";
    let form = root.new_client_form().await.set("scope", &app.place_id("mcp-gateway"));
    let client = root.register_client(&app, &form.set("permissions", "grid").set("grants", every)).await;
    let asked = client.ask().with("scope", "mgmt.read mgmt.write mgmt.admin");
    let asked = asked.with("resource", &format!("{}{}", app.issuer(), urls::API));
    let token = client.redeem(&client.win(&root, &asked).await).await.tokens().access;
    ask(&app, &token, Method::GET, &path, None).await.assert(404);
    ask(&app, &token, Method::GET, &format!("{}?self_registered=true", urls::API_CLIENTS), None).await.assert(403);
    ask(&app, &token, Method::PATCH, &path, Some(json!({ "enabled": false }))).await.assert(404);
    ask(&app, &token, Method::DELETE, &path, None).await.assert(404);
    own.connect(&root).await;
}

/// A program of a workspace is no more than who manages it: what an administrator disabled stays disabled.
#[tokio::test]
async fn a_program_enables_nothing_that_an_administrator_disabled() {
    let app = TestApp::start().await;
    let token = token(&app, "agent", "mgmt.admin").await;
    let made = ask(&app, &token, Method::POST, urls::API_CLIENTS, Some(notes())).await.assert(201).json();
    app.is_secret(made["client_secret"].as_str().unwrap());
    let path = of(urls::API_CLIENT, made["id"].as_str().unwrap());
    let set =
        async |enabled: bool| ask(&app, &token, Method::PATCH, &path, Some(json!({ "enabled": enabled }))).await.status;
    assert_eq!((set(false).await, set(true).await, set(false).await), (200, 200, 200));
    app.sql("UPDATE client_ownerships SET disabled_as = 'administrator'").await;
    assert_eq!((set(true).await, set(false).await, set(true).await), (403, 200, 403));
}
