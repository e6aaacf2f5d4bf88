//! Administration → Audit: searched, opened and copied in a browser.

use chrono::TimeDelta;
use portcullis::audit::{Entry, Event, Origin};
use portcullis::http::urls;
use serde_json::json;

use super::search::note;
use crate::support::TestApp;

#[tokio::test]
async fn an_administrator_searches_and_sees_which_rule_decided() {
    let app = TestApp::start().await;
    let (root, ada) = (app.administrator("root").await, app.person("ada").await);
    let place = app.app().tree().await.unwrap().find("mcp-gateway").unwrap().id;
    app.server("warehouse", place).await;
    root.sign_in().await;
    let detail = json!({ "server": "warehouse", "method": "tools/call", "object": "drop_table", "decision": "denied",
        "rule": "analysts#2" });
    let entry = Entry::new(Event::GatewayDenied).user(ada.user).client("cursor").detail(detail);
    note(&app, entry, &Origin::default(), app.clock().now() - TimeDelta::hours(2)).await;
    let page = root.get(&format!("{}?event=gateway.&user=ada", urls::AUDIT)).await.assert(200);
    let words = page.words();
    for said in ["gateway.denied", "Refused", "2 hours ago", "ada", "warehouse · tools/call · drop_table", "analysts#2"]
    {
        assert!(words.contains(said), "{said}: {words}");
    }
    let simulator = format!("{}?user=ada&server=warehouse&tool=drop_table", urls::SIMULATE_POLICIES);
    assert!(page.body.contains(&simulator.replace('&', "&#38;")), "{}", page.body);
    root.get(&simulator).await.assert(200);
    let wrong = root.get(&format!("{}?event=gatway.", urls::AUDIT)).await.assert(400);
    assert!(wrong.words().contains("the name of an event"), "{}", wrong.words());
    let none = root.get(&format!("{}?server=bank", urls::AUDIT)).await.assert(200);
    assert!(none.words().contains("Nothing found"), "{}", none.words());
    assert_eq!(app.events("audit.searched").await.len(), 2, "what was refused was no search");
}

#[tokio::test]
async fn pages_and_copies_are_of_the_same_search() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    root.sign_in().await;
    app.sql(
        "INSERT INTO audit_events (id, at, event, client_id, detail)
         SELECT gen_random_uuid(), now() - (place + 0.5) * interval '1 minute', 'note.left', 'c' || place, '{}'
         FROM generate_series(1, 120) AS place",
    )
    .await;
    let mut page = root.get(&format!("{}?event=note.left&since=110m", urls::AUDIT)).await.assert(200);
    let mut shown = 0;
    loop {
        shown += page.body.matches("<time ").count();
        let Some(next) = page.body.split("<a ").find(|link| link.contains("rel=\"next\"")) else { break };
        let href = next.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        page = root.get(&href).await.assert(200);
    }
    assert_eq!(shown, 109, "and what is older is not");
    let copy = root.get(&format!("{}?event=note.left&since=110m&format=csv", urls::AUDIT_EXPORT)).await.assert(200);
    assert_eq!(copy.body.split("\r\n").count(), 111);
    root.get(&format!("{}?format=xls", urls::AUDIT_EXPORT)).await.assert(400);
    assert_eq!(app.events("audit.exported").await.len(), 1);
    assert_eq!(app.events("audit.searched").await.len(), 1, "its further pages are the same search");
}

#[tokio::test]
async fn the_pages_are_for_administrators() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for path in [urls::AUDIT, urls::AUDIT_EXPORT] {
        ada.get(path).await.assert(403);
    }
    assert!(app.events("audit.exported").await.is_empty());
}
