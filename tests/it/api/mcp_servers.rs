//! `/api/v1/mcp-servers`, and what holds for the whole API: RFC 6750 §3, RFC 9457, RFC 9728 §5.1.

use diesel_async::SimpleAsyncConnection;
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, ORIGIN};
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::{Answer, TestApp};

async fn get(node: &Node, token: &str, path: &str) -> Answer {
    let request = node.request(Method::GET, path).header(AUTHORIZATION, format!("Bearer {token}"));
    node.send(request).await
}

async fn with_servers(names: &[&str]) -> (TestApp, String) {
    let app = TestApp::start().await;
    let insert = names.iter().map(|name| {
        format!("INSERT INTO servers (id, name, url, enabled, place_id, created_at) SELECT gen_random_uuid(), '{name}', 'https://{name}.example/mcp', '{name}' <> 'b', id, now() FROM places;")
    });
    let insert: String = insert.collect();
    app.write(async |conn| conn.batch_execute(&insert).await).await;
    let token = app.program(account("agent")).await.act(&[]).await.tokens().access;
    (app, token)
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.header("cache-control").contains("no-store"));
    let problem = answer.json();
    assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(status)));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

#[tokio::test]
async fn servers_are_listed_page_by_page_and_the_last_page_says_so() {
    let (app, token) = with_servers(&["a", "b", "c"]).await;
    let all = get(&app, &token, urls::API_MCP_SERVERS).await.assert(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    assert!(all.get("next_cursor").is_none());
    let (first, second) = (&all["items"][0], &all["items"][1]);
    assert!(first["id"].is_string() && first["created_at"].is_string());
    for (member, value) in [
        ("name", json!("a")),
        ("url", json!("https://a.example/mcp")),
        ("transport", json!("streamable-http")),
        ("enabled", json!(true)),
        ("workspace", json!("mcp-gateway")),
    ] {
        assert_eq!(first[member], value);
    }
    assert_eq!(second["enabled"], false, "those who manage see what is switched off");
    let page = get(&app, &token, &format!("{}?limit=2", urls::API_MCP_SERVERS)).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = get(&app, &token, &format!("{}?limit=2&cursor={cursor}", urls::API_MCP_SERVERS)).await.json();
    assert_eq!(rest, json!({ "items": [all["items"][2]] }));
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_a_problem_with_a_reason() {
    let (app, token) = with_servers(&["a"]).await;
    for query in
        ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=1&limit=2", "cursor=%00", "cursor=!", "cursor=AA"]
    {
        let answer = get(&app, &token, &format!("{}?{query}", urls::API_MCP_SERVERS)).await;
        assert_problem(&answer, 400);
    }
    // hydra GHSA-r9w3-57w2-gch2: a cursor is a name and never a statement.
    let cursor = "JyBPUiAnMSc9JzE";
    let answer = get(&app, &token, &format!("{}?cursor={cursor}", urls::API_MCP_SERVERS)).await.assert(200);
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 1);
}

/// N1, I3, RFC 6750 §3: no reason where nothing was sent, and a way to find out where tokens come from.
#[tokio::test]
async fn n1_without_a_good_token_there_is_a_challenge() {
    let (app, token) = with_servers(&[]).await;
    let answer = app.get(urls::API_MCP_SERVERS).await;
    assert_problem(&answer, 401);
    let challenge = answer.header("www-authenticate").to_owned();
    assert!(challenge.starts_with("Bearer ") && !challenge.contains("error="), "{challenge}");
    let metadata = challenge.split(r#"resource_metadata=""#).nth(1).unwrap().split('"').next().unwrap();
    let metadata = app.get(metadata).await.assert(200).json();
    assert_eq!(metadata["resource"], app.at(urls::API));
    assert_eq!(metadata["authorization_servers"], json!([app.issuer()]));
    let ada = app.person("ada").await;
    let for_mcp = app.client().await.connect(&ada).await.access;
    for bad in [for_mcp.as_str(), "nonsense", &token[..token.len() - 2]] {
        let answer = get(&app, bad, urls::API_MCP_SERVERS).await;
        assert_eq!(assert_problem(&answer, 401)["error"], "invalid_token");
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
    assert_problem(&app.get(&format!("{}?access_token={token}", urls::API_MCP_SERVERS)).await, 401);
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_it_takes() {
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    let token = client.act(&[("scope", "mcp:write")]).await.tokens().access;
    let answer = get(&app, &token, urls::API_MCP_SERVERS).await;
    let problem = assert_problem(&answer, 403);
    assert_eq!((&problem["error"], &problem["scope"]), (&json!("insufficient_scope"), &json!("mcp:write mgmt.read")));
    assert!(answer.header("www-authenticate").contains(r#"scope="mcp:write mgmt.read""#));
    for scope in ["mgmt.read", "mcp:read mgmt.read"] {
        let token = client.act(&[("scope", scope)]).await.tokens().access;
        get(&app, &token, urls::API_MCP_SERVERS).await.assert(200);
    }
}

/// What a person allowed: an administrator's own, through a client that an administrator added.
#[tokio::test]
async fn a_person_manages_only_as_an_administrator() {
    use portcullis::identity::add_person::NewPerson;
    let app = TestApp::start().await;
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    let client = app.vouched_client("console", "https://console.example/cb").await;
    let ask = client.ask().with("scope", "mgmt.read").and("resource", &app.at(urls::API));
    let won = client.win(&root, &ask).await;
    let token = client.redeem(&won).await.tokens().access;
    get(&app, &token, urls::API_MCP_SERVERS).await.assert(200);
    app.call_mcp(&token).await.assert(401);
}

/// `decisions` 15.
#[tokio::test]
async fn a_page_of_another_origin_gets_nothing_and_other_methods_and_urls_are_problems() {
    let (app, token) = with_servers(&[]).await;
    let from = |origin: &str| {
        let request = app.request(Method::GET, urls::API_MCP_SERVERS).header(ORIGIN, origin.to_owned());
        request.header(AUTHORIZATION, format!("Bearer {token}"))
    };
    assert_problem(&app.send(from("https://evil.example")).await, 403);
    app.send(from("http://localhost:3000")).await.assert(200);
    let answer = app.send(app.request(Method::PUT, urls::API_MCP_SERVERS)).await;
    assert_problem(&answer, 405);
    assert!(answer.header("allow").contains("GET"));
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/mcp-servers/x/y"] {
        assert_problem(&get(&app, &token, path).await, 404);
    }
}

#[tokio::test]
async fn without_a_database_everybody_is_told_to_come_back() {
    let (app, token) = with_servers(&[]).await;
    get(&app, &token, urls::API_MCP_SERVERS).await.assert(200);
    app.database().close();
    let answer = get(&app, &token, urls::API_MCP_SERVERS).await;
    assert_problem(&answer, 503);
    assert!(answer.header("retry-after").parse::<u32>().is_ok());
}
