//! RP-Initiated Logout 1.0: who may end a session, and where the browser goes afterwards. B: it goes nowhere else.

use chrono::TimeDelta;
use portcullis::crypto::jwt::TokenType;
use portcullis::grants::client::{ClientOptions, ClientOrigin, Uris};
use portcullis::http::urls;
use portcullis::types::Algorithm;
use serde_json::json;

use super::userinfo::key;
use crate::support::client::jwt;
use crate::support::relying_party::{AFTER, relying_party};
use crate::support::{Browser, Client, TestApp};

const DANGEROUS: [&str; 4] = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd"];

async fn party(app: &TestApp, id: &str, origin: ClientOrigin) -> Client {
    // What a stricter registration would have refused must do no harm either.
    let registered = [AFTER].into_iter().chain(DANGEROUS).map(str::to_owned).collect();
    let options = ClientOptions { post_logout_redirect_uris: Uris(registered), ..ClientOptions::default() };
    relying_party(app, id, origin, options).await
}

fn end_session(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}?{query}", urls::END_SESSION)
}

async fn is_signed_in(browser: &Browser) -> bool {
    browser.get(urls::APPS).await.status == 200
}

/// Somebody signed in to an app of a stranger, with the ID token of it.
async fn signed_in() -> (TestApp, Browser, Client, String) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = party(&app, "rp", ClientOrigin::Registered).await;
    let id_token = client.connect_for(&ada, "openid mcp:read").await.id_token.unwrap();
    (app, ada, client, id_token)
}

/// RP-Initiated Logout §2, §3.
#[tokio::test]
async fn the_app_of_this_session_ends_it_and_gets_the_browser_back() {
    let (app, ada, client, hint) = signed_in().await;
    let asked =
        [("id_token_hint", &*hint), ("post_logout_redirect_uri", AFTER), ("state", "a b&c"), ("ui_locales", "de")];
    let answer = ada.get(&end_session(&asked)).await.assert(303);
    assert_eq!(answer.location(), format!("{AFTER}?state=a+b%26c"), "state, and nothing else");
    assert!(!is_signed_in(&ada).await);
    // `decisions` 52: what was connected stays connected.
    let again = app.client().await.connect(&ada).await;
    app.call_mcp(&again.access).await.assert(200);
    assert_eq!(client.id, "rp");
}

#[tokio::test]
async fn signing_out_leaves_connected_apps_connected() {
    let (app, ada, client, _) = signed_in().await;
    let tokens = client.connect_for(&ada, "openid offline_access mcp:read").await;
    let page = ada.get(urls::LOGOUT).await.assert(200);
    ada.submit(&page.form("Sign out")).await.assert(303);
    app.call_mcp(&tokens.access).await.assert(200);
    app.call_mcp(&client.refresh(&tokens.refresh).await.tokens().access).await.assert(200);
}

/// §2: also an expired ID token is a good hint.
#[tokio::test]
async fn an_expired_hint_is_accepted_and_a_form_does_as_well_as_a_link() {
    let (app, ada, _, hint) = signed_in().await;
    app.clock().advance(TimeDelta::hours(3));
    let asked = [("id_token_hint", &*hint), ("client_id", "rp"), ("post_logout_redirect_uri", AFTER)];
    let answer = app.post_form(urls::END_SESSION, &asked).await.assert(303);
    assert_eq!(ada.visit(answer.location()).await.assert(303).location(), AFTER);
    assert!(!is_signed_in(&ada).await);
}

/// Forced logout (ASVS 10.6.2): a link on another site only asks.
#[tokio::test]
async fn k_csrf_without_the_hint_of_this_session_the_person_is_asked() {
    let (app, ada, client, _) = signed_in().await;
    let before = ada.elsewhere();
    let mallory = app.person("mallory").await;
    let older = client.connect_for(&before, "openid").await.id_token.unwrap();
    let anothers = client.connect_for(&mallory, "openid").await.id_token.unwrap();
    let to = ("post_logout_redirect_uri", AFTER);
    for asked in [
        vec![],
        vec![("state", "s")],
        vec![("client_id", "rp"), to],
        vec![("id_token_hint", &*older), to],
        vec![("id_token_hint", &*anothers), to],
        vec![("logout_hint", "ada"), ("client_id", "rp")],
    ] {
        let page = ada.visit(&end_session(&asked)).await.assert(200);
        assert!(page.offers("Sign out") && page.words().contains("Stay signed in"), "{}", page.body);
        assert!(is_signed_in(&ada).await, "{asked:?}");
    }
    let page = ada.visit(&end_session(&[("client_id", "rp"), to, ("state", "s")])).await;
    assert!(page.words().contains("Relying party rp") && page.words().contains("rp.example"), "{}", page.words());
    let forged = page.form("Sign out").without("csrf");
    ada.submit(&forged).await.assert(403);
    assert!(is_signed_in(&ada).await);
    let done = ada.submit(&page.form("Sign out")).await.assert(303);
    assert_eq!(done.location(), format!("{AFTER}?state=s"));
    assert!(!is_signed_in(&ada).await);
}

/// B1 to B6: byte for byte, or a page; also of what somebody managed to register.
#[tokio::test]
async fn b1_b2_b4_the_browser_goes_nowhere_that_was_not_registered_or_is_dangerous() {
    let (app, ada, _, hint) = signed_in().await;
    let near = [
        "https://rp.example/signed-out/",
        "https://rp.example/signed-ou",
        "https://rp.example/SIGNED-OUT",
        "https://RP.example/signed-out",
        "https://rp.example:443/signed-out",
        "http://rp.example/signed-out",
        "https://rp.example/signed-out?x=1",
        "https://rp.example/signed-out#x",
        "https://rp.example/./signed-out",
        "https://rp.example/%73igned-out",
        "https://rp.example@evil.example/signed-out",
        "https://rp.example\\@evil.example/signed-out",
        "https://rp.example.evil.example/signed-out",
        "https://rp.example/signed-out\r\nLocation: https://evil.example",
        " https://rp.example/signed-out",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "https://rp.example/cb",
        "*",
    ];
    for uri in near.into_iter().chain(DANGEROUS) {
        for mut asked in [vec![("id_token_hint", &*hint)], vec![("client_id", "rp")]] {
            asked.extend([("post_logout_redirect_uri", uri), ("state", "s")]);
            ada.get(&end_session(&asked)).await.assert_error_page();
        }
    }
    assert!(is_signed_in(&ada).await, "and nothing was ended");
    let long = [("client_id", "rp"), ("post_logout_redirect_uri", AFTER), ("state", &*"s".repeat(2049))];
    ada.get(&end_session(&long)).await.assert_error_page();
    // B7: what comes twice is nothing.
    let twice = [("id_token_hint", &*hint), ("post_logout_redirect_uri", AFTER), ("post_logout_redirect_uri", AFTER)];
    ada.get(&end_session(&twice)).await.assert_error_page();
    app.get(&end_session(&[("post_logout_redirect_uri", AFTER)])).await.assert_error_page();
    app.get(&end_session(&[("client_id", "nobody"), ("post_logout_redirect_uri", AFTER)])).await.assert_error_page();
}

/// A stranger could register an address and send people there by a link on our host (RFC 9700 §4.11.2).
#[tokio::test]
async fn b9_a_link_does_not_lead_through_us_to_where_a_stranger_registered() {
    let (app, ada, _, hint) = signed_in().await;
    let asked = [("id_token_hint", &*hint), ("post_logout_redirect_uri", AFTER)];
    let page = ada.elsewhere().visit(&end_session(&asked)).await.assert(200);
    assert!(page.words().contains("You are signed out") && page.words().contains("Back to Relying party rp"));
    assert!(page.body.contains(AFTER));
    assert!(is_signed_in(&ada).await);
    party(&app, "vouched", ClientOrigin::Administrator).await;
    let vouched = [("client_id", "vouched"), ("post_logout_redirect_uri", AFTER)];
    assert_eq!(app.get(&end_session(&vouched)).await.assert(303).location(), AFTER);
}

/// A hint is an ID token of ours, for the client that is named, and nothing else.
#[tokio::test]
async fn i1_a_forged_hint_or_another_token_is_no_hint() {
    let (app, ada, client, hint) = signed_in().await;
    let claims = jwt(&hint).1;
    let rs256 = key(&app, Algorithm::Rs256).await;
    let signed = |typ, change: serde_json::Value| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        rs256.sign(typ, &claims).unwrap()
    };
    let access = client.connect_for(&ada, "openid mcp:read").await.access;
    let parts: Vec<&str> = hint.split('.').collect();
    for bad in [
        signed(TokenType::LogoutToken, json!({})),
        signed(TokenType::AccessToken, json!({})),
        signed(TokenType::IdToken, json!({ "iss": "https://evil.example" })),
        signed(TokenType::IdToken, json!({ "sub": "ada" })),
        signed(TokenType::IdToken, json!({ "aud": ["rp", "other"] })),
        signed(TokenType::IdToken, json!({ "aud": "unknown" })),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len())),
        access,
        "..".to_owned(),
        "x".repeat(3000),
    ] {
        ada.get(&end_session(&[("id_token_hint", &bad)])).await.assert_error_page();
    }
    party(&app, "other", ClientOrigin::Registered).await;
    ada.get(&end_session(&[("id_token_hint", &hint), ("client_id", "other")])).await.assert_error_page();
    assert!(is_signed_in(&ada).await);
}

/// What the browser carries to the page is sealed: it cannot be written by anybody else.
#[tokio::test]
async fn an_invented_request_on_the_page_is_no_request() {
    let (_, ada, _, _) = signed_in().await;
    for invented in ["https://evil.example", "a.b.c.d.e", "%00", ""] {
        let page = ada.get(&format!("{}?request={invented}", urls::LOGOUT)).await.assert(200);
        assert!(page.offers("Sign out") && !page.body.contains("evil.example"));
    }
    let page = ada.get(urls::LOGOUT).await.assert(200);
    let form = page.form("Sign out").and("request", "https://evil.example");
    let done = ada.submit(&form).await.assert(303);
    assert!(done.location().ends_with(urls::LOGOUT), "{}", done.location());
}
