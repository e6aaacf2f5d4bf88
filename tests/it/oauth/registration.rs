//! F: what strangers say of themselves.

use chrono::TimeDelta;
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::app::{Node, http_client};
use crate::support::client::{CALLBACK, Client};
use crate::support::{Answer, TestApp};

async fn send(node: &Node, body: impl Into<reqwest::Body>) -> Answer {
    let request = node.request(Method::POST, urls::REGISTER).header(CONTENT_TYPE, "application/json");
    node.send(request.body(body)).await
}

#[tokio::test]
async fn f1_a_flood_from_one_network_has_to_wait_and_its_neighbours_do_not() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for number in 0..61 {
        let client = json!({ "client_name": format!("Flood {number}"), "redirect_uris": [CALLBACK] });
        answers.push(app.post_json(urls::REGISTER, &client).await);
    }
    assert!(answers[..60].iter().all(|answer| answer.status == 201));
    assert_eq!(answers[60].status, 429);
    assert!((1..=10).contains(&answers[60].header("retry-after").parse::<u32>().unwrap()));
    let neighbour = app.request_by(&http_client("127.0.0.9".parse().ok()), Method::POST, urls::REGISTER);
    let neighbour = neighbour.body(json!({ "redirect_uris": [CALLBACK] }).to_string());
    app.send(neighbour).await.assert(201);
    app.clock().advance(TimeDelta::seconds(10));
    app.client().await;
}

/// Some clients register at every start.
#[tokio::test]
async fn f1_identical_public_clients_are_one_and_confidential_ones_are_not() {
    let app = TestApp::start().await;
    assert_eq!(app.client().await.id, app.client().await.id);
    assert_ne!(app.client().await.id, Client::register(&app, json!({ "client_name": "Other" })).await.id);
    let web =
        json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic" });
    let (one, two) = (Client::register(&app, web.clone()).await, Client::register(&app, web).await);
    assert!(one.id != two.id && one.secret != two.secret);
}

#[tokio::test]
async fn f2_hostile_metadata_is_a_bounded_refusal() {
    let app = TestApp::start().await;
    let uris: Vec<_> = (0..10_000).map(|number| format!("http://127.0.0.1/{number}")).collect();
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"x\"".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        "x".repeat(1 << 20),
        "[".repeat(30_000),
        format!("{}{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)),
        json!({ "redirect_uris": uris }).to_string(),
        json!({ "redirect_uris": vec![CALLBACK; 21] }).to_string(),
        json!({ "redirect_uris": CALLBACK }).to_string(),
        json!({ "redirect_uris": [1] }).to_string(),
        json!({ "redirect_uris": [CALLBACK], "client_name": "x".repeat(129) }).to_string(),
        json!({ "redirect_uris": [CALLBACK], "client_name": {} }).to_string(),
        json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_jwt" }).to_string(),
        json!({ "redirect_uris": [CALLBACK], "response_types": ["token"] }).to_string(),
        json!({ "redirect_uris": [CALLBACK], "jwks": { "keys": [{ "kty": "oct", "k": "AA" }] } }).to_string(),
        format!(r#"{{"redirect_uris":["{CALLBACK}"],"redirect_uris":["https://evil.example/"]}}"#),
        format!(r#"{{"redirect_uris":["{CALLBACK}"],"client_name":"\ud800"}}"#),
    ] {
        let shown = body.chars().take(60).collect::<String>();
        let status = if body.len() > 32 * 1024 { 413 } else { 400 };
        let answer = send(&app, body).await;
        assert_eq!(answer.status, status, "{shown}");
        assert!(answer.body.len() < 1000 && answer.json()["error"].is_string(), "{shown}");
    }
    send(&app, b"{\"redirect_uris\":[\"\xff\"]}".to_vec()).await.assert(400);
    let huge = send(&app, vec![b' '; 10 << 20]).await;
    assert_eq!(huge.status, 413, "{}", huge.body);
}

/// Memory is not for strangers to fill: what nobody needs is refused before it is read, in JSON.
#[tokio::test]
async fn a_body_is_no_larger_than_its_url_has_use_for() {
    let app = TestApp::start().await;
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    for (path, kind, most) in [
        (urls::TOKEN, form, 64 << 10),
        (urls::REVOKE, form, 64 << 10),
        (urls::AUTHORIZE, form, 64 << 10),
        (urls::REGISTER, json, 32 << 10),
    ] {
        let post = async |length: usize| {
            let request = app.request(Method::POST, path).header(CONTENT_TYPE, kind);
            app.send(request.body("a".repeat(length))).await
        };
        assert_ne!(post(most).await.status, 413, "{path}");
        assert_eq!(post(most + 1).await.assert(413).json()["error"], "payload_too_large", "{path}");
    }
}

/// Trojan source and homographs: the person must see what there is.
#[tokio::test]
async fn f2_a_name_cannot_turn_the_page_around_or_run_in_it() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for name in ["<script>alert(1)</script>", "Cl\u{202e}eduA\u{202c}\u{200b}", "\"><img src=x onerror=alert(1)>"] {
        let client = Client::register(&app, json!({ "client_name": name })).await;
        let page = ada.consider(&client.ask().url()).await;
        assert!(page.offers("Allow") && !page.body.contains("<script>alert") && !page.body.contains("<img src=x"));
        assert!(!page.body.contains(['\u{202e}', '\u{200b}']), "{name:?}");
    }
    let brand = Client::register(&app, json!({ "client_name": "Сlaude" })).await;
    let page = ada.consider(&brand.ask().url()).await;
    assert!(page.words().contains("This name looks like Claude"), "{}", page.words());
}

#[tokio::test]
async fn f3_privileges_that_are_asked_for_are_not_given_and_the_answer_says_so() {
    let app = TestApp::start().await;
    let wish = json!({
        "client_id": "admin", "client_secret": "chosen", "client_name": "Greedy", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
        "scope": "mcp:read mgmt.admin", "skip_consent": true, "trusted": true, "roles": ["admin"],
        "origin": "administrator", "dpop_bound_access_tokens": false,
    });
    let known = app.post_json(urls::REGISTER, &wish).await.assert(201).json();
    assert_ne!(known["client_id"], "admin");
    assert_eq!(known["grant_types"], json!(["authorization_code"]));
    assert_eq!(known["scope"], "mcp:read");
    assert_eq!(known["token_endpoint_auth_method"], "none");
    for absent in ["client_secret", "skip_consent", "trusted", "roles", "origin", "registration_access_token"] {
        assert_eq!(known.get(absent), None::<&Value>, "{absent}");
    }
    let alone = json!({ "redirect_uris": [CALLBACK], "grant_types": ["client_credentials"] });
    app.post_json(urls::REGISTER, &alone).await.assert_refused(400, "invalid_client_metadata");
    let client = Client::known(&app, known["client_id"].as_str().unwrap(), CALLBACK);
    let answer = app.get(&client.ask().with("scope", "mgmt.admin").url()).await;
    answer.assert_error_at(CALLBACK, "invalid_scope", app.issuer());
}

#[tokio::test]
async fn f3_a_client_that_registered_for_devices_alone_gets_no_code() {
    let app = TestApp::start().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let says =
        json!({ "client_name": "TV", "grant_types": [device, "refresh_token"], "token_endpoint_auth_method": "none" });
    let known = app.post_json(urls::REGISTER, &says).await.assert(201).json();
    assert_eq!((&known["grant_types"], &known["redirect_uris"]), (&json!(["refresh_token", device]), &json!([])));
    let nowhere = Client::known(&app, known["client_id"].as_str().unwrap(), CALLBACK);
    app.get(&nowhere.ask().url()).await.assert_error_page();
    let mut says = says;
    says["redirect_uris"] = json!([CALLBACK]);
    let known = app.post_json(urls::REGISTER, &says).await.assert(201).json();
    let client = Client::known(&app, known["client_id"].as_str().unwrap(), CALLBACK);
    app.get(&client.ask().url()).await.assert_error_at(CALLBACK, "unauthorized_client", app.issuer());
    let answer = client.token(&[("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "x")]).await;
    answer.assert_refused(400, "unauthorized_client");
}

/// RFC 7591 §3.2.1: what is in force, all of it.
#[tokio::test]
async fn the_answer_to_a_registration_is_complete() {
    let app = TestApp::start().await;
    let web = json!({ "client_name": "Web", "redirect_uris": ["https://app.example/cb"], "client_uri": "https://app.example" });
    let answer = app.post_json(urls::REGISTER, &web).await.assert(201);
    assert!(answer.header("cache-control").contains("no-store"));
    let known = answer.json();
    assert!(known["client_id_issued_at"].is_i64() && known["client_secret"].is_string());
    assert_eq!(known["client_secret_expires_at"], 0);
    assert_eq!(known["token_endpoint_auth_method"], "client_secret_basic", "the default of RFC 7591 §2");
    assert_eq!(known["response_types"], json!(["code"]));
    assert_eq!(known["redirect_uris"], web["redirect_uris"]);
    assert_eq!(known["client_uri"], "https://app.example/");
}
