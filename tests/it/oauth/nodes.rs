//! Several nodes, and bad days: what one node ends is ended everywhere, and a node that cannot know does not guess.

use std::time::{Duration, Instant};

use portcullis::http::urls;

use crate::support::TestApp;
use crate::support::app::Node;

/// Waits until the token is dead there, and fails after two seconds (`decisions` 3).
async fn dies(node: &Node, token: &str) {
    let since = Instant::now();
    while node.call_mcp(token).await.status == 200 {
        assert!(since.elapsed() < Duration::from_secs(2), "it still works");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    node.call_mcp(token).await.assert(401);
}

#[tokio::test]
async fn a_cut_holds_at_once_here_and_within_two_seconds_everywhere() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (one, two) = (client.connect(&ada).await, client.connect(&ada).await);
    for token in [&one.access, &two.access] {
        app.call_mcp(token).await.assert(200);
        second.call_mcp(token).await.assert(200);
    }
    client.revoke(&one.access).await.assert(200);
    app.call_mcp(&one.access).await.assert(401);
    dies(&second, &one.access).await;
    second.call_mcp(&two.access).await.assert(200);
    ada.at(&second).revoke_app().await;
    second.call_mcp(&two.access).await.assert(401);
    dies(&app, &two.access).await;
}

#[tokio::test]
async fn somebody_disabled_is_out_everywhere_within_two_seconds() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let tokens = app.client().await.connect(&ada).await;
    app.call_mcp(&tokens.access).await.assert(200);
    second.call_mcp(&tokens.access).await.assert(200);
    app.disable(&ada).await;
    dies(&app, &tokens.access).await;
    dies(&second, &tokens.access).await;
    assert!(ada.visit(urls::APPS).await.offers("Sign in"), "the session has ended as well");
}

/// It asks the database instead of trusting its memory.
#[tokio::test]
async fn a_node_that_hears_nothing_still_knows() {
    let app = TestApp::start().await;
    let deaf = app.deaf_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    deaf.call_mcp(&tokens.access).await.assert(200);
    client.revoke(&tokens.access).await.assert(200);
    deaf.call_mcp(&tokens.access).await.assert(401);
    let tokens = client.connect(&ada).await;
    deaf.call_mcp(&tokens.access).await.assert(200);
    app.disable(&ada).await;
    deaf.call_mcp(&tokens.access).await.assert(401);
}

/// Clients throw tokens away at a 401: we never say that because of our own trouble.
#[tokio::test]
async fn without_a_database_everybody_is_told_to_come_back() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let won = client.code(&ada).await;
    app.call_mcp(&tokens.access).await.assert(200);
    app.database().close();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    for answer in [
        app.call_mcp(&tokens.access).await,
        client.refresh(&tokens.refresh).await,
        client.redeem(&won).await,
        client.revoke(&tokens.access).await,
        ada.get(urls::APPS).await,
        ada.get(&client.ask().url()).await,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
    }
    app.database().reopen();
    let since = Instant::now();
    while app.call_mcp(&tokens.access).await.status == 503 {
        assert!(since.elapsed() < Duration::from_secs(15), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.call_mcp(&tokens.access).await.assert(200);
    client.redeem(&won).await;
    client.refresh(&tokens.refresh).await.tokens();
}
