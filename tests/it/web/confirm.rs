//! *Confirm it is you*: what an intruder at an open browser would do first takes a recent proof (ASVS 7.5.1).

use chrono::TimeDelta;
use portcullis::http::urls;

use crate::support::TestApp;

#[tokio::test]
async fn a_stale_session_is_sent_to_confirm_and_comes_back() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let there = format!("{}?saved=yes", urls::PROFILE);
    ada.get(&there).await.assert(200);
    app.clock().advance(TimeDelta::minutes(16));
    let sent = ada.get(&there).await.assert(303);
    assert!(sent.location().starts_with(&app.at(urls::CONFIRM)), "{}", sent.location());
    let page = ada.follow(sent).await;
    assert!(page.words().contains("Confirm it is you"), "{}", page.words());
    let before = ada.cookie("portcullis_session");
    let back = ada.confirm(&page).await.assert(303);
    assert_eq!(back.location(), app.at(&there));
    assert!(ada.follow(back).await.assert(200).words().contains("Your profile is saved"));
    assert_ne!(ada.cookie("portcullis_session"), before, "the token is another (ASVS 7.2.4)");
    assert_eq!(app.events("session.confirmed").await.len(), 1);
}

/// Session fixation, and a copied cookie: the token before is worthless, the session and what hangs on it stays.
#[tokio::test]
async fn a_copy_of_the_token_before_opens_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let thief = ada.elsewhere();
    thief.set_cookie("portcullis_session", ada.cookie("portcullis_session").as_deref());
    let open = ada.get(urls::APPS).await.assert(200);
    let page = ada.get(urls::CONFIRM).await.assert(200);
    ada.confirm(&page).await.assert(303);
    thief.get(urls::APPS).await.assert(303);
    ada.get(urls::APPS).await.assert(200);
    // A page that was open meanwhile is still good.
    ada.submit(&open.form("Sign out")).await.assert(303);
}

/// Whoever comes by an open browser takes no secret along; to end one takes no proof.
#[tokio::test]
async fn a_stale_session_gets_no_secret() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (key, pat) = (app.key(&ada).await.id.to_string(), app.pat(&ada).await.id);
    let mut forms = Vec::new();
    for (url, id, button) in [
        (urls::NEW_API_KEY, "", "Create Key"),
        (urls::KEY_ROTATE, &*key, "Rotate key"),
        (urls::KEY_REPLACE, &*key, "Replace key"),
        (urls::ACCESS_TOKENS_NEW, "", "Create Token"),
        (urls::ACCESS_TOKEN_ROTATE, &*pat, "Rotate token"),
        (urls::JWT_TOKEN, "", "Get token"),
    ] {
        let path = url.replace("{id}", id);
        let form = ada.get(&path).await.assert(200).form(button);
        forms.push((path, form));
    }
    app.clock().advance(TimeDelta::minutes(31));
    for (path, form) in forms {
        for answer in [ada.get(&path).await, ada.submit(&form).await] {
            let location = answer.assert(303).location().to_owned();
            assert!(location.starts_with(&app.at(urls::CONFIRM)), "{path}: {location}");
        }
    }
    for (event, before) in [
        ("api_key.made", 1),
        ("api_key.replaced", 0),
        ("personal_token.made", 1),
        ("personal_token.replaced", 0),
        ("own_token.made", 0),
    ] {
        assert_eq!(app.events(event).await.len(), before, "{event}");
    }
    for (url, id, button) in [(urls::KEY_REVOKE, key, "Revoke key"), (urls::ACCESS_TOKEN_REVOKE, pat, "Revoke token")] {
        ada.submit(&ada.get(&url.replace("{id}", &id)).await.assert(200).form(button)).await.assert(303);
    }
}

#[tokio::test]
async fn what_was_typed_on_a_page_opened_in_time_is_not_lost() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(urls::PROFILE).await.form("Save").fill("Display name", "Ada L");
    app.clock().advance(TimeDelta::minutes(20));
    ada.submit(&form).await.assert(303);
    app.clock().advance(TimeDelta::minutes(20));
    let late = ada.submit(&form.fill("Display name", "Too late")).await.assert(303);
    assert!(late.location().starts_with(&app.at(urls::CONFIRM)), "{}", late.location());
    let back = ada.confirm(&ada.follow(late).await).await;
    let page = ada.follow(back).await.assert(200);
    assert!(page.words().contains("Ada L") && !page.words().contains("Too late"), "{}", page.words());
}

#[tokio::test]
async fn a_wrong_password_confirms_nothing_and_guessing_is_limited() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    app.clock().advance(TimeDelta::hours(1));
    let page = ada.get(urls::CONFIRM).await.assert(200);
    let wrong = page.form("Confirm").fill("Password", "incorrect horse");
    let refused = ada.submit(&wrong).await.assert(403);
    assert!(refused.words().contains("That is not your password"), "{}", refused.words());
    ada.get(urls::PROFILE).await.assert(303);
    for _ in 0..20 {
        ada.submit(&wrong).await;
    }
    ada.submit(&wrong).await.assert(429);
}

/// CSRF: nobody confirms by a form of another site, or with somebody else's token.
#[tokio::test]
async fn the_form_is_its_own_sessions() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let form = ada.get(urls::CONFIRM).await.form("Confirm").fill("Password", crate::support::app::PASSWORD);
    ada.submit(&form.clone().without("csrf")).await.assert(403);
    let theirs = eve.get(urls::CONFIRM).await.form("Confirm").value("csrf");
    ada.submit(&form.set("csrf", &theirs)).await.assert(403);
    app.clock().advance(TimeDelta::hours(1));
    ada.get(urls::PROFILE).await.assert(303);
}

#[tokio::test]
async fn an_invented_way_back_leads_to_the_settings() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let page = ada.get(&format!("{}?return_to=https://evil.example", urls::CONFIRM)).await.assert(200);
    assert_eq!(ada.confirm(&page).await.assert(303).location(), app.at(urls::APPS));
}
