//! OpenID Connect Core §5.3: userinfo, and I: tokens that are not what they seem, at its door.

use std::time::{Duration, Instant};

use portcullis::crypto::jwt::{SigningKey, TokenType};
use portcullis::grants::signing_key;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::types::Algorithm;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, ORIGIN};
use serde_json::json;

use crate::support::app::{Node, with_form};
use crate::support::client::jwt;
use crate::support::{Answer, Browser, TestApp};

async fn ask(node: &Node, method: Method, token: &str) -> Answer {
    node.send(node.request(method, urls::USERINFO).header(AUTHORIZATION, format!("Bearer {token}"))).await
}

async fn ada(app: &TestApp) -> Browser {
    let person = NewPerson {
        username: "ada".to_owned(),
        display_name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        ..NewPerson::default()
    };
    app.add(person).await
}

/// Taking over an account elsewhere by writing its owner's address into one's own profile: the app is told that nobody
/// verified it (OpenID Connect Core §5.1).
#[tokio::test]
async fn an_address_that_somebody_wrote_themselves_is_said_to_be_unverified() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    ada.sign_in().await;
    let form = ada.get(urls::PROFILE).await.assert(200).form("Save");
    let said = async || {
        let tokens = client.connect_for(&ada, "openid email").await;
        let (id_token, userinfo) =
            (jwt(&tokens.id_token.unwrap()).1, ask(&app, Method::GET, &tokens.access).await.json());
        assert_eq!(id_token.get("email_verified"), userinfo.get("email_verified"));
        (userinfo["email"].as_str().unwrap().to_owned(), userinfo.get("email_verified").cloned())
    };
    ada.submit(&form.clone().fill("Display name", "Countess")).await.assert(303);
    assert_eq!(said().await, ("ada@example.com".to_owned(), None), "an administrator's word");
    ada.submit(&form.clone().fill("Email", "ceo@example.com")).await.assert(303);
    assert_eq!(said().await, ("ceo@example.com".to_owned(), Some(json!(false))));
    ada.submit(&form).await.assert(303);
    assert_eq!(said().await, ("ada@example.com".to_owned(), Some(json!(false))), "it is their word from then on");
}

/// §5.3.2, §5.4: what the scope opens, and nothing that it does not.
#[tokio::test]
async fn userinfo_says_what_the_scope_opens_by_get_and_post() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let sub = ada.user.to_string();
    for (scope, expected) in [
        ("openid mcp:read", json!({ "sub": sub })),
        ("openid email", json!({ "sub": sub, "email": "ada@example.com" })),
        ("openid profile", json!({ "sub": sub, "name": "Ada Lovelace", "preferred_username": "ada" })),
        ("openid groups", json!({ "sub": sub, "groups": [] })),
    ] {
        let tokens = client.connect_for(&ada, scope).await;
        assert_eq!(jwt(&tokens.id_token.unwrap()).1["sub"], sub, "the same in the ID token");
        for method in [Method::GET, Method::POST] {
            let answer = ask(&app, method, &tokens.access).await.assert(200);
            assert_eq!(answer.json(), expected, "{scope}");
            assert!(answer.header("cache-control").contains("no-store"));
        }
    }
}

/// Facts are current: not those of the sign-in.
#[tokio::test]
async fn userinfo_says_how_things_stand_now() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let tokens = client.connect_for(&ada, "openid profile").await;
    ask(&app, Method::GET, &tokens.access).await.assert(200);
    rename(&app, &ada, "Countess of Lovelace").await;
    let now = eventually(&app, &tokens.access, |answer| !answer.body.contains("Ada Lovelace")).await;
    assert_eq!(now.assert(200).json()["name"], "Countess of Lovelace");
    app.disable(&ada).await;
    let now = eventually(&app, &tokens.access, |answer| answer.status != 200).await;
    now.assert_refused(401, "invalid_token");
}

/// Asks until the node has heard.
async fn eventually(app: &TestApp, token: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
    let since = Instant::now();
    loop {
        let answer = ask(app, Method::GET, token).await;
        if is_it(&answer) {
            return answer;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn rename(app: &TestApp, person: &Browser, name: &str) {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::users as table;
    let change = diesel::update(table::table.find(person.user)).set(table::display_name.eq(name));
    app.write(async |conn| {
        change.execute(conn).await?;
        portcullis::db::changes::announce(conn, portcullis::identity::CHANGED).await
    })
    .await;
}

/// `decisions` 8: any audience of ours; the scope decides.
#[tokio::test]
async fn any_audience_opens_userinfo_and_only_openid_does() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let tokens = client.connect_for(&ada, "openid mcp:read").await;
    let mut claims = jwt(&tokens.access).1;
    claims["aud"] = json!([app.at("/calendar/mcp"), app.issuer()]);
    let elsewhere = key(&app, Algorithm::Es256).await.sign(TokenType::AccessToken, &claims).unwrap();
    ask(&app, Method::GET, &elsewhere).await.assert(200);
    let without = client.connect_for(&ada, "mcp:read").await;
    let answer = ask(&app, Method::GET, &without.access).await;
    answer.assert_refused(403, "insufficient_scope");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with(r#"Bearer error="insufficient_scope""#) && challenge.contains(r#"scope="openid""#));
    assert!(!challenge.contains("resource_metadata"), "{challenge}");
}

#[tokio::test]
async fn i1_i2_another_kind_of_token_opens_no_userinfo() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let tokens = client.connect_for(&ada, "openid mcp:read").await;
    let claims = jwt(&tokens.access).1;
    let id_token = tokens.id_token.unwrap();
    let (es256, rs256) = (key(&app, Algorithm::Es256).await, key(&app, Algorithm::Rs256).await);
    ask(&app, Method::GET, &es256.sign(TokenType::AccessToken, &claims).unwrap()).await.assert(200);
    let logout = |key: &SigningKey| key.sign(TokenType::LogoutToken, &claims).unwrap();
    let as_id_token = es256.sign(TokenType::IdToken, &claims).unwrap();
    let tail = &tokens.access[1..];
    for other in [&*id_token, &logout(&es256), &logout(&rs256), &as_id_token, &tokens.refresh, &client.id, tail, "null"]
    {
        let answer = ask(&app, Method::GET, other).await;
        answer.assert_refused(401, "invalid_token");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "RFC 6750 §3.1: {challenge}");
        app.call_mcp(other).await.assert(401);
    }
}

/// RFC 6750 §2.2, §2.3: neither of them.
#[tokio::test]
async fn i3_a_token_in_the_query_or_the_body_is_not_looked_at() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let token = client.connect_for(&ada, "openid").await.access;
    let in_query = format!("{}?access_token={token}", urls::USERINFO);
    app.get(&in_query).await.assert_refused(401, "unauthorized");
    let in_body = with_form(app.request(Method::POST, urls::USERINFO), &[("access_token", &token)]);
    app.send(in_body).await.assert_refused(401, "unauthorized");
    let other = app.request(Method::GET, urls::USERINFO).header(AUTHORIZATION, format!("Basic {token}"));
    app.send(other).await.assert_refused(401, "unauthorized");
}

/// §5.3: userinfo should be open to applications in a browser.
#[tokio::test]
async fn a_web_page_may_ask_and_read_the_answer() {
    let app = TestApp::start().await;
    let (ada, client) = (ada(&app).await, app.client().await);
    let token = client.connect_for(&ada, "openid").await.access;
    let request = app.request(Method::GET, urls::USERINFO).header(ORIGIN, "https://app.example");
    let answer = app.send(request.header(AUTHORIZATION, format!("Bearer {token}"))).await.assert(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

/// The installation's own key, as somebody who stole it would hold it.
pub async fn key(node: &Node, algorithm: Algorithm) -> SigningKey {
    let mut conn = node.db().read().await.unwrap();
    let keys = signing_key::published(&mut conn, node.clock().now()).await.unwrap();
    let key = keys.iter().find(|key| key.algorithm() == Some(algorithm)).unwrap();
    SigningKey::new(&key.kid, algorithm, &key.private_jwk(&node.app().keys).unwrap()).unwrap()
}
