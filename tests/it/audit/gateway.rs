//! The strict mode at the gateway: what could not be written down has not happened.

use std::sync::{Arc, Mutex};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::config::AuditMode;
use portcullis::schema::audit_events as table;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::behind::{Behind, ordinary};

/// The details of the calls that are committed at this moment, as anybody else sees them.
fn committed(url: &secrecy::SecretString) -> Vec<Value> {
    let url = url.clone();
    let look = async move || -> Vec<Value> {
        let mut conn = portcullis::db::connect::Connector::new(&url).unwrap().connect().await.unwrap();
        let calls = table::table.filter(table::event.like("gateway.%"));
        calls.order((table::at, table::id)).select(table::detail).load(&mut conn).await.unwrap()
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(look())).join().unwrap()
}

#[tokio::test]
async fn a_call_is_committed_before_the_server_behind_sees_it() {
    let app = TestApp::configured(|config| config.audit = AuditMode::Strict).await;
    let url = app.database().url.clone();
    let seen: Arc<Mutex<Vec<Vec<Value>>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let behind = Behind::answering(move |reached| {
        if reached.message()["method"] == "tools/call" {
            noted.lock().unwrap().push(committed(&url));
        }
        ordinary(reached)
    });
    app.register_behind("weather", &behind, "").await;
    let root = app.root().await;
    let token = app.token_for(&root, "weather", "mcp:read mcp:write").await;
    for tool in ["look", "change"] {
        app.ask_behind("weather", &token, "tools/call", json!({ "name": tool })).await.assert(200);
    }
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "destroy" })).await.assert(403);
    let seen = seen.lock().unwrap().clone();
    let objects = |calls: &[Value]| calls.iter().map(|call| call["object"].clone()).collect::<Vec<_>>();
    assert_eq!(
        seen.iter().map(|calls| objects(calls)).collect::<Vec<_>>(),
        [vec![json!("look")], vec![json!("look"), json!("change")]]
    );
    let all = committed(&app.database().url);
    assert_eq!((objects(&all).last(), &all[2]["decision"]), (Some(&json!("destroy")), &json!("needs_scope")));
}

/// The table takes nothing: nothing is forwarded, allowed or not, and nobody hears more than that they should come back.
#[tokio::test]
async fn nothing_is_forwarded_that_cannot_be_written_down() {
    let app = TestApp::configured(|config| config.audit = AuditMode::Strict).await;
    let behind = Behind::ordinary();
    app.register_behind("weather", &behind, "").await;
    let root = app.root().await;
    let token = app.token_for(&root, "weather", "mcp:read").await;
    let ask = async |method: &str, tool: &str| app.ask_behind("weather", &token, method, json!({ "name": tool })).await;
    ask("tools/call", "look").await.assert(200);
    assert_eq!(behind.reached().len(), 1);
    let mut conn = app.db().direct().await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE").await.unwrap();
    let calls = [ask("tools/call", "look"), ask("tools/call", "destroy"), ask("tools/list", "")];
    for refused in futures_util::future::join_all(calls).await {
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    }
    assert_eq!(behind.reached().len(), 1, "nothing got there");
    conn.batch_execute("ROLLBACK").await.unwrap();
    ask("tools/call", "look").await.assert(200);
    assert_eq!(behind.reached().len(), 2);
}

/// The same where the table is gone altogether, which waiting does not mend.
#[tokio::test]
async fn nothing_is_forwarded_without_a_table() {
    let app = TestApp::configured(|config| config.audit = AuditMode::Strict).await;
    let behind = Behind::ordinary();
    app.register_behind("weather", &behind, "").await;
    let root = app.root().await;
    let token = app.token_for(&root, "weather", "mcp:read").await;
    app.sql("ALTER TABLE audit_events RENAME TO elsewhere").await;
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(503);
    assert!(behind.reached().is_empty());
    app.sql("ALTER TABLE elsewhere RENAME TO audit_events").await;
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(200);
}
