//! Nodes hear each other's changes, and know when they cannot (`decisions.md` 3).

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use portcullis::crypto::Random;
use portcullis::db::Db;
use portcullis::db::changes::{Change, Changes, Subscription, announce};
use portcullis::db::embedded::Embedded;

use crate::support::cluster;

/// Waits until `condition` holds; false after `patience`.
async fn becomes(patience: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

async fn next(changes: &mut Subscription) -> Change {
    tokio::time::timeout(Duration::from_secs(5), changes.next()).await.expect("a change in time").unwrap()
}

#[tokio::test]
async fn a_change_reaches_other_nodes_when_it_is_committed_and_not_before() {
    let database = cluster::create_database();
    let (here, there) = (database.open(), database.open());
    let changes = Changes::listen(&there, &Random::system());
    let mut heard = changes.subscribe();
    assert_eq!(next(&mut heard).await, Change::Missed, "what came before is unknown");

    let undone = here
        .write(async |conn| {
            announce(conn, "undone").await?;
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        })
        .await;
    assert!(undone.is_err());
    let committed = here
        .write(async |conn| {
            announce(conn, "it's \"done\"").await?;
            Ok(Instant::now())
        })
        .await
        .unwrap();
    assert_eq!(next(&mut heard).await, Change::Announced("it's \"done\"".to_owned()));
    assert!(committed.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn nothing_is_fresh_before_the_first_beat_is_back() {
    let database = cluster::create_database();
    let changes = Changes::listen(&database.open(), &Random::system());
    assert!(!changes.fresh());
    assert!(becomes(Duration::from_secs(5), || changes.fresh()).await);
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_says_that_something_may_be_missing() {
    let database = cluster::create_database();
    let db = database.open();
    let changes = Changes::listen(&db, &Random::system());
    let mut heard = changes.subscribe();
    assert_eq!(next(&mut heard).await, Change::Missed);
    assert_eq!(changes.count(), 1);

    let mut conn = db.direct().await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%portcullis_beat%'";
    assert!(becomes(Duration::from_secs(5), || changes.fresh()).await);
    conn.batch_execute(kill).await.unwrap();

    assert_eq!(next(&mut heard).await, Change::Missed);
    assert_eq!(changes.count(), 2);
}

#[tokio::test]
async fn memory_is_stale_within_two_seconds_of_silence_and_fresh_again_after() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Embedded::serve(&cluster::settings(dir.path())).unwrap();
    let db = Db::new(server.url(), server.url(), 2).unwrap();
    let changes = Changes::listen(&db, &Random::system());
    assert!(becomes(Duration::from_secs(5), || changes.fresh()).await);

    server.stop();
    let stopped = Instant::now();
    assert!(becomes(Duration::from_secs(5), || !changes.fresh()).await);
    assert!(stopped.elapsed() <= Duration::from_millis(2200), "{:?}", stopped.elapsed());

    let _server = Embedded::serve(&cluster::settings(dir.path())).unwrap();
    assert!(becomes(Duration::from_secs(10), || changes.fresh()).await);
    assert!(changes.count() >= 2);
}

#[tokio::test]
async fn a_node_that_stops_listening_leaves_no_connection() {
    let database = cluster::create_database();
    let db = database.open();
    let changes = Changes::listen(&db, &Random::system());
    let mut heard = changes.subscribe();
    next(&mut heard).await;
    drop(changes);
    assert!(tokio::time::timeout(Duration::from_secs(5), heard.next()).await.unwrap().is_none());
}
