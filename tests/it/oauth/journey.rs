//! What honest clients do, from registration to the end of what they were allowed.

use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::identity::group::Group;
use serde_json::json;

use crate::support::client::{Client, jwt};
use crate::support::{TestApp, Tokens};

#[tokio::test]
async fn a_client_registers_is_allowed_calls_refreshes_and_is_ended() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    app.call_mcp(&tokens.access).await.assert(200);
    let fresh = client.refresh(&tokens.refresh).await.tokens();
    assert_ne!(fresh.refresh, tokens.refresh, "rotation (OAuth 2.1 §4.3.1)");
    app.call_mcp(&fresh.access).await.assert(200);
    client.revoke(&fresh.refresh).await.assert(200);
    app.call_mcp(&fresh.access).await.assert(401);
    app.call_mcp(&tokens.access).await.assert(401);
    client.refresh(&fresh.refresh).await.assert_refused(400, "invalid_grant");
    assert!(ada.get(urls::APPS).await.assert(200).words().contains("Nothing is connected yet"));
}

#[tokio::test]
async fn an_access_token_is_what_rfc_9068_says() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let Tokens { access, scope, id_token, .. } = client.connect(&ada).await;
    let (header, claims) = jwt(&access);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert_eq!(claims["iss"], app.issuer());
    assert_eq!(claims["aud"], app.at(urls::MCP), "H3: without a resource, the documented default");
    assert_eq!(claims["sub"], ada.user.to_string());
    assert_eq!(claims["client_id"], client.id);
    assert_eq!((&claims["scope"], &claims["scopes"]), (&json!(scope), &json!(["mcp:read", "mcp:write"])));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(claims.get("groups").is_none(), "only when asked for");
    assert!(id_token.is_none(), "only for openid");
}

#[tokio::test]
async fn openid_brings_an_id_token_about_this_very_sign_in() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = client.ask().with("scope", "openid mcp:read").and("nonce", "n-0S6");
    let tokens = client.redeem(&client.win(&ada, &ask).await).await.tokens();
    let (header, claims) = jwt(&tokens.id_token.unwrap());
    assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer()), &json!(client.id)));
    assert_eq!((&claims["nonce"], &claims["sub"]), (&json!("n-0S6"), &json!(ada.user.to_string())));
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!(claims["auth_time"].as_i64().unwrap() <= claims["iat"].as_i64().unwrap());
    let published = app.get(urls::JWKS).await.json();
    let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert!(kids.contains(&header["kid"]) && kids.contains(&jwt(&tokens.access).0["kid"]), "{kids:?}");
}

#[tokio::test]
async fn groups_are_in_the_token_when_asked_for() {
    let app = TestApp::start().await;
    let now = app.clock().now();
    app.write(async |conn| Group::insert(conn, "engines", "", now).await).await;
    let groups = vec!["engines".to_owned()];
    let ada = app.add(NewPerson { username: "ada".to_owned(), groups, ..NewPerson::default() }).await;
    let tokens = app.client().await.connect_for(&ada, "mcp:read groups").await;
    assert_eq!(jwt(&tokens.access).1["groups"], json!(["engines"]));
}

/// OpenID Connect Core §5.4: what the consent page calls *See your email address* is what the client gets to see.
#[tokio::test]
async fn an_id_token_says_of_its_person_what_was_granted_and_nothing_else() {
    let app = TestApp::start().await;
    let now = app.clock().now();
    app.write(async |conn| Group::insert(conn, "engines", "", now).await).await;
    let person = NewPerson {
        username: "ada".to_owned(),
        display_name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        groups: vec!["engines".to_owned()],
        ..NewPerson::default()
    };
    let (ada, client) = (app.add(person).await, app.client().await);
    let supported = app.get(urls::OPENID_CONFIGURATION).await.json()["claims_supported"].clone();
    for (scope, expected) in [
        ("openid", json!({})),
        ("openid email", json!({ "email": "ada@example.com" })),
        ("openid profile", json!({ "name": "Ada Lovelace", "preferred_username": "ada" })),
        ("openid groups", json!({ "groups": ["engines"] })),
    ] {
        let tokens = client.connect_for(&ada, scope).await;
        let claims = jwt(&tokens.id_token.unwrap()).1;
        for name in ["email", "name", "preferred_username", "groups"] {
            assert_eq!(claims.get(name), expected.get(name), "{scope}: {name}");
            assert!(supported.as_array().unwrap().contains(&json!(name)), "{name}");
        }
        let access = jwt(&tokens.access).1;
        assert!(["email", "name", "preferred_username"].iter().all(|name| access.get(name).is_none()), "{scope}");
    }
    let bob = app.person("bob").await;
    let claims = jwt(&client.connect_for(&bob, "openid email").await.id_token.unwrap()).1;
    assert!(claims.get("email").is_none(), "an address that is not known is left out, never null");
}

#[tokio::test]
async fn a_website_with_a_secret_connects_by_either_method() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let web = json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": method });
        let client = Client::register(&app, web).await;
        let tokens = client.connect(&ada).await;
        app.call_mcp(&tokens.access).await.assert(200);
        client.refresh(&tokens.refresh).await.tokens();
    }
}

#[tokio::test]
async fn somebody_who_denies_is_believed() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let answer = ada.deny(&client.ask().url()).await;
    answer.assert_error_at(&client.redirect_uri, "access_denied", app.issuer());
    assert_eq!(answer.callback_parameter("state").as_deref(), Some("the-state"));
}

#[tokio::test]
async fn an_unticked_scope_is_not_granted_and_the_answer_says_so() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = client.ask();
    let page = ada.consider(&ask.url()).await;
    let answer = ada.submit(&page.form("Allow").untick("mcp:write")).await.assert(303);
    let code = answer.callback_parameter("code").unwrap();
    let won = crate::support::client::Won { code, verifier: ask.verifier };
    assert_eq!(client.redeem(&won).await.tokens().scope, "mcp:read", "RFC 6749 §5.1");
}

#[tokio::test]
async fn prompt_none_answers_without_a_page() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = client.ask().and("prompt", "none");
    ada.visit(&ask.url()).await.assert_error_at(&client.redirect_uri, "login_required", app.issuer());
    ada.sign_in().await;
    ada.visit(&ask.url()).await.assert_error_at(&client.redirect_uri, "consent_required", app.issuer());
}

#[tokio::test]
async fn an_authorization_request_by_post_is_the_same_journey() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let first = app.post_form(urls::AUTHORIZE, &client.ask().parameters).await.assert(303);
    assert!(ada.consider(first.location()).await.offers("Allow"), "OpenID Connect Core §3.1.2.1");
}
