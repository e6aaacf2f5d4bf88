//! From where a key may be used, how often, and what strangers cost.

use chrono::TimeDelta;
use portcullis::credentials::{NewKey, Rate};
use portcullis::crypto::{PlainToken, Random};

use crate::support::TestApp;

#[tokio::test]
async fn outside_its_networks_a_key_is_refused_in_words_and_not_challenged() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let here = app.key_as(&ada, |usual| NewKey { networks: "127.0.0.0/8 ::1".parse().unwrap(), ..usual }).await;
    let elsewhere = app.key_as(&ada, |usual| NewKey { networks: "192.0.2.0/24".parse().unwrap(), ..usual }).await;
    app.call_mcp(&here.secret).await.assert(200);
    let answer = app.call_mcp(&elsewhere.secret).await.assert(403);
    assert!(answer.header("www-authenticate").is_empty(), "no other token would help");
    assert!(answer.body.contains("may not be used from 127.0.0.1"), "{}", answer.body);
}

#[tokio::test]
async fn a_key_that_is_used_too_often_is_told_how_long_to_wait() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key_as(&ada, |usual| NewKey { rate: Some(Rate::new(3).unwrap()), ..usual }).await;
    for _ in 0..3 {
        app.call_mcp(&key.secret).await.assert(200);
    }
    let answer = app.call_mcp(&key.secret).await.assert(429);
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    app.clock().advance(TimeDelta::seconds(wait));
    app.call_mcp(&key.secret).await.assert(200);
}

/// What has the form of a key and is none costs a query the first time, and a network only so many of those.
#[tokio::test]
async fn keys_that_nobody_made_are_answered_from_memory_and_soon_not_looked_up_at_all() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    app.call_mcp(&key.secret).await.assert(200);
    let guess = || PlainToken::api_key(&"pcl".parse().unwrap(), &Random::system());
    let first = guess();
    for _ in 0..300 {
        app.call_mcp(first.reveal()).await.assert(401);
    }
    let mut looked_up = 1;
    let waits = loop {
        let answer = app.call_mcp(guess().reveal()).await;
        match answer.status {
            429 => break answer,
            _ => answer.assert(401),
        };
        looked_up += 1;
        assert!(looked_up < 1000, "nobody is told to wait");
    };
    assert!(looked_up >= 120 && !waits.header("retry-after").is_empty(), "{looked_up}");
    app.call_mcp(first.reveal()).await.assert(401);
    app.call_mcp(&key.secret).await.assert(200);
}
