//! F: a client reads, changes and removes its own registration, and nobody else's (RFC 7592).

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, public_keys};
use crate::support::{Answer, TestApp};

const WEB: &str = "https://app.example/cb";

/// A client with a registration of its own.
struct Managed {
    client: Client,
    uri: String,
    token: String,
    said: Value,
}

async fn register(app: &TestApp, says: Value) -> Managed {
    let mut all =
        json!({ "client_name": "Web", "redirect_uris": [WEB], "token_endpoint_auth_method": "client_secret_basic" });
    all.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    let said = app.post_json(portcullis::http::urls::REGISTER, &all).await.assert(201).json();
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let (uri, token) = (text("registration_client_uri"), text("registration_access_token"));
    assert_eq!(uri, format!("{}/{}", app.at(portcullis::http::urls::REGISTER), text("client_id")));
    app.is_secret(&token);
    let mut client = Client::known(app, &text("client_id"), WEB);
    client.secret = said["client_secret"].as_str().map(str::to_owned);
    client.auth_method = text("token_endpoint_auth_method");
    Managed { client, uri, token, said }
}

async fn ask(app: &TestApp, method: Method, uri: &str, token: &str, body: Option<&Value>) -> Answer {
    let request = app.request(method, uri).header("authorization", format!("Bearer {token}"));
    app.send(match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    })
    .await
}

impl Managed {
    async fn get(&self, app: &TestApp) -> Answer {
        ask(app, Method::GET, &self.uri, &self.token, None).await
    }

    /// What it says of itself, as it would be sent back, with these members changed.
    fn with(&self, change: Value) -> Value {
        let mut body = self.said.clone();
        let members = body.as_object_mut().unwrap();
        for ours in
            ["registration_access_token", "registration_client_uri", "client_id_issued_at", "client_secret_expires_at"]
        {
            members.remove(ours);
        }
        members.remove("client_secret");
        members.extend(change.as_object().unwrap().clone());
        body
    }

    async fn put(&self, app: &TestApp, change: Value) -> Answer {
        ask(app, Method::PUT, &self.uri, &self.token, Some(&self.with(change))).await
    }
}

async fn set_disabled(app: &TestApp, id: &str) {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::clients as table;
    let change = diesel::update(table::table.find(id)).set(table::disabled_at.eq(app.clock().now()));
    app.write(async |conn| change.execute(conn).await).await;
}

#[tokio::test]
async fn a_client_reads_changes_and_removes_its_registration() {
    let app = TestApp::start().await;
    let managed = register(&app, json!({ "client_uri": "https://app.example/", "default_max_age": 60 })).await;
    let read = managed.get(&app).await.assert(200);
    assert!(read.header("cache-control").contains("no-store"));
    let mut expected = managed.said.clone();
    for shown_once in ["client_secret", "client_secret_expires_at"] {
        expected.as_object_mut().unwrap().remove(shown_once);
    }
    assert_eq!(read.json(), expected, "what was said at first, but for the secret");
    let changed = managed.put(&app, json!({ "client_name": "Renamed", "client_uri": "https://new.example/" })).await;
    let changed = changed.assert(200).json();
    assert_eq!((&changed["client_name"], &changed["client_uri"]), (&json!("Renamed"), &json!("https://new.example/")));
    let next = changed["registration_access_token"].as_str().unwrap();
    app.is_secret(next);
    assert_ne!(next, managed.token);
    assert_eq!(managed.get(&app).await.status, 401, "RFC 7592 §3: the old token stopped");
    assert_eq!(ask(&app, Method::GET, &managed.uri, next, None).await.assert(200).json(), changed);
    ask(&app, Method::DELETE, &managed.uri, next, None).await.assert(204);
    assert_eq!(ask(&app, Method::GET, &managed.uri, next, None).await.status, 401);
    let token = managed.client.token(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
    token.assert_refused(401, "invalid_client");
    for event in ["client.registered", "client.changed", "client.removed"] {
        assert_eq!(app.events(event).await.len(), 1, "{event}");
    }
}

/// Whoever has no right token learns nothing: not even whether there is such a client.
#[tokio::test]
async fn f4_anothers_token_or_one_that_has_stopped_opens_nothing() {
    let app = TestApp::start().await;
    let (one, other) = (register(&app, json!({})).await, register(&app, json!({})).await);
    let public = app.client().await;
    let nowhere = one.uri.replace(&one.client.id, "0123456789abcdef0123456789abcdef");
    let publics = one.uri.replace(&one.client.id, &public.id);
    let mut answers = Vec::new();
    for uri in [&other.uri, &nowhere, &publics, &format!("{}%00", one.uri)] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = ask(&app, method.clone(), uri, &one.token, Some(&one.with(json!({})))).await;
            assert!(answer.header("www-authenticate").starts_with("Bearer ") && answer.status == 401, "{method} {uri}");
            answers.push(answer.body);
        }
    }
    assert!(answers.iter().all(|body| *body == answers[0]), "{answers:?}");
    for token in ["", "x", &one.token[..20], other.client.secret.as_deref().unwrap()] {
        assert_eq!(ask(&app, Method::GET, &one.uri, token, None).await.status, 401, "{token}");
    }
    let bare = app.get(&one.uri).await.assert(401);
    assert_eq!(bare.header("www-authenticate"), r#"Bearer realm="portcullis""#, "RFC 6750 §3.1: no error code");
    one.get(&app).await.assert(200);
    set_disabled(&app, &one.client.id).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = ask(&app, method, &one.uri, &one.token, Some(&one.with(json!({})))).await;
        assert_eq!(answer.body, answers[0], "a disabled client neither revives nor changes itself");
    }
}

#[tokio::test]
async fn f4_of_changes_at_once_one_is_made() {
    let app = TestApp::start().await;
    let managed = register(&app, json!({})).await;
    let puts = (0..8).map(|number| managed.put(&app, json!({ "client_name": format!("Name {number}") })));
    let answers = join_all(puts).await;
    let statuses = |wanted: u16| answers.iter().filter(|answer| answer.status == wanted).count();
    assert_eq!((statuses(200), statuses(401)), (1, 7));
}

/// A program that people let in must not become another one that they did not.
#[tokio::test]
async fn f5_a_client_that_becomes_another_loses_its_consents_and_tokens() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for change in [
        json!({ "redirect_uris": ["https://evil.example/cb"] }),
        json!({ "redirect_uris": [WEB, "https://evil.example/cb"] }),
        json!({ "grant_types": ["authorization_code"] }),
        json!({ "token_endpoint_auth_method": "client_secret_post" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": public_keys("1") }),
        json!({ "jwks": public_keys("1") }),
        json!({ "jwks_uri": "https://app.example/keys" }),
    ] {
        let managed = register(&app, json!({})).await;
        let tokens = managed.client.connect(&ada).await;
        app.call_mcp(&tokens.access).await.assert(200);
        managed.put(&app, change.clone()).await.assert(200);
        assert_eq!(app.call_mcp(&tokens.access).await.status, 401, "{change}");
        assert!(managed.client.refresh(&tokens.refresh).await.status >= 400, "{change}");
        let ended = app.events("grant.ended").await;
        assert_eq!(ended.last().unwrap()["reason"], "client_changed", "{change}");
    }
}

#[tokio::test]
async fn a_new_name_ends_nothing_but_a_page_that_shows_the_old_one() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let managed = register(&app, json!({})).await;
    let tokens = managed.client.connect(&ada).await;
    let page = ada.consider(&managed.client.ask().url()).await;
    managed.put(&app, json!({ "client_name": "Renamed" })).await.assert(200);
    app.call_mcp(&tokens.access).await.assert(200);
    managed.client.refresh(&tokens.refresh).await.tokens();
    ada.submit(&page.form("Allow")).await.assert(409);
}

#[tokio::test]
async fn f5_what_a_change_may_not_say_changes_nothing() {
    let app = TestApp::start().await;
    let (managed, other) = (register(&app, json!({})).await, register(&app, json!({})).await);
    let secret = other.client.secret.clone().unwrap();
    for change in [
        json!({ "client_id": other.client.id }),
        json!({ "client_id": "" }),
        json!({ "registration_access_token": managed.token }),
        json!({ "registration_client_uri": managed.uri }),
        json!({ "client_id_issued_at": 0 }),
        json!({ "client_secret_expires_at": 0 }),
        json!({ "client_secret": secret }),
        json!({ "client_secret": "chosen" }),
        json!({ "client_secret": 7 }),
        json!({ "token_endpoint_auth_method": "none" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback"] }),
        json!({ "grant_types": ["client_credentials"] }),
        json!({ "redirect_uris": ["javascript:alert(1)"] }),
        json!({ "client_name": "x".repeat(200) }),
    ] {
        let answer = managed.put(&app, change.clone()).await;
        assert!(answer.status == 400 && answer.json()["error"].is_string(), "{change}: {}", answer.body);
    }
    let body = ask(&app, Method::PUT, &managed.uri, &managed.token, Some(&json!([]))).await;
    body.assert_refused(400, "invalid_client_metadata");
    let greedy = json!({
        "scope": "mcp:read mgmt.admin", "grant_types": ["authorization_code", "client_credentials"],
        "client_secret": managed.client.secret, "origin": "administrator", "service_account_id": "x", "profile": "fapi2",
    });
    let now = managed.put(&app, greedy).await.assert(200).json();
    assert_eq!((&now["scope"], &now["grant_types"]), (&json!("mcp:read"), &json!(["authorization_code"])));
    assert_eq!(now.get("origin"), None);
}

/// What was read can be sent back.
#[tokio::test]
async fn a_change_to_what_is_so_already_changes_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let says = json!({
        "jwks": public_keys("1"), "post_logout_redirect_uris": ["https://app.example/bye"], "scope": "mcp:read mcp:write",
        "contacts": ["a@app.example"], "backchannel_logout_uri": "https://app.example/out", "default_max_age": 90_000,
    });
    let managed = register(&app, says).await;
    let tokens = managed.client.connect(&ada).await;
    let before = managed.get(&app).await.json();
    let read = Managed {
        said: before.clone(),
        token: managed.token.clone(),
        uri: managed.uri.clone(),
        client: managed.client.clone(),
    };
    let after = read.put(&app, json!({})).await.assert(200).json();
    for (name, value) in before.as_object().unwrap() {
        let is_same = &after[name] == value;
        assert!(is_same || name == "registration_access_token", "{name}: {value} became {}", after[name]);
    }
    assert_eq!(after.get("client_secret"), None, "the secret stays");
    app.call_mcp(&tokens.access).await.assert(200);
    managed.client.refresh(&tokens.refresh).await.tokens();
}

#[tokio::test]
async fn a_client_that_removes_itself_takes_everything_along_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let managed = register(&app, json!({})).await;
    let tokens = managed.client.connect(&ada).await;
    ask(&app, Method::DELETE, &managed.uri, &managed.token, None).await.assert(204);
    assert_eq!(app.call_mcp(&tokens.access).await.status, 401);
    managed.client.refresh(&tokens.refresh).await.assert_refused(401, "invalid_client");
    ada.visit(&managed.client.ask().url()).await.assert_error_page();
}

/// `decisions` 14: it is one with all that registered the same.
#[tokio::test]
async fn a_public_registration_is_nobodys_to_change() {
    let app = TestApp::start().await;
    let public = json!({ "client_name": "P", "redirect_uris": [WEB], "token_endpoint_auth_method": "none" });
    for _ in 0..2 {
        let known = app.post_json(portcullis::http::urls::REGISTER, &public).await.assert(201).json();
        for absent in ["registration_access_token", "registration_client_uri"] {
            assert_eq!(known.get(absent), None::<&Value>);
        }
    }
    let signing = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": public_keys("1") });
    let (one, two) = (register(&app, signing.clone()).await, register(&app, signing).await);
    assert_ne!(one.client.id, two.client.id, "public keys can be copied, so they make nobody the same client");
}

/// Guessing costs what registering costs.
#[tokio::test]
async fn wrong_tokens_are_limited_and_remembered() {
    let app = TestApp::start().await;
    let (one, other) = (register(&app, json!({})).await, register(&app, json!({})).await);
    let mut last = 0;
    for _ in 0..70 {
        last = ask(&app, Method::GET, &other.uri, &one.token, None).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(app.events("client.registration_refused").await.len(), 58);
    app.clock().advance(TimeDelta::minutes(1));
    one.get(&app).await.assert(200);
}
