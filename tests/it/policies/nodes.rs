//! Policies in the database: written with their trail, heard by every node, and for the members of a workspace by its name.

use std::time::{Duration, Instant};

use portcullis::audit::Origin;
use portcullis::policies::save::{self, By, Saved};
use portcullis::policies::{policy, seeds};
use serde_json::json;

use super::*;
use crate::support::TestApp;

fn draft(name: &str, groups: &[&str]) -> Draft {
    let rule = json!({ "server": "s", "methods": ["tools/call"], "tools": ["t"] });
    read(&json!({ "name": name, "groups": groups, "rules": [rule] }).to_string()).drafts.remove(0)
}

#[actix_web::test]
async fn a_policy_is_saved_with_its_trail_and_every_node_hears_of_it() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let origin = Origin::operator();
    let by = By { user: None, origin: &origin, now: app.clock().now() };
    let made = app.app().rule(async |conn| save::make(conn, &draft("p/execute", &["staff"]), by).await).await.unwrap();
    let Saved::Made(id) = made else { panic!("{made:?}") };
    assert!(app.app().access.policies().is_named("p/execute"), "on this node at once");
    let since = Instant::now();
    while !other.app().policies().await.unwrap().is_named("p/execute") {
        assert!(since.elapsed() < Duration::from_secs(5), "the other node does not hear of it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(app.deaf_node().await.app().policies().await.unwrap().is_named("p/execute"));
    assert_eq!(app.write(async |conn| save::make(conn, &draft("p/execute", &[]), by).await).await, Saved::Taken);
    assert_eq!(
        app.write(async |conn| save::put(conn, &draft("p/execute", &["a", "b"]), by).await).await,
        Saved::Changed(id)
    );
    assert!(app.write(async |conn| save::map(conn, "p/execute", ("c", true), by).await).await);
    assert!(app.write(async |conn| save::map(conn, "p/execute", ("a", false), by).await).await);
    let found = app.write(async |conn| policy::find(conn, id).await).await.unwrap();
    assert_eq!(found.draft, draft("p/execute", &["b", "c"]));
    assert!(app.write(async |conn| save::remove(conn, id, by).await).await);
    assert!(!app.write(async |conn| save::remove(conn, id, by).await).await);
    let saved = app.events("policy.saved").await;
    assert_eq!(saved.len(), 4);
    assert_eq!(
        (&saved[0]["name"], &saved[0]["new"], &saved[0]["rules"][0]["tools"]),
        (&json!("p/execute"), &json!(true), &json!(["t"]))
    );
    assert_eq!(app.events("policy.removed").await.len(), 1);
}

#[actix_web::test]
async fn seeds_are_planted_once_and_never_over_an_administrators_word() {
    let app = TestApp::start().await;
    let origin = Origin::operator();
    let by = By { user: None, origin: &origin, now: app.clock().now() };
    let keys = &app.app().keys;
    app.write(async |conn| portcullis::db::installation::claim(conn, keys, by.now).await).await;
    let mine = Draft { description: "mine".to_owned(), ..draft(seeds::ADMINISTRATORS, &["staff"]) };
    app.write(async |conn| save::make(conn, &mine, by).await).await;
    assert!(app.write(async |conn| seeds::plant(conn, by).await).await);
    assert_eq!(app.write(async |conn| policy::named(conn, seeds::ADMINISTRATORS).await).await.unwrap().draft, mine);
    let read = app.write(async |conn| policy::named(conn, "mcp-servers-restricted/read").await).await.unwrap();
    assert!(app.write(async |conn| save::remove(conn, read.id, by).await).await);
    assert!(!app.write(async |conn| seeds::plant(conn, by).await).await);
    assert!(app.write(async |conn| policy::named(conn, "mcp-servers-restricted/read").await).await.is_none());
}

#[actix_web::test]
async fn a_policy_can_be_for_a_workspace_and_no_group_of_that_name_is_it() {
    let app = TestApp::start().await;
    let policy = draft("of-the-workspace", &["workspace:mcp-gateway", "workspace:nowhere"]);
    let at = DateTime::UNIX_EPOCH;
    let policy = Policy { id: PolicyId::fresh(), draft: policy, created_at: at, changed_at: at };
    let tree = app.app().tree().await.unwrap();
    let policies = Policies::compiled(&[policy], &tree);
    let path = tree.at("mcp-gateway").unwrap();
    let may = |who: &Principal| {
        let arguments = Map::new();
        let target = Target::CallTool { tool: "t", class: Class::Write, arguments: &arguments };
        matches!(
            policies.word(who, &Visit { id: ServerId::fresh(), server: "s", at: &path, target }),
            portcullis::access::policies::Word::Allows(_)
        )
    };
    let in_it = |mut who: Principal| {
        let Subject::Person(person) = &mut who.subject else { panic!("a person") };
        Arc::make_mut(person).workspaces = [(path.workspace(), Role::Member)].into_iter().collect();
        who
    };
    assert!(may(&in_it(member(&[]))));
    assert!(!may(&member(&[])));
    assert!(!may(&member(&["workspace:mcp-gateway"])), "a group that is called so is not the workspace");
    assert!(!may(&member(&["workspace:nowhere"])));
    let workspace = tree.find("mcp-gateway").unwrap().clone();
    assert!(may(&supposed(Subject::Workspace(Arc::new(workspace)), DateTime::UNIX_EPOCH)), "a key of the workspace");
}
