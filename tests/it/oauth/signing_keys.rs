//! The keys that sign access tokens: whoever verifies with the published ones agrees with us, before and after a rotation.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use josekit::jwk::Jwk;
use josekit::jws::{self, ES256, EdDSA, JwsVerifier, RS256};
use portcullis::audit::Origin;
use portcullis::grants::sign;
use portcullis::http::urls;
use portcullis::jobs::expire;
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
    let keep_old_for = lifetimes.access_token + lifetimes.key_overlap;
    app.clock().advance(TimeDelta::seconds(1));
    let (keys, origin, now) = (&app.app().keys, Origin::operator(), app.clock().now());
    let new_kid = sign::rotate(app.db(), keys, Algorithm::Es256, keep_old_for, &origin, now).await.unwrap();
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
    app.clock().advance(lifetimes.key_overlap + TimeDelta::seconds(1));
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
