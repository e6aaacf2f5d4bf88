//! `/api/v1/workspaces`, `/api/v1/places`, members, and servers that move.

use portcullis::credentials::NewKey;
use portcullis::http::urls;
use portcullis::places::{Reach, Role};
use portcullis::types::{Permissions, PlaceId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Browser, Manager, TestApp};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap()).collect()
}

async fn owned(app: &TestApp) -> (PlaceId, Browser) {
    let acme = app.place("acme").await;
    let olga = app.person("olga").await;
    app.join(acme, &olga, Role::Owner).await;
    (acme, olga)
}

#[tokio::test]
async fn an_administrator_arranges_everything_by_program() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    let api = Manager::new(&app, &root, "mgmt.write").await;
    let made = api.post(urls::API_WORKSPACES, json!({ "name": "acme", "title": "Acme" })).await.assert(201);
    let (id, location) = (made.json()["id"].as_str().unwrap().to_owned(), made.location().to_owned());
    assert_eq!(location, app.at(&format!("{}/{id}", urls::API_WORKSPACES)));
    assert_eq!(api.get(&location).await.assert(200).json()["title"], "Acme");
    let project = api.post(urls::API_PLACES, json!({ "parent": "acme", "name": "apps" })).await.assert(201).json();
    assert_eq!((project["path"].as_str(), project["kind"].as_str()), (Some("acme/apps"), Some("project")));
    api.post(urls::API_PLACES, json!({ "parent": project["id"], "name": "web" })).await.assert(201);
    assert_eq!(names(&api.get(urls::API_PLACES).await.json()), ["acme/apps", "acme/apps/web"]);
    let page = api.get(&format!("{}?limit=1", urls::API_WORKSPACES)).await.json();
    assert_eq!(names(&page), ["acme"]);
    let next = format!("{}?cursor={}", urls::API_WORKSPACES, page["next_cursor"].as_str().unwrap());
    assert_eq!(names(&api.get(&next).await.json()), ["mcp-gateway"]);
    let change = json!({ "title": "Acme Research" });
    let changed = api.send(Method::PATCH, &location, Some(change)).await.assert(200).json();
    assert_eq!((changed["name"].as_str(), changed["title"].as_str()), (Some("acme"), Some("Acme Research")));
    assert!(
        api.delete(&location).await.assert(409).json()["detail"].as_str().unwrap().contains("2 projects and folders")
    );
    for (body, status) in [
        (json!({ "name": "acme" }), 409),
        (json!({ "name": "The Lab" }), 422),
        (json!({ "name": "new" }), 422),
        (json!({ "name": "lab", "title": "a\nb" }), 422),
        (json!({ "nome": "lab" }), 400),
        (json!({}), 400),
    ] {
        api.post(urls::API_WORKSPACES, body).await.assert(status);
    }
    api.send(Method::PUT, &location, None).await.assert(405);
}

#[tokio::test]
async fn members_are_put_in_changed_and_taken_out() {
    let app = TestApp::start().await;
    let (acme, olga) = owned(&app).await;
    let bob = app.person("bob").await;
    let api = Manager::new(&app, &olga, "mgmt.write").await;
    let members = format!("{}/{acme}/members", urls::API_WORKSPACES);
    let added = api.post(&members, json!({ "username": "bob", "role": "member" })).await.assert(201);
    assert_eq!(added.json()["role"], "member");
    let his = format!("{members}/{}", bob.user);
    assert_eq!(added.location(), app.at(&his));
    api.post(&members, json!({ "username": "bob", "role": "admin" })).await.assert(409);
    api.post(&members, json!({ "username": "nobody", "role": "admin" })).await.assert(422);
    api.post(&members, json!({ "username": "bob", "role": "king" })).await.assert(400);
    api.send(Method::PATCH, &his, Some(json!({ "role": "admin" }))).await.assert(204);
    let list = api.get(&members).await.assert(200).json();
    let roles: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["admin", "owner"]);
    let his_own = Manager::new(&app, &bob, "mgmt.write").await;
    let rise = json!({ "role": "owner" });
    his_own.send(Method::PATCH, &his, Some(rise)).await.assert(403);
    his_own.delete(&format!("{members}/{}", olga.user)).await.assert(403);
    assert_eq!(api.delete(&format!("{members}/{}", olga.user)).await.assert(409).json()["status"], 409);
    api.delete(&his).await.assert(204);
    api.delete(&his).await.assert(404);
    his_own.get(&members).await.assert(403);
}

/// IDOR: every id of another workspace is 404, for whatever method, and nothing changes.
#[tokio::test]
async fn what_belongs_to_another_workspace_is_not_there() {
    let app = TestApp::start().await;
    let (acme, olga) = owned(&app).await;
    let other = app.place("other").await;
    let lab = app.place("other/lab").await;
    app.server("secret", lab).await;
    let api = Manager::new(&app, &olga, "mgmt.write").await;
    let server = {
        let mut conn = app.db().read().await.unwrap();
        portcullis::upstreams::server::named(&mut conn, "secret").await.unwrap().unwrap().id
    };
    let user = olga.user;
    for (method, path, body) in [
        (Method::GET, format!("/api/v1/workspaces/{other}"), None),
        (Method::PATCH, format!("/api/v1/workspaces/{other}"), Some(json!({ "title": "Mine" }))),
        (Method::DELETE, format!("/api/v1/workspaces/{other}"), None),
        (Method::GET, format!("/api/v1/places/{lab}"), None),
        (Method::DELETE, format!("/api/v1/places/{lab}"), None),
        (Method::GET, format!("/api/v1/workspaces/{other}/members"), None),
        (
            Method::POST,
            format!("/api/v1/workspaces/{other}/members"),
            Some(json!({ "username": "olga", "role": "owner" })),
        ),
        (Method::DELETE, format!("/api/v1/workspaces/{other}/members/{user}"), None),
        (Method::PATCH, format!("/api/v1/mcp-servers/{server}"), Some(json!({ "place": "acme" }))),
        (Method::GET, "/api/v1/workspaces/nonsense".to_owned(), None),
        (Method::GET, format!("/api/v1/workspaces/{lab}/members"), None),
    ] {
        let answer = api.send(method.clone(), &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
    }
    api.post(urls::API_PLACES, json!({ "parent": "other", "name": "x" })).await.assert(422);
    assert_eq!(names(&api.get(urls::API_WORKSPACES).await.json()), ["acme"]);
    assert!(names(&api.get(urls::API_PLACES).await.json()).is_empty());
    api.post(urls::API_WORKSPACES, json!({ "name": "more" })).await.assert(403);
    assert_eq!(app.app().tree().await.unwrap().words(lab).as_deref(), Some("other/lab"));
    assert!(app.events("server.moved").await.is_empty() && app.app().tree().await.unwrap().get(acme).is_some());
}

#[tokio::test]
async fn a_server_moves_between_places_that_one_manages() {
    let app = TestApp::start().await;
    let (acme, olga) = owned(&app).await;
    app.place("acme/apps").await;
    app.place("other").await;
    app.server("calendar", acme).await;
    let api = Manager::new(&app, &olga, "mgmt.write").await;
    let list = api.get(urls::API_MCP_SERVERS).await.assert(200).json();
    let path = format!("{}/{}", urls::API_MCP_SERVERS, list["items"][0]["id"].as_str().unwrap());
    let moved = api.send(Method::PATCH, &path, Some(json!({ "place": "acme/apps" }))).await.assert(200).json();
    assert_eq!(moved["place"], "acme/apps");
    for nowhere in ["other", "none", ""] {
        api.send(Method::PATCH, &path, Some(json!({ "place": nowhere }))).await.assert(422);
    }
    let reads = Manager::new(&app, &olga, "mgmt.read").await;
    let refused = reads.send(Method::PATCH, &path, Some(json!({ "place": "acme" }))).await.assert(403);
    assert_eq!(refused.json()["error"], "insufficient_scope");
    assert_eq!(api.get(&path).await.assert(200).json()["place"], "acme/apps");
    api.send(Method::PUT, &path, None).await.assert(405);
    assert_eq!(app.events("server.moved").await.len(), 1);
}

/// L1, L2: a key or token that leaks makes nobody more than they are, however much its owner may.
#[tokio::test]
async fn a_key_hands_out_no_roles() {
    let app = TestApp::start().await;
    let (acme, olga) = owned(&app).await;
    let (bob, _) = (app.person("bob").await, app.person("eve").await);
    app.join(acme, &bob, Role::Member).await;
    let all = |usual| NewKey { workspace: acme, reach: Reach::of([acme]), permissions: Permissions::all(), ..usual };
    let key = app.key_as(&olga, all).await.secret;
    let members = format!("{}/{acme}/members", urls::API_WORKSPACES);
    let his = format!("{members}/{}", bob.user);
    let api = Manager { app: &app, token: key };
    let before = api.get(&members).await.assert(200).json();
    for answer in [
        api.post(&members, json!({ "username": "eve", "role": "owner" })).await,
        api.send(Method::PATCH, &his, Some(json!({ "role": "owner" }))).await,
        api.delete(&his).await,
    ] {
        assert!(answer.assert(403).body.contains("hand out no roles"));
    }
    assert_eq!(api.get(&members).await.assert(200).json(), before);
    api.get(&format!("{}/{}/members", urls::API_WORKSPACES, PlaceId::fresh())).await.assert(404);
}
