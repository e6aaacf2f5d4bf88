//! `/logout` over HTTP.

use portcullis::http::urls;

use super::house::{House, PASSWORD};

/// Forced sign-out: an image or a link on another site must not do it.
#[actix_web::test]
async fn a_link_only_asks_and_the_form_ends_the_session_on_the_server_too() {
    let house = House::build().await;
    house.person("alice").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    let cookie = browser.cookie("portcullis_session").unwrap();
    let asked = browser.get(urls::LOGOUT).await.assert(200);
    assert!(browser.whoami().await.is_some());

    browser.post(urls::LOGOUT, &[]).await.assert(403);
    assert!(browser.whoami().await.is_some(), "without the form's token nothing happens");

    let done = browser.post(urls::LOGOUT, &[("csrf", &asked.field("csrf"))]).await.assert(303);
    assert_eq!(done.location(), "http://localhost:8080/logout");
    assert_eq!(browser.cookie("portcullis_session"), None);
    browser.get(urls::LOGOUT).await.assert(200);
    browser.set_cookie("portcullis_session", &cookie);
    assert_eq!(browser.whoami().await, None, "a copy of the cookie is worthless");
}

#[actix_web::test]
async fn signing_out_twice_is_no_error() {
    let house = House::build().await;
    house.person("alice").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    let csrf = browser.get(urls::LOGOUT).await.field("csrf");
    browser.post(urls::LOGOUT, &[("csrf", &csrf)]).await.assert(303);
    browser.post(urls::LOGOUT, &[("csrf", &csrf)]).await.assert(303);
}
