//! RFC 7662: what a token stands for now, for those whose business it is, and nothing for anybody else.

use chrono::TimeDelta;
use portcullis::audit::Origin;
use portcullis::crypto::Random;
use portcullis::grants::{disable, sign::AccessTokenClaims};
use portcullis::http::urls;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::client::jwt;
use crate::support::{Answer, Browser, Client, Holder, TestApp};

async fn ask(client: &Client, token: &str) -> Answer {
    let answer = client.post(urls::INTROSPECT, &[("token", token)]).await.assert(200);
    assert!(answer.header("cache-control").contains("no-store"));
    answer
}

async fn is_active(client: &Client, token: &str) -> bool {
    let answer = ask(client, token).await;
    let active = answer.json()["active"].as_bool().unwrap();
    // RFC 7662 §2.2: not a word more.
    assert!(active || answer.body == r#"{"active":false}"#, "{}", answer.body);
    active
}

async fn house() -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.confidential_client().await;
    (app, ada, client)
}

#[tokio::test]
async fn a_client_learns_what_its_token_stands_for() {
    let (app, ada, client) = house().await;
    let tokens = client.connect_for(&ada, "openid profile mcp:read").await;
    let told = ask(&client, &tokens.access).await.json();
    let claims = jwt(&tokens.access).1;
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "auth_time", "amr"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!((&told["scope"], &told["username"]), (&json!("mcp:read openid profile"), &json!("ada")));
    assert_eq!(told["aud"], app.at(urls::MCP));
    let told = ask(&client, &tokens.refresh).await.json();
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(client.id)));
    assert!(told.get("token_type").is_none(), "it is not to be presented to a resource");
    let hinted = [("token", &*tokens.access), ("token_type_hint", "refresh_token")];
    assert_eq!(client.post(urls::INTROSPECT, &hinted).await.json()["active"], true);
    client.post(urls::INTROSPECT, &[]).await.assert_refused(400, "invalid_request");
}

#[tokio::test]
async fn a_bound_token_names_its_key() {
    let (_, ada, client) = house().await;
    let holder = Holder::new();
    let told = ask(&client, &holder.connect(&client, &ada).await.access).await.json();
    assert_eq!(told["token_type"], "DPoP");
    assert_eq!(told["cnf"], json!({ "jkt": holder.thumbprint() }));
}

/// D4, as in workers-oauth-provider #188: that a client is known here gives it no right to others' tokens.
#[tokio::test]
async fn i4_d4_another_clients_token_is_nobodys() {
    let (app, ada, client) = house().await;
    let tokens = client.connect(&ada).await;
    let thief = app.confidential_client().await;
    for token in [&tokens.access, &tokens.refresh] {
        assert!(!is_active(&thief, token).await);
        assert!(is_active(&client, token).await);
    }
}

/// §4: nobody fishes for tokens.
#[tokio::test]
async fn d4_a_public_client_and_a_stranger_learn_nothing() {
    let (app, ada, client) = house().await;
    let public = app.client().await;
    let token = public.connect(&ada).await.access;
    public.post(urls::INTROSPECT, &[("token", &token)]).await.assert_refused(401, "invalid_client");
    let unknown = [("token", &*token), ("client_id", "unknown")];
    app.post_form(urls::INTROSPECT, &unknown).await.assert_refused(401, "invalid_client");
    app.post_form(urls::INTROSPECT, &[("token", &token)]).await.assert_refused(401, "invalid_client");
    let mut wrong = client.clone();
    wrong.secret = Some("wrong".to_owned());
    wrong.post(urls::INTROSPECT, &[("token", &token)]).await.assert_refused(401, "invalid_client");
    app.get(urls::INTROSPECT).await.assert(405);
    assert!(!is_active(&client, &token).await);
}

#[tokio::test]
async fn a_resource_learns_about_tokens_that_are_for_it() {
    let (app, ada, _) = house().await;
    let tokens = app.client().await.connect(&ada).await;
    let (resource, other) = (app.confidential_client().await, app.confidential_client().await);
    assert!(!is_active(&resource, &tokens.access).await, "nobody has said that it is a resource");
    app.make_resource_server(&resource, &app.at(urls::MCP)).await;
    app.make_resource_server(&other, &app.at("/mcp-other")).await;
    assert!(is_active(&resource, &tokens.access).await);
    assert!(!is_active(&resource, &tokens.refresh).await, "refresh tokens are not for resources");
    assert!(!is_active(&other, &tokens.access).await, "another resource");
}

/// What ended is over, whatever the signature says; a rest of the scope is what is said.
#[tokio::test]
async fn what_no_longer_stands_is_inactive() {
    let (app, ada, client) = house().await;
    let origin = Origin::default();
    let revoked = client.connect(&ada).await;
    client.revoke(&revoked.access).await.assert(200);
    assert!(!is_active(&client, &revoked.access).await && is_active(&client, &revoked.refresh).await);
    client.revoke(&revoked.refresh).await.assert(200);
    assert!(!is_active(&client, &revoked.refresh).await);

    let used = client.connect(&ada).await;
    let successor = client.refresh(&used.refresh).await.tokens();
    assert!(is_active(&client, &used.refresh).await, "in its grace it still buys");
    app.clock().advance(TimeDelta::minutes(3));
    assert!(!is_active(&client, &used.refresh).await && is_active(&client, &successor.refresh).await);

    let public = app.client().await;
    let theirs = public.connect(&ada).await.access;
    let resource = app.confidential_client().await;
    app.make_resource_server(&resource, &app.at(urls::MCP)).await;
    assert!(is_active(&resource, &theirs).await);
    let node = app.app();
    node.cut(async |conn| disable::disable(conn, &node.terms(&origin), None, &public.id).await).await.unwrap();
    assert!(!is_active(&resource, &theirs).await, "its client may no longer act");

    let tokens = client.connect(&ada).await;
    assert!(is_active(&client, &tokens.access).await);
    app.clock().advance(TimeDelta::hours(2));
    assert!(!is_active(&client, &tokens.access).await, "expired");

    let tokens = client.refresh(&tokens.refresh).await.tokens();
    assert!(is_active(&client, &tokens.access).await);
    app.disable(&ada).await;
    let since = std::time::Instant::now();
    while is_active(&client, &tokens.access).await {
        assert!(since.elapsed().as_secs() < 2, "decisions 3");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!is_active(&client, &tokens.refresh).await);
}

/// Another node makes a key, and its tokens come here at once.
#[tokio::test]
async fn a_token_under_a_key_that_is_news_is_known() {
    use portcullis::grants::rotate_keys::{Old, rotate_now};
    use portcullis::types::Algorithm;
    let (app, ada, client) = house().await;
    let deaf = app.deaf_node().await;
    let (node, now) = (app.app(), app.clock().now());
    let lifetimes = &node.config.lifetimes;
    rotate_now(&node.db, &node.keys, Algorithm::Es256, Old::Trusted, lifetimes, &Origin::default(), now).await.unwrap();
    node.signing.reload(&node.db, &node.keys, now).await.unwrap();
    let tokens = client.connect(&ada).await;
    assert!(is_active(&client.at(&deaf), &tokens.access).await);
}

/// No text is worth a 500, and none but a good token is active (property).
#[tokio::test]
async fn i2_garbage_is_inactive_and_never_a_surprise() {
    let (app, ada, client) = house().await;
    let tokens = client.connect_for(&ada, "openid mcp:read").await;
    let won = client.code(&ada).await;
    let claims: AccessTokenClaims = serde_json::from_value(jwt(&tokens.access).1).unwrap();
    let foreign = AccessTokenClaims { iss: "https://evil.example".to_owned(), ..claims };
    let (half, last) = (tokens.access.len() / 2, tokens.refresh.len() - 1);
    let mut garbage = vec![
        tokens.id_token.clone().unwrap(),
        won.code,
        client.secret.clone().unwrap(),
        app.app().signing.access_token(&foreign).unwrap(),
        tokens.access[..half].to_owned(),
        format!("{} ", tokens.access),
        format!("{}.x", tokens.access),
        tokens.access.to_uppercase(),
        tokens.refresh[..last].to_owned(),
        tokens.refresh.to_lowercase(),
        "..".to_owned(),
        "\0".to_owned(),
        "x".repeat(60_000),
    ];
    let mut runner = TestRunner::deterministic();
    let parts =
        prop_oneof!["\\PC{0,40}", "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,4}", "pcl[a-z]_[A-Za-z0-9]{49}"];
    garbage.extend((0..150).map(|_| parts.new_tree(&mut runner).unwrap().current()));
    garbage.extend((0..20).map(|_| format!("pclr_{}", hex(&Random::system().bytes::<24>()))));
    for text in garbage {
        let answer = client.post(urls::INTROSPECT, &[("token", &text)]).await;
        let code = (answer.status, answer.json());
        let fine = [(200, json!({ "active": false }))].contains(&code) || is_refusal(&code);
        assert!(fine, "{text:?}: {} {}", answer.status, answer.body);
        client.revoke(&text).await;
    }
    assert!(is_active(&client, &tokens.access).await, "and nothing of it revoked anything");
}

/// An empty parameter is none (RFC 6749 §3.1), and NUL is nowhere.
fn is_refusal((status, json): &(u16, Value)) -> bool {
    *status == 400 && json["error"] == "invalid_request"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
