//! OAuth 2.0 Form Post Response Mode: the answer is a form that the browser sends.

use portcullis::http::urls;
use serde_json::json;

use crate::support::answer::Form;
use crate::support::client::{Client, Won};
use crate::support::{Answer, TestApp};

const WEB: &str = "https://app.example/cb?tenant=a&x=%27";

async fn web_client(app: &TestApp) -> Client {
    Client::register(app, json!({ "redirect_uris": [WEB] })).await
}

/// The form of an answer, and what holds for every such page.
#[track_caller]
fn posted(answer: &Answer, redirect_uri: &str) -> Form {
    assert_eq!((answer.status, answer.location()), (200, ""), "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"));
    let policy = answer.header("content-security-policy");
    let source = redirect_uri.split('?').next().unwrap();
    assert!(policy.ends_with(&format!("form-action {source}")), "{policy}");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let form = answer.form("Continue");
    assert_eq!(form.action, redirect_uri, "to the byte");
    let mut names: Vec<_> = form.fields.iter().map(|(name, _)| name).collect();
    names.dedup();
    assert_eq!(names.len(), form.fields.len(), "nothing comes twice");
    form
}

#[tokio::test]
async fn a_code_travels_in_a_form_with_state_and_issuer() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = web_client(&app).await;
    let ask = client.ask().and("response_mode", "form_post");
    for url in [ask.url(), client.pushed(&ask).await] {
        let page = ada.consider(&url).await;
        let form = posted(&ada.submit(&page.form("Allow")).await, WEB);
        assert_eq!((form.value("state"), form.value("iss")), ("the-state".to_owned(), app.issuer().to_owned()));
        app.is_secret(&form.value("code"));
        assert_eq!(form.fields.len(), 3);
        let won = Won { code: form.value("code"), verifier: ask.verifier.clone() };
        client.redeem(&won).await.tokens();
    }
}

#[tokio::test]
async fn errors_travel_the_same_way() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = web_client(&app).await;
    let ask = || client.ask().and("response_mode", "form_post");
    let page = ada.consider(&ask().url()).await;
    for (answer, code) in [
        (ada.submit(&page.form("Deny")).await, "access_denied"),
        (ada.get(&ask().with("scope", "nonsense").url()).await, "invalid_scope"),
        (ada.get(&ask().with("response_type", "token").url()).await, "unsupported_response_type"),
        (ada.get(&ask().and("prompt", "none").url()).await, "consent_required"),
        (app.get(&ask().and("prompt", "none").url()).await, "login_required"),
    ] {
        let form = posted(&answer, WEB);
        assert_eq!((form.value("error"), form.value("iss")), (code.to_owned(), app.issuer().to_owned()));
        assert_eq!(form.value("state"), "the-state");
        assert!(form.fields.iter().all(|(name, _)| name != "code"));
    }
}

/// A state is somebody's text: it comes back as it was, and is nothing but text.
#[tokio::test]
async fn a_hostile_state_is_handed_back_and_becomes_no_markup() {
    let app = TestApp::start().await;
    let client = web_client(&app).await;
    let hostile = "\"><script>alert(1)</script><input name=\"code\" value='x'>&amp;\u{202e}";
    let ask = client.ask().with("state", hostile).and("response_mode", "form_post").with("scope", "nonsense");
    let answer = app.get(&ask.url()).await;
    let form = posted(&answer, WEB);
    assert_eq!(form.value("state"), hostile);
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    assert!(form.fields.iter().all(|(name, _)| name != "code"));
}

#[tokio::test]
async fn a_mode_that_is_not_offered_is_told_by_the_usual_one() {
    let app = TestApp::start().await;
    let client = web_client(&app).await;
    for mode in ["fragment", "jwt", "query.jwt", "form_post.jwt", "web_message", "FORM_POST", "query form_post"] {
        let answer = app.get(&client.ask().and("response_mode", mode).url()).await;
        answer.assert_error_at(WEB, "invalid_request", app.issuer());
    }
    let private = Client::register(&app, json!({ "redirect_uris": ["cursor://anysphere.cursor/cb"] })).await;
    let answer = app.get(&private.ask().and("response_mode", "form_post").url()).await;
    answer.assert_error_at("cursor://anysphere.cursor/cb", "invalid_request", app.issuer());
}

/// B9: without a place that is known there is no form to it.
#[tokio::test]
async fn b9_no_form_goes_anywhere_that_was_not_registered() {
    let app = TestApp::start().await;
    let client = web_client(&app).await;
    for uri in ["https://evil.example/", "https://app.example/cb", "javascript:alert(1)"] {
        let answer = app.get(&client.ask().and("response_mode", "form_post").with("redirect_uri", uri).url()).await;
        answer.assert_error_page();
        assert!(!answer.body.contains("Continue"), "{}", answer.body);
    }
}

/// B6: parameters of our answer in a registered URI could shadow ours, so it is never registered; others stay what they are.
#[tokio::test]
async fn b6_our_own_parameters_come_once_in_either_mode() {
    let app = TestApp::start().await;
    for smuggled in ["code=x", "state=x", "iss=x", "error=x", "response=x", "a=b&code=x", "%63ode=x"] {
        for uri in [format!("https://app.example/cb?{smuggled}"), format!("https://app.example/cb#{smuggled}")] {
            let answer = app.post_json(urls::REGISTER, &json!({ "redirect_uris": [uri] })).await;
            answer.assert_refused(400, "invalid_redirect_uri");
            app.clock().advance(chrono::TimeDelta::seconds(10));
        }
    }
    let (ada, client) = (app.person("ada").await, web_client(&app).await);
    let sent = ada.allow(&client.ask().url()).await;
    assert!(sent.location().starts_with(&format!("{WEB}&code=")), "{}", sent.location());
    for name in ["code", "state", "iss"] {
        assert!(sent.callback_parameter(name).is_some(), "once");
    }
}

/// J2: a decision whose answer is a form is still one decision, of this browser, for what was asked.
#[tokio::test]
async fn j2_a_forged_replayed_or_edited_decision_posts_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let client = web_client(&app).await;
    let ask = client.ask().and("response_mode", "form_post");
    let form = ada.consider(&ask.url()).await.form("Allow");
    eve.sign_in().await;
    let theirs = eve.consider(&client.ask().url()).await.form("Allow").set("request", &form.value("request"));
    for answer in [
        ada.submit(&form.clone().set("csrf", "x")).await,
        ada.submit(&form.clone().without("csrf")).await,
        eve.submit(&form).await,
        eve.submit(&theirs).await,
    ] {
        answer.assert_error_page();
        assert!(!answer.offers("Continue"));
    }
    let edited = form.clone().and("response_mode", "query").and("redirect_uri", "https://evil.example/");
    let first = posted(&ada.submit(&edited).await, WEB);
    app.is_secret(&first.value("code"));
    let again = posted(&ada.submit(&form).await, WEB);
    assert_eq!(first.value("code"), again.value("code"), "a double click, not a second code");
    let won = Won { code: first.value("code"), verifier: ask.verifier.clone() };
    client.redeem(&won).await.tokens();
    ada.submit(&form).await.assert(410).assert_error_page();
}
