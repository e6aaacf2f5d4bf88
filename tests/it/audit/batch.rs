//! The audit trail of hot paths (`decisions` 25): written in batches, and never lost in silence.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::audit::{Entry, Event, Origin};
use portcullis::config::AuditMode;
use portcullis::schema::audit_events as table;

use crate::support::TestApp;
use crate::support::m2m::account;

/// How many tokens of programs are in the table at this moment.
async fn written(app: &TestApp) -> i64 {
    let mut conn = app.db().read().await.unwrap();
    let used = table::table.filter(table::event.eq("client_credentials.used"));
    used.count().get_result(&mut conn).await.unwrap()
}

#[tokio::test]
async fn what_waits_is_written_when_the_server_stops() {
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    for _ in 0..10 {
        client.act(&[]).await.tokens();
    }
    drop(client);
    let app = app.restart().await;
    assert_eq!(written(&app).await, 10);
}

#[tokio::test]
async fn the_strict_mode_answers_after_the_commit() {
    let app = TestApp::configured(|config| config.audit = AuditMode::Strict).await;
    let client = app.program(account("agent")).await;
    for count in 1..=10 {
        client.act(&[]).await.tokens();
        assert_eq!(written(&app).await, count);
    }
    let answers = futures_util::future::join_all((0..20).map(|_| client.act(&[]))).await;
    answers.into_iter().for_each(|answer| drop(answer.tokens()));
    assert_eq!(written(&app).await, 30);
}

/// Nothing that could not be written down has been done.
#[tokio::test]
async fn the_strict_mode_gives_no_token_that_is_not_written_down() {
    let app = TestApp::configured(|config| config.audit = AuditMode::Strict).await;
    let client = app.program(account("agent")).await;
    client.act(&[]).await.tokens();
    let mut conn = app.db().direct().await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE").await.unwrap();
    client.act(&[]).await.assert_refused(503, "temporarily_unavailable");
    conn.batch_execute("ROLLBACK").await.unwrap();
    client.act(&[]).await.tokens();
}

/// A database that takes nothing: whoever comes waits, then is told to come back, and what was done before is not lost.
#[tokio::test]
async fn a_full_queue_is_answered_503_and_loses_nothing() {
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    client.act(&[]).await.tokens();
    let mut conn = app.db().direct().await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE").await.unwrap();
    let mut noted = 1;
    let note = async || {
        let (origin, now) = (Origin::default(), app.clock().now());
        let entry = Entry::new(Event::ClientCredentialsUsed).client("agent");
        let noting = app.app().audit.note(entry, &origin, now);
        tokio::time::timeout(Duration::from_millis(500), noting).await.is_ok_and(|noted| noted.is_ok())
    };
    while note().await {
        noted += 1;
    }
    let refused = client.act(&[]).await;
    refused.assert_refused(503, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    conn.batch_execute("ROLLBACK").await.unwrap();
    client.act(&[]).await.tokens();
    app.app().audit.write(&app.app().db).await.unwrap();
    assert_eq!(written(&app).await, noted + 1);
}
