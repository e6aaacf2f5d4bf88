//! F1: clients that nobody uses are forgotten, and nobody who is connected is ever logged out by that.

use chrono::TimeDelta;
use portcullis::audit::Origin;
use portcullis::grants::{adopt, client, client_metadata};
use portcullis::jobs::reap;
use portcullis::types::ClientIdUrl;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::Client;

async fn reap(app: &TestApp) -> usize {
    let (lifetimes, now) = (&app.app().config.lifetimes, app.clock().now());
    app.write(async |conn| reap::reap(conn, lifetimes, now).await).await
}

async fn is_known(app: &TestApp, id: &str) -> bool {
    client::find(&mut app.db().read().await.unwrap(), id).await.unwrap().is_some()
}

async fn publish(app: &TestApp, id: &str) {
    let url = ClientIdUrl::parse(id, false).unwrap();
    let document = json!({ "client_id": id, "client_name": "App", "redirect_uris": ["http://localhost/callback"] });
    let policy = client_metadata::Policy::default();
    let said = client_metadata::ClientMetadata::from_document(&url, document.to_string().as_bytes(), &policy).unwrap();
    let now = app.clock().now();
    app.write(async |conn| adopt::adopt(conn, &url, &said, now, &Origin::default(), now).await).await.unwrap();
}

async fn last_used(app: &TestApp, id: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::clients as table;
    let mut conn = app.db().read().await.unwrap();
    table::table.find(id).select(table::last_used_at).first(&mut conn).await.unwrap()
}

async fn disable(app: &TestApp, id: &str) {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::clients as table;
    let change = diesel::update(table::table.find(id)).set(table::disabled_at.eq(app.clock().now()));
    app.write(async |conn| change.execute(conn).await).await;
}

#[tokio::test]
async fn f1_what_nobody_ever_allowed_anything_is_forgotten_after_a_week() {
    let app = TestApp::start().await;
    let unused = app.client().await;
    let published = "https://app.example/client.json";
    let banned = "https://banned.example/client.json";
    publish(&app, published).await;
    publish(&app, banned).await;
    disable(&app, banned).await;
    app.vouched_client("partner", "https://partner.example/cb").await;
    app.clock().advance(TimeDelta::days(6));
    assert_eq!(reap(&app).await, 0);
    app.clock().advance(TimeDelta::days(2));
    assert_eq!(reap(&app).await, 2);
    assert!(!is_known(&app, &unused.id).await && !is_known(&app, published).await);
    assert!(is_known(&app, "partner").await, "an administrator's");
    assert!(is_known(&app, banned).await, "it would come back as if nothing had happened");
    assert_eq!(app.events("client.reaped").await, [json!({ "clients": 2 })]);
    assert_ne!(app.client().await.id, unused.id, "whoever comes again registers again");
}

/// Attacker's wish: fill the table and have the honest swept out with the rest.
#[tokio::test]
async fn f1_whoever_is_connected_stays_however_long_they_are_away() {
    let app = TestApp::configured(|config| {
        config.lifetimes.grant = TimeDelta::days(3000);
        config.lifetimes.refresh_idle = TimeDelta::days(2000);
    })
    .await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    app.clock().advance(TimeDelta::days(1000));
    assert_eq!(reap(&app).await, 0);
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    let used = last_used(&app, &client.id).await;
    assert!(used.is_some_and(|used| app.clock().now() - used < TimeDelta::minutes(1)), "just now: {used:?}");
    app.clock().advance(TimeDelta::minutes(30));
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    assert_eq!(last_used(&app, &client.id).await, used, "once an hour");
    client.revoke(&tokens.refresh).await.assert(200);
    app.clock().advance(TimeDelta::days(399));
    assert_eq!(reap(&app).await, 0);
    app.clock().advance(TimeDelta::days(2));
    assert_eq!(reap(&app).await, 1);
    assert!(!is_known(&app, &client.id).await);
    // The node hears of it in a moment.
    app.becomes(async || client.refresh(&tokens.refresh).await, 401).await;
    client.refresh(&tokens.refresh).await.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn a_client_that_somebody_is_being_asked_about_stays() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = Client::register(&app, json!({ "client_name": "Slow" })).await;
    app.clock().advance(TimeDelta::days(8));
    let page = ada.consider(&client.ask().url()).await;
    assert_eq!(reap(&app).await, 0);
    assert!(ada.submit(&page.form("Allow")).await.callback_parameter("code").is_some());
}
