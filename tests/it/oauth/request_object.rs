//! RFC 9101: authorization requests that the client signed.

use chrono::TimeDelta;
use portcullis::config::Config;
use portcullis::grants::client::{ClientOptions, Profile};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::client::{Ask, CALLBACK, Client, Won};
use crate::support::documents::Documents;
use crate::support::signer::{Signer, set_options};
use crate::support::{Answer, TestApp};

/// A client whose key we know. Of two that say the same of themselves there would be only one.
async fn signing(app: &TestApp) -> (Client, Signer) {
    signing_as(app, "Signing client").await
}

async fn signing_as(app: &TestApp, name: &str) -> (Client, Signer) {
    let (client, signer) = (Client::register(app, json!({ "client_name": name })).await, Signer::new());
    let options = ClientOptions { jwks: Some(signer.jwks()), ..ClientOptions::default() };
    set_options(app, &client.id, options).await;
    (client, signer)
}

/// The claims of an object as it should be.
fn claims(app: &TestApp, client: &Client, ask: &Ask) -> Value {
    let now = app.clock().now().timestamp();
    let mut claims = json!({ "iss": client.id, "aud": app.issuer(), "iat": now, "nbf": now, "exp": now + 60 });
    for (name, value) in &ask.parameters {
        claims[name] = json!(value);
    }
    claims
}

fn object(app: &TestApp, client: &Client, signer: &Signer, ask: &Ask) -> String {
    signer.sign(&json!({ "typ": "oauth-authz-req+jwt" }), &claims(app, client, ask))
}

/// An authorization request that is nothing but an object.
fn with_object(client: &Client, object: &str) -> Ask {
    Ask { parameters: vec![("client_id".into(), client.id.clone()), ("request".into(), object.into())], ..client.ask() }
}

/// By both ways in: at PAR it is refused in JSON, and what a browser brings is refused at the redirect URI outside of it.
async fn assert_invalid(app: &TestApp, client: &Client, object: &str, why: &str) {
    let answer = client.push(&with_object(client, object)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request_object")), "{why}");
    let brought = app.get(&with_object(client, object).and("redirect_uri", CALLBACK).and("state", "s").url()).await;
    assert_eq!(brought.callback_parameter("error").as_deref(), Some("invalid_request_object"), "{why}: {brought:?}");
    brought.assert_error_at(CALLBACK, "invalid_request_object", app.issuer());
}

/// RFC 9101 §6.3: nothing outside of the object counts.
#[tokio::test]
async fn a_signed_request_ends_in_tokens_and_only_what_was_signed_counts() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (client, signer) = signing(&app).await;
    for typ in [json!({ "typ": "oauth-authz-req+jwt" }), json!({ "typ": "JWT" }), json!({})] {
        let ask = client.ask().with("scope", "mcp:read");
        let object = signer.sign(&typ, &claims(&app, &client, &ask));
        let outside = with_object(&client, &object)
            .and("scope", "mcp:read mcp:write mcp:delete")
            .and("state", "another")
            .and("response_type", "token")
            .and("redirect_uri", "https://evil.example/");
        let url = outside.url();
        let pushed = client.pushed(&with_object(&client, &object)).await;
        for url in [url, pushed] {
            let sent = ada.allow(&url).await;
            assert_eq!(sent.callback_parameter("state").as_deref(), Some("the-state"));
            let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier.clone() };
            assert_eq!(client.redeem(&won).await.tokens().scope, "mcp:read");
        }
    }
}

#[tokio::test]
async fn an_object_that_is_not_this_clients_for_us_and_now_is_refused() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    let (other, _) = signing_as(&app, "Another client").await;
    assert_ne!(client.id, other.id);
    let now = app.clock().now().timestamp();
    let typ = json!({ "typ": "oauth-authz-req+jwt" });
    let good = claims(&app, &client, &client.ask());
    for (name, value) in [
        ("iss", json!(other.id)),
        ("iss", json!([client.id])),
        ("client_id", json!(other.id)),
        ("aud", json!("https://evil.example")),
        ("aud", json!(["https://evil.example"])),
        ("aud", json!(format!("{}/", app.issuer()))),
        ("exp", json!(now - 60)),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!("tomorrow")),
        ("exp", json!(u64::MAX)),
        ("nbf", json!(now + 300)),
        ("iat", json!(now + 300)),
        ("iat", json!(i64::MIN)),
        ("request", json!("eyJ")),
        ("request_uri", json!("https://evil.example/")),
        ("scope", json!(["mcp:read", "mcp:write"])),
        ("state", json!("a\0b")),
        ("redirect_uri", json!([CALLBACK, "https://evil.example/"])),
        ("nonce", Value::Null),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        assert_invalid(&app, &client, &signer.sign(&typ, &claims), &format!("{name}: {value}")).await;
    }
    for missing in ["iss", "client_id", "aud", "exp"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(missing);
        assert_invalid(&app, &client, &signer.sign(&typ, &claims), missing).await;
    }
}

/// D3 and RFC 8725: the signature is made by a key of the client's, by an algorithm that only its owner could use.
#[tokio::test]
async fn d3_a_signature_that_anybody_could_make_is_none() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    let good = object(&app, &client, &signer, &client.ask());
    let body = good.split('.').nth(1).unwrap();
    let encoded = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let claims = claims(&app, &client, &client.ask());
    let stranger = Signer::new();
    let own_key = stranger.jwks()["keys"][0].clone();
    for (why, object) in [
        ("none", format!("{}.{body}.", encoded(r#"{"alg":"none"}"#))),
        ("None", format!("{}.{body}.", encoded(r#"{"alg":"None"}"#))),
        ("HS256", format!("{}.{body}.{}", encoded(r#"{"alg":"HS256"}"#), encoded("x"))),
        ("a stranger's", stranger.sign(&json!({}), &claims)),
        ("a key of the header's own", stranger.sign(&json!({ "jwk": own_key }), &claims)),
        ("jku", stranger.sign(&json!({ "jku": "https://evil.example/jwks" }), &claims)),
        ("another kid", signer.sign(&json!({ "kid": "../../etc/passwd" }), &claims)),
        ("crit", signer.sign(&json!({ "crit": ["x"], "x": 1 }), &claims)),
        ("a DPoP proof", signer.sign(&json!({ "typ": "dpop+jwt" }), &claims)),
        ("an access token", signer.sign(&json!({ "typ": "at+jwt" }), &claims)),
        ("no signature", format!("{}.{body}", good.split('.').next().unwrap())),
        ("an altered one", format!("{}A", &good[..good.len() - 2])),
        ("encrypted", "a.b.c.d.e".to_owned()),
        ("nonsense", "x".to_owned()),
    ] {
        assert_invalid(&app, &client, &object, why).await;
    }
    let keyless = app.client().await;
    let unsigned = self::object(&app, &keyless, &signer, &keyless.ask());
    assert_invalid(&app, &keyless, &unsigned, "a client without keys").await;
}

/// B1, B9: an object is no way around the registered redirect URIs, and an error goes to none but those.
#[tokio::test]
async fn b1_b9_a_signed_redirect_uri_is_still_only_a_registered_one() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    for uri in ["https://evil.example/", "http://127.0.0.1:7777/other", "javascript:alert(1)", "http://127.0.0.1@evil/"]
    {
        let object = object(&app, &client, &signer, &client.ask().with("redirect_uri", uri));
        app.get(&with_object(&client, &object).and("redirect_uri", CALLBACK).url()).await.assert_error_page();
        client.push(&with_object(&client, &object)).await.assert_refused(400, "invalid_request");
    }
    let evil = with_object(&client, "x").and("redirect_uri", "https://evil.example/");
    app.get(&evil.url()).await.assert_error_page();
}

/// B7, B9: what a query may not say, an object may not say either; the client hears of it where it wanted to.
#[tokio::test]
async fn b7_b9_what_is_wrong_inside_is_told_with_what_stands_inside() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    for (ask, code) in [
        (client.ask().with("response_type", "token"), "unsupported_response_type"),
        (client.ask().with("scope", "mgmt.admin"), "invalid_scope"),
        (client.ask().without("code_challenge"), "invalid_request"),
        (client.ask().with("prompt", "none login"), "invalid_request"),
        (client.ask().with("response_mode", "fragment"), "invalid_request"),
    ] {
        let object = object(&app, &client, &signer, &ask);
        let answer = app.get(&with_object(&client, &object).and("state", "outside").url()).await;
        answer.assert_error_at(CALLBACK, code, app.issuer());
        assert_eq!(answer.callback_parameter("state").as_deref(), Some("the-state"));
        client.push(&with_object(&client, &object)).await.assert_refused(400, code);
    }
    let twice = with_object(&client, "x").and("request", "y").and("redirect_uri", CALLBACK);
    app.get(&twice.url()).await.assert_error_page();
    let both = with_object(&client, "x").and("request_uri", "urn:x").and("redirect_uri", CALLBACK);
    app.get(&both.url()).await.assert_error_at(CALLBACK, "invalid_request", app.issuer());
}

/// F6: a request by reference would make us fetch what anybody names.
#[tokio::test]
async fn f6_a_request_at_somebodys_url_is_not_fetched() {
    let app = TestApp::configured(|config| config.outbound.allow_loopback_clients = true).await;
    let documents = Documents::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (client, _) = signing(&app).await;
    let ask = client.bring(&documents.client_id()).and("redirect_uri", CALLBACK).and("state", "s");
    let answer = ada.visit(&ask.url()).await;
    answer.assert_error_at(CALLBACK, "request_uri_not_supported", app.issuer());
    assert_eq!(documents.visits().await, 0);
}

/// `decisions` 18: before anybody has signed in, nothing is fetched.
#[tokio::test]
async fn keys_at_a_url_are_fetched_after_sign_in_or_for_a_client_that_pushes() {
    let loopback = |config: &mut Config| config.outbound.allow_loopback_clients = true;
    let app = TestApp::configured(loopback).await;
    let (documents, ada) = (Documents::start().await, app.person("ada").await);
    let (client, signer) = (app.client().await, Signer::new());
    documents.answer(ResponseTemplate::new(200).set_body_json(signer.jwks())).await;
    let options = ClientOptions { jwks_uri: Some(documents.client_id()), ..ClientOptions::default() };
    set_options(&app, &client.id, options).await;
    let signed = |ask: &Ask| with_object(&client, &object(&app, &client, &signer, ask)).url();
    let url = signed(&client.ask());
    let sign_in = app.get(&url).await.assert(303);
    assert!(sign_in.location().contains("/login"), "{}", sign_in.location());
    assert_eq!(documents.visits().await, 0);
    assert!(ada.consider(&url).await.offers("Allow"));
    assert_eq!(documents.visits().await, 1);
    assert!(ada.visit(&signed(&client.ask())).await.offers("Allow"));
    client.push(&with_object(&client, &object(&app, &client, &signer, &client.ask()))).await.assert(201);
    assert_eq!(documents.visits().await, 1, "they are remembered");
    let forged = object(&app, &client, &Signer::new(), &client.ask());
    client.push(&with_object(&client, &forged)).await.assert_refused(400, "invalid_request_object");
}

/// Clocks differ a little; an object is not good for ever.
#[tokio::test]
async fn an_object_expires() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    let object = object(&app, &client, &signer, &client.ask());
    app.clock().advance(TimeDelta::seconds(80));
    client.push(&with_object(&client, &object)).await.assert(201);
    app.clock().advance(TimeDelta::seconds(20));
    assert_invalid(&app, &client, &object, "expired").await;
}

/// FAPI 2.0 Security Profile §5.4.1.
#[tokio::test]
async fn the_strict_profile_takes_its_requests_pushed_signed_or_not() {
    let app = TestApp::start().await;
    let (client, signer) = signing(&app).await;
    let options = ClientOptions { jwks: Some(signer.jwks()), profile: Profile::Fapi2, ..ClientOptions::default() };
    set_options(&app, &client.id, options).await;
    let object = object(&app, &client, &signer, &client.ask());
    let brought: Answer = app.get(&with_object(&client, &object).url()).await;
    brought.assert_error_at(CALLBACK, "invalid_request", app.issuer());
    client.push(&with_object(&client, &object)).await.assert(201);
}
