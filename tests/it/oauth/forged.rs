//! I, N1: tokens that are not what they seem, against the door that takes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use portcullis::crypto::jwt::{self, SigningKey, TokenType};
use portcullis::grants::signing_key;
use portcullis::types::Algorithm;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::Node;
use crate::support::client::jwt as read;

/// The installation's own key, as somebody who stole it would hold it.
async fn stolen_key(node: &Node) -> SigningKey {
    let mut conn = node.db().read().await.unwrap();
    let keys = signing_key::published(&mut conn, node.clock().now()).await.unwrap();
    let key = keys.iter().find(|key| key.algorithm() == Some(Algorithm::Es256)).unwrap();
    SigningKey::new(&key.kid, Algorithm::Es256, &key.private_jwk(&node.app().keys).unwrap()).unwrap()
}

/// An installation, a good token for it, and that token's claims.
async fn good() -> (TestApp, String, Value) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let tokens = app.client().await.connect_for(&ada, "openid mcp:read").await;
    app.call_mcp(&tokens.id_token.unwrap()).await.assert(401);
    let claims = read(&tokens.access).1;
    (app, tokens.access, claims)
}

/// RFC 9068 §4, RFC 8725 §3: each claim counts, even under our own signature; hostile numbers are just bad tokens.
#[tokio::test]
async fn i1_n1_a_wrong_claim_under_a_good_signature_opens_nothing() {
    let (app, _, claims) = good().await;
    let key = stolen_key(&app).await;
    app.call_mcp(&key.sign(TokenType::AccessToken, &claims).unwrap()).await.assert(200);
    let now = app.clock().now().timestamp();
    for (name, values) in [
        ("iss", json!(["https://evil.example", format!("{}/", app.issuer()), "", null, 1])),
        ("aud", json!([app.at("/mcp/"), app.at("/other/mcp"), "*", "", [], [app.at("/")], null, {}])),
        ("exp", json!([now, now - 1, 0, -1, 1e19, -1e19, i64::MAX, i64::MIN, 1.5, "x", null, [], {}])),
        ("iat", json!([now + 60, 1e19, i64::MAX, "x", null])),
        ("sub", json!(["ada", "", null, 1, "00000000-0000-0000-0000-000000000000"])),
        ("token_use", json!(["id", "", null])),
        ("grant_id", json!(["", null, 1])),
        ("jti", json!([null, 1])),
        ("scope", json!([null, 1, ["mcp:read"], "a\"b"])),
    ] {
        for value in values.as_array().unwrap() {
            let mut forged = claims.clone();
            forged[name] = value.clone();
            let answer = app.call_mcp(&key.sign(TokenType::AccessToken, &forged).unwrap()).await;
            assert_eq!(answer.status, 401, "{name}: {value}");
            assert!(answer.header("www-authenticate").contains("resource_metadata="), "{name}: {value}");
        }
        let mut forged = claims.clone();
        forged.as_object_mut().unwrap().remove(name);
        app.call_mcp(&key.sign(TokenType::AccessToken, &forged).unwrap()).await.assert(401);
    }
    let as_id_token = key.sign(TokenType::IdToken, &claims).unwrap();
    app.call_mcp(&as_id_token).await.assert(401);
}

/// RFC 8725 §3.1: the key decides the algorithm, never the token.
#[tokio::test]
async fn i1_a_forged_header_or_signature_opens_nothing() {
    let (app, token, claims) = good().await;
    let (header, _) = read(&token);
    let parts: Vec<&str> = token.split('.').collect();
    let made = jwt::generate(Algorithm::Es256).unwrap();
    let own = SigningKey::new(header["kid"].as_str().unwrap(), Algorithm::Es256, &made.private_jwk).unwrap();
    let stranger = SigningKey::new(&made.kid, Algorithm::Es256, &made.private_jwk).unwrap();
    let mut forged = vec![
        own.sign(TokenType::AccessToken, &claims).unwrap(),
        stranger.sign(TokenType::AccessToken, &claims).unwrap(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][..80]),
        format!("{token}A"),
        format!("{token}.x"),
        token.to_uppercase(),
        token[1..].to_owned(),
        "x".repeat(5000),
        "..".to_owned(),
    ];
    for change in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS256" }),
        json!({ "kid": "../../etc/passwd" }),
        json!({ "kid": "' OR 1=1 --" }),
        json!({ "typ": "JWT" }),
        json!({ "jwk": made.public_jwk, "kid": made.kid }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "crit": ["exp"] }),
    ] {
        let mut changed = header.clone();
        changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let changed = URL_SAFE_NO_PAD.encode(changed.to_string());
        forged.push(format!("{changed}.{}.{}", parts[1], parts[2]));
        forged.push(format!("{changed}.{}.", parts[1]));
    }
    for token in &forged {
        assert_eq!(app.call_mcp(token).await.status, 401, "{token}");
    }
    app.call_mcp(&token).await.assert(200);
}

#[tokio::test]
async fn i2_other_kinds_of_tokens_open_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let won = client.code(&ada).await;
    let session = ada.cookie("portcullis_session").unwrap();
    for other in [&tokens.refresh, &won.code, &session, &client.id, "", "null"] {
        app.call_mcp(other).await.assert(401);
    }
    for header in [format!("Basic {}", tokens.access), format!("Bearer{}", tokens.access), tokens.access.clone()] {
        app.send(app.mcp_request("list_services", json!({})).header(AUTHORIZATION, header)).await.assert(401);
    }
}

#[tokio::test]
async fn n1_a_token_ends_with_its_hour() {
    let (app, token, _) = good().await;
    app.clock().advance(TimeDelta::minutes(59));
    app.call_mcp(&token).await.assert(200);
    app.clock().advance(TimeDelta::minutes(1));
    let answer = app.call_mcp(&token).await.assert(401);
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#), "RFC 6750 §3.1");
}

/// Whom a token says it acts for is asked again each time, whatever it says.
#[tokio::test]
async fn claims_are_no_rights() {
    let (app, _, claims) = good().await;
    let key = stolen_key(&app).await;
    let mut forged = claims;
    forged["groups"] = json!(["administrators"]);
    forged["scope"] = json!("mcp:read mgmt.admin");
    let answer =
        app.call_tool(&key.sign(TokenType::AccessToken, &forged).unwrap(), "debug_auth_context", json!({})).await;
    let context = answer.assert(200).json()["result"]["structuredContent"].to_string();
    assert!(!context.contains("administrators") && !context.contains("mgmt.admin"), "{context}");
}
