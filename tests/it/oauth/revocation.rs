//! RFC 7009: what a revocation ends, where, and how soon. And what ends without one.

use portcullis::audit::Origin;
use portcullis::grants::{disable, sign::AccessTokenClaims};
use portcullis::http::urls;
use portcullis::identity::service_account;
use portcullis::places::place;
use portcullis::types::{DEFAULT_WORKSPACE, SubjectId};
use uuid::Uuid;

use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::{Client, Holder, TestApp};

/// The same token again under another name, and without a grant: as a program has it that acts for itself.
async fn without_a_grant(node: &Node, token: &str) -> String {
    let now = node.clock().now();
    let account = node
        .write(async |conn| {
            let there = place::workspace(conn, DEFAULT_WORKSPACE).await?.unwrap().id;
            service_account::insert(conn, "machine", "", there, &[], now).await
        })
        .await
        .unwrap();
    let claims: AccessTokenClaims = serde_json::from_value(jwt(token).1).unwrap();
    let sub = SubjectId::Service(account);
    let claims = AccessTokenClaims { sub, grant_id: None, jti: Uuid::new_v4().to_string(), ..claims };
    node.app().signing.access_token(&claims).unwrap()
}

async fn disable_client(node: &Node, client: &Client) -> bool {
    let (app, origin) = (node.app(), Origin::default());
    app.cut(async |conn| disable::disable(conn, &app.terms(&origin), &client.id).await).await.unwrap()
}

/// As in workers-oauth-provider #188: nothing happens, and the answer does not tell.
#[tokio::test]
async fn i4_another_clients_token_is_left_alone() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let machine = without_a_grant(&app, &tokens.access).await;
    for thief in [
        app.confidential_client().await,
        Client::known(&app, &app.vouched_client("v", "https://v.example/cb").await.id, ""),
    ] {
        for token in [&tokens.access, &tokens.refresh, &machine] {
            let answer = thief.revoke(token).await.assert(200);
            assert_eq!(answer.body, thief.revoke("nonsense").await.assert(200).body);
        }
    }
    for token in [&tokens.access, &machine] {
        app.call_mcp(token).await.assert(200);
    }
    client.refresh(&tokens.refresh).await.tokens();
    assert!(app.events("token.revoked").await.is_empty() && app.events("grant.ended").await.is_empty());
}

/// §2.1: an access token goes alone, a refresh token with everything that came of the same grant.
#[tokio::test]
async fn i4_each_kind_ends_what_it_should() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let first = client.connect(&ada).await;
    let second = client.refresh(&first.refresh).await.tokens();
    let other = client.connect(&ada).await;
    let machine = without_a_grant(&app, &first.access).await;
    client.revoke(&machine).await.assert(200);
    app.call_mcp(&machine).await.assert(401);
    client.revoke(&first.access).await.assert(200);
    app.call_mcp(&first.access).await.assert(401);
    app.call_mcp(&second.access).await.assert(200);
    client.revoke(&first.refresh).await.assert(200);
    app.call_mcp(&second.access).await.assert(401);
    client.refresh(&second.refresh).await.assert_refused(400, "invalid_grant");
    app.call_mcp(&other.access).await.assert(200);
    client.revoke(&other.id_token.unwrap_or_default()).await;
    client.refresh(&other.refresh).await.tokens();
    assert_eq!(app.events("token.revoked").await.len(), 2);
}

/// Whoever finds a token may end it, if it is the client: revoking needs no key.
#[tokio::test]
async fn a_bound_token_is_revoked_without_its_key() {
    let app = TestApp::start().await;
    let (ada, client, holder) = (app.person("ada").await, app.client().await, Holder::new());
    let tokens = holder.connect(&client, &ada).await;
    client.revoke(&tokens.access).await.assert(200);
    holder.call(&app, &tokens.access).await.assert(401);
    client.revoke(&tokens.refresh).await.assert(200);
    holder.refresh(&client, &tokens.refresh).await.assert_refused(400, "invalid_grant");
}

#[tokio::test]
async fn every_kind_of_cut_reaches_every_node_within_two_seconds() {
    let app = TestApp::start().await;
    let (second, deaf) = (app.second_node().await, app.deaf_node().await);
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (one, two) = (client.connect(&ada).await, client.connect(&ada).await);
    let machine = without_a_grant(&app, &one.access).await;
    for node in [&*app, &second, &deaf] {
        for token in [&one.access, &two.access, &machine] {
            node.call_mcp(token).await.assert(200);
        }
    }
    for (revoked, dead) in [(&machine, &machine), (&one.access, &one.access), (&two.refresh, &two.access)] {
        client.revoke(revoked).await.assert(200);
        app.call_mcp(dead).await.assert(401);
        deaf.call_mcp(dead).await.assert(401);
        second.sees_the_end_of(dead).await;
    }
}

/// F4: a client that is disabled has nothing any more, on any node, and does not revive itself.
#[tokio::test]
async fn f4_a_disabled_clients_codes_and_tokens_are_refused() {
    let app = TestApp::start().await;
    let (second, deaf) = (app.second_node().await, app.deaf_node().await);
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (tokens, won) = (client.connect(&ada).await, client.code(&ada).await);
    for node in [&*app, &second, &deaf] {
        node.call_mcp(&tokens.access).await.assert(200);
    }
    assert!(disable_client(&app, &client).await);
    assert!(!disable_client(&app, &client).await, "once");
    app.call_mcp(&tokens.access).await.assert(401);
    deaf.call_mcp(&tokens.access).await.assert(401);
    second.sees_the_end_of(&tokens.access).await;
    for client in [&client, &client.at(&second), &client.at(&deaf)] {
        client.refresh(&tokens.refresh).await.assert_refused(401, "invalid_client");
        client.redeem(&won).await.assert_refused(401, "invalid_client");
        client.revoke(&tokens.refresh).await.assert_refused(401, "invalid_client");
    }
    assert!(app.get(&client.ask().url()).await.is_page(), "and nobody is asked to allow it");
    let (node, origin) = (app.app(), Origin::default());
    let enable = async |conn: &mut _| disable::enable(conn, &node.terms(&origin), &client.id).await;
    assert!(node.cut(enable).await.unwrap());
    client.refresh(&tokens.refresh).await.tokens();
    assert_eq!((app.events("client.disabled").await.len(), app.events("client.enabled").await.len()), (1, 1));
}

/// C7, E4: nothing that was allowed outlives the person's right to allow it.
#[tokio::test]
async fn e4_a_disabled_persons_codes_and_tokens_are_refused() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (tokens, won) = (client.connect(&ada).await, client.code(&ada).await);
    app.disable(&ada).await;
    for client in [&client, &client.at(&second)] {
        client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
        client.redeem(&won).await.assert_refused(400, "invalid_grant");
    }
    app.sees_the_end_of(&tokens.access).await;
    second.sees_the_end_of(&tokens.access).await;
}

/// A token that is not there any more is answered like one that never was.
#[tokio::test]
async fn a_second_revocation_is_as_good_as_the_first() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    for _ in 0..2 {
        client.post(urls::REVOKE, &[("token", &tokens.refresh), ("token_type_hint", "nonsense")]).await.assert(200);
    }
    assert_eq!(app.events("grant.ended").await.len(), 1);
}
