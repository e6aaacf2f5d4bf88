//! How a key ends, and that it stays ended.

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use portcullis::credentials::api_key;
use portcullis::credentials::{NewKey, State};
use portcullis::db::QueryResult;

use crate::support::TestApp;
use crate::support::keys::Key;

/// S-15, S-25.
#[tokio::test]
async fn a_key_that_expired_is_refused_with_a_challenge_and_says_what_to_do() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let in_a_week = app.clock().now() + TimeDelta::days(7);
    let key = app.key_as(&ada, |usual| NewKey { expires_at: Some(in_a_week), ..usual }).await;
    app.clock().advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    app.call_mcp(&key.secret).await.assert(200);
    app.clock().advance(TimeDelta::seconds(1));
    let answer = app.call_mcp(&key.secret).await.assert(401);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"error="invalid_token""#) && challenge.contains("resource_metadata="), "{challenge}");
    assert!(challenge.contains("expired"), "{challenge}");
}

/// S-22, `decisions` 3.
#[tokio::test]
async fn a_revoked_key_is_refused_on_the_next_call_and_on_every_node() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (other, deaf) = (app.second_node().await, app.deaf_node().await);
    let (key, kept) = (app.key(&ada).await, app.key(&ada).await);
    for node in [&*app, &other, &deaf] {
        node.call_mcp(&key.secret).await.assert(200);
    }
    assert!(app.revoke_key(&key).await);
    app.call_mcp(&key.secret).await.assert(401);
    deaf.call_mcp(&key.secret).await.assert(401);
    other.sees_the_end_of(&key.secret).await;
    for node in [&*app, &other, &deaf] {
        node.call_mcp(&kept.secret).await.assert(200);
    }
}

#[tokio::test]
async fn who_cannot_ask_says_come_back_and_never_no() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    let deaf = app.deaf_node().await;
    deaf.call_mcp(&key.secret).await.assert(200);
    app.database().close();
    let answer = deaf.call_mcp(&key.secret).await.assert(503);
    assert!(!answer.header("retry-after").is_empty());
}

/// S-24: whatever is tried past the program.
#[tokio::test]
async fn the_database_itself_keeps_a_revoked_key_revoked_and_every_key_what_it_was_made() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let (key, live) = (app.key(&ada).await, app.key(&ada).await);
    app.revoke_key(&key).await;
    app.rotate_key(&live, 3).await.unwrap();
    let tried = async |change: &str, key: &Key| -> QueryResult<()> {
        let statement = format!("UPDATE api_keys SET {change} WHERE id = '{}'", key.id);
        let mut conn = app.db().read().await.unwrap();
        conn.batch_execute(&statement).await
    };
    for change in ["revoked_at = NULL", "revoked_at = revoked_at + interval '1 day'"] {
        assert!(tried(change, &key).await.is_err(), "{change}");
    }
    let theirs = format!("user_id = '{}'", bob.user);
    for change in [
        "key_hash = '\\x00'",
        "key_version = 0",
        &theirs,
        "user_id = NULL",
        "workspace_id = gen_random_uuid()",
        "permissions = 'audit:read'",
        "reach = NULL",
        "expires_at = now() + interval '1 year'",
        "allowed_networks = '0.0.0.0/0'",
        "name = 'another'",
        "prefix = 'pcl_'",
        "id = gen_random_uuid()",
        "ends_at = NULL",
        "ends_at = ends_at + interval '1 hour'",
        "replaced_by = NULL",
    ] {
        assert!(tried(change, &live).await.is_err(), "{change}");
        assert!(
            tried(change, &key).await.is_err() || change.starts_with("ends_at") || change.starts_with("replaced"),
            "{change}"
        );
    }
    tried("last_used_at = now()", &live).await.unwrap();
    tried("revoked_at = now()", &live).await.unwrap();
    app.call_mcp(&key.secret).await.assert(401);
}

/// A key has one owner, or is its workspace's own.
#[tokio::test]
async fn the_database_takes_no_key_with_two_owners() {
    let app = TestApp::start().await;
    let (ada, workspace) = (app.person("ada").await, app.workspace().await);
    let account = app.service_account("robot").await;
    let insert = format!(
        "INSERT INTO api_keys (id, workspace_id, user_id, service_account_id, name, key_hash, key_version, prefix, permissions, created_at)
         VALUES (gen_random_uuid(), '{workspace}', '{}', '{account}', 'n', '\\x01', 0, 'pcl_', '', now())",
        ada.user
    );
    let mut conn = app.db().read().await.unwrap();
    let refused = conn.batch_execute(&insert).await.unwrap_err().to_string();
    assert!(refused.contains("api_keys_owner_check"), "{refused}");
}

#[tokio::test]
async fn of_many_who_revoke_at_once_one_did_it() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    let done = futures_util::future::join_all((0..8).map(|_| app.revoke_key(&key))).await;
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
    let events = app.events("api_key.revoked").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["name"], &events[0]["by"]), (&"CI/CD Pipeline".into(), &"operator".into()));
}

#[tokio::test]
async fn of_many_who_rotate_at_once_one_gets_a_key() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let key = app.key(&ada).await;
    let made = futures_util::future::join_all((0..8).map(|_| app.rotate_key(&key, 1))).await;
    let made: Vec<Key> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(app.events("api_key.replaced").await.len(), 1);
    for key in [&key, &made[0]] {
        app.call_mcp(&key.secret).await.assert(200);
    }
}

/// Both keys work for a while, and only for that while.
#[tokio::test]
async fn a_rotated_key_lives_on_for_its_overlap_and_not_a_second_longer() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let old = app.key(&ada).await;
    let new = app.rotate_key(&old, 2).await.unwrap();
    app.clock().advance(TimeDelta::days(2) - TimeDelta::seconds(1));
    for key in [&old, &new] {
        app.call_mcp(&key.secret).await.assert(200);
    }
    assert!(app.rotate_key(&old, 1).await.is_none(), "it has a successor");
    app.clock().advance(TimeDelta::seconds(1));
    app.call_mcp(&old.secret).await.assert(401);
    app.call_mcp(&new.secret).await.assert(200);
}

#[tokio::test]
async fn an_overlap_ends_early_for_a_key_that_expires_or_is_revoked_in_it() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let tomorrow = app.clock().now() + TimeDelta::days(1);
    let [expiring, revoked] =
        [app.key_as(&ada, |usual| NewKey { expires_at: Some(tomorrow), ..usual }).await, app.key(&ada).await];
    let successor = app.rotate_key(&expiring, 7).await.unwrap();
    app.rotate_key(&revoked, 7).await.unwrap();
    app.revoke_key(&revoked).await;
    app.call_mcp(&revoked.secret).await.assert(401);
    app.clock().advance(TimeDelta::hours(12));
    app.call_mcp(&expiring.secret).await.assert(200);
    app.clock().advance(TimeDelta::hours(12));
    app.call_mcp(&expiring.secret).await.assert(401);
    app.call_mcp(&successor.secret).await.assert(401);
}

/// S-26: without an overlap the old one stops at once, and one that is over already can be replaced, too.
#[tokio::test]
async fn a_key_is_replaced_by_one_with_the_same_settings_even_when_it_is_over() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let in_a_week = app.clock().now() + TimeDelta::days(7);
    let old = app.key_as(&ada, |usual| NewKey { expires_at: Some(in_a_week), ..usual }).await;
    let new = app.rotate_key(&old, 0).await.unwrap();
    app.call_mcp(&old.secret).await.assert(401);
    app.call_mcp(&new.secret).await.assert(200);
    app.clock().advance(TimeDelta::days(8));
    app.call_mcp(&new.secret).await.assert(401);
    assert!(app.rotate_key(&new, 0).await.is_none(), "what is over is replaced, not rotated");
    let third = app.replace_key(&new).await.unwrap();
    app.call_mcp(&third.secret).await.assert(200);
    let mut conn = app.db().read().await.unwrap();
    let [first, second, third] = [&old, &new, &third].map(|key| key.id);
    let found = async |conn: &mut _, id| api_key::find(conn, id).await.unwrap().unwrap();
    let (first, second, third) =
        (found(&mut conn, first).await, found(&mut conn, second).await, found(&mut conn, third).await);
    assert_eq!((first.replaced_by, second.replaced_by, third.replaced_by), (Some(second.id), Some(third.id), None));
    let now = app.clock().now();
    assert_eq!(
        [first.state(now), second.state(now), third.state(now)],
        [State::Revoked, State::Revoked, State::Active]
    );
    assert_eq!((&third.name, &third.permissions, &third.reach), (&first.name, &first.permissions, &first.reach));
    let lifetime = third.expires_at.unwrap() - third.created_at;
    assert!(TimeDelta::days(7) - lifetime < TimeDelta::minutes(1), "{lifetime}");
}
