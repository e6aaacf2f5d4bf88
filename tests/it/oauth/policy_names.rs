//! `decisions` 10: names of policies in the scope of programs, as the systems that they come from have them. They only narrow.

use portcullis::audit::Origin;
use portcullis::grants::m2m_account::NewAccount;
use portcullis::http::urls;
use portcullis::policies::save::{self, By};
use portcullis::policies::{Draft, Reading};
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::behind::Behind;
use crate::support::m2m::account;
use crate::support::{Answer, Client, TestApp};

const RESTRICTED: &str = "mcp-servers-restricted/execute";
const UNRESTRICTED: &str = "mcp-servers-unrestricted/execute";
const OTHERS: &str = "others/execute";

/// Lets a policy be for these groups, and allow these tools of the server.
async fn policy(app: &Node, name: &str, groups: &[&str], tools: &[&str]) {
    let rule =
        json!({ "effect": "allow", "server": "weather", "methods": ["tools/list", "tools/call"], "tools": tools });
    let draft = Draft::read(&Reading::of(&json!({ "name": name, "groups": groups, "rules": [rule] }))).unwrap();
    let origin = Origin::operator();
    let by = By { user: None, origin: &origin, now: app.clock().now() };
    app.app().rule(async |conn| save::put(conn, &draft, by).await).await.unwrap();
}

async fn house(behind: &Behind) -> (TestApp, Client) {
    let app = TestApp::start().await;
    app.register_behind("weather", behind, "").await;
    let group: &[&str] = &["public-mcp-users"];
    policy(&app, RESTRICTED, group, &["look"]).await;
    policy(&app, UNRESTRICTED, group, &["look", "change"]).await;
    policy(&app, OTHERS, &["others"], &["*"]).await;
    let client = app.program(NewAccount { exchanges: true, ..account("agent") }).await;
    (app, client)
}

async fn call(app: &TestApp, token: &str, tool: &str) -> u16 {
    app.ask_behind("weather", token, "tools/call", json!({ "name": tool })).await.status
}

async fn scoped(client: &Client, scope: &str) -> Answer {
    client.act(&[("scope", scope)]).await
}

#[tokio::test]
async fn a_token_that_names_a_policy_is_narrowed_to_it() {
    let behind = Behind::ordinary();
    let (app, client) = house(&behind).await;
    let all = client.act(&[]).await.tokens().access;
    assert_eq!((call(&app, &all, "look").await, call(&app, &all, "change").await), (200, 200));
    let tokens = scoped(&client, RESTRICTED).await.tokens();
    assert_eq!(tokens.scope, format!("{RESTRICTED} mcp:read mcp:write"), "names alone manage nothing");
    let narrow = tokens.access;
    assert_eq!((call(&app, &narrow, "look").await, call(&app, &narrow, "change").await), (200, 403));
    assert_eq!(app.api(&narrow, reqwest::Method::GET, urls::API_MCP_SERVERS).await.status, 403);
    let both = scoped(&client, &format!("{RESTRICTED} {UNRESTRICTED}")).await.tokens().access;
    assert_eq!((call(&app, &both, "look").await, call(&app, &both, "change").await), (200, 200));
    let reading = scoped(&client, &format!("{UNRESTRICTED} mcp:read")).await.tokens();
    assert_eq!(reading.scope, format!("{UNRESTRICTED} mcp:read"));
    assert_eq!((call(&app, &reading.access, "look").await, call(&app, &reading.access, "change").await), (200, 403));
    let told = client.post(urls::INTROSPECT, &[("token", &narrow)]).await.assert(200).json();
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!(format!("{RESTRICTED} mcp:read mcp:write"))));
}

/// A name opens nothing: neither a policy of other groups nor one that is not there can be asked for.
#[tokio::test]
async fn a_policy_that_is_not_given_is_refused_by_its_name() {
    let behind = Behind::ordinary();
    let (app, client) = house(&behind).await;
    for (asked, named) in [
        (OTHERS.to_owned(), OTHERS),
        (format!("{RESTRICTED} {OTHERS}"), OTHERS),
        ("mcp:read nobodys/execute".to_owned(), "nobodys/execute"),
        ("mcp:everything".to_owned(), "mcp:everything"),
    ] {
        let refused = scoped(&client, &asked).await.assert(400).json();
        assert_eq!(refused["error"], "invalid_scope", "{asked}");
        let why = refused["error_description"].as_str().unwrap();
        assert!(why.starts_with(&format!("{named} is neither")), "{asked}: {why}");
    }
    let wide = scoped(&client, &format!("{RESTRICTED} mgmt.admin")).await.assert(400).json();
    assert_eq!(wide["error"], "invalid_scope");
    assert!(!wide.to_string().contains("neither"));
    assert_eq!(app.events("client_credentials.refused").await.len(), 5);
    let metadata = app.get(urls::AUTHORIZATION_SERVER).await.json();
    let scopes: Vec<Value> = metadata["scopes_supported"].as_array().unwrap().clone();
    assert!(
        scopes.iter().all(|scope| !scope.as_str().unwrap().contains('/')),
        "what there is to name is nobody's business"
    );
}

#[tokio::test]
async fn a_policy_that_is_taken_from_the_group_is_out_of_force_at_once() {
    let behind = Behind::ordinary();
    let (app, client) = house(&behind).await;
    let narrow = scoped(&client, RESTRICTED).await.tokens().access;
    assert_eq!(call(&app, &narrow, "look").await, 200);
    policy(&app, RESTRICTED, &["others"], &["look"]).await;
    assert_eq!(call(&app, &narrow, "look").await, 403, "the other policies of the group do not stand in for it");
    scoped(&client, RESTRICTED).await.assert_refused(400, "invalid_scope");
    policy(&app, RESTRICTED, &["public-mcp-users"], &["look"]).await;
    assert_eq!((call(&app, &narrow, "look").await, call(&app, &narrow, "change").await), (200, 403));
}

/// Attack: a narrow token is exchanged for one that opens more.
#[tokio::test]
async fn what_a_token_is_narrowed_to_stays_when_it_is_exchanged() {
    let behind = Behind::ordinary();
    let (app, client) = house(&behind).await;
    let exchange = async |token: &str, scope: Option<&str>| {
        let access = "urn:ietf:params:oauth:token-type:access_token";
        let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
        let usual = [("grant_type", grant), ("subject_token", token), ("subject_token_type", access)];
        let scope = scope.map(|scope| ("scope", scope));
        client.token(&usual.into_iter().chain(scope).collect::<Vec<_>>()).await
    };
    let narrow = scoped(&client, RESTRICTED).await.tokens().access;
    for (asked, got) in [
        (None, format!("{RESTRICTED} mcp:read mcp:write")),
        (Some("mcp:read"), format!("{RESTRICTED} mcp:read")),
        (Some("mcp:write"), format!("{RESTRICTED} mcp:write")),
        (Some(RESTRICTED), format!("{RESTRICTED} mcp:read mcp:write")),
    ] {
        let tokens = exchange(&narrow, asked).await.tokens();
        assert_eq!(tokens.scope, got, "{asked:?}");
        assert_eq!((call(&app, &tokens.access, "look").await, call(&app, &tokens.access, "change").await), (200, 403));
    }
    let both = scoped(&client, &format!("{RESTRICTED} {UNRESTRICTED}")).await.tokens().access;
    assert_eq!(exchange(&both, Some(UNRESTRICTED)).await.tokens().scope, format!("{UNRESTRICTED} mcp:read mcp:write"));
    for wider in [UNRESTRICTED, &format!("{RESTRICTED} {UNRESTRICTED}"), "mcp:delete"] {
        exchange(&narrow, Some(wider)).await.assert_refused(400, "invalid_scope");
    }
    let all = client.act(&[]).await.tokens().access;
    exchange(&all, Some(RESTRICTED)).await.assert_refused(400, "invalid_scope");
}
