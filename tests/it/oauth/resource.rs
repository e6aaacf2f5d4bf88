//! H: which door a token opens, and how wide.

use portcullis::http::urls;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::{Client, jwt};

/// RFC 8707 §2.
#[tokio::test]
async fn h1_what_is_no_resource_of_ours_is_an_invalid_target() {
    let app = TestApp::start().await;
    let client = app.client().await;
    let mcp = app.at(urls::MCP);
    for resource in [
        "https://evil.example/mcp",
        "/mcp",
        "mcp",
        &format!("{mcp}#x"),
        &format!("{mcp}?x=1"),
        &format!("{mcp}-other"),
        &format!("{mcp}/other"),
        &format!("{}/MCP", app.issuer()),
        &format!("{}/x/../mcp", app.issuer()),
        &format!("{}/%6dcp", app.issuer()),
        app.issuer(),
        "http://localhost/mcp",
        &mcp.replace("http:", "https:"),
        &mcp.replace("localhost", "user@localhost"),
        "*",
        "",
        " ",
    ] {
        let answer = app.get(&client.ask().and("resource", resource).url()).await;
        if resource.is_empty() {
            assert!(answer.callback_parameter("error").is_none(), "RFC 6749 §3.1: as if not sent");
        } else {
            answer.assert_error_at(&client.redirect_uri, "invalid_target", app.issuer());
        }
    }
    let two = client.ask().and("resource", &mcp).and("resource", "https://evil.example/mcp");
    app.get(&two.url()).await.assert_error_at(&client.redirect_uri, "invalid_target", app.issuer());
}

/// Clients differ in slash and case and mean the same: one form is in the token.
#[tokio::test]
async fn h1_other_spellings_of_ours_are_one_audience() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let mcp = app.at(urls::MCP);
    for spelling in [mcp.clone(), format!("{mcp}/"), mcp.replace("http://localhost", "HTTP://LOCALHOST")] {
        let won = client.win(&ada, &client.ask().and("resource", &spelling)).await;
        let redemption = [&client.redemption(&won)[..], &[("resource", &*spelling)]].concat();
        let tokens = client.token(&redemption).await.tokens();
        assert_eq!(jwt(&tokens.access).1["aud"], mcp, "{spelling}");
        client.refresh_with(&tokens.refresh, &[("resource", &spelling)]).await.tokens();
    }
}

#[tokio::test]
async fn h2_a_token_request_cannot_change_the_resource_and_burns_nothing_by_trying() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    let mcp = app.at(urls::MCP);
    for more in [
        vec![("resource", "https://evil.example/mcp")],
        vec![("resource", app.issuer())],
        vec![("resource", &*mcp), ("resource", "https://evil.example/mcp")],
    ] {
        let changed = [&client.redemption(&won)[..], &more].concat();
        client.token(&changed).await.assert_refused(400, "invalid_target");
    }
    client.redeem(&won).await.tokens();
}

#[tokio::test]
async fn h4_nothing_widens_what_was_granted() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = client.ask().with("scope", "mcp:read mgmt.admin");
    let won = client.win(&ada, &ask).await;
    let widened = [&client.redemption(&won)[..], &[("scope", "mcp:delete mgmt.admin")]].concat();
    let tokens = client.token(&widened).await.tokens();
    assert_eq!(tokens.scope, "mcp:read", "not what the client may never have, and not what nobody allowed");
    for wider in ["mcp:read mcp:write", "mcp:delete", "mgmt.read", "openid", "offline_access"] {
        let answer = client.refresh_with(&tokens.refresh, &[("scope", wider)]).await;
        answer.assert_refused(400, "invalid_scope");
    }
    app.call_tool(&tokens.access, "leave_note", json!({ "note": "x" })).await.assert(403);
}

/// A form is only a form: the boxes can be edited, what was asked cannot.
#[tokio::test]
async fn h4_an_edited_consent_grants_no_more_than_was_asked() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = Client::register(&app, json!({})).await;
    let ask = client.ask().with("scope", "mcp:read");
    let page = ada.consider(&ask.url()).await;
    let form = page.form("Allow").and("scope", "mcp:delete").and("scope", "mgmt.admin").and("scope", "openid");
    let code = ada.submit(&form).await.callback_parameter("code").unwrap();
    let won = crate::support::client::Won { code, verifier: ask.verifier };
    assert_eq!(client.redeem(&won).await.tokens().scope, "mcp:read");
}
