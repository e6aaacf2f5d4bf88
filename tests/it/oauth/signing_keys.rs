//! The keys that sign access tokens: whoever verifies with the published ones agrees with us, before and after a rotation.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use josekit::jwk::Jwk;
use josekit::jws::{self, ES256, EdDSA, JwsVerifier, RS256};
use portcullis::audit::Origin;
use portcullis::crypto::RootKeys;
use portcullis::grants::LONGEST_ACCESS_TOKEN;
use portcullis::grants::rotate_keys::{Old, keep_schedule, rotate_now};
use portcullis::grants::signing_key;
use portcullis::http::urls;
use portcullis::jobs::{expire, rotate_keys};
use portcullis::types::Algorithm;
use serde_json::{Map, Value};

use crate::support::TestApp;
use crate::support::app::Node;
use crate::support::client::jwt;

async fn published(node: &Node) -> Vec<Value> {
    node.get(urls::JWKS).await.assert(200).json()["keys"].as_array().unwrap().clone()
}

/// What a token says to somebody who only has the published keys and an independent library.
async fn verified(node: &Node, token: &str) -> Map<String, Value> {
    let header = jwt(token).0;
    let keys = published(node).await;
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key is published");
    assert_eq!(key["alg"], header["alg"]);
    let key = Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
    let verifier: Box<dyn JwsVerifier> = match header["alg"].as_str().unwrap() {
        "ES256" => Box::new(ES256.verifier_from_jwk(&key).unwrap()),
        "RS256" => Box::new(RS256.verifier_from_jwk(&key).unwrap()),
        "EdDSA" => Box::new(EdDSA.verifier_from_jwk(&key).unwrap()),
        other => panic!("{other}"),
    };
    let (payload, _) = jws::deserialize_compact(token, &*verifier).expect("the signature is good");
    serde_json::from_slice(&payload).unwrap()
}

/// Waits until the node publishes a key, or does not any more, and fails after two seconds.
async fn publishes(node: &Node, kid: &Value, expected: bool) {
    let since = Instant::now();
    while published(node).await.iter().any(|key| key["kid"] == *kid) != expected {
        assert!(since.elapsed() < Duration::from_secs(2), "{kid} is published: {}", !expected);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_algorithm_that_can_be_chosen_signs_tokens_that_others_verify() {
    for algorithm in Algorithm::ALL {
        let app = TestApp::configured(|config| config.tokens.access_token_algorithm = algorithm).await;
        let ada = app.person("ada").await;
        let token = app.client().await.connect(&ada).await.access;
        assert_eq!(jwt(&token).0["alg"], algorithm.name());
        let claims = verified(&app, &token).await;
        assert_eq!(
            (claims["iss"].as_str(), claims["sub"].as_str().unwrap()),
            (Some(app.issuer()), &*ada.user.to_string())
        );
        app.call_mcp(&token).await.assert(200);
    }
}

/// Nobody is thrown out by a new key, and an old one that leaks later is worth nothing.
#[tokio::test]
async fn a_rotated_key_vouches_for_its_tokens_until_they_expire_and_then_goes() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let deaf = app.deaf_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let old = client.connect(&ada).await;
    let old_kid = jwt(&old.access).0["kid"].clone();
    let lifetimes = &app.app().config.lifetimes;
    app.clock().advance(TimeDelta::seconds(1));
    let (keys, origin, now) = (&app.app().keys, Origin::operator(), app.clock().now());
    let new_kid = rotate_now(app.db(), keys, Algorithm::Es256, Old::Trusted, lifetimes, &origin, now).await.unwrap();
    for node in [&*app, &second] {
        publishes(node, &Value::from(new_kid.clone()), true).await;
        publishes(node, &old_kid, true).await;
        let new = client.at(node).connect(&ada.at(node)).await;
        assert_eq!(jwt(&new.access).0["kid"], new_kid);
        for token in [&old.access, &new.access] {
            verified(node, token).await;
            node.call_mcp(token).await.assert(200);
        }
        // Whoever has not heard of the new key yet looks for it before it refuses, once a second.
        deaf.call_mcp(&new.access).await.assert(200);
    }
    app.clock().advance(lifetimes.access_token);
    app.call_mcp(&old.access).await.assert(401);
    app.clock().advance(LONGEST_ACCESS_TOKEN - lifetimes.access_token + lifetimes.key_overlap);
    app.clock().advance(TimeDelta::seconds(1));
    let now = app.clock().now();
    app.write(async |conn| expire::expire(conn, now).await).await;
    for node in [&*app, &second] {
        publishes(node, &old_kid, false).await;
        publishes(node, &Value::from(new_kid.clone()), true).await;
    }
    let later = client.refresh(&old.refresh).await.tokens();
    assert_eq!(jwt(&later.access).0["kid"], new_kid);
    app.call_mcp(&later.access).await.assert(200);
}

async fn active(node: &Node, algorithm: Algorithm) -> String {
    let mut conn = node.db().read().await.unwrap();
    let keys = signing_key::published(&mut conn, node.clock().now()).await.unwrap();
    let mut active = keys.iter().filter(|key| key.is_active() && key.algorithm() == Some(algorithm));
    let found = active.next().expect("an active key").kid.clone();
    assert!(active.next().is_none(), "one active key");
    found
}

/// The next key is published before it signs, takes over when its time has come, and nobody is thrown out; nodes that look
/// after the keys at the same moment end with the same ones.
#[tokio::test]
async fn keys_follow_one_another_on_schedule_and_two_nodes_agree() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let lifetimes = app.app().config.lifetimes.clone();
    let first = active(&app, Algorithm::Es256).await;
    let both = async || {
        let (one, two) = tokio::join!(rotate_keys::once(app.app()), rotate_keys::once(second.app()));
        one.and(two).unwrap();
    };
    both().await;
    assert_eq!(published(&app).await.len(), 2, "nothing is due yet");
    app.clock().advance(lifetimes.signing_key - lifetimes.key_overlap + TimeDelta::minutes(1));
    both().await;
    for node in [&*app, &second] {
        let since = Instant::now();
        while published(node).await.len() != 4 {
            assert!(since.elapsed() < Duration::from_secs(2), "one next key for each algorithm");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let old = client.connect(&ada).await;
    assert_eq!(jwt(&old.access).0["kid"], first, "the next key does not sign yet");
    both().await;
    assert_eq!(active(&app, Algorithm::Es256).await, first, "it has not been published for long enough");
    app.clock().advance(lifetimes.key_overlap);
    both().await;
    let next = active(&app, Algorithm::Es256).await;
    assert_ne!(next, first);
    both().await;
    assert_eq!(active(&second, Algorithm::Es256).await, next, "only once");
    for node in [&*app, &second] {
        let since = Instant::now();
        loop {
            let new = client.at(node).connect(&ada.at(node)).await;
            if jwt(&new.access).0["kid"] == next {
                node.call_mcp(&new.access).await.assert(200);
                break;
            }
            assert!(since.elapsed() < Duration::from_secs(2), "the next key signs");
        }
        verified(node, &client.connect(&ada).await.access).await;
    }
}

/// Whoever has a leaked key can sign nothing with it; people stay connected.
#[tokio::test]
async fn what_a_leaked_key_signed_is_worth_nothing_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let old = client.connect(&ada).await;
    app.call_mcp(&old.access).await.assert(200);
    let (lifetimes, origin, now) = (&app.app().config.lifetimes, Origin::operator(), app.clock().now());
    let keys = &app.app().keys;
    rotate_now(app.db(), keys, Algorithm::Es256, Old::Leaked, lifetimes, &origin, now).await.unwrap();
    publishes(&app, &jwt(&old.access).0["kid"], false).await;
    let since = Instant::now();
    while app.call_mcp(&old.access).await.status != 401 {
        assert!(since.elapsed() < Duration::from_secs(2));
    }
    let new = client.refresh(&old.refresh).await.tokens();
    app.call_mcp(&new.access).await.assert(200);
}

/// The root key that sealed them can be dropped, because everything is sealed anew by the newest.
#[tokio::test]
async fn signing_keys_are_sealed_anew_when_the_root_key_is_followed_by_another() {
    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let app = TestApp::start().await;
    let kid = active(&app, Algorithm::Es256).await;
    let roots = |list: &str| list.parse::<RootKeys>().unwrap();
    let (both, new) = (roots(&format!("{NEW},{OLD}")), roots(NEW));
    let (lifetimes, now) = (&app.app().config.lifetimes, app.clock().now());
    keep_schedule(app.db(), &both, Algorithm::ALL, lifetimes, &Origin::operator(), now).await.unwrap();
    let mut conn = app.db().read().await.unwrap();
    let keys = signing_key::published(&mut conn, now).await.unwrap();
    assert!(keys.iter().any(|key| key.kid == kid));
    for key in &keys {
        assert!(!key.is_to_be_resealed(&new));
        key.private_jwk(&new).expect("it opens with the new root key alone");
        assert!(key.private_jwk(&roots(OLD)).is_err());
    }
}
