//! D: how a client proves who it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::administrator::{BEARER, DEVICE, EXCHANGE};
use crate::support::app::{Node, with_form};
use crate::support::client::Client;
use crate::support::{Answer, TestApp};

const ENDPOINTS: [&str; 3] = [urls::TOKEN, urls::REVOKE, urls::INTROSPECT];

async fn website(node: &Node, method: &str, name: &str) -> Client {
    let says = json!({
        "client_name": name, "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": method,
    });
    Client::register(node, says).await
}

async fn post(node: &Node, path: &str, header: Option<String>, fields: &[(&str, &str)]) -> Answer {
    let request = node.request(Method::POST, path);
    let request = header.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value));
    let usual = [("grant_type", "refresh_token"), ("refresh_token", "pclr_x"), ("token", "x")];
    node.send(with_form(request, &[&usual[..], fields].concat())).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// RFC 6749 §5.2.
#[tokio::test]
async fn d1_without_the_right_secret_a_client_is_nobody() {
    let app = TestApp::start().await;
    let (own, other) =
        (website(&app, "client_secret_basic", "A").await, website(&app, "client_secret_basic", "B").await);
    let (secret, others) = (own.secret.clone().unwrap(), other.secret.clone().unwrap());
    for path in ENDPOINTS {
        for wrong in ["", "wrong", &others, &secret[1..], &format!("{secret} "), &secret.to_lowercase()] {
            let answer = post(&app, path, Some(basic(&own.id, wrong)), &[]).await;
            answer.assert_refused(401, "invalid_client");
            assert!(answer.header("www-authenticate").starts_with("Basic "), "the scheme that was tried");
        }
        let answer = post(&app, path, None, &[("client_id", &own.id)]).await;
        answer.assert_refused(401, "invalid_client");
        post(&app, path, Some(basic("unknown", &secret)), &[]).await.assert_refused(401, "invalid_client");
    }
    let right = post(&app, urls::TOKEN, Some(basic(&own.id, &secret)), &[]).await;
    right.assert_refused(400, "invalid_grant");
}

/// RFC 6749 §2.3: one method, the registered one.
#[tokio::test]
async fn d2_another_method_or_two_at_once_are_refused() {
    let app = TestApp::start().await;
    let by_basic = website(&app, "client_secret_basic", "A").await;
    let by_post = website(&app, "client_secret_post", "B").await;
    let public = app.client().await;
    let (basic_secret, post_secret) = (by_basic.secret.clone().unwrap(), by_post.secret.clone().unwrap());
    for path in ENDPOINTS {
        let fields = [("client_id", &*by_basic.id), ("client_secret", &*basic_secret)];
        post(&app, path, None, &fields).await.assert_refused(401, "invalid_client");
        let header = basic(&by_post.id, &post_secret);
        post(&app, path, Some(header), &[]).await.assert_refused(401, "invalid_client");
        post(&app, path, Some(basic(&public.id, "")), &[]).await.assert_refused(401, "invalid_client");
        let both = post(&app, path, Some(basic(&by_basic.id, &basic_secret)), &fields).await;
        both.assert_refused(400, "invalid_request");
        let two_names = [("client_id", &*public.id)];
        let answer = post(&app, path, Some(basic(&by_basic.id, &basic_secret)), &two_names).await;
        answer.assert_refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn d4_an_unknown_client_is_told_to_register_again() {
    let app = TestApp::start().await;
    for path in ENDPOINTS {
        post(&app, path, None, &[("client_id", "gone")]).await.assert_refused(401, "invalid_client");
        post(&app, path, None, &[]).await.assert_refused(401, "invalid_client");
        post(&app, path, None, &[("client_id", "https://app.example/c.json")])
            .await
            .assert_refused(401, "invalid_client");
    }
}

/// A header that is no header of ours is answered, not stumbled over (Keycloak CVE-2026-9803).
#[tokio::test]
async fn malformed_authorization_is_a_401() {
    let app = TestApp::start().await;
    for header in
        ["", "Basic", "Basic ", "Basic !!!", "Basic YQ==", "Basic /w==", "Bearer x", "Digest x", "Basic YTpi YTpi"]
    {
        for path in ENDPOINTS {
            post(&app, path, Some(header.to_owned()), &[]).await.assert_refused(401, "invalid_client");
        }
    }
}

/// OAuth 2.1: no password grant, no implicit grant; and each client only what it registered.
#[tokio::test]
async fn d5_a_grant_that_is_not_offered_or_not_registered_is_refused() {
    let app = TestApp::start().await;
    let client = app.client().await;
    for grant in ["password", "implicit", "Refresh_Token", "nonsense"] {
        client.token(&[("grant_type", grant)]).await.assert_refused(400, "unsupported_grant_type");
    }
    for grant in ["client_credentials", DEVICE, EXCHANGE, BEARER] {
        client.token(&[("grant_type", grant)]).await.assert_refused(400, "unauthorized_client");
    }
    client.token(&[]).await.assert_refused(400, "invalid_request");
    let only_codes = Client::register(&app, json!({ "grant_types": ["authorization_code"] })).await;
    only_codes.refresh("pclr_x").await.assert_refused(400, "unauthorized_client");
    let ada = app.person("ada").await;
    assert_eq!(only_codes.connect(&ada).await.refresh, "", "no refresh token for whom it is of no use");
}

/// RFC 7009 §2.2: another's token is answered like an unknown one, and lives on.
#[tokio::test]
async fn i4_d4_only_its_own_client_revokes_a_token() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let thief = Client::register(&app, json!({ "client_name": "Thief" })).await;
    let tokens = client.connect(&ada).await;
    for token in [&*tokens.access, &tokens.refresh, "nonsense"] {
        thief.revoke(token).await.assert(200);
    }
    app.call_mcp(&tokens.access).await.assert(200);
    client.refresh(&tokens.refresh).await.tokens();
}

/// RFC 7009 §2.1: an access token goes alone, a refresh token takes everything with it.
#[tokio::test]
async fn i4_what_a_revocation_ends() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let hinted = [("token", &*tokens.access), ("token_type_hint", "refresh_token")];
    client.post(urls::REVOKE, &hinted).await.assert(200);
    app.call_mcp(&tokens.access).await.assert(401);
    let fresh = client.refresh(&tokens.refresh).await.tokens();
    app.call_mcp(&fresh.access).await.assert(200);
    client.revoke(&fresh.refresh).await.assert(200);
    app.call_mcp(&fresh.access).await.assert(401);
    client.revoke(&fresh.refresh).await.assert(200);
    client.post(urls::REVOKE, &[]).await.assert_refused(400, "invalid_request");
}
