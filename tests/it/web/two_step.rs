//! Two-step sign-in: an authenticator app (RFC 6238), recovery codes, and who must have them (ASVS 6.5).

use chrono::TimeDelta;
use portcullis::config::SecondFactorPolicy;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::types::Words;

use crate::support::app::PASSWORD;
use crate::support::authenticator::{Authenticator, AuthenticatorApp, recovery_codes, turn_on};
use crate::support::client::jwt;
use crate::support::{Answer, Browser, TestApp};

/// Takes the first step: the page of the second.
async fn first_step(browser: &Browser) -> Answer {
    let page = browser.get(urls::LOGIN).await;
    let sent = browser.sign_in_on(&page).await.assert(303);
    assert!(sent.location().contains(urls::LOGIN_CODE), "{}", sent.location());
    browser.follow(sent).await.assert(200)
}

async fn second_step(browser: &Browser, page: &Answer, code: &str) -> Answer {
    browser.submit(&page.form("Sign in").fill("Code", code)).await
}

#[tokio::test]
async fn after_the_password_a_code_is_asked_for_and_apps_learn_of_both() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    assert_eq!(app.events("person.two_step_on").await.len(), 1);
    app.clock().advance(TimeDelta::minutes(1));
    let elsewhere = ada.elsewhere();
    let client = app.client().await;
    let page = elsewhere.visit(&client.ask().url()).await;
    let sent = elsewhere.sign_in_on(&page).await.assert(303);
    let page = elsewhere.follow(sent).await;
    assert!(page.words().contains("to continue to Test client"), "{}", page.words());
    elsewhere.get(urls::APPS).await.assert(303);
    let entered = second_step(&elsewhere, &page, &phone.code(&app)).await.assert(303);
    assert!(elsewhere.follow(entered).await.offers("Allow"), "on to where it began");
    let tokens = client.connect_for(&elsewhere, "openid mcp:read").await;
    let claims = jwt(&tokens.id_token.unwrap()).1;
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], "urn:portcullis:acr:mfa");
}

/// Replay, also by two at once (RFC 6238 §5.2).
#[tokio::test]
async fn each_code_is_accepted_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let page = ada.get(urls::TWO_STEP).await.assert(200);
    let phone = AuthenticatorApp::read(&page);
    app.is_secret(&phone.secret());
    let enrolled_by = phone.code(&app);
    let form = page.form("Turn on").fill("Code that the app shows", &enrolled_by);
    let shown = ada.submit(&form).await.assert(200);
    recovery_codes(&shown).iter().for_each(|code| app.is_secret(code));
    let (one, two) = (ada.elsewhere(), ada.elsewhere());
    let pages = (first_step(&one).await, first_step(&two).await);
    second_step(&one, &pages.0, &enrolled_by).await.assert(403);
    app.clock().advance(TimeDelta::minutes(5));
    let (older, code) = (phone.code_before(&app), phone.code(&app));
    let (first, second) = tokio::join!(second_step(&one, &pages.0, &code), second_step(&two, &pages.1, &code));
    let mut both = [first.status, second.status];
    both.sort_unstable();
    assert_eq!(both, [303, 403]);
    // Nor an older one after it.
    let third = ada.elsewhere();
    let page = first_step(&third).await;
    second_step(&third, &page, &older).await.assert(403);
}

#[tokio::test]
async fn a_recovery_code_lets_in_once_and_new_ones_replace_those_before() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (_, codes) = turn_on(&app, &ada).await;
    let other = ada.elsewhere();
    let page = first_step(&other).await;
    second_step(&other, &page, &codes[0].to_uppercase().replace('-', " ")).await.assert(303);
    // A recovery code is no one-time password of a device, and still a second factor (RFC 8176 §2).
    let tokens = app.client().await.connect_for(&other, "openid mcp:read").await;
    let claims = jwt(&tokens.id_token.unwrap()).1;
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "mfa"]));
    assert_eq!(claims["acr"], "urn:portcullis:acr:mfa");
    let again = ada.elsewhere();
    let page = first_step(&again).await;
    second_step(&again, &page, &codes[0]).await.assert(403);
    let security = ada.get(urls::SECURITY).await.assert(200);
    assert!(security.words().contains("9 left"), "{}", security.words());
    let fresh = recovery_codes(&ada.submit(&security.form("Make new codes")).await.assert(200));
    fresh.iter().for_each(|code| app.is_secret(code));
    assert_eq!(fresh.len(), 10);
    second_step(&again, &page, &codes[1]).await.assert(403);
    second_step(&again, &page, &fresh[0]).await.assert(303);
    assert_eq!(app.events("person.recovery_codes_made").await.len(), 1);
    // Another person's are worth nothing.
    let eve = app.person("eve").await;
    eve.sign_in().await;
    turn_on(&app, &eve).await;
    let thief = eve.elsewhere();
    let page = first_step(&thief).await;
    second_step(&thief, &page, &fresh[1]).await.assert(403);
}

/// Brute force: codes are guessed no faster than passwords, from however many browsers.
#[tokio::test]
async fn guessing_codes_is_limited() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    app.clock().advance(TimeDelta::minutes(5));
    let guesser = ada.elsewhere();
    let page = first_step(&guesser).await;
    let mut guesses = 0;
    let refused = loop {
        let answer = second_step(&guesser, &page, "000000").await;
        guesses += 1;
        if answer.status != 403 {
            break answer;
        }
    };
    refused.assert(429);
    assert!(guesses <= 11, "{guesses}");
    let other = ada.elsewhere();
    let login = other.get(urls::LOGIN).await;
    other.sign_in_on(&login).await.assert(429);
    second_step(&guesser, &page, &phone.code(&app)).await.assert(429);
}

/// Brute force at several nodes, each with budgets in its own memory: codes are counted for all of them together. What cannot
/// be guessed, a passkey and a recovery code, still opens.
#[tokio::test]
async fn codes_are_counted_for_all_nodes_together() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, codes) = turn_on(&app, &ada).await;
    let page = ada.get(urls::PASSKEYS).await.assert(200);
    let (mut key, answer) = Authenticator::make(&app, &page);
    ada.submit(&page.form("Add passkey").set("answer", &answer)).await.assert(303);
    app.clock().advance(TimeDelta::minutes(5));
    let here = ada.elsewhere();
    let page = first_step(&here).await;
    let there = here.at(&other);
    for _ in 0..5 {
        second_step(&here, &page, "000000").await.assert(403);
        second_step(&there, &page, "000000").await.assert(403);
    }
    for browser in [&here, &there] {
        let refused = second_step(browser, &page, &phone.code(&app)).await.assert(429);
        let wait: i64 = refused.header("retry-after").parse().unwrap();
        assert!((890..=900).contains(&wait), "{wait}");
    }
    let words = ada.get(urls::SECURITY).await.words();
    assert!(words.contains("10 wrong codes were tried"), "{words}");
    let by_key = ada.elsewhere();
    let login = by_key.get(urls::LOGIN).await;
    let form = login.form("Sign in with a passkey").set("answer", &key.answer(&login));
    by_key.submit(&form).await.assert(303);
    second_step(&there, &page, &codes[0]).await.assert(303);
    // One comes back in a quarter of an hour, at whichever node.
    app.clock().advance(TimeDelta::minutes(15));
    let late = ada.elsewhere();
    let page = first_step(&late).await;
    second_step(&late.at(&other), &page, "000000").await.assert(403);
    second_step(&late, &page, "000000").await.assert(429);
    // Right ones cost nothing.
    app.clock().advance(TimeDelta::minutes(15));
    for _ in 0..3 {
        app.clock().advance(TimeDelta::minutes(1));
        let good = ada.elsewhere();
        let page = first_step(&good).await;
        second_step(&good, &page, &phone.code(&app)).await.assert(303);
    }
}

/// A first step is good for the browser that took it, for a while, and with that password.
#[tokio::test]
async fn a_first_step_is_worth_nothing_elsewhere_or_later() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    let (here, thief) = (ada.elsewhere(), ada.elsewhere());
    let page = first_step(&here).await;
    let url = page.form("Sign in").action;
    let sent = thief.get(&url).await.assert(303);
    assert_eq!(sent.location(), app.at(urls::LOGIN));
    // CSRF.
    here.submit(&page.form("Sign in").fill("Code", &phone.code(&app)).without("csrf")).await.assert(403);
    app.clock().advance(TimeDelta::minutes(11));
    let late = second_step(&here, &page, &phone.code(&app)).await.assert(303);
    assert_eq!(late.location(), app.at(urls::LOGIN));
    for invented in ["", "x", "e30.a.b.c.d"] {
        let sent = thief.get(&format!("{}?step={invented}", urls::LOGIN_CODE)).await.assert(303);
        assert_eq!(sent.location(), app.at(urls::LOGIN));
    }
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_ends_the_first_step() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    app.clock().advance(TimeDelta::minutes(1));
    let thief = ada.elsewhere();
    let page = first_step(&thief).await;
    let form = ada.get(urls::PASSWORD).await.form("Change password").fill("Current password", PASSWORD);
    let new = "another horse battery";
    ada.submit(&form.fill("New password", new).fill("New password again", new)).await.assert(303);
    second_step(&thief, &page, &phone.code(&app)).await.assert(403);
}

/// Somebody who learned the password signed in before its owner turned two-step sign-in on (ASVS 7.4.3).
#[tokio::test]
async fn turning_it_on_ends_every_other_session_of_the_person_and_of_nobody_else() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let (thief, lost) = (ada.elsewhere(), ada.elsewhere());
    for browser in [&ada, &thief, &lost, &eve] {
        browser.sign_in().await;
    }
    let off = thief.get(urls::TWO_STEP).await.assert(200).form("Turn on");
    turn_on(&app, &ada).await;
    assert_eq!(app.events("person.two_step_on").await[0]["sessions_ended"], 2);
    for over in [&thief, &lost] {
        let sent = over.get(urls::APPS).await.assert(303);
        assert!(sent.location().starts_with(&app.at(urls::LOGIN)), "{}", sent.location());
    }
    thief.submit(&off).await.assert(403);
    ada.get(urls::APPS).await.assert(200);
    eve.get(urls::APPS).await.assert(200);
}

/// A session by the password alone that is there all the same, as one from before an update is.
#[tokio::test]
async fn a_session_by_the_password_alone_takes_both_steps_before_it_changes_what_protects() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    app.clock().advance(TimeDelta::minutes(1));
    let off = ada.get(urls::SECURITY).await.form("Turn off");
    forget_second_step(&app).await;
    for closed in [urls::TWO_STEP, urls::PASSKEYS, urls::PROFILE] {
        let sent = ada.get(closed).await.assert(303);
        assert!(sent.location().starts_with(&app.at(urls::CONFIRM)), "{closed}: {}", sent.location());
    }
    let sent = ada.submit(&off).await.assert(303);
    assert!(app.events("person.two_step_off").await.is_empty());
    let page = ada.follow(sent).await;
    let sent = ada.confirm(&page).await.assert(303);
    ada.get(urls::PROFILE).await.assert(303);
    let page = ada.follow(sent).await;
    second_step(&ada, &page, &phone.code(&app)).await.assert(303);
    ada.get(urls::PASSWORD).await.assert(200);
    ada.submit(&off).await.assert(303);
    assert_eq!(app.events("person.two_step_off").await.len(), 1);
}

async fn forget_second_step(app: &TestApp) {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::sessions;
    let pwd: Words = ["pwd"].into_iter().collect();
    app.write(async |conn| diesel::update(sessions::table).set(sessions::amr.eq(&pwd)).execute(conn).await).await;
}

/// Enrolment by a stale session, and by a form that is not from the page.
#[tokio::test]
async fn setting_up_takes_a_recent_proof_and_the_app_itself() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let page = ada.get(urls::TWO_STEP).await.assert(200);
    let phone = AuthenticatorApp::read(&page);
    let form = page.form("Turn on");
    let wrong = ada.submit(&form.clone().fill("Code that the app shows", "000000")).await.assert(422);
    assert_eq!(AuthenticatorApp::read(&wrong).secret(), phone.secret(), "the app need not be set up again");
    let good = form.fill("Code that the app shows", &phone.code(&app));
    ada.submit(&good.clone().without("csrf")).await.assert(403);
    let eve = app.person("eve").await;
    eve.sign_in().await;
    let theirs = eve.get(urls::TWO_STEP).await.form("Turn on");
    eve.submit(&theirs.set("setup", &good.value("setup")).set("code", &good.value("code"))).await.assert(403);
    app.clock().advance(TimeDelta::minutes(40));
    let stale = ada.submit(&good).await.assert(303);
    assert!(stale.location().starts_with(&app.at(urls::CONFIRM)), "{}", stale.location());
    ada.get(urls::TWO_STEP).await.assert(303);
    assert!(app.events("person.two_step_on").await.is_empty());
    ada.elsewhere().sign_in().await;
}

#[tokio::test]
async fn turning_it_off_takes_both_factors_again() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (phone, _) = turn_on(&app, &ada).await;
    let off = ada.get(urls::SECURITY).await.form("Turn off");
    app.clock().advance(TimeDelta::minutes(31));
    let sent = ada.submit(&off).await.assert(303);
    let page = ada.follow(sent).await;
    let sent = ada.confirm(&page).await.assert(303);
    let page = ada.follow(sent).await;
    ada.get(urls::PROFILE).await.assert(303);
    let session = app.events("session.signed_in").await[0]["session"].clone();
    let back = second_step(&ada, &page, &phone.code(&app)).await.assert(303);
    assert_eq!(back.location(), app.at(urls::SECURITY));
    assert_eq!(app.events("session.confirmed").await[0]["session"], session, "the same session goes on");
    ada.submit(&off.clone().without("csrf")).await.assert(403);
    ada.submit(&off).await.assert(303);
    assert!(!ada.get(urls::SECURITY).await.offers("Turn off"));
    assert_eq!(app.events("person.two_step_off").await.len(), 1);
    ada.elsewhere().sign_in().await;
}

#[tokio::test]
async fn whoever_must_have_a_second_factor_gets_nowhere_without() {
    let app = TestApp::configured(|config| config.second_factor = SecondFactorPolicy::Administrators).await;
    let ann = NewPerson { username: "ann".to_owned(), is_admin: true, ..NewPerson::default() };
    let (ann, bob) = (app.add(ann).await, app.person("bob").await);
    bob.sign_in().await;
    bob.get(urls::APPS).await.assert(200);
    let client = app.client().await;
    let page = ann.visit(&client.ask().url()).await;
    let sent = ann.sign_in_on(&page).await.assert(303);
    assert!(sent.location().starts_with(&app.at(urls::TWO_STEP)), "{}", sent.location());
    for closed in [urls::APPS, urls::DOCTOR, urls::SECURITY, urls::PASSWORD, urls::SESSIONS, urls::CONFIRM] {
        let sent = ann.get(closed).await.assert(303);
        assert!(sent.location().starts_with(&app.at(urls::LOGIN)), "{closed}: {}", sent.location());
    }
    let asked = ann.get(&client.ask().url()).await.assert(303);
    assert!(asked.location().starts_with(&app.at(urls::LOGIN)), "{}", asked.location());
    // Another window cannot enrol for long, either.
    let page = ann.follow(sent).await.assert(200);
    assert!(page.words().contains("wants everybody like you to sign in by more than a password"));
    let phone = AuthenticatorApp::read(&page);
    let form = page.form("Turn on").fill("Code that the app shows", &phone.code(&app));
    let shown = ann.submit(&form).await.assert(200);
    recovery_codes(&shown).iter().for_each(|code| app.is_secret(code));
    ann.get(urls::APPS).await.assert(200);
    let off = ann.get(urls::SECURITY).await.form("Turn off");
    let kept = ann.submit(&off).await.assert(303);
    assert!(ann.follow(kept).await.words().contains("Nothing was removed"));
    // With the password alone nobody replaces the app.
    let thief = ann.elsewhere();
    first_step(&thief).await;
    thief.get(urls::TWO_STEP).await.assert(303);
}
