//! The tools of those who manage: who finds and calls them, and that they do what the API does, on the same terms.

use std::sync::atomic::Ordering;

use portcullis::credentials::issue::NewKey;
use portcullis::http::urls;
use portcullis::places::{Reach, Role};
use portcullis::types::Permissions;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::documents::canary;
use crate::support::m2m::account;
use crate::support::upstream::{Upstream, tool};
use crate::support::{Browser, TestApp};

const ALL: [&str; 10] = [
    "add_server_to_scopes_groups",
    "create_group",
    "delete_group",
    "healthcheck",
    "list_groups",
    "refresh_service",
    "register_service",
    "remove_server_from_scopes_groups",
    "remove_service",
    "toggle_service",
];

/// Somebody's token for `/mcp`, through an app that an administrator vouches for.
async fn token(app: &TestApp, person: &Browser, scope: &str) -> String {
    let id = format!("console-{}-{}", person.username, scope.replace([' ', '.', ':'], "-"));
    let client = app.vouched_client(&id, "https://console.example/cb").await;
    let ask = client.ask().with("scope", scope).and("resource", &app.at(urls::MCP));
    let won = client.win(person, &ask).await;
    client.redeem(&won).await.tokens().access
}

/// What `tools/list` has.
async fn listed(app: &TestApp, token: &str) -> Vec<Value> {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let request = app.request(Method::POST, urls::MCP).header(AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(message.to_string());
    app.send(request).await.assert(200).json()["result"]["tools"].as_array().unwrap().clone()
}

/// Those of the ten that a token finds.
async fn found(app: &TestApp, token: &str) -> Vec<String> {
    let names = listed(app, token).await.into_iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
    names.filter(|name| ALL.contains(&name.as_str())).collect()
}

/// Calls a tool that does what it is asked.
async fn done(app: &TestApp, token: &str, tool: &str, arguments: Value) -> Value {
    let result = app.call_tool(token, tool, arguments).await.assert(200).json()["result"].clone();
    assert!(result.get("isError").is_none() && result["resultType"] == "complete", "{result}");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
    text
}

/// Calls a tool that refuses, and why.
async fn refused(app: &TestApp, token: &str, tool: &str, arguments: Value) -> String {
    let result = app.call_tool(token, tool, arguments).await.assert(200).json()["result"].clone();
    assert_eq!(result["isError"], true, "{tool}: {result}");
    assert!(result.get("structuredContent").is_none());
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

/// A tool that the caller does not have is one that is not there.
async fn unknown(app: &TestApp, token: &str, tool: &str) {
    let error = app.call_tool(token, tool, json!({})).await.assert(200).json()["error"].clone();
    assert_eq!((&error["code"], &error["message"]), (&json!(-32602), &json!(format!("Unknown tool: {tool}"))));
}

#[tokio::test]
async fn a_service_is_registered_switched_looked_at_and_removed() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let token = token(&app, &root, "mcp:write mgmt.write").await;
    let upstream = Upstream::with(vec![tool("look", json!({ "readOnlyHint": true }))]);
    let registration = json!({
        "server_name": "Weather", "path": "/weather", "proxy_pass_url": upstream.url(), "tags": ["sky"],
        "supported_transports": ["streamable-http"], "auth_type": "none",
    });
    let made = done(&app, &token, "register_service", registration.clone()).await;
    let service = &made["service"];
    for (member, value) in [
        ("name", json!("weather")),
        ("description", json!("Weather")),
        ("url", json!(upstream.url())),
        ("enabled", json!(true)),
        ("place", json!("mcp-gateway")),
        ("tags", json!(["sky"])),
        ("health", json!("healthy")),
        ("mcp_url", json!(app.at("/weather/mcp"))),
    ] {
        assert_eq!(service[member], value, "{member}");
    }
    assert!(
        listed(&app, &token).await.iter().any(|tool| tool["name"] == "weather__look"),
        "it is so before the answer"
    );
    assert!(refused(&app, &token, "register_service", registration).await.contains("already a server"));

    let off = done(&app, &token, "toggle_service", json!({ "service_path": "/weather" })).await;
    assert_eq!(off["service"]["enabled"], false);
    assert!(app.app().servers.enabled().is_empty());
    let still = done(&app, &token, "toggle_service", json!({ "service_path": "weather", "enabled": false })).await;
    assert_eq!(still["service"]["enabled"], false);
    let health = done(&app, &token, "healthcheck", json!({})).await;
    assert_eq!((&health["services"][0]["name"], &health["services"][0]["enabled"]), (&json!("weather"), &json!(false)));
    done(&app, &token, "toggle_service", json!({ "service_path": "/weather/" })).await;

    upstream.change(|manner| manner.tools.push(tool("destroy", json!({ "destructiveHint": true }))));
    let looked = done(&app, &token, "refresh_service", json!({ "service_path": "/weather" })).await;
    assert_eq!(looked["tools"], json!([{ "name": "destroy", "class": "delete" }, { "name": "look", "class": "read" }]));
    assert!(listed(&app, &token).await.iter().any(|tool| tool["name"] == "weather__destroy"));

    let gone = done(&app, &token, "remove_service", json!({ "service_path": "/weather" })).await;
    assert_eq!(gone, json!({ "name": "weather", "removed": true }));
    assert!(
        refused(&app, &token, "remove_service", json!({ "service_path": "/weather" })).await.contains("healthcheck")
    );
    for (event, times) in [("server.added", 1), ("server.changed", 2), ("server.removed", 1)] {
        let events = app.events(event).await;
        assert_eq!(events.len(), times, "{event}");
        assert!(events.iter().all(|event| event["by"].is_object() || event["by"].is_string()), "{events:?}");
    }
}

#[tokio::test]
async fn groups_are_made_let_in_and_removed() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let token = token(&app, &root, "mcp:read mgmt.admin").await;
    app.server("weather", app.workspace().await).await;
    let made =
        done(&app, &token, "create_group", json!({ "group_name": "analysts", "description": "They look" })).await;
    let group = json!({ "name": "analysts", "description": "They look", "people": 0, "programs": 0 });
    assert_eq!(made["group"], group);
    assert!(refused(&app, &token, "create_group", json!({ "group_name": "analysts" })).await.contains("already"));
    assert!(done(&app, &token, "list_groups", json!({})).await["groups"].as_array().unwrap().contains(&group));

    let both = json!({ "server_name": "/weather", "group_names": ["analysts", "nobody"], "tools": ["look"] });
    let why = refused(&app, &token, "add_server_to_scopes_groups", both).await;
    assert!(why.contains("called nobody"), "{why}");
    assert!(app.events("policy.saved").await.is_empty(), "the one of two that could be done was not done alone");
    for tools in [json!(["look"]), json!(["look", "listen"])] {
        let let_in = json!({ "server_name": "weather", "group_names": ["analysts"], "tools": tools });
        let answer = done(&app, &token, "add_server_to_scopes_groups", let_in).await;
        assert_eq!(answer["may_use"], true);
    }
    let let_out = json!({ "server_name": "weather", "group_names": ["analysts"] });
    let answer = done(&app, &token, "remove_server_from_scopes_groups", let_out).await;
    assert_eq!(answer, json!({ "server_name": "weather", "group_names": ["analysts"], "may_use": false }));
    let saved = app.events("policy.saved").await;
    let facts: Vec<_> = saved.iter().map(|saved| (&saved["new"], saved["rules"].as_array().unwrap().len())).collect();
    assert_eq!(facts, [(&json!(true), 1), (&json!(false), 1), (&json!(false), 0)]);
    assert_eq!((&saved[1]["name"], &saved[1]["groups"]), (&json!("analysts"), &json!(["analysts"])));
    assert!(saved[1]["rules"].to_string().contains("listen"), "{saved:?}");
    let nowhere = json!({ "server_name": "wether", "group_names": ["analysts"] });
    assert!(refused(&app, &token, "add_server_to_scopes_groups", nowhere).await.contains("no service \"wether\""));

    let gone = done(&app, &token, "delete_group", json!({ "group_name": "analysts" })).await;
    assert_eq!(gone, json!({ "name": "analysts", "removed": true }));
    assert!(refused(&app, &token, "delete_group", json!({ "group_name": "analysts" })).await.contains("list_groups"));
    assert_eq!(app.events("group.removed").await.len(), 1);
}

/// Attack: a client whose token is for using servers manages them. It finds no such tool, and its calls find none either, whoever
/// the person is.
#[tokio::test]
async fn who_lacks_the_scope_neither_finds_nor_calls() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let client = app.client().await;
    let everyday = client.connect_for(&root, "mcp:delete").await.access;
    let looks = token(&app, &root, "mcp:read mgmt.read").await;
    let manages = token(&app, &root, "mcp:read mgmt.write").await;
    let of_services =
        ["healthcheck", "list_groups", "refresh_service", "register_service", "remove_service", "toggle_service"];
    for (token, finds) in [(&everyday, &[][..]), (&looks, &["healthcheck", "list_groups"]), (&manages, &of_services)] {
        assert_eq!(found(&app, token).await, finds);
        for tool in ALL.iter().filter(|tool| !finds.contains(tool)) {
            unknown(&app, token, tool).await;
        }
        let query = json!({ "natural_language_query": "remove a group or a service", "top_n_tools": 50 });
        let search = app.call_tool(token, "intelligent_tool_finder", query).await.json();
        let tools = search["result"]["structuredContent"]["tools"].as_array().unwrap().iter();
        let hidden = tools.filter(|tool| ALL.contains(&tool["tool_name"].as_str().unwrap()));
        assert!(hidden.clone().all(|tool| finds.contains(&tool["tool_name"].as_str().unwrap())), "{search}");
    }
    let all = token(&app, &root, "mcp:read mgmt.admin").await;
    assert_eq!(found(&app, &all).await, ALL);
    let person = app.person("ada").await;
    let client = app.vouched_client("hopeful", "https://hopeful.example/cb").await;
    let ask = client.ask().with("scope", "mcp:read mgmt.admin").and("resource", &app.at(urls::MCP));
    let won = client.win(&person, &ask).await;
    let hopeful = client.redeem(&won).await.tokens().access;
    assert_eq!(found(&app, &hopeful).await, Vec::<String>::new(), "who manages nothing has nothing to manage");
}

/// `decisions` 8: a token for `/mcp` manages there and nowhere else, and one for a server not at all.
#[tokio::test]
async fn the_audience_decides_where_something_is_managed() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let here = token(&app, &root, "mcp:read mgmt.admin").await;
    app.api(&here, Method::GET, urls::API_MCP_SERVERS).await.assert(401);
    let mut wanted = account("agent");
    wanted.scope = "mcp:read mgmt.admin".parse().unwrap();
    let program = app.program(wanted).await;
    let everywhere = program.act(&[]).await.tokens().access;
    assert_eq!(found(&app, &everywhere).await, ALL);
    app.api(&everywhere, Method::GET, urls::API_MCP_SERVERS).await.assert(200);
    let there = program.act(&[("resource", &app.at(urls::API))]).await.tokens().access;
    app.call_tool(&there, "healthcheck", json!({})).await.assert(401);
}

/// Attack: somebody who manages one workspace reaches for what is in another.
#[tokio::test]
async fn a_service_of_another_workspace_is_one_that_is_not_there() {
    let app = TestApp::start().await;
    let (acme, other) = (app.place("acme").await, app.place("other").await);
    let olga = app.person("olga").await;
    app.join(acme, &olga, Role::Admin).await;
    app.server("theirs", other).await;
    app.server("hers", acme).await;
    let token = token(&app, &olga, "mcp:read mgmt.write").await;
    for tool in ["toggle_service", "refresh_service", "remove_service"] {
        let theirs = refused(&app, &token, tool, json!({ "service_path": "/theirs" })).await;
        let nobodys = refused(&app, &token, tool, json!({ "service_path": "/nobodys" })).await;
        assert_eq!(theirs.replace("theirs", "x"), nobodys.replace("nobodys", "x"), "{tool}");
    }
    let health = done(&app, &token, "healthcheck", json!({})).await;
    let names: Vec<&Value> = health["services"].as_array().unwrap().iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["hers"]);
    for place in ["other", "mcp-gateway", "nowhere"] {
        let new = json!({ "path": "/new", "proxy_pass_url": "https://new.example/mcp", "place": place });
        assert!(refused(&app, &token, "register_service", new).await.contains("no place"), "{place}");
    }
    let enabled: Vec<String> = app.app().servers.enabled().iter().map(|server| server.name.clone()).collect();
    assert_eq!(enabled, ["hers", "theirs"]);
    assert!(app.events("server.changed").await.is_empty() && app.events("server.added").await.is_empty());
    for tool in ["create_group", "delete_group", "list_groups", "add_server_to_scopes_groups"] {
        unknown(&app, &token, tool).await;
    }
}

/// Attack: the tool that registers is a way into the inner network. The rules are those of registration everywhere.
#[tokio::test]
async fn the_inner_network_is_no_service_of_somebody_who_only_manages_a_workspace() {
    let app = TestApp::start().await;
    let acme = app.place("acme").await;
    let olga = app.person("olga").await;
    app.join(acme, &olga, Role::Owner).await;
    let root = app.administrator("root").await;
    let (hers, roots) =
        (token(&app, &olga, "mcp:read mgmt.write").await, token(&app, &root, "mcp:read mgmt.write").await);
    let (port, knocks) = canary();
    let url = format!("https://127.0.0.1:{port}/mcp");
    for (token, url, word) in [
        (&hers, url.as_str(), "leads into the inner network"),
        (&hers, &url.replace("https", "http"), "must be https"),
        (&hers, "https://169.254.169.254/latest/meta-data", "leads into the inner network"),
        (&roots, "http://169.254.169.254/latest/meta-data", "never spoken to"),
        (&roots, &app.at("/mcp"), "this gateway's own"),
    ] {
        let new = json!({ "path": "/inner", "proxy_pass_url": url, "place": "acme" });
        let why = refused(&app, token, "register_service", new).await;
        assert!(why.contains(word), "{url}: {why}");
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
    let credential = json!({ "path": "/a", "proxy_pass_url": "https://a.example/mcp", "auth_type": "oauth" });
    assert!(refused(&app, &roots, "register_service", credential).await.contains("portcullis register"));
    for (arguments, word) in [
        (json!({ "path": "/a" }), "`proxy_pass_url` is required"),
        (json!({ "path": "/mcp", "proxy_pass_url": "https://a.example/mcp" }), "name"),
        (json!({ "path": "/a", "proxy_pass_url": "https://a.example/mcp", "headers": [] }), "no argument `headers`"),
        (json!({ "path": "/a", "proxy_pass_url": "https://a.example/mcp", "tags": "sky" }), "must be a list"),
    ] {
        assert!(refused(&app, &roots, "register_service", arguments.clone()).await.contains(word), "{arguments}");
    }
    assert!(app.events("server.added").await.is_empty());
}

/// A key manages services as far as it may, and never says who is what.
#[tokio::test]
async fn a_key_hands_out_no_rights() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let every = |key| NewKey { reach: Reach::Everywhere, permissions: Permissions::all(), ..key };
    let key = app.key_as(&root, every).await;
    let of_services =
        ["healthcheck", "list_groups", "refresh_service", "register_service", "remove_service", "toggle_service"];
    assert_eq!(found(&app, &key.secret).await, of_services);
    let narrow = app.key_as(&root, |key| NewKey { permissions: "tools:read servers:read".parse().unwrap(), ..key });
    assert_eq!(found(&app, &narrow.await.secret).await, ["healthcheck"], "what was not ticked is not there");
}

#[tokio::test]
async fn the_tools_say_what_they_do_to_the_world_and_what_they_answer() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let token = token(&app, &root, "mcp:read mgmt.admin").await;
    let (read, destroy) = (["healthcheck", "list_groups"], ["delete_group", "remove_service"]);
    for tool in listed(&app, &token).await {
        let name = tool["name"].as_str().unwrap();
        if ALL.contains(&name) {
            assert_eq!(tool["annotations"]["readOnlyHint"], read.contains(&name), "{name}");
            assert_eq!(tool["annotations"]["destructiveHint"], destroy.contains(&name), "{name}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        }
    }
}
