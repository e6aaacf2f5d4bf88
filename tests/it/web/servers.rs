//! Settings → Workspaces → Servers: register one, look at it, say what its tools count as.

use portcullis::http::urls;
use portcullis::places::Role;
use serde_json::json;

use crate::support::upstream::{Manner, Upstream, tool};
use crate::support::{Browser, TestApp};

const SECRET: &str = "hush-hush-9241";

/// An administrator of Acme, a member, and a system administrator.
async fn acme(app: &TestApp) -> [Browser; 3] {
    let acme = app.place("acme").await;
    let (adam, mia, root) = (app.person("adam").await, app.person("mia").await, app.administrator("root").await);
    app.join(acme, &adam, Role::Admin).await;
    app.join(acme, &mia, Role::Member).await;
    for person in [&adam, &mia, &root] {
        person.sign_in().await;
    }
    [adam, mia, root]
}

fn of(page: &str, server: &str) -> String {
    page.replace("{workspace}", "acme").replace("{server}", server)
}

#[tokio::test]
async fn a_server_is_registered_edited_switched_and_removed_without_a_script() {
    let app = TestApp::start().await;
    app.is_secret(SECRET);
    let [_, _, root] = acme(&app).await;
    let tools = vec![tool("look", json!({ "readOnlyHint": true })), tool("edit", json!({}))];
    let wants = Some(("x-api-key", SECRET.to_owned()));
    let upstream = Upstream::start(Manner { tools, wants, ..Manner::default() });
    let empty = root.get(&of(urls::WORKSPACE_SERVERS, "")).await.assert(200);
    assert!(empty.body.contains(&of(urls::WORKSPACE_REGISTER_SERVER, "")), "the first step is offered");
    let form = root.get(&of(urls::WORKSPACE_REGISTER_SERVER, "")).await.assert(200).form("Register server");
    let form = form.fill("Name", "calendar").fill("URL", &upstream.url()).set("auth", "header");
    let form = form.set("auth_header", "X-API-Key").set("auth_value", SECRET).set("tags", "time, rooms");
    let wrong = root.submit(&form.clone().fill("Name", "mcp")).await.assert(422);
    assert!(wrong.words().contains("a path of this gateway has that name") && !wrong.body.contains(SECRET));
    let page = root.follow(root.submit(&form).await.assert(303)).await.assert(200);
    for words in [
        "The server is registered.",
        "Healthy",
        &app.at("/calendar/mcp"),
        "look",
        "The header x-api-key",
        "time, rooms",
    ] {
        assert!(page.words().contains(words), "{words}: {}", page.words());
    }
    let edit = root.get(&of(urls::WORKSPACE_EDIT_SERVER, "calendar")).await.assert(200);
    assert!(!edit.body.contains(SECRET) && !page.body.contains(SECRET));
    let changed = edit.form("Save changes").set("description", "Meetings").set("forwarded_headers", "x-tenant");
    let page = root.follow(root.submit(&changed).await.assert(303)).await;
    assert!(page.words().contains("Meetings") && page.words().contains("x-tenant") && page.words().contains("Healthy"));
    let elsewhere = edit.form("Save changes").fill("URL", "http://127.0.0.1:9/mcp");
    let refused = root.submit(&elsewhere).await.assert(422);
    assert!(refused.words().contains("enter the value of the header again"), "{}", refused.words());
    let set = page.form("Set").set("tool", "edit").set("class", "read");
    root.submit(&set).await.assert(303);
    assert_eq!(app.app().servers.enabled()[0].upstream.class_of("edit").name(), "read");
    root.submit(&page.form("Switch off")).await.assert(303);
    assert!(app.app().servers.enabled().is_empty());
    let page = root.get(&of(urls::WORKSPACE_SERVER, "calendar")).await;
    root.submit(&page.form("Switch on")).await.assert(303);
    let looked = root.follow(root.submit(&page.form("Look now")).await.assert(303)).await;
    assert!(looked.words().contains("This is how it is now."));
    let question = root.get(&format!("{}?remove=true", of(urls::WORKSPACE_SERVER, "calendar"))).await.assert(200);
    let page = root.follow(root.submit(&question.form("Remove server")).await.assert(303)).await;
    assert!(page.words().contains("No servers yet"), "{}", page.words());
}

#[tokio::test]
async fn a_class_that_waits_is_approved_as_it_was_shown() {
    let app = TestApp::start().await;
    let [adam, _, root] = acme(&app).await;
    let upstream = Upstream::with(vec![tool("cancel", json!({ "destructiveHint": true }))]);
    let form = root.get(&of(urls::WORKSPACE_REGISTER_SERVER, "")).await.form("Register server");
    root.submit(&form.fill("Name", "calendar").fill("URL", &upstream.url())).await.assert(303);
    let class = || app.app().servers.enabled()[0].upstream.class_of("cancel").name();
    let look = async |annotations| {
        upstream.change(|manner| manner.tools = vec![tool("cancel", annotations)]);
        let page = adam.get(&of(urls::WORKSPACE_SERVER, "calendar")).await.assert(200);
        adam.follow(adam.submit(&page.form("Look now")).await).await
    };
    let page = look(json!({})).await;
    let approve = page.form("Approve write");
    let page = look(json!({ "readOnlyHint": true })).await;
    adam.submit(&approve).await.assert(303);
    assert_eq!(class(), "delete", "it claims something else by now");
    adam.submit(&page.form("Approve read")).await.assert(303);
    assert_eq!(class(), "read");
}

/// IDOR and role escalation: who does not manage the workspace finds no server page, and changes nothing.
#[tokio::test]
async fn only_who_manages_the_workspace_finds_its_servers() {
    let app = TestApp::start().await;
    let [adam, mia, _] = acme(&app).await;
    let (here, other) = (app.place("acme/apps").await, app.place("other").await);
    app.server("calendar", here).await;
    app.server("secret", other).await;
    let page = adam.get(&of(urls::WORKSPACE_SERVER, "calendar")).await.assert(200);
    let list = mia.get(&of(urls::WORKSPACE_SERVERS, "")).await.assert(200);
    assert!(!list.body.contains("register-server") && !list.body.contains("servers/calendar"));
    for (person, path) in [
        (&mia, of(urls::WORKSPACE_SERVER, "calendar")),
        (&mia, of(urls::WORKSPACE_EDIT_SERVER, "calendar")),
        (&mia, of(urls::WORKSPACE_REGISTER_SERVER, "")),
        (&adam, of(urls::WORKSPACE_SERVER, "none")),
        (&adam, of(urls::WORKSPACE_SERVER, "%00")),
        (&adam, of(urls::WORKSPACE_SERVER, "secret")),
        (&adam, of(urls::WORKSPACE_EDIT_SERVER, "secret")),
        (&adam, urls::WORKSPACE_SERVER.replace("{workspace}", "other").replace("{server}", "secret")),
        (&adam, urls::WORKSPACE_REGISTER_SERVER.replace("{workspace}", "other")),
    ] {
        person.get(&path).await.assert(404);
    }
    let mut off = page.form("Switch off");
    off.action = of(urls::WORKSPACE_SERVER, "secret");
    adam.submit(&off).await.assert(404);
    let mut form = adam.get(&of(urls::WORKSPACE_REGISTER_SERVER, "")).await.form("Register server");
    form = form.fill("Name", "mine").fill("URL", "https://127.0.0.1/mcp");
    let inside = adam.submit(&form).await.assert(422);
    assert!(inside.words().contains("only a system administrator"), "{}", inside.words());
    form = form.fill("URL", "https://mine.example/mcp").set("place", &other.to_string());
    adam.submit(&form).await.assert(404);
    assert_eq!(app.app().servers.enabled().len(), 2);
    assert!(app.events("server.added").await.is_empty() && app.events("server.changed").await.is_empty());
}
