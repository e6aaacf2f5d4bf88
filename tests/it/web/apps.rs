//! Connected apps: what a person sees and ends there.

use portcullis::http::urls;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::Client;

#[tokio::test]
async fn an_app_is_listed_with_what_it_may_do_and_ends_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (one, two) = (client.connect(&ada).await, client.connect(&ada).await);
    let words = ada.get(urls::APPS).await.assert(200).words();
    assert!(words.contains("Test client") && words.contains("mcp:write"), "{words}");
    ada.revoke_app().await;
    for tokens in [one, two] {
        app.call_mcp(&tokens.access).await.assert(401);
        client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
    }
    assert!(!ada.get(urls::APPS).await.offers("Revoke"));
}

#[tokio::test]
async fn nobody_ends_what_is_anothers() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let client = app.client().await;
    let (hers, mine) = (client.connect(&ada).await, client.connect(&eve).await);
    let form = eve.get(urls::APPS).await.form("Revoke");
    eve.submit(&form).await.assert(303);
    app.call_mcp(&mine.access).await.assert(401);
    app.call_mcp(&hers.access).await.assert(200);
    let stranger = ada.elsewhere();
    assert!((400..500).contains(&stranger.submit(&form).await.status), "nobody signed in");
    let without_token = ada.get(urls::APPS).await.form("Revoke").without("csrf");
    ada.submit(&without_token).await.assert(403);
    app.call_mcp(&hers.access).await.assert(200);
}

#[tokio::test]
async fn ending_one_app_leaves_the_others() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (one, other) = (app.client().await, Client::register(&app, json!({ "client_name": "Other" })).await);
    let (ended, kept) = (one.connect(&ada).await, other.connect(&ada).await);
    let form = ada.get(urls::APPS).await.form("Revoke").set("app", &one.id);
    ada.submit(&form).await.assert(303);
    app.call_mcp(&ended.access).await.assert(401);
    app.call_mcp(&kept.access).await.assert(200);
    let unknown = ada.get(urls::APPS).await.form("Revoke").set("app", "unknown");
    ada.submit(&unknown).await.assert(303);
}
