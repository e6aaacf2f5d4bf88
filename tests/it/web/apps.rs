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
    let asked = ada.asked_about_app(&client.id).await.assert(200);
    assert!(asked.words().contains("Test client stops working at once"), "{}", asked.words());
    let done = ada.follow(ada.submit(&asked.form("Revoke")).await.assert(303)).await;
    assert!(done.words().contains("Test client can no longer use Portcullis."), "{}", done.words());
    for tokens in [one, two] {
        app.call_mcp(&tokens.access).await.assert(401);
        client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
    }
    assert!(ada.get(urls::APPS).await.words().contains("Nothing is connected yet"));
    ada.asked_about_app(&client.id).await.assert(303);
}

#[tokio::test]
async fn nobody_ends_what_is_anothers() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let client = app.client().await;
    let (hers, mine) = (client.connect(&ada).await, client.connect(&eve).await);
    let form = eve.asked_about_app(&client.id).await.form("Revoke");
    eve.submit(&form).await.assert(303);
    app.call_mcp(&mine.access).await.assert(401);
    app.call_mcp(&hers.access).await.assert(200);
    let stranger = ada.elsewhere();
    assert!((400..500).contains(&stranger.submit(&form).await.status), "nobody signed in");
    let without_token = ada.asked_about_app(&client.id).await.form("Revoke").without("csrf");
    ada.submit(&without_token).await.assert(403);
    app.call_mcp(&hers.access).await.assert(200);
}

#[tokio::test]
async fn ending_one_app_leaves_the_others_and_all_can_be_ended_at_once() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let (one, other) = (app.client().await, Client::register(&app, json!({ "client_name": "Other" })).await);
    let third = Client::register(&app, json!({ "client_name": "Third" })).await;
    let (ended, kept, eves) = (one.connect(&ada).await, other.connect(&ada).await, one.connect(&eve).await);
    let more = third.connect(&ada).await;
    let form = ada.asked_about_app(&one.id).await.form("Revoke");
    ada.submit(&form).await.assert(303);
    app.call_mcp(&ended.access).await.assert(401);
    app.call_mcp(&kept.access).await.assert(200);
    ada.submit(&form.set("app", "unknown")).await.assert(303);
    app.call_mcp(&kept.access).await.assert(200);
    let asked = ada.get(urls::REVOKE_APPS).await.assert(200);
    assert!(asked.words().contains("Other stops") && asked.words().contains("Third stops"), "{}", asked.words());
    ada.submit(&asked.form("Revoke all")).await.assert(303);
    for tokens in [kept, more] {
        app.call_mcp(&tokens.access).await.assert(401);
    }
    app.call_mcp(&eves.access).await.assert(200);
}

#[tokio::test]
async fn apps_are_searched_sorted_and_paged() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for number in 10..32 {
        let says = json!({ "client_name": format!("App {number}") });
        Client::register(&app, says).await.connect(&ada).await;
    }
    let first = ada.get(&format!("{}?sort=name", urls::APPS)).await.assert(200).words();
    assert!(first.contains("App 10") && !first.contains("App 31") && first.contains("1 to 20 of 22 apps"), "{first}");
    let second = ada.get(&format!("{}?sort=name&page=2", urls::APPS)).await.words();
    assert!(second.contains("App 31") && !second.contains("App 10") && second.contains("21 to 22"), "{second}");
    let found = ada.get(&format!("{}?q=aPP+2", urls::APPS)).await.words();
    assert!(found.contains("App 21") && !found.contains("App 31") && found.contains("10 apps"), "{found}");
    let none = ada.get(&format!("{}?q=nothing", urls::APPS)).await.assert(200).words();
    assert!(none.contains("No connected app has such a name."), "{none}");
}
