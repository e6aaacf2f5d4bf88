//! Get JWT Token: a short-lived access token for the person's own use.

use chrono::TimeDelta;
use portcullis::grants::own_token;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::types::GrantId;
use reqwest::Method;
use serde_json::Value;

use crate::support::answer::Form;
use crate::support::client::jwt;
use crate::support::{Answer, Browser, TestApp};

async fn admin(app: &TestApp) -> Browser {
    let admin = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    admin.sign_in().await;
    admin
}

async fn form(person: &Browser) -> Form {
    person.get(urls::JWT_TOKEN).await.assert(200).form("Get token")
}

fn token(app: &TestApp, page: &Answer) -> String {
    let token = page.says("jwt-token");
    app.is_secret(&token);
    token
}

#[tokio::test]
async fn a_token_of_ones_own_opens_everything_that_its_person_may_for_as_long_as_was_chosen() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let page = admin.submit(&form(&admin).await.set("lifetime", "900")).await.assert(200);
    assert!(page.header("cache-control").contains("no-store"));
    let token = token(&app, &page);
    let (header, claims) = jwt(&token);
    assert_eq!((&header["typ"], &claims["client_id"]), (&"at+jwt".into(), &own_token::CLIENT.into()));
    assert_eq!(claims["aud"], app.app().gateway_audience());
    assert!(claims["groups"].is_array());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let scopes: Vec<&str> = claims["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(scopes, ["groups", "mcp:read", "mcp:write", "mgmt.admin", "mgmt.read", "mgmt.write"]);
    app.call_mcp(&token).await.assert(200);
    app.api(&token, Method::GET, urls::API_MCP_SERVERS).await.assert(200);
    let told = app.call_tool(&token, "debug_auth_context", serde_json::json!({})).await.assert(200);
    assert!(told.body.contains(own_token::CLIENT));
    assert!(admin.get(urls::APPS).await.words().contains("Get JWT Token"));
    app.clock().advance(TimeDelta::minutes(15));
    app.call_mcp(&token).await.assert(401);
}

#[tokio::test]
async fn a_person_gets_what_they_tick_and_never_more_than_they_may() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let least = form(&ada).await.untick("mcp:write");
    assert!(least.fields.iter().all(|(_, value)| !value.starts_with("mgmt.")), "she manages nothing: {least:?}");
    let page = ada.submit(&least).await.assert(200);
    assert_eq!(jwt(&token(&app, &page)).1["scope"], "groups mcp:read");
    let greedy = form(&ada).await.and("scope", "mgmt.admin").and("scope", "offline_access").set("lifetime", "99999999");
    let page = ada.submit(&greedy).await.assert(200);
    let claims = jwt(&token(&app, &page)).1;
    assert_eq!(claims["scope"], "groups mcp:read mcp:write");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 8 * 3600, "the most there is");
}

/// Reloading the page that shows a token sends the form again.
#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_token_and_shows_it_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = form(&ada).await;
    token(&app, &ada.submit(&form).await.assert(200));
    let again = ada.submit(&form).await.assert(200);
    assert!(again.words().contains("made already") && !again.body.contains("eyJ"), "{}", again.body);
    assert_eq!(app.events("own_token.made").await.len(), 1);
}

#[tokio::test]
async fn there_are_so_many_that_work_and_no_more() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = form(&ada).await;
    let another = || form.clone().set("request", &GrantId::fresh().to_string());
    for _ in 0..own_token::MOST {
        token(&app, &ada.submit(&another()).await.assert(200));
    }
    let refused = ada.submit(&another()).await.assert(200);
    assert!(refused.words().contains("as many of these tokens as there can be") && !refused.body.contains("eyJ"));
    assert_eq!(app.events("own_token.made").await.len(), own_token::MOST);
    ada.submit(&refused.form("Revoke")).await.assert(303);
    token(&app, &ada.submit(&another()).await.assert(200));
}

#[tokio::test]
async fn it_ends_at_once_by_its_button_with_its_person_and_with_its_client() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    for person in [&ada, &eve] {
        person.sign_in().await;
    }
    let page = ada.submit(&form(&ada).await).await;
    let hers = token(&app, &page);
    second.call_mcp(&hers).await.assert(200);
    // IDOR: another person cannot end it, nor learn that it is there.
    let foreign = page.form("Revoke").value("token");
    let page = eve.submit(&form(&eve).await).await;
    let mine = token(&app, &page);
    eve.submit(&page.form("Revoke").set("token", &foreign)).await.assert(404);
    app.call_mcp(&hers).await.assert(200);
    ada.submit(&ada.get(urls::JWT_TOKEN).await.form("Revoke")).await.assert(303);
    app.call_mcp(&hers).await.assert(401);
    second.sees_the_end_of(&hers).await;
    app.call_mcp(&mine).await.assert(200);
    app.disable(&eve).await;
    app.sees_the_end_of(&mine).await;
    let other = token(&app, &ada.submit(&form(&ada).await).await);
    let (origin, node) = (portcullis::audit::Origin::operator(), app.app());
    let terms = node.terms(&origin);
    let verb = async |conn: &mut _| portcullis::grants::disable::disable(conn, &terms, None, own_token::CLIENT).await;
    node.cut(verb).await.unwrap();
    app.call_mcp(&other).await.assert(401);
    let refused = ada.submit(&form(&ada).await).await.assert(200);
    assert!(refused.words().contains("does not let people make such tokens"), "{}", refused.body);
}

#[tokio::test]
async fn the_file_is_what_the_command_line_reads_and_holds_nothing_else() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    for person in [&ada, &eve] {
        person.sign_in().await;
    }
    let page = ada.submit(&form(&ada).await).await;
    let token = token(&app, &page);
    let download = page.form("Download");
    let file = ada.submit(&download).await.assert(200);
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert!(file.header("cache-control").contains("no-store"));
    assert_eq!(file.json(), serde_json::json!({ "access_token": token }));
    let theirs = eve.get(urls::JWT_TOKEN).await.form("Get token").value("csrf");
    eve.submit(&download.clone().set("csrf", &theirs)).await.assert(400);
    ada.submit(&download.set("access_token", "<script>alert(1)</script>")).await.assert(400);
}

/// Nobody gets anything by calling themselves by the name of its client.
#[tokio::test]
async fn its_client_is_nobody_at_the_token_endpoint() {
    let app = TestApp::start().await;
    for grant in ["authorization_code", "refresh_token", "client_credentials"] {
        let fields = [("grant_type", grant), ("client_id", own_token::CLIENT), ("code", "x"), ("refresh_token", "x")];
        let answer = app.post_form(urls::TOKEN, &fields).await;
        assert!((400..500).contains(&answer.status), "{grant}: {}", answer.body);
    }
    let url = format!("{}?response_type=code&client_id={}", urls::AUTHORIZE, own_token::CLIENT);
    app.get(&url).await.assert_error_page();
}
