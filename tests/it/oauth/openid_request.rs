//! OpenID Connect Core §3.1.2.1: how a client wishes its person to be met. And what the ID token says of it (§2, §3.1.3.6).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use portcullis::http::urls;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::{Ask, Client, Won, jwt};
use crate::support::{Answer, Browser, TestApp, Tokens};

async fn redeem(client: &Client, ask: &Ask, sent: &Answer) -> Tokens {
    let won = Won { code: sent.callback_parameter("code").expect("a code"), verifier: ask.verifier.clone() };
    client.redeem(&won).await.tokens()
}

/// Allows a request and looks at the ID token.
async fn id_token(ada: &Browser, client: &Client, ask: &Ask) -> Value {
    let sent = ada.allow(&ask.url()).await;
    jwt(&redeem(client, ask, &sent).await.id_token.unwrap()).1
}

fn openid(client: &Client) -> Ask {
    client.ask().with("scope", "openid mcp:read")
}

/// However the request came: a session that is there is not enough, and the one that follows is.
#[tokio::test]
async fn prompt_login_asks_for_the_password_once_and_the_token_says_when() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    for prompt in ["login", "select_account", "login consent"] {
        let ask = openid(&client).and("prompt", prompt);
        for is_pushed in [false, true] {
            ada.sign_in().await;
            app.clock().advance(TimeDelta::minutes(5));
            let url = if is_pushed { client.pushed(&ask).await } else { ask.url() };
            let page = ada.visit(&url).await;
            assert!(page.offers("Sign in"), "{prompt}: {}", page.words());
            let reloaded = ada.visit(&url).await;
            assert!(reloaded.offers("Sign in"), "looking again is no sign-in");
            let before = app.clock().now().timestamp();
            let consent = ada.follow(ada.sign_in_on(&page).await).await;
            let sent = ada.submit(&consent.form("Allow")).await.assert(303);
            let claims = jwt(&redeem(&client, &ask, &sent).await.id_token.unwrap()).1;
            assert!(claims["auth_time"].as_i64().unwrap() >= before, "{prompt}");
        }
    }
}

/// Whatever a client or a link says, nobody but us says that somebody has signed in.
#[tokio::test]
async fn prompt_login_cannot_be_talked_away() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = openid(&client).and("prompt", "login");
    let back = ada.sign_in_on(&ada.visit(&ask.url()).await).await.location().to_owned();
    let begun = back.split("begun=").nth(1).unwrap().to_owned();
    assert!(ada.visit(&back).await.offers("Allow"));
    app.clock().advance(TimeDelta::minutes(1));
    let other = openid(&client).and("prompt", "login").and("state2", "x");
    for said in [begun.as_str(), "", "x", "9999-01-01T00:00:00Z"] {
        let page = ada.visit(&other.clone().and("begun", said).url()).await;
        assert!(page.offers("Sign in"), "{said:?}: of another request, or of nobody");
    }
    app.clock().advance(TimeDelta::hours(1));
    assert!(ada.visit(&back).await.offers("Sign in"), "that was long ago");
}

#[tokio::test]
async fn prompt_is_one_of_its_values() {
    let app = TestApp::start().await;
    let client = app.client().await;
    for prompt in ["create", "Login", "none login", "none consent", "consent none", "login,consent"] {
        let answer = app.get(&client.ask().and("prompt", prompt).url()).await;
        answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
    }
    let offered = app.get(urls::OPENID_CONFIGURATION).await.json()["prompt_values_supported"].clone();
    assert_eq!(offered, json!(["none", "login", "consent", "select_account"]));
}

#[tokio::test]
async fn max_age_asks_again_once_when_the_sign_in_is_older() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    ada.sign_in().await;
    let fresh = openid(&client).and("max_age", "3600");
    assert!(ada.visit(&fresh.url()).await.offers("Allow"));
    app.clock().advance(TimeDelta::hours(2));
    for (max_age, way) in [("3600", "brought"), ("0", "brought"), ("1", "brought"), ("3600", "pushed"), ("0", "pushed")]
    {
        let ask = openid(&client).and("max_age", max_age);
        let url = if way == "pushed" { client.pushed(&ask).await } else { ask.url() };
        let page = ada.visit(&url).await;
        assert!(page.offers("Sign in"), "{max_age} {way}");
        let before = app.clock().now().timestamp();
        let consent = ada.follow(ada.sign_in_on(&page).await).await;
        let sent = ada.submit(&consent.form("Allow")).await.assert(303);
        let claims = jwt(&redeem(&client, &ask, &sent).await.id_token.unwrap()).1;
        assert!(claims["auth_time"].as_i64().unwrap() >= before, "{max_age} {way}");
        app.clock().advance(TimeDelta::hours(2));
    }
    for malformed in ["-1", "1.5", "soon", "1e9"] {
        let answer = app.get(&client.ask().and("max_age", malformed).url()).await;
        answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
    }
}

/// OpenID Connect Registration §2, `default_max_age`: what holds where the request says nothing.
#[tokio::test]
async fn a_clients_usual_max_age_holds_unless_a_request_has_another() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = Client::register(&app, json!({ "default_max_age": 60 })).await;
    ada.sign_in().await;
    assert!(ada.visit(&openid(&client).url()).await.offers("Allow"));
    app.clock().advance(TimeDelta::minutes(2));
    let another = openid(&client).and("max_age", "3600");
    assert!(ada.visit(&another.url()).await.offers("Allow"));
    let silent = ada.visit(&openid(&client).and("prompt", "none").url()).await;
    silent.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    for url in [openid(&client).url(), client.pushed(&openid(&client)).await] {
        assert!(ada.visit(&url).await.offers("Sign in"), "{url}");
    }
    let ask = openid(&client);
    let before = app.clock().now().timestamp();
    let consent = ada.follow(ada.sign_in_on(&ada.visit(&ask.url()).await).await).await;
    let sent = ada.submit(&consent.form("Allow")).await.assert(303);
    let claims = jwt(&redeem(&client, &ask, &sent).await.id_token.unwrap()).1;
    assert!(claims["auth_time"].as_i64().unwrap() >= before);
}

/// OpenID Connect Core §3.1.2.6: without a page there is an answer or an error.
#[tokio::test]
async fn without_a_page_a_sign_in_that_is_too_old_is_login_required() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.vouched_client("reports", "https://app.example/cb").await;
    ada.allow(&openid(&client).url()).await;
    let silent = openid(&client).and("prompt", "none");
    assert!(ada.visit(&silent.clone().and("max_age", "60").url()).await.callback_parameter("code").is_some());
    app.clock().advance(TimeDelta::minutes(2));
    for max_age in ["60", "0"] {
        let answer = ada.visit(&silent.clone().and("max_age", max_age).url()).await;
        answer.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    }
}

/// It is a stranger's word: written into the field, and nothing else.
#[tokio::test]
async fn a_login_hint_fills_in_the_name_and_decides_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    for hint in ["ada", "ada@example.com", "\"><script>alert(1)</script>"] {
        let ask = client.ask().and("login_hint", hint);
        for url in [ask.url(), client.pushed(&ask).await] {
            let sent = app.get(&url).await.assert(303);
            assert!(!sent.location().contains("ada"), "sealed: {}", sent.location());
            let page = ada.elsewhere().visit(&url).await;
            assert_eq!(page.form("Sign in").value("username"), hint);
            assert!(!page.body.contains("<script>alert"), "{}", page.body);
        }
    }
    for nobody in ["x".repeat(200), "a\nb".to_owned()] {
        let page = ada.visit(&client.ask().and("login_hint", &nobody).url()).await;
        assert_eq!(page.form("Sign in").value("username"), "");
    }
    let hinted = client.ask().and("login_hint", "bob");
    let page = ada.consider(&hinted.url()).await;
    assert!(page.offers("Allow"), "who signs in is who they are");
    let wrong = ada.elsewhere().visit(&hinted.url()).await;
    let form = wrong.form("Sign in").fill("Username", "ada").fill("Password", "not the password");
    assert_eq!(ada.elsewhere().submit(&form).await.status, 403);
}

#[tokio::test]
async fn an_id_token_hint_names_who_is_meant() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let client = app.vouched_client("reports", "https://app.example/cb").await;
    let ask = openid(&client);
    let sent = ada.allow(&ask.url()).await;
    let hint = redeem(&client, &ask, &sent).await.id_token.unwrap();
    bob.allow(&openid(&client).url()).await;
    app.clock().advance(TimeDelta::hours(3));
    let silent = openid(&client).and("prompt", "none");
    let hinted = silent.clone().and("id_token_hint", &hint);
    assert!(ada.visit(&hinted.url()).await.callback_parameter("code").is_some(), "it has expired, and names her still");
    bob.visit(&hinted.url()).await.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    for unknown in ["x", "a.b.c", &format!("{}x", &hint[..hint.len() - 3]), &redeemed_access(&app, &ada).await] {
        let answer = ada.visit(&silent.clone().and("id_token_hint", unknown).url()).await;
        answer.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
        let asked = ada.visit(&openid(&client).and("prompt", "consent").and("id_token_hint", unknown).url()).await;
        assert!(asked.offers("Allow"), "somebody who can be asked is asked");
    }
}

/// An access token is no ID token, whoever it names.
async fn redeemed_access(app: &TestApp, ada: &Browser) -> String {
    app.client().await.connect(ada).await.access
}

/// With pages, whoever is meant can come and sign in; somebody else who does is not passed off as them.
#[tokio::test]
async fn somebody_else_than_the_hint_names_has_to_sign_in_as_them() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let client = app.client().await;
    let ask = openid(&client);
    let sent = ada.allow(&ask.url()).await;
    let hint = redeem(&client, &ask, &sent).await.id_token.unwrap();
    let hinted = openid(&client).and("id_token_hint", &hint);
    bob.sign_in().await;
    app.clock().advance(TimeDelta::seconds(1));
    let page = bob.visit(&hinted.url()).await;
    let as_bob = bob.follow(bob.sign_in_on(&page).await).await;
    as_bob.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    let page = bob.visit(&hinted.url()).await;
    let form = page.form("Sign in").fill("Username", "ada").fill("Password", crate::support::app::PASSWORD);
    let as_ada = bob.follow(bob.submit(&form).await).await;
    assert!(as_ada.offers("Allow"), "{}", as_ada.words());
}

#[tokio::test]
async fn wishes_that_we_have_no_way_to_fulfil_are_tolerated() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = openid(&client)
        .and("acr_values", "urn:example:gold 1")
        .and("ui_locales", "de-CH fr")
        .and("claims_locales", "de")
        .and("display", "popup")
        .and(
            "claims",
            r#"{"id_token":{"acr":{"essential":true},"auth_time":null,"email":null},"userinfo":{"x":null}}"#,
        );
    let claims = id_token(&ada, &client, &ask).await;
    assert!(claims.get("email").is_none(), "claims open nothing that the scope does not");
    assert!(claims["auth_time"].is_i64() && claims["acr"].is_string());
    for malformed in ["[]", "x", "null", "{"] {
        let answer = app.get(&client.ask().and("claims", malformed).url()).await;
        answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
    }
    let answer = app.get(&client.ask().and("registration", "{}").url()).await;
    answer.assert_error_at(&client.redirect_uri, "registration_not_supported", app.issuer());
}

#[tokio::test]
async fn an_id_token_says_how_somebody_signed_in_and_with_which_access_token_it_came() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = openid(&client);
    let sent = ada.allow(&ask.url()).await;
    let first = redeem(&client, &ask, &sent).await;
    let second = client.refresh(&first.refresh).await.tokens();
    let metadata = app.get(urls::OPENID_CONFIGURATION).await.json();
    for tokens in [first, second] {
        let claims = jwt(&tokens.id_token.unwrap()).1;
        assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&Sha256::digest(&tokens.access)[..16]), "Core §3.1.3.6");
        assert!(metadata["acr_values_supported"].as_array().unwrap().contains(&claims["acr"]));
        for name in claims.as_object().unwrap().keys() {
            assert!(metadata["claims_supported"].as_array().unwrap().contains(&json!(name)), "{name}");
        }
    }
}
