//! IDOR: whoever puts somebody else's id into a URL learns nothing and changes nothing (ASVS 8.2.2).

use portcullis::credentials::NewKey;
use portcullis::grants::m2m_account::NewAccount;
use portcullis::http::urls;
use portcullis::places::{Reach, Role};
use portcullis::types::Scope;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::{Route, acts, below, fields};
use crate::support::app::Node;
use crate::support::m2m::account;
use crate::support::{Answer, Browser, TestApp, witness};

/// What Vera has, and nobody who asks here may touch.
struct Hers {
    workspace: String,
    place: String,
    server: String,
    member: String,
    key: String,
    token: String,
    client: String,
    secret: String,
    policy: String,
    group: String,
}

impl Hers {
    /// What goes where the URL of that name has `{…}`. Whoever adds a URL says here whose id it is.
    fn ids(&self, name: &str) -> Option<Vec<(&'static str, &str)>> {
        Some(match name {
            "KEY" | "KEY_REVOKE" | "KEY_ROTATE" | "KEY_REPLACE" | "API_KEY" | "API_KEY_ROTATION" => {
                vec![("id", &*self.key)]
            }
            "ACCESS_TOKEN"
            | "ACCESS_TOKEN_ROTATE"
            | "ACCESS_TOKEN_REVOKE"
            | "API_ACCESS_TOKEN"
            | "API_ACCESS_TOKEN_ROTATE" => vec![("id", &self.token)],
            "CLIENT" | "EDIT_CLIENT" | "CLIENT_SECRETS" | "CLIENT_LOGO" | "DISABLE_CLIENT" | "REMOVE_CLIENT"
            | "API_CLIENT" | "API_CLIENT_SECRETS" => vec![("id", &self.client)],
            "API_CLIENT_SECRET" => vec![("id", &self.client), ("secret_id", &self.secret)],
            "WORKSPACE"
            | "WORKSPACE_PLACES"
            | "WORKSPACE_SERVERS"
            | "WORKSPACE_ITSELF"
            | "WORKSPACE_REGISTER_SERVER" => vec![("workspace", "acme")],
            "WORKSPACE_SERVER" | "WORKSPACE_EDIT_SERVER" => vec![("workspace", "acme"), ("server", "treasury")],
            "API_WORKSPACE" | "API_MEMBERS" => vec![("id", &self.workspace)],
            "API_MEMBER" => vec![("id", &self.workspace), ("user", &self.member)],
            "API_PLACE" => vec![("id", &self.place)],
            "API_MCP_SERVER" | "API_MCP_SERVER_REFRESH" | "API_MCP_SERVER_TOOLS" => vec![("id", &self.server)],
            "API_MCP_SERVER_TOOL" => vec![("id", &self.server), ("tool", "look")],
            "API_POLICY" | "API_POLICY_EXPORT" => vec![("id", &self.policy)],
            "API_GROUP" => vec![("id", &self.group)],
            "API_GROUP_MEMBER" => vec![("id", &self.group), ("name", "vera")],
            _ => return None,
        })
    }

    /// The URL, with what is hers in it.
    fn path(&self, route: &Route) -> String {
        let ids = self.ids(&route.name).unwrap_or_else(|| panic!("{}: say whose id this is", route.name));
        let path = ids.iter().fold(route.path.clone(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
        assert!(!path.contains('{'), "{}: say whose id is in {path}", route.name);
        path
    }

    /// A body that is good, so that nothing but whose it is stands in the way.
    fn body(&self, name: &str) -> Value {
        match name {
            "API_KEY_ROTATION" | "API_ACCESS_TOKEN_ROTATE" => json!({ "overlap_days": 1 }),
            "API_CLIENT_SECRETS" => json!({ "overlap_seconds": 0 }),
            "API_MEMBERS" => json!({ "username": "mallory", "role": "owner" }),
            "API_MEMBER" => json!({ "role": "owner" }),
            "API_MCP_SERVER" => json!({ "place": "mcp-gateway" }),
            "API_MCP_SERVER_TOOL" => json!({ "class": "read" }),
            _ => json!({ "name": "stolen" }),
        }
    }
}

async fn ask(node: &Node, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    let request = node.request(method, path).header(AUTHORIZATION, format!("Bearer {token}"));
    node.send(request.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
}

/// A token of their own with everything that a person may do.
async fn own_token(node: &Node, person: &Browser) -> String {
    let everything = "mgmt.admin mgmt.write mcp:delete";
    let form = person.get(urls::JWT_TOKEN).await.assert(200).form("Get token").set("scope", everything);
    let token = person.submit(&form).await.assert(200).says("jwt-token");
    node.is_secret(&token);
    token
}

/// Vera owns a workspace in which there is one of everything.
async fn house() -> (TestApp, Hers, Browser) {
    let app = TestApp::start().await;
    let acme = app.place("acme").await;
    let place = app.place("acme/apps").await.to_string();
    app.server("treasury", acme).await;
    let (vera, mia) = (app.person("vera").await, app.person("mia").await);
    app.join(acme, &vera, Role::Owner).await;
    app.join(acme, &mia, Role::Member).await;
    vera.sign_in().await;
    let here = vera.get(urls::WORKSPACES).await.form("Sign out");
    vera.post_as(&app, &here, urls::SWITCH_WORKSPACE, &[("workspace", "acme")]).await.assert(303);
    let key = app.key_as(&vera, |usual| NewKey { workspace: acme, reach: Reach::of([acme]), ..usual }).await;
    let token = app.pat_as(&vera, |form| form.set("scope", &acme.to_string())).await.id;
    let client = vera.register_client(&app, &vera.new_client_form().await).await.id;
    let secrets = urls::CLIENT_SECRETS.replace("{id}", &client);
    let rotated = vera.submit(&vera.get(&secrets).await.form("Rotate secret")).await.assert(200);
    app.is_secret(&rotated.says("client-secret"));
    let secret = vera.get(&secrets).await.form("Revoke").value("end");
    let server = app.app().servers.enabled().iter().find(|server| server.name == "treasury").unwrap().id.to_string();
    app.sql(
        "INSERT INTO policies (id, name, created_at, changed_at) VALUES (gen_random_uuid(), 'of acme', now(), now());
         INSERT INTO groups (id, name, created_at) VALUES (gen_random_uuid(), 'accountants', now());",
    )
    .await;
    let (policy, group) = (app.id_of("policies", "of acme").await, app.id_of("groups", "accountants").await);
    let (workspace, member, key) = (acme.to_string(), mia.user.to_string(), key.id.to_string());
    (app, Hers { workspace, place, server, member, key, token, client, secret, policy, group }, vera)
}

/// Every row, but for those that say that somebody was here.
fn rows(node: &Node) -> Vec<(String, String)> {
    const MOVING: [&str; 3] = ["sessions", "audit_events", "flow_steps"];
    let mut rows = witness::rows(&node.database().url);
    rows.retain(|(table, _)| !MOVING.contains(&table.as_str()));
    rows.sort();
    rows
}

fn with_ids(prefix: &str) -> Vec<Route> {
    let mut routes = below(prefix);
    routes.retain(|route| route.path.contains('{'));
    assert!(routes.len() >= 10, "{prefix}: the table is read");
    routes
}

/// Nothing of hers, and nothing said about it: not a page, not a way on, and not that something else was wrong.
#[track_caller]
fn assert_nothing(answer: &Answer, what: &str) {
    assert!(matches!(answer.status, 403..=405), "{what}: {} {}", answer.status, answer.body);
    for told in ["CI/CD Pipeline", "Nightly report", "Team notes", "acme", "ACME", "treasury", "vera"] {
        assert!(!answer.body.contains(told), "{what} says {told}: {}", answer.body);
    }
}

#[tokio::test]
async fn pages_about_what_is_somebody_elses_are_not_there() {
    let (app, hers, vera) = house().await;
    let mallory = app.in_workspace("mallory", "owner").await;
    let default = app.workspace().await.to_string();
    let csrf = mallory.get(urls::WORKSPACES).await.assert(200).form("Sign out");
    let before = rows(&app);
    for route in with_ids("/settings/") {
        let path = hers.path(&route);
        vera.get(&path).await.assert(200);
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
            let answer = mallory.send(app.request(method.parse().unwrap(), &path)).await;
            assert_nothing(&answer, &format!("{method} {path}"));
        }
        for (act, place) in acts(&route.name).iter().flat_map(|act| [(act, &default), (act, &hers.place)]) {
            let mut fields = fields(&hers.server, place, &hers.member);
            fields.push(("act", act));
            let posted = mallory.post_as(&app, &csrf, &path, &fields).await;
            let form = csrf.clone().sent_to(&path).set("do", "remove");
            let uploaded = mallory.upload(&app, &form, b"no picture").await;
            let taken: Vec<&Answer> = [&posted, &uploaded].into_iter().filter(|one| one.status != 400).collect();
            assert!(!taken.is_empty(), "{path}: its fields are missing: {}", posted.body);
            taken.into_iter().for_each(|answer| assert_nothing(answer, &format!("POST {path}, {act}")));
        }
    }
    assert_eq!(rows(&app), before);
}

/// By a person who owns another workspace, and by a program of that workspace with all the scopes that there are.
#[tokio::test]
async fn the_api_has_nothing_of_somebody_elses() {
    let (app, hers, _) = house().await;
    let (root, mallory) = (app.root().await, app.in_workspace("mallory", "owner").await);
    let (root, mallory) = (own_token(&app, &root).await, own_token(&app, &mallory).await);
    let scope = Scope::of(&["mgmt.admin", "mcp:delete"]);
    let program = app.program(NewAccount { scope, groups: Vec::new(), ..account("agent") }).await;
    let program = program.act(&[]).await.tokens().access;
    let before = rows(&app);
    for route in with_ids("/api/v1/") {
        let (path, body) = (hers.path(&route), hers.body(&route.name));
        let seen = ask(&app, &root, Method::GET, &path, &json!({})).await;
        assert!(matches!(seen.status, 200 | 405), "{path}: {} {}", seen.status, seen.body);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            // What is the installation's, the operator gave to this program with mgmt.admin.
            let is_of_installation = route.name.starts_with("API_POLICY") || route.name.starts_with("API_GROUP");
            let strangers = [("a person", &mallory), ("a program", &program)];
            for (who, token) in strangers.into_iter().take(if is_of_installation { 1 } else { 2 }) {
                let answer = ask(&app, token, method.parse().unwrap(), &path, &body).await;
                assert_nothing(&answer, &format!("{method} {path} by {who}"));
            }
        }
    }
    assert_eq!(rows(&app), before);
    let own = urls::API_WORKSPACE.replace("{id}", &app.workspace().await.to_string());
    ask(&app, &mallory, Method::GET, &own, &json!({})).await.assert(200);
    ask(&app, &program, Method::GET, &own, &json!({})).await.assert(200);
}
