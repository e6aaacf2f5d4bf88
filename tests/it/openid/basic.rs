//! `oidcc-basic-certification-test-plan`.

use chrono::TimeDelta;
use portcullis::http::urls;
use reqwest::Method;
use serde_json::{Value, json};

use super::{claims, sign_in, stage, userinfo};
use crate::support::app::with_form;
use crate::support::client::{Ask, jwt};
use crate::support::{Browser, Client, TestApp};

/// The flow with one parameter more ends in a good ID token.
async fn succeeds_with(name: &str, value: &str) {
    let (app, ada, client) = stage().await;
    let tokens = redeemed(&client, &ada, client.ask().with("scope", "openid").with(name, value)).await;
    assert_eq!((&tokens["iss"], &tokens["aud"]), (&json!(app.issuer()), &json!(client.id)));
}

/// The claims of the ID token that a request won.
async fn redeemed(client: &Client, person: &Browser, ask: Ask) -> Value {
    claims(&client.redeem(&client.win(person, &ask).await).await.tokens())
}

async fn person_claims(scope: &str) -> Value {
    let (app, ada, client) = stage().await;
    let tokens = sign_in(&client, &ada, scope).await;
    userinfo(&app, Method::GET, &tokens.access).await.assert(200).json()
}

#[tokio::test]
async fn oidcc_server() {
    let (app, ada, client) = stage().await;
    let tokens = sign_in(&client, &ada, "openid").await;
    let claims = claims(&tokens);
    let now = app.clock().now().timestamp();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer()), &json!(client.id)));
    assert!(claims["exp"].as_i64().unwrap() > now && (now - claims["iat"].as_i64().unwrap()).abs() < 60);
    assert_eq!(userinfo(&app, Method::GET, &tokens.access).await.json()["sub"], claims["sub"]);
}

#[tokio::test]
async fn oidcc_server_client_secret_post() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let says = json!({
        "redirect_uris": ["https://rp.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "openid mcp:read",
    });
    let client = Client::register(&app, says).await;
    assert_eq!(claims(&sign_in(&client, &ada, "openid").await)["aud"], client.id);
}

#[tokio::test]
async fn oidcc_response_type_missing() {
    let (app, _, client) = stage().await;
    let answer = app.get(&client.ask().without("response_type").url()).await;
    answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
}

#[tokio::test]
async fn oidcc_idtoken_signature() {
    let (app, ada, client) = stage().await;
    let token = sign_in(&client, &ada, "openid").await.id_token.unwrap();
    let keys = app.get(urls::JWKS).await.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == jwt(&token).0["kid"]).unwrap();
    let mut verifying = portcullis::crypto::jwt::VerifyingKeys::default();
    verifying.add(key["kid"].as_str().unwrap(), portcullis::types::Algorithm::Rs256, key).unwrap();
    assert!(verifying.verify::<Value>(portcullis::crypto::jwt::TokenType::IdToken, &token).is_some());
}

#[tokio::test]
async fn oidcc_userinfo_get() {
    assert!(person_claims("openid").await["sub"].is_string());
}

#[tokio::test]
async fn oidcc_userinfo_post_header() {
    let (app, ada, client) = stage().await;
    let tokens = sign_in(&client, &ada, "openid").await;
    userinfo(&app, Method::POST, &tokens.access).await.assert(200);
}

/// An error is what the module allows ("warning").
#[tokio::test]
async fn oidcc_userinfo_post_body() {
    let (app, ada, client) = stage().await;
    let tokens = sign_in(&client, &ada, "openid").await;
    let request = with_form(app.request(Method::POST, urls::USERINFO), &[("access_token", &tokens.access)]);
    app.send(request).await.assert(401);
}

#[tokio::test]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let (_, ada, client) = stage().await;
    assert!(claims(&sign_in(&client, &ada, "openid").await).get("nonce").is_none());
}

#[tokio::test]
async fn oidcc_scope_profile() {
    let claims = person_claims("openid profile").await;
    assert_eq!((&claims["name"], &claims["preferred_username"]), (&json!("Ada Lovelace"), &json!("ada")));
}

#[tokio::test]
async fn oidcc_scope_email() {
    assert_eq!(person_claims("openid email").await["email"], "ada@example.com");
}

#[tokio::test]
async fn oidcc_alternate_happy_flow() {
    let claims = person_claims("email openid").await;
    assert_eq!(claims["email"], "ada@example.com", "another order of the scopes");
}

#[tokio::test]
async fn oidcc_display_page() {
    succeeds_with("display", "page").await;
}

#[tokio::test]
async fn oidcc_display_popup() {
    succeeds_with("display", "popup").await;
}

#[tokio::test]
async fn oidcc_prompt_login() {
    let (app, ada, client) = stage().await;
    let first = claims(&sign_in(&client, &ada, "openid").await);
    app.clock().advance(TimeDelta::seconds(2));
    let ask = client.ask().with("scope", "openid").with("prompt", "login");
    let answer = ada.consider(&ask.url()).await;
    let won = crate::support::client::Won {
        code: answer.callback_parameter("code").unwrap(),
        verifier: ask.verifier.clone(),
    };
    let second = claims(&client.redeem(&won).await.tokens());
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
    assert_eq!(second["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_prompt_none_not_logged_in() {
    let (app, _, client) = stage().await;
    let answer = app.get(&client.ask().with("scope", "openid").with("prompt", "none").url()).await;
    answer.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
}

/// The claims of the ID token of a second sign-in that asks the person nothing, and of the first.
async fn silently(name: &str, value: impl FnOnce(&str) -> String) -> (Value, Value) {
    let (_, ada, client) = stage().await;
    let first = sign_in(&client, &ada, "openid").await;
    let value = value(first.id_token.as_deref().unwrap());
    let ask = client.ask().with("scope", "openid").with("prompt", "none").with(name, &value);
    let code = ada.get(&ask.url()).await.assert(303).callback_parameter("code").expect("nobody is asked");
    let won = crate::support::client::Won { code, verifier: ask.verifier };
    (claims(&client.redeem(&won).await.tokens()), claims(&first))
}

#[tokio::test]
async fn oidcc_prompt_none_logged_in() {
    let (second, first) = silently("nonce", |_| "n".to_owned()).await;
    assert_eq!((&second["sub"], &second["auth_time"]), (&first["sub"], &first["auth_time"]));
}

#[tokio::test]
async fn oidcc_id_token_hint() {
    let (second, first) = silently("id_token_hint", str::to_owned).await;
    assert_eq!(second["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_max_age_10000() {
    let (second, first) = silently("max_age", |_| "10000".to_owned()).await;
    assert_eq!(second["auth_time"], first["auth_time"]);
}

#[tokio::test]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() {
    succeeds_with("extra", "foobar").await;
}

#[tokio::test]
async fn oidcc_login_hint() {
    succeeds_with("login_hint", "ada@example.com").await;
}

#[tokio::test]
async fn oidcc_ui_locales() {
    succeeds_with("ui_locales", "se").await;
}

#[tokio::test]
async fn oidcc_claims_locales() {
    succeeds_with("claims_locales", "se").await;
}

#[tokio::test]
async fn oidcc_ensure_request_with_acr_values_succeeds() {
    succeeds_with("acr_values", "1 2").await;
}

#[tokio::test]
async fn oidcc_codereuse() {
    let (_, ada, client) = stage().await;
    let won = client.win(&ada, &client.ask().with("scope", "openid")).await;
    client.redeem(&won).await.tokens();
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
}

/// And the access token dies with it (RFC 6749 §4.1.2).
#[tokio::test]
async fn oidcc_codereuse_30seconds() {
    let (app, ada, client) = stage().await;
    let won = client.win(&ada, &client.ask().with("scope", "openid")).await;
    let tokens = client.redeem(&won).await.tokens();
    app.clock().advance(TimeDelta::seconds(30));
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
    userinfo(&app, Method::GET, &tokens.access).await.assert(401);
}

#[tokio::test]
async fn oidcc_ensure_registered_redirect_uri() {
    let (app, _, client) = stage().await;
    app.get(&client.ask().with("redirect_uri", "https://rp.example/cb/other").url()).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_ensure_post_request_succeeds() {
    let (app, ada, client) = stage().await;
    let ask = client.ask().with("scope", "openid");
    let posted = app.post_form(urls::AUTHORIZE, &ask.parameters).await.assert(303);
    let answer = ada.allow(posted.location()).await;
    assert!(answer.callback_parameter("code").is_some());
}

#[tokio::test]
async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported() {
    let (app, _, client) = stage().await;
    let answer = app.get(&client.ask().with("request_uri", "https://rp.example/request.jwt").url()).await;
    answer.assert_error_at(&client.redirect_uri, "request_uri_not_supported", app.issuer());
}

#[tokio::test]
async fn oidcc_refresh_token() {
    let (_, ada, client) = stage().await;
    let first = sign_in(&client, &ada, "openid offline_access").await;
    let second = client.refresh(&first.refresh).await.tokens();
    let (first, second) = (claims(&first), claims(&second));
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first[name], second[name], "OpenID Connect Core §12.2: {name}");
    }
}

#[tokio::test]
async fn oidcc_ensure_request_with_valid_pkce_succeeds() {
    let (_, ada, client) = stage().await;
    sign_in(&client, &ada, "openid").await;
}
