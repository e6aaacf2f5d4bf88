//! What a key opens, in which header, and for whom.

use diesel_async::SimpleAsyncConnection;
use portcullis::credentials::NewKey;
use portcullis::db::changes;
use portcullis::http::urls;
use portcullis::identity;
use portcullis::identity::add_person::NewPerson;
use portcullis::types::{Permissions, SubjectId};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::{Answer, TestApp};

/// Calls a harmless tool with these headers.
async fn call(node: &Node, headers: &[(&str, &str)]) -> Answer {
    let request = node.mcp_request("list_services", json!({}));
    node.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn servers(node: &Node, key: &str) -> Answer {
    node.send(node.request(Method::GET, urls::API_MCP_SERVERS).header("x-api-key", key)).await
}

/// S-20: a key is a bearer token, or comes in its own header.
#[tokio::test]
async fn a_key_opens_mcp_and_the_management_api_in_each_of_its_headers() {
    let app = TestApp::start().await;
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let key = app.key(&root).await;
    let bearer = format!("Bearer {}", key.secret);
    for header in [("authorization", bearer.as_str()), ("x-authorization", &bearer), ("x-api-key", &key.secret)] {
        call(&app, &[header]).await.assert(200);
        let request = app.request(Method::GET, urls::API_MCP_SERVERS).header(header.0, header.1);
        app.send(request).await.assert(200);
    }
    let told = app.call_tool(&key.secret, "debug_auth_context", json!({})).await.assert(200).json();
    let told = &told["result"]["structuredContent"];
    assert_eq!(told["subject"]["username"], "root");
    assert_eq!(told["credential"]["kind"], "api_key");
    assert_eq!(told["client"], json!({ "client_id": key.prefix, "client_name": "CI/CD Pipeline" }));
    assert_eq!(told["scopes"], json!(["mcp:read", "mcp:write", "mgmt.read", "mgmt.write"]));
    assert_eq!(told["audience"], app.issuer());
    for answer in [
        app.send(app.request(Method::GET, urls::USERINFO).header("x-api-key", &key.secret)).await,
        app.get(&format!("{}?api_key={}", urls::MCP, key.secret)).await,
        call(&app, &[("authorization", &format!("DPoP {}", key.secret))]).await,
        call(&app, &[("authorization", &format!("Basic {}", key.secret))]).await,
    ] {
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
}

/// `decisions` 9.
#[tokio::test]
async fn the_first_header_decides_and_nothing_else_is_tried_when_it_fails() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (key, token) = (app.key(&ada).await, app.client().await.connect(&ada).await.access);
    let (good_key, good_token) = (format!("Bearer {}", key.secret), format!("Bearer {token}"));
    for (headers, status) in [
        (
            &[("x-authorization", good_token.as_str()), ("x-api-key", "nonsense"), ("authorization", "Bearer x")][..],
            200,
        ),
        (&[("x-api-key", key.secret.as_str()), ("authorization", "Bearer x")], 200),
        (&[("x-authorization", "Bearer x"), ("x-api-key", key.secret.as_str())], 401),
        (&[("x-api-key", "nonsense"), ("authorization", good_key.as_str())], 401),
        (&[("x-api-key", ""), ("authorization", good_key.as_str())], 401),
        // The header of keys takes keys.
        (&[("x-api-key", token.as_str())], 401),
    ] {
        assert_eq!(call(&app, headers).await.status, status, "{headers:?}");
    }
}

/// What a key may do is what it was given, within what its owner may now.
#[tokio::test]
async fn a_key_never_does_more_than_its_owner_may_at_that_moment() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let everything = |usual| NewKey { permissions: Permissions::all(), ..usual };
    let key = app.key_as(&ada, everything).await;
    let told = app.call_tool(&key.secret, "debug_auth_context", json!({})).await.assert(200).json();
    let scopes = &told["result"]["structuredContent"]["scopes"];
    assert_eq!(*scopes, json!(["mcp:delete", "mcp:read", "mcp:write"]), "she manages nothing");
    servers(&app, &key.secret).await.assert(403);
    let promote = "UPDATE workspace_members SET role = 'admin'";
    app.write(async |conn| {
        conn.batch_execute(promote).await?;
        changes::announce(conn, identity::CHANGED).await
    })
    .await;
    app.becomes(async || servers(&app, &key.secret).await, 200).await;
}

/// L2: a key that only reads, made by somebody who may do everything.
#[tokio::test]
async fn l2_the_role_of_its_owner_never_widens_a_key() {
    let app = TestApp::start().await;
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let key = app.key_as(&root, |usual| NewKey { permissions: Permissions::read(), ..usual }).await;
    app.call_mcp(&key.secret).await.assert(200);
    servers(&app, &key.secret).await.assert(200);
    let note = app.call_tool(&key.secret, "leave_note", json!({ "note": "mine" })).await;
    assert_ne!(note.status, 200, "{}", note.body);
    assert!(app.events("note.left").await.is_empty());
    let places = app.key_as(&root, |usual| NewKey { permissions: "places:read".parse().unwrap(), ..usual }).await;
    let elsewhere = app.call_mcp(&places.secret).await;
    assert!(elsewhere.status != 200, "the permission to use tools is missing: {}", elsewhere.body);
    assert!(servers(&app, &places.secret).await.status == 403);
}

#[tokio::test]
async fn a_key_stops_with_its_owner() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let (hers, his) = (app.key(&ada).await, app.key(&bob).await);
    let agent = app.program(account("agent")).await;
    let id = app.account_id("agent").await;
    let (its, of_all) = (app.key_of(SubjectId::Service(id), |usual| usual).await, app.workspace().await);
    let shared = app.key_of(SubjectId::Workspace(of_all), |usual| usual).await;
    for key in [&hers, &his, &its, &shared] {
        app.call_mcp(&key.secret).await.assert(200);
    }
    app.disable(&ada).await;
    app.sees_the_end_of(&hers.secret).await;
    let leave = format!("DELETE FROM workspace_members WHERE user_id = '{}'", bob.user);
    app.write(async |conn| {
        conn.batch_execute(&leave).await?;
        changes::announce(conn, identity::CHANGED).await
    })
    .await;
    app.sees_the_end_of(&his.secret).await;
    app.remove_account(&agent.id).await;
    app.sees_the_end_of(&its.secret).await;
    app.call_mcp(&shared.secret).await.assert(200);
}

/// A workspace's own key outlives whoever made it, and manages what its managers do there: nothing of the installation.
#[tokio::test]
async fn a_key_of_a_workspace_is_nobodys_and_stays_in_it() {
    let app = TestApp::start().await;
    let workspace = app.workspace().await;
    let everything = |usual| NewKey { permissions: Permissions::all(), ..usual };
    let key = app.key_of(SubjectId::Workspace(workspace), everything).await;
    let told: Value = app.call_tool(&key.secret, "debug_auth_context", json!({})).await.assert(200).json();
    let told = &told["result"]["structuredContent"];
    assert_eq!(told["subject"]["kind"], "workspace");
    assert_eq!(told["subject"]["username"], "mcp-gateway");
    assert!(!told["scopes"].as_array().unwrap().contains(&json!("mgmt.admin")));
    servers(&app, &key.secret).await.assert(200);
    app.call_tool(&key.secret, "leave_note", json!({ "note": "from all of us" })).await.assert(200);
}

/// Keys outlive the setting that they were tagged by.
#[tokio::test]
async fn a_tag_of_ones_own_is_used_from_now_on_and_keys_of_an_older_one_go_on() {
    let app = TestApp::configured(|config| config.tokens.api_key_tag = "sta".parse().unwrap()).await;
    let ada = app.person("ada").await;
    let new = app.key(&ada).await;
    assert!(new.secret.starts_with("sta_") && new.prefix == new.secret[..8]);
    let old = app.key_tagged(&"pcl".parse().unwrap(), SubjectId::Person(ada.user), |usual| usual).await;
    assert!(old.secret.starts_with("pcl_") && old.prefix == old.secret[..8]);
    for key in [old, new] {
        app.call_mcp(&key.secret).await.assert(200);
    }
}

/// N1: the challenge of a key that is no good is that of any other credential.
#[tokio::test]
async fn a_key_that_is_no_good_is_challenged_as_rfc_6750_says() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    let mistyped = key.secret.replace(&key.secret[10..11], if &key.secret[10..11] == "x" { "y" } else { "x" });
    for bad in [mistyped.as_str(), &key.secret[..key.secret.len() - 1], "pcl_", "sta_abc1"] {
        let answer =
            app.send(app.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("Bearer {bad}"))).await;
        let challenge = answer.assert(401).header("www-authenticate").to_owned();
        assert!(challenge.starts_with(r#"Bearer error="invalid_token""#), "{challenge}");
        let metadata = format!(r#"resource_metadata="{}{}{}""#, app.issuer(), urls::PROTECTED_RESOURCE, urls::MCP);
        assert!(challenge.contains(&metadata), "{challenge}");
    }
}
