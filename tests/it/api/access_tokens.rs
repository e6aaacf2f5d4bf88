//! `/api/v1/access-tokens`: made, listed, rotated and revoked by programs; and by whom not (L1, L2).

use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::{Answer, Browser, TestApp};

async fn post(node: &Node, token: &str, path: &str, body: &Value) -> Answer {
    let request = node.request(Method::POST, path).header(AUTHORIZATION, format!("Bearer {token}"));
    node.send(request.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
}

/// A token of their own with everything that a person may do.
async fn own_token(app: &TestApp, person: &Browser) -> String {
    let form = person.get(urls::JWT_TOKEN).await.assert(200).form("Get token");
    let token = person.submit(&form).await.assert(200).says("jwt-token");
    app.is_secret(&token);
    token
}

async fn administrator(app: &TestApp, name: &str) -> (Browser, String) {
    let admin = app.add(NewPerson { username: name.to_owned(), is_admin: true, ..NewPerson::default() }).await;
    admin.sign_in().await;
    let token = own_token(app, &admin).await;
    (admin, token)
}

fn one(id: &Value) -> String {
    urls::API_ACCESS_TOKEN.replace("{id}", id.as_str().unwrap())
}

fn rotation(id: &Value) -> String {
    urls::API_ACCESS_TOKEN_ROTATE.replace("{id}", id.as_str().unwrap())
}

#[tokio::test]
async fn a_program_makes_lists_rotates_and_revokes_them() {
    let app = TestApp::start().await;
    let (root, token) = administrator(&app, "root").await;
    let wanted = json!({ "name": "CI", "scopes": ["mcp:read", "mgmt.read"] });
    let answer = post(&app, &token, urls::API_ACCESS_TOKENS, &wanted).await.assert(201);
    let made = answer.json();
    assert_eq!(answer.location(), app.at(&one(&made["id"])));
    assert!(answer.header("cache-control").contains("no-store"));
    let pat = made["access_token"].as_str().unwrap().to_owned();
    app.call_mcp(&pat).await.assert(200);
    assert_eq!((&made["scope"], &made["state"]), (&json!(["mcp-gateway"]), &json!("active")));
    assert!(made.get("expires_at").is_none() && made.get("mcp_server_id").is_none());
    let listed = app.api(&token, Method::GET, urls::API_ACCESS_TOKENS).await.assert(200);
    assert!(!listed.body.contains(&pat));
    assert_eq!(listed.json()["items"][0]["id"], made["id"]);
    assert_eq!(app.api(&pat, Method::GET, &one(&made["id"])).await.assert(200).json()["name"], "CI");

    let next = post(&app, &token, &rotation(&made["id"]), &json!({ "overlap_days": 0 })).await.assert(201).json();
    app.call_mcp(&pat).await.assert(401);
    let successor = next["access_token"].as_str().unwrap();
    app.call_mcp(successor).await.assert(200);
    post(&app, &token, &rotation(&made["id"]), &json!({})).await.assert(409);
    for _ in 0..2 {
        app.api(&token, Method::DELETE, &one(&next["id"])).await.assert(204);
    }
    app.call_mcp(successor).await.assert(401);
    let revoked = format!("{}?state=revoked&search=ci&sort=name", urls::API_ACCESS_TOKENS);
    assert_eq!(app.api(&token, Method::GET, &revoked).await.json()["items"][0]["id"], next["id"]);
    assert!(root.get(urls::ACCESS_TOKENS).await.words().contains("Revoked and expired"));
}

#[tokio::test]
async fn lists_are_cut_into_pages_and_ordered() {
    let app = TestApp::start().await;
    let (_, token) = administrator(&app, "root").await;
    for name in ["b", "c", "a"] {
        let wanted = json!({ "name": name, "scopes": ["mcp:read"] });
        post(&app, &token, urls::API_ACCESS_TOKENS, &wanted).await.assert(201);
    }
    let page = async |query: &str| {
        app.api(&token, Method::GET, &format!("{}?limit=2&sort=name{query}", urls::API_ACCESS_TOKENS))
            .await
            .assert(200)
            .json()
    };
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = page("").await;
    assert_eq!(names(&first), ["a", "b"]);
    let last = page(&format!("&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(names(&last), ["c"]);
    assert!(last.get("next_cursor").is_none());
    for bad in ["sort=up", "state=lost", "owner=me", "cursor=!"] {
        let path = format!("{}?{bad}", urls::API_ACCESS_TOKENS);
        assert_eq!(app.api(&token, Method::GET, &path).await.status, 400, "{bad}");
    }
}

/// L1, L2: what was made in settings makes, changes and ends nothing, whatever its owner may do.
#[tokio::test]
async fn l1_l2_a_token_that_administers_neither_makes_nor_ends_any() {
    let app = TestApp::start().await;
    let (root, _) = administrator(&app, "root").await;
    let pat = app.pat_as(&root, |form| form.and("scopes", "mgmt.admin")).await;
    let id = json!(pat.id);
    let wanted = json!({ "name": "more", "scopes": ["mgmt.admin"] });
    post(&app, &pat.token, urls::API_ACCESS_TOKENS, &wanted).await.assert(403);
    post(&app, &pat.token, &rotation(&id), &json!({})).await.assert(403);
    app.api(&pat.token, Method::DELETE, &one(&id)).await.assert(403);
    app.call_mcp(&pat.token).await.assert(200);
    assert_eq!(app.events("personal_token.made").await.len(), 1);
    let read = app.pat_as(&root, |form| form.and("scopes", "mgmt.read")).await;
    post(&app, &read.token, urls::API_ACCESS_TOKENS, &wanted).await.assert(403);
    post(&app, "", urls::API_ACCESS_TOKENS, &wanted).await.assert(401);
    // A machine has none of its own.
    let machine = app.program(account("agent")).await.act(&[]).await.tokens().access;
    let listed = app.api(&machine, Method::GET, urls::API_ACCESS_TOKENS).await.assert(200).json();
    assert_eq!(listed["items"], json!([]));
    app.api(&machine, Method::GET, &one(&id)).await.assert(404);
}

#[tokio::test]
async fn nothing_is_made_that_is_wider_than_its_maker_or_that_makes_no_sense() {
    let app = TestApp::start().await;
    let (root, _) = administrator(&app, "root").await;
    let form = root.get(urls::JWT_TOKEN).await.form("Get token").untick("mcp:write");
    let token = root.submit(&form).await.assert(200).says("jwt-token");
    app.is_secret(&token);
    let usual = json!({ "name": "CI", "scopes": ["mcp:read"] });
    for (member, value, status) in [
        ("scopes", json!(["mcp:write"]), 422),
        ("scopes", json!(["openid"]), 422),
        ("scopes", json!([]), 422),
        ("scopes", json!("mcp:read"), 422),
        ("scope", json!(["acme"]), 422),
        ("scope", json!([]), 422),
        ("server", json!("time"), 422),
        ("name", json!(""), 422),
        ("name", json!("a\nb"), 422),
        ("expires_at", json!("2001-01-01T00:00:00Z"), 422),
        ("expires_at", json!("soon"), 422),
        ("user_id", json!("00000000-0000-0000-0000-000000000000"), 422),
    ] {
        let mut wanted = usual.clone();
        wanted[member] = value;
        let answer = post(&app, &token, urls::API_ACCESS_TOKENS, &wanted).await;
        assert_eq!(answer.status, status, "{wanted}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert!(app.events("personal_token.made").await.is_empty());
}

/// L2: a token that is held to some permissions mints none that has more, neither a new one nor a successor of a wider one.
#[tokio::test]
async fn a_token_that_is_held_to_permissions_makes_none_that_is_wider() {
    let app = TestApp::start().await;
    let (root, _) = administrator(&app, "root").await;
    let wide = app.pat_as(&root, |form| form.and("scopes", "mgmt.admin")).await;
    let client = app.vouched_client("narrow", "https://narrow.example/cb").await;
    app.sql(
        "INSERT INTO client_ownerships (client_id, workspace_id, permissions)
         SELECT 'narrow', id, 'keys:read keys:write tools:read' FROM places",
    )
    .await;
    let ask = client.ask().with("scope", "mgmt.admin mcp:write").and("resource", app.issuer());
    let token = client.redeem(&client.win(&root, &ask).await).await.tokens().access;
    let with = |scope: &str| json!({ "name": "more", "scopes": [scope] });
    for beyond in ["mgmt.admin", "mgmt.write", "mgmt.read", "mcp:delete", "mcp:write"] {
        let refused = post(&app, &token, urls::API_ACCESS_TOKENS, &with(beyond)).await.assert(422);
        assert!(refused.body.contains("is not yours to give"), "{beyond}: {}", refused.body);
    }
    post(&app, &token, &rotation(&json!(wide.id)), &json!({})).await.assert(422);
    assert!(app.events("personal_token.replaced").await.is_empty());
    let made = post(&app, &token, urls::API_ACCESS_TOKENS, &with("mcp:read")).await.assert(201).json();
    app.is_secret(made["access_token"].as_str().unwrap());
}

/// IDOR: another's id is an id of nothing; an administrator ends it but never has its successor.
#[tokio::test]
async fn anothers_token_is_not_there() {
    let app = TestApp::start().await;
    let ((root, admin), (_, other)) = (administrator(&app, "root").await, administrator(&app, "other").await);
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (hers, his) = (app.pat(&ada).await, app.pat_as(&root, |form| form.and("scopes", "mgmt.read")).await);
    let id = json!(hers.id);
    let hers_alone = own_token(&app, &ada).await;
    app.api(&hers_alone, Method::GET, &one(&json!(his.id))).await.assert(403);
    assert_eq!(app.api(&admin, Method::GET, &one(&id)).await.assert(200).json()["user_id"], json!(ada.user));
    let of_ada = format!("{}?owner={}", urls::API_ACCESS_TOKENS, ada.user);
    assert_eq!(app.api(&admin, Method::GET, &of_ada).await.json()["items"].as_array().unwrap().len(), 1);
    post(&app, &other, &rotation(&id), &json!({})).await.assert(403);
    app.api(&admin, Method::DELETE, &one(&id)).await.assert(204);
    app.call_mcp(&hers.token).await.assert(401);
    for bad in ["nothing", "00000000-0000-0000-0000-000000000000"] {
        app.api(&admin, Method::DELETE, &one(&json!(bad))).await.assert(404);
    }
}
