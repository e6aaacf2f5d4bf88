//! When a key was last used (S-21): known within a minute, and written by the clock alone.

use chrono::{DateTime, TimeDelta, Utc};
use portcullis::credentials::api_key::{self, ApiKey};
use portcullis::jobs::last_used;
use serde_json::json;

use crate::support::TestApp;
use crate::support::keys::Key;

/// True for a moment ago; ten minutes are long ago.
fn is_now(app: &TestApp, at: Option<DateTime<Utc>>) -> bool {
    at.is_some_and(|at| app.clock().now() - at < TimeDelta::seconds(60))
}

async fn stored(app: &TestApp, key: &Key) -> ApiKey {
    let mut conn = app.db().read().await.unwrap();
    api_key::find(&mut conn, key.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_last_use_is_written_by_the_job_for_all_keys_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (one, two, unused) = (app.key(&ada).await, app.key(&ada).await, app.key(&ada).await);
    for key in [&one, &two, &one] {
        let request = app.mcp_request("list_services", json!({})).header("x-api-key", &key.secret);
        app.send(request.header("user-agent", "claude-code/2.1 <b>\"'")).await.assert(200);
    }
    assert_eq!(stored(&app, &one).await.last_used_at, None, "no call writes");
    last_used::write(app.app()).await.unwrap();
    for key in [&one, &two] {
        let found = stored(&app, key).await;
        assert!(is_now(&app, found.last_used_at), "{found:?}");
        assert_eq!(found.last_used_address.as_deref(), Some("127.0.0.1"));
        assert_eq!(found.last_used_client.as_deref(), Some("claude-code/2.1 <b>\"'"));
    }
    assert_eq!(stored(&app, &unused).await.last_used_at, None);
}

#[tokio::test]
async fn what_another_node_knows_better_stays_and_a_refused_call_is_no_use() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (other, key) = (app.second_node().await, app.key(&ada).await);
    other.call_mcp(&key.secret).await.assert(200);
    app.clock().advance(TimeDelta::minutes(10));
    app.call_mcp(&key.secret).await.assert(200);
    last_used::write(app.app()).await.unwrap();
    last_used::write(other.app()).await.unwrap();
    let used = stored(&app, &key).await.last_used_at;
    assert!(is_now(&app, used), "{used:?}");
    app.revoke_key(&key).await;
    app.clock().advance(TimeDelta::minutes(10));
    app.call_mcp(&key.secret).await.assert(401);
    last_used::write(app.app()).await.unwrap();
    assert_eq!(stored(&app, &key).await.last_used_at, used);
}

#[tokio::test]
async fn a_server_that_stops_writes_down_what_it_knows() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    app.call_mcp(&key.secret).await.assert(200);
    drop(ada);
    let app = app.restart().await;
    assert!(stored(&app, &key).await.last_used_at.is_some());
}
