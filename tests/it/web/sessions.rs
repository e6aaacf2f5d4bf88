//! Sessions: what a person sees of theirs, and how they end them.

use chrono::TimeDelta;
use portcullis::grants::client::{ClientOptions, ClientOrigin};
use portcullis::http::urls;

use crate::support::TestApp;
use crate::support::client::jwt;
use crate::support::relying_party::{BackChannel, relying_party};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/26.0 Mobile/15E148 Safari/604.1";

#[tokio::test]
async fn each_session_is_listed_and_one_is_ended_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await.saying("user-agent", FIREFOX);
    let phone = ada.elsewhere().saying("user-agent", IPHONE);
    phone.sign_in().await;
    app.clock().advance(TimeDelta::hours(2));
    ada.sign_in().await;
    let page = ada.get(urls::SESSIONS).await.assert(200);
    let words = page.words();
    for said in ["Firefox on Linux this browser", "Safari on iPhone", "Signed in from 127.0.0.1", "2 hours ago"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let theirs = phone.get(urls::SESSIONS).await;
    let id = id_after(&theirs.body, "this browser");
    let ended = ada.submit(&page.form("Sign out everywhere else").set("session", &id)).await.assert(303);
    assert!(ada.follow(ended).await.words().contains("That session is over"));
    phone.get(urls::APPS).await.assert(303);
    ada.get(urls::APPS).await.assert(200);
    assert_eq!(app.events("session.ended").await[0]["sessions"], serde_json::json!([id]));
    ada.submit(&page.form("Sign out everywhere else").set("session", &id)).await.assert(404);
}

/// The id that the first *Sign out* after these words sends.
fn id_after(body: &str, words: &str) -> String {
    let rest = body.split_once(words).unwrap().1.split_once(r#"name="session" value=""#).unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn everywhere_else_and_everywhere_mean_what_they_say() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let others = [ada.elsewhere(), ada.elsewhere()];
    ada.sign_in().await;
    for other in &others {
        other.sign_in().await;
    }
    let page = ada.get(urls::SESSIONS).await.assert(200);
    let ended = ada.submit(&page.form("Sign out everywhere else")).await.assert(303);
    let page = ada.follow(ended).await;
    assert!(page.words().contains("2 sessions are over") && !page.offers("Sign out everywhere else"));
    for other in &others {
        other.get(urls::APPS).await.assert(303);
    }
    let out = ada.submit(&page.form("Sign out everywhere")).await.assert(303);
    assert!(ada.follow(out).await.words().contains("signed out"));
    ada.get(urls::APPS).await.assert(303);
}

/// IDOR, CSRF.
#[tokio::test]
async fn nobody_ends_anothers_session() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let hers = id_after(&ada.get(urls::SESSIONS).await.body, "this browser");
    let form = eve.get(urls::SESSIONS).await.form("Sign out everywhere");
    for id in [hers.as_str(), "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55", "", "'; DROP TABLE sessions"] {
        eve.submit(&form.clone().set("session", id)).await.assert(404);
    }
    eve.submit(&form.without("csrf")).await.assert(403);
    ada.get(urls::APPS).await.assert(200);
    eve.get(urls::APPS).await.assert(200);
    assert!(app.events("session.ended").await.is_empty());
}

/// OpenID Connect Back-Channel Logout: an app hears of a session that was ended from another browser.
#[tokio::test]
async fn apps_are_told_of_a_session_that_is_ended_from_elsewhere() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    let ada = app.person("ada").await;
    let options = ClientOptions { backchannel_logout_uri: Some(channel.uri()), ..ClientOptions::default() };
    let client = relying_party(&app, "rp", ClientOrigin::Administrator, options).await;
    let id_token = jwt(&client.connect_for(&ada, "openid").await.id_token.unwrap()).1;
    let other = ada.elsewhere();
    other.sign_in().await;
    let page = other.get(urls::SESSIONS).await.assert(200);
    other.submit(&page.form("Sign out everywhere else")).await.assert(303);
    let told = jwt(&channel.tokens(1).await.remove(0)).1;
    assert_eq!((&told["sub"], &told["sid"]), (&id_token["sub"], &id_token["sid"]));
}
