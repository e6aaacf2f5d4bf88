//! A: what clients learn of us, that it is true, and that nobody else decides it. And who may read what from a web page.

use std::collections::BTreeSet;

use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::client::public_keys;
use crate::support::{Answer, TestApp};

const DOCUMENTS: [&str; 3] = [urls::AUTHORIZATION_SERVER, urls::OPENID_CONFIGURATION, urls::PROTECTED_RESOURCE];

fn set(json: &Value) -> BTreeSet<&str> {
    json.as_array().unwrap().iter().map(|each| each.as_str().unwrap()).collect()
}

/// RFC 9728 §3.3, RFC 8414 §3.3: each document names the next, byte for byte.
#[tokio::test]
async fn the_documents_agree_with_each_other() {
    let app = TestApp::start().await;
    let challenge = app.get(urls::MCP).await.assert(401).header("www-authenticate").to_owned();
    let metadata = challenge.split(r#"resource_metadata=""#).nth(1).unwrap().split('"').next().unwrap();
    let resource = app.get(metadata).await.assert(200).json();
    assert_eq!(resource["resource"], app.at(urls::MCP));
    assert_eq!(resource["authorization_servers"], json!([app.issuer()]));
    let server = app.get(urls::AUTHORIZATION_SERVER).await.assert(200).json();
    assert_eq!(server["issuer"], app.issuer());
    assert_eq!(server, app.get(urls::OPENID_CONFIGURATION).await.assert(200).json());
    assert!(set(&resource["scopes_supported"]).is_subset(&set(&server["scopes_supported"])));
}

/// What is advertised works, and what works is advertised.
#[tokio::test]
async fn the_documents_agree_with_what_the_endpoints_do() {
    let app = TestApp::start().await;
    let server = app.get(urls::AUTHORIZATION_SERVER).await.json();
    let post = async |name: &str| {
        let url = server[name].as_str().unwrap().to_owned();
        app.post_form::<&str, &str>(&url, &[]).await.status
    };
    assert_eq!(post("token_endpoint").await, 401);
    assert_eq!(post("revocation_endpoint").await, 401);
    assert_eq!(post("introspection_endpoint").await, 401);
    assert_eq!(post("registration_endpoint").await, 400);
    assert_eq!(post("pushed_authorization_request_endpoint").await, 401);
    assert!(app.get(server["authorization_endpoint"].as_str().unwrap()).await.is_page());
    let keys = app.get(server["jwks_uri"].as_str().unwrap()).await.assert(200).json();
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none() && key["use"] == "sig"));
    assert_eq!(server["response_types_supported"], json!(["code"]));
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(server["authorization_response_iss_parameter_supported"], true);
    assert_eq!(server["client_id_metadata_document_supported"], true);
    let client = app.client().await;
    for grant in set(&server["grant_types_supported"]) {
        let answer = client.token(&[("grant_type", grant)]).await;
        assert_ne!(answer.json()["error"], "unsupported_grant_type", "{grant}");
    }
    for scope in set(&server["scopes_supported"]) {
        let answer = app.get(&client.ask().with("scope", scope).url()).await;
        assert_eq!(answer.callback_parameter("error"), None, "{scope}");
    }
    for method in set(&server["token_endpoint_auth_methods_supported"]) {
        let says = json!({
            "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": method, "jwks": public_keys("1"),
        });
        app.post_json(urls::REGISTER, &says).await.assert(201);
    }
}

/// RFC 9207 §2; the harness checks that no parameter comes twice.
#[tokio::test]
async fn a3_success_names_us_exactly_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let answer = ada.allow(&client.ask().url()).await;
    assert_eq!(answer.callback_parameter("iss").as_deref(), Some(app.issuer()));
    assert_eq!(answer.callback_parameter("state").as_deref(), Some("the-state"));
    assert!(answer.header("cache-control").contains("no-store"));
}

fn spoofed() -> HeaderMap {
    let headers = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "444"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-host", "evil.example"),
    ];
    headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// RFC 9700 §4.13: a stranger's headers decide nothing.
#[tokio::test]
async fn a4_forwarded_headers_change_no_answer() {
    let app = TestApp::start().await;
    let client = app.client().await;
    let bad = client.ask().with("scope", "nonsense").url();
    for path in DOCUMENTS.into_iter().chain([urls::MCP, &bad]) {
        let (plain, spoof) = (app.request(Method::GET, path), app.request(Method::GET, path).headers(spoofed()));
        let (plain, spoof) = (app.send(plain).await, app.send(spoof).await);
        assert_eq!((plain.status, &plain.body), (spoof.status, &spoof.body), "{path}");
        for header in ["location", "www-authenticate", "set-cookie"] {
            assert_eq!(plain.header(header), spoof.header(header), "{path}");
        }
    }
    let sign_in = app.send(app.request(Method::GET, &client.ask().url()).headers(spoofed())).await.assert(303);
    assert!(sign_in.location().starts_with(&app.at(urls::LOGIN)), "{}", sign_in.location());
}

/// DNS rebinding: a foreign name is turned away, and never repeated.
#[tokio::test]
async fn a4_a_foreign_host_gets_nothing() {
    let app = TestApp::start().await;
    for path in DOCUMENTS.into_iter().chain([urls::MCP, urls::LOGIN, urls::AUTHORIZE]) {
        let mut host = HeaderMap::new();
        host.insert(HOST, HeaderValue::from_static("evil.example"));
        let answer = app.send(app.request(Method::GET, path).headers(host)).await.assert(421);
        assert_eq!(answer.json()["url"], app.issuer());
        assert!(!answer.body.contains("evil.example"));
    }
}

async fn preflight(node: &Node, path: &str, origin: &str, method: &str) -> Answer {
    let request = node.request(Method::OPTIONS, path).header(ORIGIN, origin);
    let request = request.header("access-control-request-method", method);
    node.send(request.header("access-control-request-headers", "authorization,content-type,mcp-protocol-version")).await
}

const ALLOWED: &str = "access-control-allow-origin";

/// `decisions` 15: what depends on nobody may be read by anybody, without credentials.
#[tokio::test]
async fn any_page_may_read_what_depends_on_nobody() {
    let app = TestApp::start().await;
    let read = [urls::AUTHORIZATION_SERVER, urls::OPENID_CONFIGURATION, urls::PROTECTED_RESOURCE, urls::JWKS];
    let posted = [urls::TOKEN, urls::REGISTER, urls::REVOKE];
    for (path, method) in read.map(|path| (path, "GET")).into_iter().chain(posted.map(|path| (path, "POST"))) {
        let answer = preflight(&app, path, "https://inspector.example", method).await;
        assert_eq!((answer.status, answer.header(ALLOWED)), (200, "*"), "{path}");
        assert!(answer.header("access-control-allow-headers").to_lowercase().contains("content-type"), "{path}");
        let request = app.request(method.parse().unwrap(), path).header(ORIGIN, "https://inspector.example");
        let answer = app.send(request).await;
        assert_eq!(answer.header(ALLOWED), "*", "{path}, and errors too");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn only_known_pages_may_use_mcp() {
    let app = TestApp::start().await;
    let answer = preflight(&app, urls::MCP, "http://localhost:6274", "POST").await.assert(200);
    assert_eq!(answer.header(ALLOWED), "http://localhost:6274");
    let answer = app.send(app.request(Method::POST, urls::MCP).header(ORIGIN, "http://localhost:6274")).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (401, "http://localhost:6274"));
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("www-authenticate"));
    let answer = preflight(&app, urls::MCP, "https://evil.example", "POST").await;
    assert_eq!(answer.header(ALLOWED), "");
    let answer = app.send(app.request(Method::POST, urls::MCP).header(ORIGIN, "https://evil.example")).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (403, ""));
}

/// RFC 9700 §2.6: what depends on who is signed in is for no other page to read.
#[tokio::test]
async fn no_page_may_read_what_depends_on_somebody() {
    let app = TestApp::start().await;
    for path in [urls::AUTHORIZE, urls::LOGIN, urls::CONSENT, urls::APPS, urls::SETUP, urls::LOGOUT] {
        for origin in ["https://evil.example", "http://localhost:6274", "null"] {
            assert_eq!(preflight(&app, path, origin, "GET").await.header(ALLOWED), "", "{path}");
            let answer = app.send(app.request(Method::GET, path).header(ORIGIN, origin)).await;
            assert_eq!(answer.header(ALLOWED), "", "{path}");
        }
    }
}

#[tokio::test]
async fn programs_get_their_refusals_in_json() {
    let app = TestApp::start().await;
    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::GET, urls::TOKEN),
        (Method::PUT, urls::TOKEN),
        (Method::DELETE, urls::REGISTER),
        (Method::GET, urls::REVOKE),
        (Method::POST, urls::JWKS),
        (Method::POST, urls::AUTHORIZATION_SERVER),
        (Method::PUT, urls::AUTHORIZE),
    ] {
        let answer = app.send(app.request(method.clone(), path)).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.status);
        assert!(answer.json()["error"].is_string(), "{method} {path}: {}", answer.body);
    }
    for body in ["grant_type=refresh_token", "{}"] {
        let request = app.request(Method::POST, urls::TOKEN).header("content-type", "application/json");
        app.send(request.body(body)).await.assert_refused(400, "invalid_request");
    }
}
