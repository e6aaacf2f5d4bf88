//! Back-Channel Logout 1.0: apps learn that a session ended. F6: and we go nowhere that a stranger may not send us.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use portcullis::grants::client::{ClientOptions, ClientOrigin};
use portcullis::http::urls;
use portcullis::jobs::back_channel_logout::work;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::client::jwt;
use crate::support::documents::canary;
use crate::support::relying_party::{BackChannel, relying_party};
use crate::support::{Browser, Client, TestApp};

async fn party(app: &TestApp, id: &str, origin: ClientOrigin, uri: &str) -> Client {
    let options = ClientOptions { backchannel_logout_uri: Some(uri.to_owned()), ..ClientOptions::default() };
    relying_party(app, id, origin, options).await
}

async fn sign_out(browser: &Browser) {
    let page = browser.get(urls::LOGOUT).await.assert(200);
    browser.submit(&page.form("Sign out")).await.assert(303);
}

/// The details of so many events of that name, once there are so many.
async fn events(app: &TestApp, name: &str, expected: usize) -> Vec<Value> {
    let since = Instant::now();
    loop {
        let found = app.events(name).await;
        if found.len() >= expected {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{} of {expected} {name}", found.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// §2.4, §2.5.
#[tokio::test]
async fn an_app_is_told_by_a_token_about_the_session_of_its_id_token() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    let ada = app.person("ada").await;
    let client = party(&app, "rp", ClientOrigin::Administrator, &channel.uri()).await;
    let id_token = jwt(&client.connect_for(&ada, "openid mcp:read").await.id_token.unwrap()).1;
    sign_out(&ada).await;
    let token = channel.tokens(1).await.remove(0);
    let (header, claims) = jwt(&token);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("RS256")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer()), &json!("rp")));
    assert_eq!((&claims["sub"], &claims["sid"]), (&id_token["sub"], &id_token["sid"]));
    assert_eq!(claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert!(claims.get("nonce").is_none(), "§2.4: prohibited");
    assert!(claims["jti"].is_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    app.call_mcp(&token).await.assert(401);
    assert_eq!(events(&app, "logout.told", 1).await[0]["session"], id_token["sid"]);
    // Once: neither again later nor by another node.
    app.clock().advance(TimeDelta::days(1));
    work(app.second_node().await.app()).await.unwrap();
    assert_eq!(channel.forms().await.len(), 1);
}

/// Whatever ends a session: somebody else at the browser, an operator.
#[tokio::test]
async fn every_way_to_end_a_session_tells() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    let ada = app.person("ada").await;
    let client = party(&app, "rp", ClientOrigin::Administrator, &channel.uri()).await;
    let first = jwt(&client.connect_for(&ada, "openid").await.id_token.unwrap()).1;
    ada.sign_in().await;
    assert_eq!(jwt(&channel.tokens(1).await[0]).1["sid"], first["sid"], "signed in anew");
    let answer = ada.consider(&client.ask().with("scope", "openid").url()).await;
    assert!(answer.callback_parameter("code").is_some(), "allowed before, by a client that is vouched for");
    app.disable(&ada).await;
    let told = channel.tokens(2).await;
    assert_ne!(jwt(&told[1]).1["sid"], first["sid"]);
    assert_eq!(jwt(&told[1]).1["sub"], first["sub"]);
}

/// Only apps that signed somebody in, in this very session.
#[tokio::test]
async fn who_did_not_sign_the_person_in_is_not_told() {
    let (app, channel, other) = (TestApp::start().await, BackChannel::start().await, BackChannel::start().await);
    let ada = app.person("ada").await;
    let told = party(&app, "told", ClientOrigin::Administrator, &channel.uri()).await;
    let without_openid = party(&app, "tools", ClientOrigin::Administrator, &other.uri()).await;
    let elsewhere = party(&app, "elsewhere", ClientOrigin::Administrator, &other.uri()).await;
    told.connect_for(&ada, "openid").await;
    without_openid.connect_for(&ada, "mcp:read").await;
    elsewhere.connect_for(&ada.elsewhere(), "openid").await;
    sign_out(&ada).await;
    channel.tokens(1).await;
    app.clock().advance(TimeDelta::hours(10));
    work(app.app()).await.unwrap();
    assert_eq!(other.forms().await.len(), 0);
}

/// However many nodes look at once.
#[tokio::test]
async fn two_nodes_tell_each_app_once() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let parties = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for id in parties {
        party(&app, id, ClientOrigin::Administrator, &channel.uri()).await.connect_for(&ada, "openid").await;
    }
    sign_out(&ada).await;
    let both = futures_util::future::join(work(app.app()), work(second.app())).await;
    assert!(both.0.is_ok() && both.1.is_ok());
    let told = channel.tokens(parties.len()).await;
    events(&app, "logout.told", parties.len()).await;
    let mut audiences: Vec<_> = told.iter().map(|token| jwt(token).1["aud"].as_str().unwrap().to_owned()).collect();
    audiences.sort();
    assert_eq!(audiences, parties);
}

/// An app that is down is told later, and not for ever.
#[tokio::test]
async fn who_does_not_answer_is_tried_again_and_then_given_up() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    channel.answer(ResponseTemplate::new(503)).await;
    let ada = app.person("ada").await;
    let client = party(&app, "rp", ClientOrigin::Administrator, &channel.uri()).await;
    client.connect_for(&ada, "openid").await;
    sign_out(&ada).await;
    for tries in 1..=6 {
        let tokens = channel.tokens(tries).await;
        let mut ids: Vec<_> = tokens.iter().map(|token| jwt(token).1["jti"].to_string()).collect();
        ids.dedup();
        assert_eq!(ids.len(), tries, "a fresh token for each try");
        app.clock().advance(TimeDelta::hours(9));
        work(app.app()).await.unwrap();
    }
    let given_up = events(&app, "logout.not_told", 1).await;
    assert_eq!((&given_up[0]["tries"], &given_up[0]["why"]), (&json!(6), &json!("the app answered with status 503")));
    app.clock().advance(TimeDelta::hours(9));
    assert_eq!(work(app.app()).await.unwrap(), 0);
    assert_eq!(channel.forms().await.len(), 6);
}

/// F6: addresses that a stranger named (ZIT CVE-2026-55671), each with a listener behind it that must not notice.
#[tokio::test]
async fn f6_a_stranger_cannot_send_us_inside() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (port, knocks) = canary();
    let inside = [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://0x7f.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0.0.0.0:{port}/"),
        format!("https://user@127.0.0.1:{port}/"),
        "https://10.0.0.1/".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "https://[64:ff9b::7f00:1]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "not a url".to_owned(),
    ];
    for (number, uri) in inside.iter().enumerate() {
        let client = party(&app, &format!("rp-{number}"), ClientOrigin::Registered, uri).await;
        client.connect_for(&ada, "openid").await;
    }
    sign_out(&ada).await;
    let since = Instant::now();
    while app.events("logout.not_told").await.len() < inside.len() {
        assert!(since.elapsed() < Duration::from_secs(60), "not given up: {:?}", app.events("logout.told").await);
        app.clock().advance(TimeDelta::hours(9));
        work(app.app()).await.unwrap();
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
    assert_eq!(app.events("logout.told").await.len(), 0);
}

/// F6: what was judged good is not left for somewhere else.
#[tokio::test]
async fn f6_a_redirect_is_not_followed() {
    let (app, channel) = (TestApp::start().await, BackChannel::start().await);
    let (port, knocks) = canary();
    let away = ResponseTemplate::new(307).insert_header("location", format!("http://127.0.0.1:{port}/"));
    channel.answer(away).await;
    let ada = app.person("ada").await;
    party(&app, "rp", ClientOrigin::Administrator, &channel.uri()).await.connect_for(&ada, "openid").await;
    sign_out(&ada).await;
    channel.tokens(1).await;
    app.clock().advance(TimeDelta::minutes(1));
    work(app.app()).await.unwrap();
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
    assert_eq!(app.events("logout.told").await.len(), 0);
}
