//! Input that nobody sends by accident: the harness fails on any 500.

use portcullis::http::urls;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::client::{CALLBACK, Client};

/// What databases, parsers and logs stumble over.
const NASTY: [&str; 8] =
    ["\0", "a\0b", "\u{feff}", "\u{202e}", "'; DROP TABLE users; --", "%00", "\r\nX: y", "\u{10ffff}"];

#[tokio::test]
async fn nasty_parameters_of_an_authorization_request_are_answered() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let client = app.client().await;
    for nasty in NASTY {
        for name in [
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "resource",
            "prompt",
            "response_type",
            "response_mode",
            "max_age",
            "login_hint",
            "id_token_hint",
            "claims",
            "request",
            "request_uri",
            "dpop_jkt",
            "begun",
            "x",
        ] {
            let answer = ada.visit(&client.ask().with(name, nasty).url()).await;
            assert!(answer.status < 500, "{name}: {nasty:?} {}", answer.body);
            if name == "state" && answer.offers("Allow") {
                let sent = ada.submit(&answer.form("Allow")).await.assert(303);
                assert_eq!(sent.callback_parameter("state").as_deref(), Some(nasty), "handed back untouched");
            }
        }
    }
}

#[tokio::test]
async fn nasty_parameters_of_client_endpoints_are_answered() {
    let app = TestApp::start().await;
    let client = app.client().await;
    for nasty in NASTY {
        for name in
            ["code", "code_verifier", "redirect_uri", "refresh_token", "scope", "resource", "grant_type", "token", "x"]
        {
            for (path, grant) in
                [(urls::TOKEN, "authorization_code"), (urls::TOKEN, "refresh_token"), (urls::REVOKE, "")]
            {
                let usual = [("grant_type", grant), ("code", "x"), ("code_verifier", "x"), ("refresh_token", "x")];
                let usual = usual.into_iter().filter(|(other, _)| *other != name);
                let answer = client.post(path, &usual.chain([(name, nasty)]).collect::<Vec<_>>()).await;
                assert!(answer.status < 500, "{path} {name}: {nasty:?} {}", answer.body);
            }
        }
        for name in ["redirect_uri", "request", "state", "login_hint", "claims", "x"] {
            let answer = client.push(&client.ask().with(name, nasty)).await;
            assert!(answer.status < 500, "{name}: {nasty:?} {}", answer.body);
        }
        let unknown = Client::known(&app, nasty, CALLBACK);
        let expected = if nasty.contains('\0') { 400 } else { 401 };
        assert_eq!(unknown.refresh("x").await.status, expected, "{nasty:?}");
    }
}

#[tokio::test]
async fn nasty_metadata_is_answered_and_what_is_accepted_can_be_shown() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for nasty in NASTY {
        for name in ["client_name", "client_uri", "logo_uri", "software_id", "scope", "application_type", "x"] {
            let answer = app.post_json(urls::REGISTER, &json!({ "redirect_uris": [CALLBACK], name: nasty })).await;
            assert!(answer.status < 500, "{name}: {nasty:?} {}", answer.body);
            if let Some(Value::String(id)) = answer.json().get("client_id") {
                let page = ada.visit(&Client::known(&app, id, CALLBACK).ask().url()).await;
                assert!(page.offers("Allow"), "{name}: {nasty:?}");
            }
            app.clock().advance(chrono::TimeDelta::seconds(10));
        }
        let contacts = json!({ "redirect_uris": [CALLBACK], "contacts": [nasty] });
        assert!(app.post_json(urls::REGISTER, &contacts).await.status < 500, "{nasty:?}");
    }
}

#[tokio::test]
async fn nasty_fields_of_pages_and_tools_are_answered() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    for nasty in NASTY {
        let answer = app.call_tool(&tokens.access, "leave_note", json!({ "note": nasty })).await;
        assert!(answer.status < 500, "{nasty:?} {}", answer.body);
        let form = ada.get(urls::REVOKE_APPS).await.form("Revoke all").set("app", nasty);
        assert!(ada.submit(&form).await.status < 500, "{nasty:?}");
        let encoded: String = url::form_urlencoded::byte_serialize(nasty.as_bytes()).collect();
        for path in [
            format!("{}?ended={encoded}", urls::APPS),
            format!("{}?q={encoded}&sort={encoded}&page={encoded}", urls::APPS),
            format!("{}?app={encoded}", urls::REVOKE_APPS),
            format!("{}?q={encoded}&sort={encoded}&show={encoded}&page={encoded}", urls::CLIENTS),
            format!("{}?type={encoded}", urls::NEW_CLIENT),
            urls::CLIENT.replace("{id}", &encoded.replace('+', "%20")),
            format!("{}?request={encoded}", urls::CONSENT),
            format!("{}?token={encoded}", urls::SETUP),
            format!("{}?return_to={encoded}", urls::LOGIN),
        ] {
            let answer = ada.get(&path).await;
            assert!(answer.status < 500, "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn nonsense_for_a_query_or_a_body_is_answered() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for query in
        ["%", "%zz", "&&&===", "a=b=c", "=", "%ff=%ff", "client_id=%ff%fe", "client_id=%00", &"a&".repeat(5000)]
    {
        for path in [urls::AUTHORIZE, urls::CONSENT, urls::LOGIN, urls::SETUP, urls::APPS, urls::JWKS] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert!(answer.status < 500, "{path}?{query}");
        }
        for path in [
            urls::AUTHORIZE,
            urls::TOKEN,
            urls::REVOKE,
            urls::PAR,
            urls::REGISTER,
            urls::CONSENT,
            urls::LOGIN,
            urls::MCP,
        ] {
            let request = app.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
            let answer = app.send(request.body(query.to_owned())).await;
            assert!(answer.status < 500, "{path} {query}");
        }
    }
}
