//! J: nobody but the person decides, and only about what they were shown.

use chrono::TimeDelta;
use portcullis::http::urls;
use serde_json::json;

use crate::support::client::{CALLBACK, Client};
use crate::support::{Browser, TestApp};

const VOUCHED: &str = "https://partner.example/cb";

async fn cast() -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    (app, ada, client)
}

/// RFC 6749 §10.2: anybody can claim to be a client that nobody vouches for.
#[tokio::test]
async fn j1_an_unverified_client_is_asked_about_every_time() {
    let (_app, ada, client) = cast().await;
    client.connect(&ada).await;
    let page = ada.visit(&client.ask().url()).await;
    let words = page.words();
    for shown in ["Test client", "127.0.0.1:7777", "ada", "Any program on this computer", "mcp:read", "mcp:write"] {
        assert!(words.contains(shown), "{shown}: {words}");
    }
    assert!(words.contains("for 12 months at most"), "how long: {words}");
}

#[tokio::test]
async fn j2_a_form_from_elsewhere_decides_nothing() {
    let (app, ada, client) = cast().await;
    let page = ada.consider(&client.ask().url()).await;
    let form = page.form("Allow");
    let eve = app.person("eve").await;
    eve.sign_in().await;
    let foreign_token = eve.consider(&client.ask().url()).await.form("Allow").value("csrf");
    for attack in [form.clone().without("csrf"), form.clone().set("csrf", ""), form.clone().set("csrf", &foreign_token)]
    {
        let answer = ada.submit(&attack).await;
        assert_eq!((answer.status, answer.location()), (403, ""));
    }
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let victim = ada.at(&app).saying(name, value);
        assert_eq!(victim.submit(&form).await.status, 403, "{name}: {value}");
    }
    ada.submit(&form).await.assert(303);
}

#[tokio::test]
async fn j2_anothers_request_or_browser_decides_nothing() {
    let (app, ada, client) = cast().await;
    let hers = ada.consider(&client.ask().url()).await.form("Allow");
    let eve = app.person("eve").await;
    let mine = eve.consider(&client.ask().url()).await.form("Allow");
    let elsewhere = ada.elsewhere();
    let again = elsewhere.consider(&client.ask().url()).await.form("Allow");
    for (browser, form) in [(&eve, mine), (&elsewhere, again)] {
        let answer = browser.submit(&form.set("request", &hers.value("request"))).await;
        assert_eq!(answer.callback_parameter("code"), None, "bound to the browser session");
        assert_eq!(answer.location(), "");
        let page = browser.get(&format!("{}?request={}", urls::CONSENT, hers.value("request"))).await;
        assert!(!page.offers("Allow"), "nor does it see it");
    }
    let stranger = ada.elsewhere();
    assert!((400..500).contains(&stranger.submit(&hers).await.status), "nobody signed in");
    ada.submit(&hers).await.assert(303);
}

/// Sent twice, as by a double click, *Allow* says the same; it never makes a second code.
#[tokio::test]
async fn j2_an_answer_cannot_be_changed_or_used_again() {
    let (app, ada, client) = cast().await;
    let ask = client.ask();
    let page = ada.consider(&ask.url()).await;
    let first = ada.submit(&page.form("Allow")).await.assert(303);
    let again = ada.submit(&page.form("Allow").untick("mcp:write")).await.assert(303);
    assert_eq!(first.location(), again.location());
    assert_eq!(ada.submit(&page.form("Deny")).await.location(), "", "it is decided");
    let won = crate::support::client::Won { code: first.callback_parameter("code").unwrap(), verifier: ask.verifier };
    let tokens = client.redeem(&won).await.tokens();
    let late = ada.submit(&page.form("Allow")).await;
    assert_eq!(late.location(), "", "the code was spent");
    app.call_mcp(&tokens.access).await.assert(200);
    let denied = ada.consider(&client.ask().url()).await;
    ada.submit(&denied.form("Deny")).await.assert(303);
    assert_eq!(ada.submit(&denied.form("Allow")).await.location(), "", "a no stays a no");
}

#[tokio::test]
async fn j2_what_is_posted_beside_the_boxes_changes_nothing() {
    let (_app, ada, client) = cast().await;
    let page = ada.consider(&client.ask().url()).await;
    let form = page.form("Allow").and("redirect_uri", "https://evil.example/").and("client_id", "other");
    let answer = ada.submit(&form.and("state", "other").and("user", "eve")).await;
    if answer.status == 303 {
        assert!(answer.location().starts_with(CALLBACK), "{}", answer.location());
        assert_eq!(answer.callback_parameter("state").as_deref(), Some("the-state"));
    } else {
        answer.assert_error_page();
    }
    for (name, value) in [("decision", "maybe"), ("decision", ""), ("request", "nonsense"), ("scope", "a\"b")] {
        let page = ada.consider(&client.ask().url()).await;
        ada.submit(&page.form("Allow").set(name, value)).await.assert_error_page();
    }
    let page = ada.consider(&client.ask().url()).await;
    ada.submit(&page.form("Allow").and("decision", "deny")).await.assert_error_page();
}

#[tokio::test]
async fn a_page_that_waited_too_long_decides_nothing() {
    let (app, ada, client) = cast().await;
    let page = ada.consider(&client.ask().url()).await;
    app.clock().advance(TimeDelta::minutes(31));
    assert_eq!(ada.submit(&page.form("Allow")).await.location(), "");
}

/// Only where somebody vouches for the client, and only for what was allowed before.
#[tokio::test]
async fn j3_a_vouched_client_is_asked_about_once_until_something_changes() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.vouched_client("partner", VOUCHED).await;
    client.connect_for(&ada, "mcp:read").await;
    let silent = ada.visit(&client.ask().with("scope", "mcp:read").url()).await;
    assert!(silent.callback_parameter("code").is_some(), "not asked again: {}", silent.body);
    let asked = async |url: String| ada.visit(&url).await.offers("Allow");
    assert!(asked(client.ask().with("scope", "mcp:read mcp:write").url()).await, "more scope");
    assert!(asked(client.ask().with("scope", "mcp:read").and("prompt", "consent").url()).await, "asked to ask");
    assert!(app.person("eve").await.consider(&client.ask().url()).await.offers("Allow"), "another person");
    app.change_metadata("partner").await;
    assert!(asked(client.ask().with("scope", "mcp:read").url()).await, "another client than was shown");
}

#[tokio::test]
async fn j3_a_withdrawn_consent_is_forgotten() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.vouched_client("partner", VOUCHED).await;
    client.connect(&ada).await;
    ada.revoke_app().await;
    assert!(ada.visit(&client.ask().url()).await.offers("Allow"));
}

/// RFC 9700 §4.16: the page cannot be framed, and its address tells nobody anything.
#[tokio::test]
async fn the_consent_page_is_for_its_window_alone() {
    let (_app, ada, client) = cast().await;
    let page = ada.consider(&client.ask().url()).await;
    let csp = page.header("content-security-policy");
    assert!(csp.contains("frame-ancestors 'none'") && !csp.contains("form-action"), "{csp}");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert!(page.header("cache-control").contains("no-store"));
    let answer = ada.submit(&page.form("Allow")).await.assert(303);
    assert!(answer.header("cache-control").contains("no-store"), "RFC 9700 §4.12: 303, never stored");
}

#[tokio::test]
async fn a_client_that_changed_under_the_page_is_not_allowed() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.vouched_client("partner", VOUCHED).await;
    let page = ada.consider(&client.ask().url()).await;
    app.change_metadata("partner").await;
    ada.submit(&page.form("Allow")).await.assert_error_page();
    let other = Client::register(&app, json!({ "client_name": "Other" })).await;
    assert!(ada.visit(&other.ask().url()).await.offers("Allow"));
}
