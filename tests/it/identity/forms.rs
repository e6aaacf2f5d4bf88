//! What every form is protected by.

use actix_web::test::TestRequest;
use portcullis::http::urls;

use super::house::{Browser, House, PASSWORD};

async fn signed_in(house: &House) -> Browser {
    house.person("alice").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    browser
}

/// Cross-site request forgery, with and without a token that the attacker got for themselves.
#[actix_web::test]
async fn a_form_from_another_site_or_another_session_does_nothing() {
    let house = House::build().await;
    let mut browser = signed_in(&house).await;
    house.person("mallory").await;
    let attacker = house.browser();
    attacker.sign_in("mallory", PASSWORD).await.assert(303);
    let (own, foreign) = (browser.get("/note").await.field("csrf"), attacker.get("/note").await.field("csrf"));
    let note = [("text", "hello")];

    assert_eq!(browser.post("/note", &[("csrf", own.as_str()), note[0]]).await.assert(200).body, "hello");
    browser.post("/note", &[("csrf", foreign.as_str()), note[0]]).await.assert(403);
    browser.post("/note", &[("csrf", ""), note[0]]).await.assert(403);
    browser.post("/note", &note).await.assert(403);
    for (header, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 200),
        ("origin", "http://localhost:8080", 200),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        browser.says = vec![(header, value.to_owned())];
        browser.post("/note", &[("csrf", own.as_str()), note[0]]).await.assert(status);
    }
}

/// Login CSRF: signing the victim in as the attacker.
#[actix_web::test]
async fn a_sign_in_form_is_bound_to_the_browser_that_was_shown_it() {
    let house = House::build().await;
    house.person("mallory").await;
    let theirs = house.browser().get(urls::LOGIN).await.field("csrf");
    let victim = house.browser();
    victim.get(urls::LOGIN).await;
    let fields = [("csrf", theirs.as_str()), ("username", "mallory"), ("password", PASSWORD)];
    let stale = victim.post(urls::LOGIN, &fields).await.assert(403);
    assert!(victim.cookie("portcullis_session").is_none());
    let csrf = stale.field("csrf");
    let again = [("csrf", csrf.as_str()), ("username", "mallory"), ("password", PASSWORD)];
    victim.post(urls::LOGIN, &again).await.assert(303);
}

/// A second click on *Sign in*, or a second tab: the page is from before the session, the browser says it is ours.
#[actix_web::test]
async fn a_sign_in_form_sent_twice_signs_in_twice() {
    let house = House::build().await;
    house.person("alice").await;
    let mut browser = house.browser();
    browser.says = vec![("sec-fetch-site", "same-origin".to_owned())];
    let csrf = browser.get(urls::LOGIN).await.field("csrf");
    let fields = [("csrf", csrf.as_str()), ("username", "alice"), ("password", PASSWORD)];
    browser.post(urls::LOGIN, &fields).await.assert(303);
    browser.post(urls::LOGIN, &fields).await.assert(303);
    assert!(browser.whoami().await.is_some());
}

#[actix_web::test]
async fn a_form_without_a_session_is_not_taken_and_not_sent_on() {
    let house = House::build().await;
    let browser = house.browser();
    let csrf = browser.get(urls::LOGIN).await.field("csrf");
    let fields = [("csrf", csrf.as_str()), ("text", "hello")];
    let refused = browser.post("/note", &fields).await.assert(403);
    assert!(refused.body.contains("You are signed out"), "and not that the form was stale");
    browser.get("/note").await.assert(303);
}

#[actix_web::test]
async fn a_form_that_no_page_of_ours_sends_is_refused_and_never_an_error_of_ours() {
    let house = House::build().await;
    let browser = signed_in(&house).await;
    let csrf = browser.get("/note").await.field("csrf");
    let raw = async |kind: &str, body: Vec<u8>, status: u16| {
        let request = TestRequest::post().uri("/note").insert_header(("content-type", kind)).set_payload(body);
        browser.send(request).await.assert(status);
    };
    let form = "application/x-www-form-urlencoded";
    raw(form, format!("csrf={csrf}&text=a").into(), 200).await;
    raw("Application/X-WWW-Form-URLEncoded; charset=UTF-8", format!("csrf={csrf}&text=a").into(), 200).await;
    raw(form, format!("csrf={csrf}&text=a&text=b").into(), 400).await;
    raw(form, format!("csrf={csrf}").into(), 400).await;
    raw(form, format!("csrf={csrf}&csrf={csrf}&text=a").into(), 400).await;
    raw(form, format!("csrf={csrf}&text={}", "a".repeat(70_000)).into(), 413).await;
    raw(form, b"\xff\xfe%00%zz&&&===".to_vec(), 403).await;
    raw("application/json", b"{}".to_vec(), 400).await;
    raw("multipart/form-data; boundary=x", b"--x--".to_vec(), 400).await;
    raw("text/plain", format!("csrf={csrf}&text=a").into(), 400).await;
}
