//! `oidcc-rp-initiated-logout-certification-test-plan`.

use portcullis::http::urls;

use super::{sign_in, stage};
use crate::support::relying_party::AFTER;
use crate::support::{Answer, Browser, Client, TestApp};

/// Somebody signed in, and the ID token.
async fn signed_in() -> (TestApp, Browser, Client, String) {
    let (app, ada, client) = stage().await;
    let id_token = sign_in(&client, &ada, "openid").await.id_token.unwrap();
    (app, ada, client, id_token)
}

async fn end_session(person: &Browser, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    person.visit(&format!("{}?{query}", urls::END_SESSION)).await
}

/// What the modules ask at their end: does `prompt=none` find anybody?
async fn is_logged_in(app: &TestApp, person: &Browser, client: &Client) -> bool {
    let answer = person.get(&client.ask().with("scope", "openid").with("prompt", "none").url()).await;
    if answer.callback_parameter("code").is_none() {
        answer.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    }
    answer.callback_parameter("code").is_some()
}

/// Shows that the person is asked, and signs out on their *Sign out*.
async fn confirm(person: &Browser, page: &Answer) -> Answer {
    person.follow(person.submit(&page.form("Sign out")).await.assert(303)).await
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let document = app.get(urls::OPENID_CONFIGURATION).await.json();
    assert_eq!(document["end_session_endpoint"], app.at(urls::END_SESSION));
}

#[tokio::test]
async fn oidcc_rp_initiated_logout() {
    let (app, ada, client, hint) = signed_in().await;
    let asked = [("id_token_hint", &*hint), ("post_logout_redirect_uri", AFTER), ("state", "s1")];
    assert_eq!(end_session(&ada, &asked).await.location(), format!("{AFTER}?state=s1"));
    assert!(!is_logged_in(&app, &ada, &client).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_state() {
    let (app, ada, client, hint) = signed_in().await;
    let asked = [("id_token_hint", &*hint), ("post_logout_redirect_uri", AFTER)];
    assert_eq!(end_session(&ada, &asked).await.location(), AFTER);
    assert!(!is_logged_in(&app, &ada, &client).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let (app, ada, client, hint) = signed_in().await;
    let bad = format!("{AFTER}BAD");
    end_session(&ada, &[("id_token_hint", &hint), ("post_logout_redirect_uri", &bad)]).await.assert_error_page();
    assert!(is_logged_in(&app, &ada, &client).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let (_, ada, _, hint) = signed_in().await;
    let added = format!("{AFTER}?foo=bar");
    end_session(&ada, &[("id_token_hint", &hint), ("post_logout_redirect_uri", &added)]).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() {
    let (_, ada, _, hint) = signed_in().await;
    let (body, signature) = hint.rsplit_once('.').unwrap();
    let modified = format!("{body}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    end_session(&ada, &[("id_token_hint", &modified), ("post_logout_redirect_uri", AFTER)]).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() {
    let (_, ada, _, _) = signed_in().await;
    end_session(&ada, &[("id_token_hint", "bad"), ("post_logout_redirect_uri", AFTER)]).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_id_token_hint() {
    let (_, ada, _, _) = signed_in().await;
    end_session(&ada, &[("post_logout_redirect_uri", AFTER), ("state", "s")]).await.assert_error_page();
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_params() {
    let (app, ada, client, _) = signed_in().await;
    let page = end_session(&ada, &[]).await.assert(200);
    assert!(confirm(&ada, &page).await.words().contains("You are signed out"));
    assert!(!is_logged_in(&app, &ada, &client).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_only_state() {
    let (app, ada, client, _) = signed_in().await;
    let page = end_session(&ada, &[("state", "s")]).await.assert(200);
    assert!(confirm(&ada, &page).await.words().contains("You are signed out"));
    assert!(!is_logged_in(&app, &ada, &client).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() {
    let (app, ada, client, hint) = signed_in().await;
    let page = end_session(&ada, &[("id_token_hint", &hint), ("state", "s")]).await.assert(200);
    assert!(page.words().contains("You are signed out"));
    assert!(!is_logged_in(&app, &ada, &client).await);
}
