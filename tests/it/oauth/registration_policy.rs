//! F: whom and what the operator lets register (RFC 7591 §2.3, §3).

use chrono::TimeDelta;
use futures_util::future::join_all;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use portcullis::audit::Origin;
use portcullis::config::{RegistrationMode, StatementIssuer};
use portcullis::grants::invite::{self, Invitation};
use portcullis::http::urls;
use portcullis::types::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{CALLBACK, Client};
use crate::support::documents::Documents;
use crate::support::{Answer, TestApp};

async fn register_with(app: &TestApp, token: Option<&str>, body: &Value) -> Answer {
    let request = app.request(Method::POST, urls::REGISTER).header("content-type", "application/json");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    app.send(request.body(body.to_string())).await
}

async fn invite(app: &TestApp, label: &str, uses: Option<i32>) -> String {
    let (now, node) = (app.clock().now(), app.app());
    let invitation = Invitation { label: label.to_owned(), uses, expires_at: now + TimeDelta::days(7) };
    let makers = (&*node.keys, &node.random);
    let made = app.write(async |conn| invite::invite(conn, makers, &invitation, &Origin::operator(), now).await).await;
    let token = made.unwrap().reveal().to_owned();
    app.is_secret(&token);
    token
}

fn named(name: impl std::fmt::Display) -> Value {
    json!({ "client_name": format!("Client {name}"), "redirect_uris": [CALLBACK] })
}

#[tokio::test]
async fn where_nobody_may_register_it_is_not_offered_either() {
    let app = TestApp::configured(|config| config.registration.mode = RegistrationMode::Off).await;
    let server = app.get(urls::AUTHORIZATION_SERVER).await.json();
    assert_eq!(server.get("registration_endpoint"), None);
    register_with(&app, None, &named(1)).await.assert_refused(403, "access_denied");
    let open = TestApp::start().await;
    let server = open.get(urls::AUTHORIZATION_SERVER).await.json();
    assert_eq!(server["registration_endpoint"], open.at(urls::REGISTER));
}

#[tokio::test]
async fn an_initial_access_token_registers_as_often_as_it_says() {
    let app = TestApp::configured(|config| config.registration.mode = RegistrationMode::Token).await;
    let server = app.get(urls::AUTHORIZATION_SERVER).await.json();
    assert!(server["registration_endpoint"].is_string());
    let bare = register_with(&app, None, &named(0)).await.assert(401);
    assert_eq!(bare.header("www-authenticate"), r#"Bearer realm="portcullis""#);
    let token = invite(&app, "twice", Some(2)).await;
    let wrong = format!("{}x", &token[..token.len() - 1]);
    for bad in [wrong.as_str(), "x", &token.replace("pcli_", "pclg_")] {
        let answer = register_with(&app, Some(bad), &named(0)).await.assert(401);
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
    register_with(&app, Some(&token), &json!({ "redirect_uris": [] })).await.assert(400);
    register_with(&app, Some(&token), &named(1)).await.assert(201);
    register_with(&app, Some(&token), &named(2)).await.assert(201);
    register_with(&app, Some(&token), &named(3)).await.assert_refused(401, "invalid_token");
    let often = invite(&app, "often", None).await;
    for number in 0..5 {
        register_with(&app, Some(&often), &named(number)).await.assert(201);
    }
    let now = app.clock().now();
    assert!(app.write(async |conn| invite::withdraw(conn, "often", &Origin::operator(), now).await).await);
    register_with(&app, Some(&often), &named(9)).await.assert_refused(401, "invalid_token");
    let late = invite(&app, "late", None).await;
    app.clock().advance(TimeDelta::days(8));
    register_with(&app, Some(&late), &named(9)).await.assert_refused(401, "invalid_token");
}

#[tokio::test]
async fn of_many_that_want_the_last_use_one_gets_it() {
    let app = TestApp::configured(|config| config.registration.mode = RegistrationMode::Token).await;
    let token = invite(&app, "once", Some(1)).await;
    let bodies: Vec<Value> = (0..10).map(named).collect();
    let answers = join_all(bodies.iter().map(|body| register_with(&app, Some(&token), body))).await;
    let statuses = |wanted: u16| answers.iter().filter(|answer| answer.status == wanted).count();
    assert_eq!((statuses(201), statuses(401)), (1, 9));
}

#[tokio::test]
async fn answers_go_only_where_the_operator_allows() {
    let app = TestApp::configured(|config| {
        config.registration.redirect_hosts = vec!["app.example".to_owned()];
        config.registration.schemes = vec!["cursor".to_owned()];
    })
    .await;
    let uris = ["https://app.example/cb", "https://evil.example/cb", "evil://x/cb", "cursor://x/cb", CALLBACK];
    let known = app.post_json(urls::REGISTER, &json!({ "redirect_uris": uris })).await.assert(201).json();
    assert_eq!(known["redirect_uris"], json!([uris[0], uris[3], uris[4]]));
    let evil = json!({ "redirect_uris": ["https://evil.example/cb"] });
    app.post_json(urls::REGISTER, &evil).await.assert_refused(400, "invalid_redirect_uri");
}

#[tokio::test]
async fn strangers_get_no_more_than_the_operator_allows() {
    let app = TestApp::configured(|config| config.registration.scope = Scope::of(&["mcp:read", "openid"])).await;
    let server = app.get(urls::AUTHORIZATION_SERVER).await.json();
    assert_eq!(server["scopes_supported"], json!(["openid", "mcp:read"]));
    let wish = json!({ "redirect_uris": [CALLBACK], "scope": "mcp:write mcp:read" });
    let known = app.post_json(urls::REGISTER, &wish).await.assert(201).json();
    assert_eq!(known["scope"], "mcp:read");
    let client = Client::known(&app, known["client_id"].as_str().unwrap(), CALLBACK);
    let ada = app.person("ada").await;
    let answer = ada.visit(&client.ask().with("scope", "mcp:write").url()).await;
    answer.assert_error_at(CALLBACK, "invalid_scope", app.issuer());
    client.connect_for(&ada, "mcp:read").await;
}

/// Somebody who signs software statements, and where their keys are.
struct Publisher {
    key: Jwk,
    documents: Documents,
}

impl Publisher {
    async fn start() -> Self {
        let key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
        let documents = Documents::start().await;
        let public: josekit::Map<String, Value> = key.to_public_key().unwrap().into();
        documents.publish(json!({ "keys": [public] })).await;
        Self { key, documents }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        let signer = ES256.signer_from_jwk(&self.key).unwrap();
        jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap()
    }
}

#[tokio::test]
async fn what_a_trusted_publisher_says_comes_before_what_the_client_says() {
    let (publisher, stranger) = (Publisher::start().await, Publisher::start().await);
    let issuer = "https://publisher.example";
    let trusted = StatementIssuer { issuer: issuer.to_owned(), jwks_uri: publisher.documents.client_id() };
    let app = TestApp::configured(|config| config.registration.statement_issuers = vec![trusted]).await;
    let now = app.clock().now().timestamp();
    let claims = json!({
        "iss": issuer, "client_name": "Real name", "software_id": "real", "redirect_uris": ["https://real.example/cb"],
        "client_id": "chosen", "exp": now + 600,
    });
    let good = publisher.sign(&claims);
    let register = async |statement: &str| {
        let body = json!({
            "client_name": "Claimed name", "redirect_uris": ["https://evil.example/cb"], "client_uri": "https://own.example/",
            "token_endpoint_auth_method": "none", "software_statement": statement,
        });
        app.post_json(urls::REGISTER, &body).await
    };
    let known = register(&good).await.assert(201).json();
    assert_eq!((&known["client_name"], &known["software_id"]), (&json!("Real name"), &json!("real")));
    assert_eq!(known["redirect_uris"], json!(["https://real.example/cb"]));
    assert_eq!(known["client_uri"], "https://own.example/", "what the publisher does not say, the client may");
    assert_eq!(known["software_statement"], good, "RFC 7591 §3.2.1: unmodified");
    assert_ne!(known["client_id"], "chosen");
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        publisher.sign(&changed)
    };
    for (statement, code) in [
        (stranger.sign(&claims), "invalid_software_statement"),
        (with("exp", json!(now - 600)), "invalid_software_statement"),
        (with("nbf", json!(now + 600)), "invalid_software_statement"),
        (with("exp", json!(1e300)), "invalid_software_statement"),
        (good.replace('.', ".A"), "invalid_software_statement"),
        (good[..good.len() - 8].to_owned(), "invalid_software_statement"),
        ("x".to_owned(), "invalid_software_statement"),
        (with("iss", json!("https://stranger.example")), "unapproved_software_statement"),
        (with("redirect_uris", json!(["javascript:alert(1)"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(7)), "invalid_client_metadata"),
    ] {
        register(&statement).await.assert_refused(400, code);
    }
    let nobody = TestApp::start().await;
    let body = json!({ "redirect_uris": [CALLBACK], "software_statement": good });
    nobody.post_json(urls::REGISTER, &body).await.assert_refused(400, "unapproved_software_statement");
}
