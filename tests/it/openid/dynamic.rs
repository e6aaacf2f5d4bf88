//! `oidcc-dynamic-certification-test-plan`, as far as it is not in the basic one.

use portcullis::audit::Origin;
use portcullis::grants::rotate_keys::{Old, rotate_now};
use portcullis::grants::sign::ID_TOKEN_ALGORITHM;
use portcullis::http::urls;
use reqwest::Method;
use serde_json::{Value, json};

use super::{sign_in, userinfo};
use crate::support::client::jwt;
use crate::support::{Client, TestApp};

const CALLBACK: &str = "https://rp.example/cb";

async fn register(app: &TestApp, says: Value) -> Client {
    let mut all = json!({ "redirect_uris": [CALLBACK], "scope": "openid email mcp:read" });
    all.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
    Client::register(app, all).await
}

async fn signs_in_with(says: Value) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = register(&app, says).await;
    assert!(sign_in(&client, &ada, "openid").await.id_token.is_some());
}

#[tokio::test]
async fn oidcc_idtoken_rs256() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = register(&app, json!({ "id_token_signed_response_alg": "RS256" })).await;
    assert_eq!(jwt(&sign_in(&client, &ada, "openid").await.id_token.unwrap()).0["alg"], "RS256");
}

#[tokio::test]
async fn oidcc_ensure_redirect_uri_in_authorization_request() {
    let app = TestApp::start().await;
    let client = register(&app, json!({ "redirect_uris": [CALLBACK, "https://rp.example/other"] })).await;
    app.get(&client.ask().without("redirect_uri").url()).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_redirect_uri_query_ok() {
    signs_in_with(json!({ "redirect_uris": ["https://rp.example/cb?foo=bar"] })).await;
}

#[tokio::test]
async fn oidcc_redirect_uri_query_mismatch() {
    let app = TestApp::start().await;
    let client = register(&app, json!({ "redirect_uris": ["https://rp.example/cb?foo=bar"] })).await;
    app.get(&client.ask().with("redirect_uri", "https://rp.example/cb?bar=foo").url()).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_redirect_uri_query_added() {
    let app = TestApp::start().await;
    let client = register(&app, json!({})).await;
    app.get(&client.ask().with("redirect_uri", "https://rp.example/cb?foo=bar").url()).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_redirect_uri_regfrag() {
    let app = TestApp::start().await;
    let says = json!({ "redirect_uris": ["https://rp.example/cb#foobar"] });
    app.post_json(urls::REGISTER, &says).await.assert_refused(400, "invalid_redirect_uri");
}

#[tokio::test]
async fn oidcc_registration_logo_uri() {
    signs_in_with(json!({ "logo_uri": "https://rp.example/logo.png" })).await;
}

#[tokio::test]
async fn oidcc_registration_policy_uri() {
    signs_in_with(json!({ "policy_uri": "https://rp.example/policy" })).await;
}

#[tokio::test]
async fn oidcc_registration_tos_uri() {
    signs_in_with(json!({ "tos_uri": "https://rp.example/tos" })).await;
}

#[tokio::test]
async fn oidcc_server_rotate_keys() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = register(&app, json!({})).await;
    let before = sign_in(&client, &ada, "openid").await;
    let (server, now) = (app.app(), app.clock().now());
    let (lifetimes, origin) = (&server.config.lifetimes, Origin::operator());
    rotate_now(&server.db, &server.keys, ID_TOKEN_ALGORITHM, Old::Trusted, lifetimes, &origin, now).await.unwrap();
    server.signing.reload(&server.db, &server.keys, now).await.unwrap();
    let after = sign_in(&client, &ada, "openid").await;
    let kid = |token: &Option<String>| jwt(token.as_deref().unwrap()).0["kid"].clone();
    assert_ne!(kid(&before.id_token), kid(&after.id_token));
    let keys = app.get(urls::JWKS).await.json();
    let published = |kid: Value| keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid);
    assert!(published(kid(&before.id_token)) && published(kid(&after.id_token)));
    userinfo(&app, Method::GET, &before.access).await.assert(200);
}
