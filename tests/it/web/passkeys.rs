//! Passkeys (Web Authentication level 3): added, used to sign in and to confirm, removed.

use chrono::TimeDelta;
use portcullis::config::SecondFactorPolicy;
use portcullis::http::urls;

use crate::support::authenticator::{Authenticator, options, recovery_codes};
use crate::support::client::jwt;
use crate::support::{Answer, Browser, TestApp};

async fn add(app: &TestApp, browser: &Browser, name: &str) -> Authenticator {
    let page = browser.get(urls::PASSKEYS).await.assert(200);
    let (authenticator, answer) = Authenticator::make(app, &page);
    let form = page.form("Add passkey").set("answer", &answer).fill("Name", name);
    browser.submit(&form).await.assert(303);
    authenticator
}

const USE: &str = "Sign in with a passkey";

async fn sign_in(browser: &Browser, authenticator: &mut Authenticator) -> Answer {
    let page = browser.get(urls::LOGIN).await.assert(200);
    let answer = authenticator.answer(&page);
    browser.submit(&page.form(USE).set("answer", &answer)).await
}

#[tokio::test]
async fn a_passkey_signs_in_by_itself_and_counts_as_two_factors() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let mut key = add(&app, &ada, "Key <b>ring</b>").await;
    let words = ada.get(urls::SECURITY).await.assert(200).words();
    assert!(words.contains("Key <b>ring</b>") && words.contains("Not used yet"), "{words}");
    let elsewhere = ada.elsewhere();
    let client = app.client().await;
    let page = elsewhere.visit(&client.ask().url()).await;
    let entered = elsewhere.submit(&page.form(USE).set("answer", &key.answer(&page))).await.assert(303);
    assert!(elsewhere.follow(entered).await.offers("Allow"), "on to where it began");
    let tokens = client.connect_for(&elsewhere, "openid mcp:read").await;
    let claims = jwt(&tokens.id_token.unwrap()).1;
    assert_eq!(claims["amr"], serde_json::json!(["pop", "mfa"]));
    assert_eq!(claims["acr"], "urn:portcullis:acr:mfa");
    assert!(ada.get(urls::SECURITY).await.words().contains("Last used just now"));
    assert_eq!(app.events("person.passkey_added").await.len(), 1);
}

/// Replay of an answer, and of its ceremony by two at once.
#[tokio::test]
async fn a_ceremony_is_completed_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let mut key = add(&app, &ada, "Key").await;
    let here = ada.elsewhere();
    let page = here.get(urls::LOGIN).await.assert(200);
    let form = page.form(USE).set("answer", &key.answer(&page));
    let copy = here.at(&app);
    let (one, two) = tokio::join!(here.submit(&form), copy.submit(&form));
    let mut both = [one.status, two.status];
    both.sort_unstable();
    assert_eq!(both, [303, 403]);
    // In another browser it is good for nothing, nor an hour later.
    let thief = ada.elsewhere();
    let theirs = thief.get(urls::LOGIN).await.form(USE);
    let stolen = theirs.set("ceremony", &form.value("ceremony")).set("answer", &form.value("answer"));
    thief.submit(&stolen).await.assert(403);
    let late = ada.elsewhere();
    let page = late.get(urls::LOGIN).await;
    let form = page.form(USE).set("answer", &key.answer(&page));
    app.clock().advance(TimeDelta::minutes(61));
    late.submit(&form).await.assert(403);
    sign_in(&late, &mut key).await.assert(303);
}

/// What a phishing page, a cloned authenticator or one that asks nobody would present.
#[tokio::test]
async fn an_answer_that_is_not_good_in_every_part_opens_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let key = add(&app, &ada, "Key").await;
    let stranger = ada.elsewhere();
    sign_in(&stranger, &mut key.clone()).await.assert(303);
    sign_in(&ada.elsewhere(), &mut key.used(10)).await.assert(303);
    for mut bad in [key.used(20).at("https://evil.example"), key.used(20).unverified(), key.used(3)] {
        sign_in(&ada.elsewhere(), &mut bad).await.assert(403);
    }
    // A key that somebody else's page made is nobody's here.
    let page = eve.get(urls::PASSKEYS).await;
    let (mut unknown, _) = Authenticator::make(&app, &page);
    sign_in(&ada.elsewhere(), &mut unknown).await.assert(403);
    for bad in ["", "{}", "null", "[1]"] {
        let browser = ada.elsewhere();
        let form = browser.get(urls::LOGIN).await.form(USE).set("answer", bad);
        browser.submit(&form).await.assert(403);
    }
    let form = ada.elsewhere().get(urls::LOGIN).await.form(USE).without("csrf");
    ada.elsewhere().submit(&form).await.assert(403);
    assert!(app.events("session.sign_in_refused").await.iter().all(|event| event["why"] != "wrong password"));
}

/// The first second factor ends the session of somebody who knew the password; another one ends nothing.
#[tokio::test]
async fn the_first_passkey_ends_every_other_session() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let thief = ada.elsewhere();
    ada.sign_in().await;
    thief.sign_in().await;
    let mut key = add(&app, &ada, "Key").await;
    thief.get(urls::APPS).await.assert(303);
    let other = ada.elsewhere();
    sign_in(&other, &mut key).await.assert(303);
    add(&app, &ada, "Another key").await;
    other.get(urls::APPS).await.assert(200);
    let ended: Vec<_> =
        app.events("person.passkey_added").await.iter().map(|event| event["sessions_ended"].clone()).collect();
    assert_eq!(ended, [1, 0]);
}

#[tokio::test]
async fn adding_takes_a_recent_proof_and_an_answer_to_this_very_page() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let page = ada.get(urls::PASSKEYS).await.assert(200);
    let (key, answer) = Authenticator::make(&app, &page);
    let form = page.form("Add passkey").set("answer", &answer);
    ada.submit(&form.clone().without("csrf")).await.assert(403);
    // Another person's ceremony.
    let theirs = eve.get(urls::PASSKEYS).await.form("Add passkey").set("answer", &answer);
    eve.submit(&theirs.clone().set("ceremony", &form.value("ceremony"))).await.assert(403);
    eve.submit(&theirs).await.assert(422);
    ada.submit(&form.clone().fill("Name", " ")).await.assert(422);
    let evil = key.at("https://evil.example");
    ada.submit(&form.clone().set("answer", &evil.made(&options(&page)))).await.assert(422);
    ada.submit(&form).await.assert(303);
    let again = ada.submit(&form).await.assert(422);
    assert!(again.words().contains("was used already"), "{}", again.words());
    app.clock().advance(TimeDelta::minutes(16));
    let stale = ada.get(urls::PASSKEYS).await.assert(303);
    assert!(stale.location().starts_with(&app.at(urls::CONFIRM)));
    app.clock().advance(TimeDelta::minutes(16));
    ada.submit(&form).await.assert(303);
    assert_eq!(app.events("person.passkey_added").await.len(), 1);
}

#[tokio::test]
async fn a_passkey_confirms_who_one_is_and_only_its_owner() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let (mut hers, mut theirs) = (add(&app, &ada, "Key").await, add(&app, &eve, "Key").await);
    app.clock().advance(TimeDelta::hours(1));
    let sent = ada.get(urls::PROFILE).await.assert(303);
    let page = ada.follow(sent).await;
    const CONFIRM: &str = "Confirm with a passkey";
    ada.submit(&page.form(CONFIRM).set("answer", &theirs.answer(&page))).await.assert(403);
    ada.get(urls::PROFILE).await.assert(303);
    let back = ada.submit(&page.form(CONFIRM).set("answer", &hers.answer(&page))).await.assert(303);
    assert_eq!(back.location(), app.at(urls::PROFILE));
    ada.get(urls::PROFILE).await.assert(200);
    assert_eq!(app.events("session.confirmed").await.len(), 1);
}

/// IDOR, CSRF, a stale session.
#[tokio::test]
async fn only_its_owner_removes_a_passkey() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let (mut hers, _) = (add(&app, &ada, "Key").await, add(&app, &eve, "Key").await);
    let remove = ada.get(urls::SECURITY).await.form("Remove");
    let theirs = eve.get(urls::SECURITY).await.form("Remove");
    for id in [remove.value("passkey").as_str(), "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55", "", "1"] {
        eve.submit(&theirs.clone().set("passkey", id)).await.assert(404);
    }
    ada.submit(&remove.clone().without("csrf")).await.assert(403);
    sign_in(&ada.elsewhere(), &mut hers).await.assert(303);
    app.clock().advance(TimeDelta::minutes(31));
    let stale = ada.submit(&remove).await.assert(303);
    assert!(stale.location().starts_with(&app.at(urls::CONFIRM)));
    let page = ada.follow(stale).await;
    ada.confirm(&page).await.assert(303);
    ada.submit(&remove).await.assert(303);
    sign_in(&ada.elsewhere(), &mut hers).await.assert(403);
    assert_eq!(app.events("person.passkey_removed").await.len(), 1);
}

#[tokio::test]
async fn a_passkey_is_the_second_factor_that_is_demanded_and_stays_while_it_is_the_last() {
    let app = TestApp::configured(|config| config.second_factor = SecondFactorPolicy::Everyone).await;
    let ada = app.person("ada").await;
    let sent = ada.sign_in().await;
    let page = ada.follow(sent).await;
    assert!(page.words().contains("Use a passkey instead"), "{}", page.words());
    let page = ada.get(urls::PASSKEYS).await.assert(200);
    let (mut key, answer) = Authenticator::make(&app, &page);
    let shown = ada.submit(&page.form("Add passkey").set("answer", &answer)).await.assert(200);
    assert!(shown.words().contains("recovery codes"), "{}", shown.words());
    recovery_codes(&shown).iter().for_each(|code| app.is_secret(code));
    let page = ada.get(urls::SECURITY).await.assert(200);
    let kept = ada.submit(&page.form("Remove")).await.assert(303);
    assert!(ada.follow(kept).await.words().contains("Nothing was removed"));
    // The password alone leads to the second step, which a passkey takes.
    let other = ada.elsewhere();
    let login = other.get(urls::LOGIN).await;
    let sent = other.sign_in_on(&login).await.assert(303);
    let page = other.follow(sent).await;
    other.get(urls::TWO_STEP).await.assert(303);
    other.submit(&page.form(USE).set("answer", &key.answer(&page))).await.assert(303);
    other.get(urls::APPS).await.assert(200);
}
