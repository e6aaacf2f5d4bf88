//! The schema is brought up to date once, whoever starts first, and never touched by an older program.

use diesel_async::SimpleAsyncConnection;
use portcullis::db::migrations::{MigrationError, pending, run};

use crate::support::cluster;

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_and_stays_so() {
    let database = cluster::create_empty_database();
    let db = database.open();
    let waiting = pending(&db).await.unwrap();
    assert!(!waiting.is_empty());
    assert_eq!(run(&db).await.unwrap(), waiting);
    assert!(pending(&db).await.unwrap().is_empty());
    assert!(run(&db).await.unwrap().is_empty());
}

#[actix_web::test]
async fn it_works_on_the_servers_own_kind_of_runtime() {
    let database = cluster::create_empty_database();
    assert!(!run(&database.open()).await.unwrap().is_empty(), "a current-thread runtime");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_at_once_migrate_once() {
    let database = cluster::create_empty_database();
    let nodes: Vec<_> = (0..5)
        .map(|_| {
            let db = database.open();
            tokio::spawn(async move { run(&db).await.unwrap().len() })
        })
        .collect();
    let mut ran = Vec::new();
    for node in nodes {
        ran.push(node.await.unwrap());
    }
    assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{ran:?}");
}

#[tokio::test]
async fn a_database_that_a_newer_program_changed_is_left_alone() {
    let database = cluster::create_database();
    let db = database.open();
    let mut conn = db.direct().await.unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')").await.unwrap();
    for refused in [run(&db).await, pending(&db).await] {
        assert!(matches!(refused, Err(MigrationError::Newer(version)) if version == "29991231000000"));
    }
}

#[tokio::test]
async fn whoever_has_a_name_that_is_reserved_now_is_told() {
    let database = cluster::create_database();
    let db = database.open();
    let mut conn = db.direct().await.unwrap();
    conn.batch_execute(include_str!("../../../migrations/2026-11-28-000149_own_tokens/down.sql")).await.unwrap();
    conn.batch_execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = '20261128000149';
         INSERT INTO service_accounts (id, name, description, created_at, workspace_id)
         SELECT gen_random_uuid(), 'portcullis-web', '', now(), id FROM places;",
    )
    .await
    .unwrap();
    let refused = run(&db).await.unwrap_err().to_string();
    assert!(refused.contains("portcullis-web is reserved"), "{refused}");
    conn.batch_execute("DELETE FROM service_accounts").await.unwrap();
    assert_eq!(run(&db).await.unwrap().len(), 1);
}
