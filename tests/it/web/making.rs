//! How often somebody makes credentials and has pictures looked at, which pages and the management API share; and by which
//! memory the forms judge.

use chrono::TimeDelta;
use portcullis::http::urls;
use portcullis::places::Role;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use crate::support::{Answer, TestApp};

/// The seconds that an answer asks to wait.
fn wait(answer: &Answer) -> i64 {
    answer.header("retry-after").parse().unwrap()
}

/// A session or a program that runs wild fills no table, and its owner can still end what it made.
#[tokio::test]
async fn who_makes_credentials_without_end_has_to_wait() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.administrator("ada").await, app.person("bob").await);
    ada.sign_in().await;
    bob.sign_in().await;
    let form = ada.get(urls::JWT_TOKEN).await.form("Get token").set("scope", "mgmt.admin mcp:read");
    let token = ada.submit(&form).await.assert(200).says("jwt-token");
    app.is_secret(&token);
    let form = ada.get(urls::NEW_API_KEY).await.form("Create Key").fill("Name", "CI");
    for _ in 1..60 {
        let answer = ada.submit(&form).await;
        assert!(matches!(answer.status, 200 | 303), "{} {}", answer.status, answer.body);
    }
    let refused = ada.submit(&form).await.assert(429);
    assert!((1..=10).contains(&wait(&refused)), "{}", wait(&refused));
    assert!(refused.words().contains("nothing was made this time"), "{}", refused.words());
    let by_program = async || {
        let wanted = json!({ "name": "CI", "scopes": ["mcp:read"] });
        let request = app.request(Method::POST, urls::API_ACCESS_TOKENS).header(CONTENT_TYPE, "application/json");
        app.send(request.header(AUTHORIZATION, format!("Bearer {token}")).body(wanted.to_string())).await
    };
    let refused = by_program().await.assert(429);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.json()["status"], 429);
    app.pat(&bob).await;
    let revoke = ada.get(&ada.get(urls::KEYS).await.form("Revoke").action).await.form("Revoke key");
    ada.submit(&revoke).await.assert(303);
    app.clock().advance(TimeDelta::seconds(wait(&refused)));
    by_program().await.assert(201);
    by_program().await.assert(429);
}

/// SSRF by patience: each picture is a request to a host that somebody names, or work on bytes that they send.
#[tokio::test]
async fn who_has_pictures_looked_at_without_end_has_to_wait() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let client = ada.register_client(&app, &ada.new_client_form().await).await;
    let page = ada.get(&urls::CLIENT_LOGO.replace("{id}", &client.id)).await.assert(200);
    let form = page.form("Save logo");
    for _ in 0..20 {
        ada.upload(&app, &form, b"no picture").await.assert(200);
    }
    let refused = ada.upload(&app, &form, b"no picture").await.assert(429);
    assert!((1..=30).contains(&wait(&refused)), "{}", wait(&refused));
    let other = ada.new_client_form().await.set("logo_url", "https://app.example/logo.png");
    ada.submit(&other).await.assert(429);
    ada.upload(&app, &form.clone().set("do", "remove"), &[]).await.assert(303);
    app.clock().advance(TimeDelta::seconds(wait(&refused)));
    ada.upload(&app, &form, b"no picture").await.assert(200);
}

/// A node that hears nothing judges by the database, not by what it remembers (`decisions` 3).
#[tokio::test]
async fn a_node_that_hears_nothing_offers_and_takes_places_as_they_are() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let deaf = app.deaf_node().await;
    let acme = app.place("acme").await;
    app.join(acme, &ada, Role::Owner).await;
    let (ada, acme) = (ada.at(&deaf), acme.to_string());
    for url in [urls::NEW_API_KEY, urls::ACCESS_TOKENS_NEW, urls::NEW_CLIENT] {
        assert!(ada.get(url).await.assert(200).body.contains(&acme), "{url}");
    }
    let form = ada.get(urls::NEW_API_KEY).await.form("Create Key").fill("Name", "CI").set("scope", &acme);
    let made = ada.submit(&form).await.assert(200);
    assert!(made.words().contains("pcl_"), "{}", made.words());
    deaf.pat_as(&ada, |form| form.set("scope", &acme)).await;
}
