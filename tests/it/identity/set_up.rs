//! The one-time link by which a person chooses a password.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::audit::Origin;
use portcullis::config::SecondFactorPolicy;
use portcullis::crypto::PlainToken;
use portcullis::http::urls;
use portcullis::identity::set_up::{Redeem, redeem};

use super::house::{Answer, Browser, House, PASSWORD};

const CHOSEN: &str = "quite another password";

async fn choose(browser: &Browser, link: &PlainToken, password: &str, again: &str) -> Answer {
    let page = browser.get(&format!("/setup?token={}", link.reveal())).await.assert(200);
    let (csrf, hidden) = (page.field("csrf"), page.field("link"));
    let fields = [("csrf", csrf.as_str()), ("link", &hidden), ("username", "x"), ("password", password)];
    browser.post(urls::SETUP, &[&fields[..], &[("password_again", again)]].concat()).await
}

#[actix_web::test]
async fn a_link_sets_the_password_signs_in_and_works_once() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let elsewhere = house.browser();
    elsewhere.sign_in("alice", PASSWORD).await.assert(303);
    let link = house.link(&alice).await;

    let browser = house.browser();
    let done = choose(&browser, &link, CHOSEN, CHOSEN).await.assert(303);
    assert_eq!(done.location(), "http://localhost:8080/settings/apps");
    assert!(browser.whoami().await.unwrap().starts_with("alice "));
    assert_eq!(elsewhere.whoami().await, None, "every other session has ended");
    house.browser().get(&format!("/setup?token={}", link.reveal())).await.assert(410);
    house.browser().sign_in("alice", PASSWORD).await.assert(403);
    house.browser().sign_in("alice", CHOSEN).await.assert(303);
}

/// Mail scanners and chat previews open every link.
#[actix_web::test]
async fn looking_at_a_link_does_not_use_it_up_and_neither_does_a_poor_password() {
    let house = House::build().await;
    let link = house.link(&house.person("alice").await).await;
    for _ in 0..3 {
        house.browser().get(&format!("/setup?token={}", link.reveal())).await.assert(200);
    }
    let browser = house.browser();
    for (password, again) in
        [("sh0rt", "sh0rt"), ("password123", "password123"), (CHOSEN, "mistyped"), ("alicealice", "alicealice")]
    {
        let page = choose(&browser, &link, password, again).await.assert(422);
        assert!(!page.body.contains(password), "what was typed is not sent back");
    }
    choose(&browser, &link, CHOSEN, CHOSEN).await.assert(303);
}

#[actix_web::test]
async fn a_link_that_is_old_replaced_or_invented_leads_nowhere() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let first = house.link(&alice).await;
    let second = house.link(&alice).await;
    let gone = async |token: &str| {
        house.browser().get(&format!("/setup?token={token}")).await.assert(410);
    };
    gone(first.reveal()).await;
    house.browser().get(&format!("/setup?token={}", second.reveal())).await.assert(200);
    house.app.clock.advance(TimeDelta::hours(24));
    gone(second.reveal()).await;
    gone("").await;
    gone("pclu_%00").await;
    gone(house.opening().1.reveal()).await;
    house.browser().get(urls::SETUP).await.assert(410);
}

#[actix_web::test]
async fn of_twenty_who_redeem_a_link_at_once_one_succeeds() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let link = house.app.keys.hashes(&house.link(&alice).await);
    let (hash, now) = (house.hash(CHOSEN).await, house.app.clock.now());
    let tries = (0..20).map(|_| async {
        let (opening, token) = house.opening();
        let outcome = house
            .write(async |conn| {
                redeem(conn, &link, &hash, (&opening, SecondFactorPolicy::Off), &Origin::default(), now).await
            })
            .await;
        (matches!(outcome, Redeem::Done(_)), house.live(&token).await.is_some())
    });
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|(done, _)| *done).count(), 1);
    assert!(outcomes.iter().all(|(done, live)| done == live), "and only that one has a session");
}
