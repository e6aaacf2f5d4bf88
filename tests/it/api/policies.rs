//! `/api/v1/policies` and `/api/v1/groups`.

use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::{Answer, Browser, TestApp};

struct Manager<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Manager<'a> {
    async fn new(app: &'a TestApp, person: &Browser, scope: &str) -> Self {
        let id = format!("console-{}-{}", person.username, scope.replace([' ', '.', ':'], "-"));
        let client = app.vouched_client(&id, "https://console.example/cb").await;
        let ask = client.ask().with("scope", scope).and("resource", &app.at(urls::API));
        let won = client.win(person, &ask).await;
        Self { app, token: client.redeem(&won).await.tokens().access }
    }

    async fn send_as(&self, method: Method, path: &str, kind: &str, body: String) -> Answer {
        let request = self.app.request(method, path).header(AUTHORIZATION, format!("Bearer {}", self.token));
        let request = if body.is_empty() { request } else { request.header(CONTENT_TYPE, kind).body(body) };
        self.app.send(request).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send_as(method, path, "application/json", body.to_string()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send_as(Method::GET, path, "", String::new()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send_as(Method::DELETE, path, "", String::new()).await
    }
}

fn policy(name: &str) -> Value {
    let rule = json!({ "server": "fininfo", "methods": ["tools/call"], "tools": ["print_stock_data"] });
    json!({ "name": name, "description": "d", "groups": ["analysts"], "rules": [rule] })
}

#[tokio::test]
async fn an_administrator_makes_reads_changes_and_removes_policies() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let made = api.send(Method::POST, urls::API_POLICIES, policy("p/execute")).await.assert(201);
    let at = made.location().to_owned();
    let first = made.json();
    assert_eq!(first["rules"][0]["effect"], "allow");
    assert_eq!(api.get(&at).await.assert(200).json(), first);
    api.send(Method::POST, urls::API_POLICIES, policy("p/execute")).await.assert(409);
    let other = api.send(Method::POST, urls::API_POLICIES, policy("other")).await.assert(201).location().to_owned();
    let page = api.get(&format!("{}?limit=1", urls::API_POLICIES)).await.assert(200).json();
    assert_eq!(page["items"][0]["name"], "other");
    let next = format!("{}?cursor={}", urls::API_POLICIES, page["next_cursor"].as_str().unwrap());
    assert_eq!(api.get(&next).await.json()["items"][0]["name"], "p/execute");

    let patched = api.send(Method::PATCH, &at, json!({ "groups": ["a", "b"] })).await.assert(200).json();
    assert_eq!((&patched["groups"], &patched["rules"]), (&json!(["a", "b"]), &first["rules"]));
    api.send(Method::PATCH, &at, json!({ "name": "other" })).await.assert(409);
    let put = api.send(Method::PUT, &at, json!({ "name": "p/execute" })).await.assert(200).json();
    assert_eq!((&put["groups"], &put["rules"]), (&json!([]), &json!([])));
    for (body, status, words) in [
        (json!({ "name": "x", "rules": [{ "servr": "a" }] }), 422, "/rules/0/servr"),
        (json!({ "name": "x", "rules": [{ "server": "a", "condition": "1 +" }] }), 422, "/rules/0/condition"),
        (json!({ "name": "a,b" }), 422, "a,b"),
        (json!([]), 422, "object"),
    ] {
        let refused = api.send(Method::POST, urls::API_POLICIES, body).await.assert(status);
        assert!(refused.json()["detail"].as_str().unwrap().contains(words), "{}", refused.json());
    }
    api.send_as(Method::POST, urls::API_POLICIES, "text/plain", "{}".to_owned()).await.assert(400);
    api.delete(&other).await.assert(204);
    api.delete(&other).await.assert(404);
    api.get(&other).await.assert(404);
    api.get(&format!("{}/x", urls::API_POLICIES)).await.assert(404);
    api.send(Method::POST, &at, json!({})).await.assert(405);
    assert_eq!(app.events("policy.saved").await.len(), 4);
    assert_eq!(app.events("policy.removed").await.len(), 1);
}

#[tokio::test]
async fn documents_of_other_systems_come_in_whole_or_not_at_all_and_go_out_again() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let yaml = "group_mappings: {analysts: [x/execute]}\nx/execute:\n- server: fininfo\n  methods: [tools/list, tools/call]\n  tools: [t]\n";
    let import = |query: &str| format!("{}{query}", urls::API_POLICY_IMPORT);
    let done = api.send_as(Method::POST, &import(""), "application/yaml", yaml.to_owned()).await.assert(200).json();
    assert_eq!((&done["made"], &done["groups_made"]), (&json!(["x/execute"]), &json!(["analysts"])));
    let done = api.send_as(Method::POST, &import("?list=all"), "application/yaml", yaml.to_owned()).await.json();
    assert_eq!(done["changed"], json!(["x/execute"]));
    let item = api.get(urls::API_POLICIES).await.json()["items"][0].clone();
    assert_eq!(item["rules"][0]["list"], "all");
    let export = |dialect: &str| {
        format!("{}?dialect={dialect}", urls::API_POLICY_EXPORT.replace("{id}", item["id"].as_str().unwrap()))
    };
    let out = api.get(&export("scopes-yml")).await.assert(200);
    assert!(
        out.body.contains("x/execute:") && out.header("content-type").starts_with("application/yaml"),
        "{}",
        out.body
    );
    assert_eq!(api.get(&export("server-access")).await.assert(200).json()["group_mappings"], json!(["analysts"]));
    let refused = api.get(&export("access-level")).await.assert(422).json();
    assert!(refused["detail"].as_str().unwrap().contains("x/execute#1"), "{refused}");
    api.get(&export("latin")).await.assert(400);
    let half =
        json!([{ "scope_name": "good", "server_access": [] }, { "scope_name": "bad", "server_access": [{ "x": 1 }] }]);
    let refused = api.send(Method::POST, urls::API_POLICY_IMPORT, half).await.assert(422).json();
    assert!(refused["detail"].as_str().unwrap().starts_with("/1/server_access/0/x"), "{refused}");
    assert_eq!(api.get(urls::API_POLICIES).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_explanation_names_the_rule_and_is_the_same_decision_as_a_call() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let place = app.app().tree().await.unwrap().find("mcp-gateway").unwrap().id;
    app.server("fininfo", place).await;
    app.sql("DELETE FROM policies").await;
    app.person("ada").await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    api.send(Method::POST, urls::API_POLICIES, policy("p")).await.assert(201);
    let group = api.send(Method::POST, urls::API_GROUPS, json!({ "name": "analysts" })).await.assert(201);
    let member = format!("{}/members/ada", group.location());
    let ask = json!({ "user": "ada", "server": "fininfo", "tool": "print_stock_data" });
    let explained = async || api.send(Method::POST, urls::API_POLICY_EXPLAIN, ask.clone()).await.assert(200).json();
    let before = explained().await;
    assert_eq!((&before["allowed"], &before["rule"], &before["rules"]), (&json!(false), &json!("no rule"), &json!([])));
    api.send(Method::PUT, &member, Value::Null).await.assert(204);
    let with = explained().await;
    assert_eq!((&with["allowed"], &with["rule"]), (&json!(true), &json!("p#1")), "{with}");
    assert_eq!(with["rules"][0]["applies"], true);
    api.delete(&member).await.assert(204);
    assert_eq!(explained().await["allowed"], false);
    for (user, server) in [("nobody", "fininfo"), ("ada", "nowhere")] {
        api.send(Method::POST, urls::API_POLICY_EXPLAIN, json!({ "user": user, "server": server })).await.assert(422);
    }
}

#[tokio::test]
async fn groups_are_made_filled_and_removed() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    app.person("ada").await;
    app.service_account("robot").await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let at =
        api.send(Method::POST, urls::API_GROUPS, json!({ "name": "staff" })).await.assert(201).location().to_owned();
    api.send(Method::POST, urls::API_GROUPS, json!({ "name": "staff" })).await.assert(409);
    api.send(Method::POST, urls::API_GROUPS, json!({ "name": "a,b" })).await.assert(422);
    for name in ["ada", "robot", "ada"] {
        api.send(Method::PUT, &format!("{at}/members/{name}"), Value::Null).await.assert(204);
    }
    api.send(Method::PUT, &format!("{at}/members/nobody"), Value::Null).await.assert(422);
    let group = api.get(&at).await.assert(200).json();
    assert_eq!((&group["people"], &group["programs"]), (&json!(["ada"]), &json!(["robot"])));
    let listed = api.get(urls::API_GROUPS).await.json()["items"][0].clone();
    assert_eq!((&listed["people"], &listed["programs"]), (&json!(1), &json!(1)));
    assert_eq!(app.events("group.joined").await.len(), 2, "who is in it already does not join");
    api.delete(&at).await.assert(204);
    api.get(&at).await.assert(404);
    assert_eq!(app.events("group.removed").await.len(), 1);
}

#[tokio::test]
async fn nobody_else_sees_or_changes_policies_and_groups() {
    let app = TestApp::start().await;
    let (root, ada) = (app.administrator("root").await, app.person("ada").await);
    let reader = Manager::new(&app, &root, "mgmt.read").await;
    reader.get(urls::API_POLICIES).await.assert(200);
    reader.send(Method::POST, urls::API_POLICIES, policy("p")).await.assert(403);
    reader.send(Method::POST, urls::API_GROUPS, json!({ "name": "g" })).await.assert(403);
    let member = Manager::new(&app, &ada, "mgmt.read").await;
    for path in [urls::API_POLICIES, urls::API_GROUPS] {
        member.get(path).await.assert(403);
        app.send(app.request(Method::GET, path)).await.assert(401);
    }
}
