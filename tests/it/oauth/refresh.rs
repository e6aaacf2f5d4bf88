//! E: refresh tokens.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{join, join_all};
use portcullis::schema::refresh_tokens;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::Node;
use crate::support::client::{Client, Tokens};

async fn rows(node: &Node) -> i64 {
    refresh_tokens::table.count().get_result(&mut node.db().read().await.unwrap()).await.unwrap()
}

/// OAuth 2.1 §4.3.1: a second use means that somebody has a copy.
#[tokio::test]
async fn e1_reuse_after_the_grace_ends_the_family() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let first = client.connect(&ada).await;
    let second = client.refresh(&first.refresh).await.tokens();
    app.clock().advance(TimeDelta::seconds(119));
    assert_eq!(client.refresh(&first.refresh).await.tokens().refresh, second.refresh, "within the grace");
    app.clock().advance(TimeDelta::seconds(2));
    client.refresh(&first.refresh).await.assert_refused(400, "invalid_grant");
    client.refresh(&second.refresh).await.assert_refused(400, "invalid_grant");
    app.call_mcp(&second.access).await.assert(401);
    assert_eq!(app.events("refresh.replayed").await.len(), 1);
    assert_eq!(app.events("grant.ended").await[0]["reason"], "refresh_replayed");
}

/// Agents that share a token and refresh in the same moment must not be thrown out.
#[tokio::test]
async fn e2_twenty_presenters_on_two_nodes_get_one_successor_and_all_go_on() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let there = client.at(&second);
    let tokens = client.connect(&ada).await;
    let ask = |turn| if turn % 2 == 0 { &client } else { &there }.refresh(&tokens.refresh);
    let answers: Vec<Tokens> = join_all((0..20).map(ask)).await.into_iter().map(|answer| answer.tokens()).collect();
    assert!(answers.iter().all(|answer| answer.refresh == answers[0].refresh));
    assert_eq!(rows(&app).await, 2, "the token and its one successor");
    for answer in &answers {
        app.call_mcp(&answer.access).await.assert(200);
        second.call_mcp(&answer.access).await.assert(200);
    }
    client.refresh(&answers[0].refresh).await.tokens();
}

#[tokio::test]
async fn e3_a_request_that_is_not_the_holders_own_retry_changes_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let thief = Client::register(&app, json!({ "client_name": "Thief" })).await;
    let tokens = client.connect_for(&ada, "mcp:read").await;
    for is_in_grace in [false, true] {
        thief.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
        let wider = client.refresh_with(&tokens.refresh, &[("scope", "mcp:read mcp:write")]).await;
        wider.assert_refused(400, "invalid_scope");
        let other = client.refresh_with(&tokens.refresh, &[("resource", "https://other.example/mcp")]).await;
        other.assert_refused(400, "invalid_target");
        if !is_in_grace {
            assert_eq!(rows(&app).await, 1, "nothing was consumed");
            client.refresh(&tokens.refresh).await.tokens();
        }
    }
    let successor = client.refresh(&tokens.refresh).await.tokens();
    client.refresh(&successor.refresh).await.tokens();
}

#[tokio::test]
async fn e3_after_the_grace_a_thief_cannot_end_what_is_not_theirs() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let thief = Client::register(&app, json!({ "client_name": "Thief" })).await;
    let first = client.connect(&ada).await;
    let second = client.refresh(&first.refresh).await.tokens();
    app.clock().advance(TimeDelta::seconds(121));
    thief.refresh(&first.refresh).await.assert_refused(400, "invalid_grant");
    client.refresh(&second.refresh).await.tokens();
}

/// The refusal wins, whichever comes first.
#[tokio::test]
async fn e4_no_token_outlives_a_revocation_that_it_raced() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let there = client.at(&second);
    for by_person in [true, false] {
        let tokens = client.connect(&ada).await;
        let ask = |turn| if turn % 2 == 0 { &client } else { &there }.refresh(&tokens.refresh);
        let end = async {
            match by_person {
                true => ada.revoke_app().await.assert(303),
                false => client.revoke(&tokens.refresh).await.assert(200),
            }
        };
        let (answers, _) = join(join_all((0..10).map(ask)), end).await;
        for answer in answers {
            if answer.status != 200 {
                answer.assert_refused(400, "invalid_grant");
                continue;
            }
            let won = answer.tokens();
            app.call_mcp(&won.access).await.assert(401);
            client.refresh(&won.refresh).await.assert_refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn e4_nobody_refreshes_for_somebody_disabled() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    app.disable(&ada).await;
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
}

/// A node that has just started remembers nothing, and must not need to (Keycloak CVE-2026-9802).
#[tokio::test]
async fn e5_a_restart_revives_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let first = client.connect(&ada).await;
    let second = client.refresh(&first.refresh).await.tokens();
    app.clock().advance(TimeDelta::seconds(121));
    let restarted = client.at(&app.second_node().await);
    restarted.refresh(&first.refresh).await.assert_refused(400, "invalid_grant");
    restarted.refresh(&second.refresh).await.assert_refused(400, "invalid_grant");
}

/// ASVS 10.4.8: idle and absolute ends, which rotation does not move.
#[tokio::test]
async fn an_unused_token_ends_and_a_used_one_ends_with_its_grant() {
    let app = TestApp::configured(|config| {
        config.lifetimes.refresh_idle = TimeDelta::days(30);
        config.lifetimes.grant = TimeDelta::days(50);
    })
    .await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let idle = client.connect(&ada).await;
    app.clock().advance(TimeDelta::days(30));
    client.refresh(&idle.refresh).await.assert_refused(400, "invalid_grant");
    let busy = client.connect(&ada).await;
    app.clock().advance(TimeDelta::days(29));
    let busy = client.refresh(&busy.refresh).await.tokens();
    app.clock().advance(TimeDelta::days(22));
    client.refresh(&busy.refresh).await.assert_refused(400, "invalid_grant");
}

/// RFC 6749 §6: narrower for this once; the family keeps the whole.
#[tokio::test]
async fn a_narrower_scope_is_given_and_the_next_may_be_whole_again() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let narrow = client.refresh_with(&tokens.refresh, &[("scope", "mcp:read")]).await.tokens();
    assert_eq!(narrow.scope, "mcp:read");
    app.call_tool(&narrow.access, "leave_note", json!({ "note": "x" })).await.assert(403);
    assert_eq!(client.refresh(&narrow.refresh).await.tokens().scope, "mcp:read mcp:write");
}
