//! Profile and password: what a person changes about themselves.

use portcullis::http::urls;

use crate::support::app::PASSWORD;
use crate::support::{Browser, TestApp};

const NEW: &str = "another horse battery";

#[tokio::test]
async fn a_profile_is_changed_and_the_trail_tells_what() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(urls::PROFILE).await.assert(200).form("Save");
    let form = form.fill("Display name", "  Ada Lovelace ").fill("Email", "ada@example.com");
    let done = ada.submit(&form).await.assert(303);
    let page = ada.follow(done).await;
    assert!(page.words().contains("Your profile is saved"), "{}", page.words());
    assert!(page.words().contains("Signed in as Ada Lovelace"), "{}", page.words());
    assert_eq!(page.form("Save").value("email"), "ada@example.com");
    assert_eq!(app.events("person.profile_changed").await[0]["changed"], serde_json::json!(["display_name", "email"]));
    ada.submit(&page.form("Save")).await.assert(303);
    assert_eq!(app.events("person.profile_changed").await.len(), 1, "nothing changed");
    ada.submit(&page.form("Save").fill("Email", "")).await.assert(303);
}

#[tokio::test]
async fn what_cannot_be_a_name_or_an_address_is_shown_again() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(urls::PROFILE).await.form("Save");
    for (label, bad) in [("Email", "nobody"), ("Email", "\"><script>alert(1)</script>"), ("Display name", " ")] {
        let page = ada.submit(&form.clone().fill(label, bad)).await.assert(422);
        assert!(page.words().contains("email address") || page.words().contains("display name"), "{}", page.words());
    }
    // Stored markup.
    let markup = "<script>alert(1)</script>";
    ada.submit(&form.clone().fill("Display name", markup)).await.assert(303);
    assert!(!ada.get(urls::APPS).await.body.contains(markup));
    ada.submit(&form.without("csrf")).await.assert(403);
}

async fn change(browser: &Browser, current: &str, new: &str, others_end: bool) -> crate::support::Answer {
    let form = browser.get(urls::PASSWORD).await.assert(200).form("Change password");
    let form = form.fill("Current password", current).fill("New password", new).fill("New password again", new);
    browser.submit(&if others_end { form } else { form.untick("yes") }).await
}

#[tokio::test]
async fn a_new_password_ends_other_sessions_unless_they_are_to_stay() {
    for others_end in [true, false] {
        let app = TestApp::start().await;
        app.is_secret(NEW);
        let ada = app.person("ada").await;
        let elsewhere = ada.elsewhere();
        ada.sign_in().await;
        elsewhere.sign_in().await;
        let done = change(&ada, PASSWORD, NEW, others_end).await.assert(303);
        assert!(ada.follow(done).await.words().contains("Your password is changed"));
        let status = elsewhere.get(urls::APPS).await.status;
        assert_eq!(status, if others_end { 303 } else { 200 });
        let ended = app.events("person.password_set").await[0]["sessions_ended"].as_array().unwrap().len();
        assert_eq!(ended, usize::from(others_end));
        let page = ada.elsewhere().get(urls::LOGIN).await;
        ada.elsewhere().sign_in_on(&page).await.assert(403);
    }
}

#[tokio::test]
async fn only_who_knows_the_password_changes_it() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let refused = change(&ada, "incorrect horse", NEW, true).await.assert(422);
    assert!(refused.words().contains("The current password is not right"), "{}", refused.words());
    assert_eq!(app.events("person.password_refused").await.len(), 1);
    change(&ada, PASSWORD, "short", true).await.assert(422);
    let form = ada.get(urls::PASSWORD).await.form("Change password").fill("Current password", PASSWORD);
    let form = form.fill("New password", NEW);
    ada.submit(&form.clone().fill("New password again", "not the same")).await.assert(422);
    ada.submit(&form.fill("New password again", NEW).without("csrf")).await.assert(403);
    for _ in 0..20 {
        change(&ada, "incorrect horse", NEW, true).await;
    }
    change(&ada, PASSWORD, NEW, true).await.assert(429);
    ada.elsewhere().get(urls::LOGIN).await.assert(200);
}
