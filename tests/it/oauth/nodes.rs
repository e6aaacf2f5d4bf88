//! Several nodes, and bad days: what one node ends is ended everywhere, and a node that cannot know does not guess.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis::audit::Origin;
use portcullis::grants::rotate_keys::{Old, rotate_now};
use portcullis::http::urls;
use portcullis::types::Algorithm;

use crate::support::TestApp;
use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::relay::Relay;

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
    second.sees_the_end_of(&one.access).await;
    second.call_mcp(&two.access).await.assert(200);
    ada.at(&second).revoke_app().await;
    second.call_mcp(&two.access).await.assert(401);
    app.sees_the_end_of(&two.access).await;
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
    app.sees_the_end_of(&tokens.access).await;
    second.sees_the_end_of(&tokens.access).await;
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

/// A connection that looks open and brings nothing back is no reason to believe one's memory (`decisions` 3).
#[tokio::test]
async fn a_node_whose_line_is_half_open_asks_the_database_and_without_one_says_so() {
    let app = TestApp::start().await;
    let line = Relay::before(app.database()).await;
    let second = app.node_that_listens_at(line.url.clone()).await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (one, two) = (client.connect(&ada).await, client.connect(&ada).await);
    let hears = || second.app().access.is_current(&second.app().changes);
    let since = Instant::now();
    while !hears() {
        assert!(since.elapsed() < Duration::from_secs(10), "it never hears anything");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for token in [&one.access, &two.access] {
        second.call_mcp(token).await.assert(200);
    }
    line.fall_silent();
    client.revoke(&one.access).await.assert(200);
    second.sees_the_end_of(&one.access).await;
    assert!(!hears(), "nothing has told it so");
    second.call_mcp(&two.access).await.assert(200);
    app.database().close();
    let answer = second.call_mcp(&two.access).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
    let answer = second.call_mcp(&one.access).await;
    assert_eq!(answer.status, 503, "neither yes nor no: {}", answer.body);
    app.database().reopen();
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

/// Nobody is refused for a new key, on whichever node it was made and presented.
#[tokio::test]
async fn keys_are_replaced_under_load_and_nobody_notices() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (rounds, is_over) = ([AtomicUsize::new(0), AtomicUsize::new(0)], AtomicBool::new(false));
    let work = async |which: usize, first: &Node, then: &Node| {
        let mut tokens = client.at(first).connect(&ada.at(first)).await;
        let mut kids = BTreeSet::new();
        while !is_over.load(Ordering::SeqCst) {
            kids.insert(jwt(&tokens.access).0["kid"].to_string());
            for node in [then, first] {
                node.call_mcp(&tokens.access).await.assert(200);
            }
            tokens = client.at(then).refresh(&tokens.refresh).await.tokens();
            rounds[which].fetch_add(1, Ordering::SeqCst);
        }
        kids.len()
    };
    let rotate = async || {
        let (node, origin) = (app.app(), Origin::operator());
        for _ in 0..4 {
            // Both are at work, before and after.
            let before = [0, 1].map(|which: usize| rounds[which].load(Ordering::SeqCst));
            while (0..2).any(|which| rounds[which].load(Ordering::SeqCst) == before[which]) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let (now, lifetimes) = (app.clock().now(), &node.config.lifetimes);
            rotate_now(app.db(), &node.keys, Algorithm::Es256, Old::Trusted, lifetimes, &origin, now).await.unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    };
    let (one, two, ()) = tokio::join!(work(0, &app, &second), work(1, &second, &app), rotate());
    assert!(one > 1 && two > 1, "the keys changed meanwhile: {one}, {two}");
}
