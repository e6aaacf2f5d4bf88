//! B: where an answer may go.

use portcullis::http::urls;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::{CALLBACK, Client};

const WEB: &str = "https://app.example/cb";

async fn web_client(app: &TestApp) -> Client {
    Client::register(app, json!({ "redirect_uris": [WEB, "https://app.example/other"] })).await
}

/// RFC 9700 §2.1, §4.1: exact comparison, and no redirect to anything else.
#[tokio::test]
async fn b1_b2_what_was_not_registered_to_the_byte_gets_a_page() {
    let app = TestApp::start().await;
    let client = web_client(&app).await;
    for uri in [
        "https://app.example/cb/",
        "https://app.example/cb2",
        "https://app.example/c",
        "https://app.example/CB",
        "https://APP.example/cb",
        "https://app.example:443/cb",
        "https://app.example:8443/cb",
        "http://app.example/cb",
        "https://app.example/cb?x=1",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://app.example/./cb",
        "https://app.example/x/../cb",
        "https://app.example/%2e%2e/cb",
        "https://app.example/..;/cb",
        "https://app.example/cb%00",
        "https://app.example/cb\r\nLocation: https://evil.example",
        "https://app.example/cb\t",
        " https://app.example/cb",
        "https://app.example@evil.example/cb",
        "https://a@b@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example.evil.example/cb",
        "https://аpp.example/cb",
        "//evil.example/cb",
        "/cb",
        "",
        "https://evil.example/",
        "javascript:alert(1)",
    ] {
        let answer = app.get(&client.ask().with("redirect_uri", uri).url()).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{uri:?}");
        answer.assert_error_page();
    }
}

/// RFC 8252 §7.3: a program takes whichever port is free; nothing else may differ.
#[tokio::test]
async fn b3_only_the_port_of_a_loopback_uri_may_differ() {
    let app = TestApp::start().await;
    let client = app.client().await;
    for uri in ["http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://127.0.0.1/callback", CALLBACK]
    {
        let answer = app.get(&client.ask().with("redirect_uri", uri).url()).await;
        assert_eq!(answer.status, 303, "{uri}");
    }
    for uri in [
        "http://localhost:7777/callback",
        "http://[::1]:7777/callback",
        "https://127.0.0.1:7777/callback",
        "http://127.0.0.1:7777/callback/",
        "http://127.0.0.1:7777/other",
        "http://127.0.0.1:7777/callback?x=1",
        "http://127.0.0.1.evil.example:7777/callback",
        "http://127.1:7777/callback",
        "http://0x7f.1:7777/callback",
        "http://2130706433:7777/callback",
        "http://[::ffff:127.0.0.1]:7777/callback",
        "http://0.0.0.0:7777/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:7777@evil.example/callback",
        "http://user@127.0.0.1:7777/callback",
    ] {
        let answer = app.get(&client.ask().with("redirect_uri", uri).url()).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{uri}");
    }
}

#[tokio::test]
async fn b2_to_b6_what_is_dangerous_cannot_be_registered_even_among_good_ones() {
    let app = TestApp::start().await;
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://app.example/1",
        "intent://x#Intent;end",
        "https://*.app.example/cb",
        "https://app.example*",
        "https://app.example/*",
        "https://app.example/cb?code=x",
        "https://app.example/cb?state=x&a=b",
        "https://app.example/cb?iss=x",
        "https://app.example/cb?error=x",
        "https://app.example/cb#code=x",
        "https://app.example@evil.example/cb",
        "https://app.example/../cb",
        "https://app.example/%2e%2e/cb",
        "https://app.example/..;/cb",
        "https://0x7f.1/cb",
        "https://app.example\\evil",
        "http://localhost@evil.example/cb",
    ] {
        for uris in [json!([uri]), json!([WEB, uri])] {
            let answer = app.post_json(urls::REGISTER, &json!({ "redirect_uris": uris })).await;
            assert_eq!(answer.status, 400, "{uris}");
            answer.assert_refused(400, "invalid_redirect_uri");
            app.clock().advance(chrono::TimeDelta::seconds(10));
        }
    }
}

#[tokio::test]
async fn b3_what_only_looks_like_loopback_cannot_be_registered() {
    let app = TestApp::start().await;
    for uri in [
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.1/cb",
        "http://0x7f.1/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://0.0.0.0/cb",
        "http://app.example/cb",
    ] {
        let answer = app.post_json(urls::REGISTER, &json!({ "redirect_uris": [uri] })).await;
        assert_eq!(answer.status, 400, "{uri}");
        answer.assert_refused(400, "invalid_redirect_uri");
    }
}

/// RFC 6749 §3.1: a parameter must not come more than once.
#[tokio::test]
async fn b7_a_parameter_that_comes_twice_is_refused_wherever_it_comes() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    for (name, value) in client.ask().parameters {
        app.get(&client.ask().and(&name, &value).url()).await.assert_error_page();
        let posted = app.post_form(urls::AUTHORIZE, &client.ask().and(&name, "other").parameters).await;
        app.get(posted.location()).await.assert_error_page();
    }
    let won = client.code(&ada).await;
    for name in ["grant_type", "code", "code_verifier", "redirect_uri", "client_id"] {
        let twice = [&client.redemption(&won)[..], &[(name, "x"), (name, "x")]].concat();
        client.token(&twice).await.assert_refused(400, "invalid_request");
    }
    client.redeem(&won).await.tokens();
}

/// OAuth 2.1 §4.1.3 has dropped `redirect_uri` here, as PKCE does its work; one that comes must be the right one.
#[tokio::test]
async fn b8_another_redirect_uri_at_the_token_endpoint_is_refused_and_burns_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = web_client(&app).await;
    let won = client.code(&ada).await;
    for wrong in ["https://app.example/other", "https://evil.example/", "https://app.example/cb/", ""] {
        let parameters = client.redemption(&won).into_iter().filter(|(name, _)| *name != "redirect_uri");
        let parameters: Vec<_> = parameters.chain([("redirect_uri", wrong)]).collect();
        let answer = client.token(&parameters).await;
        if wrong.is_empty() {
            // RFC 6749 §3.1: a parameter without a value is one that was not sent.
            answer.tokens();
        } else {
            answer.assert_refused(400, "invalid_grant");
        }
    }
}

/// RFC 6749 §4.1.2.1: with a bad client or redirect URI, whatever else is wrong is told to the person alone.
#[tokio::test]
async fn b9_without_a_trusted_place_to_send_it_an_error_is_a_page() {
    let app = TestApp::start().await;
    let client = app.client().await;
    let evil = "https://evil.example/";
    for ask in [
        client.ask().without("client_id"),
        client.ask().with("client_id", "unknown"),
        client.ask().with("client_id", "unknown").with("redirect_uri", evil),
        client.ask().with("response_type", "token").with("redirect_uri", evil),
        client.ask().with("response_mode", "form_post").with("redirect_uri", evil),
        client.ask().with("scope", "nonsense").with("redirect_uri", evil),
        client.ask().without("code_challenge").with("redirect_uri", evil),
    ] {
        app.get(&ask.url()).await.assert_error_page();
    }
}

#[tokio::test]
async fn b9_a3_with_one_the_client_hears_of_it_with_its_state_and_our_name() {
    let app = TestApp::start().await;
    let client = app.client().await;
    let long = "x".repeat(5000);
    for (ask, code) in [
        (client.ask().without("response_type"), "invalid_request"),
        (client.ask().with("response_type", "token"), "unsupported_response_type"),
        (client.ask().with("response_type", "code id_token"), "unsupported_response_type"),
        (client.ask().and("response_mode", "fragment"), "invalid_request"),
        (client.ask().and("response_mode", "web_message"), "invalid_request"),
        (client.ask().with("scope", "nonsense"), "invalid_scope"),
        (client.ask().with("scope", "mgmt.admin"), "invalid_scope"),
        (client.ask().with("scope", "a\"b"), "invalid_scope"),
        (client.ask().and("resource", "https://evil.example/"), "invalid_target"),
        (client.ask().and("request", "eyJ"), "invalid_request_object"),
        (client.ask().and("request_uri", "urn:x"), "request_uri_not_supported"),
        (client.ask().and("nonce", &long), "invalid_request"),
    ] {
        let answer = app.get(&ask.url()).await;
        answer.assert_error_at(&client.redirect_uri, code, app.issuer());
        assert_eq!(answer.callback_parameter("state").as_deref(), Some("the-state"));
    }
}
