//! Places decide what is found at `/mcp`, on every node (`decisions` 3).

use std::time::{Duration, Instant};

use portcullis::audit::Origin;
use portcullis::db::{Connection, QueryResult};
use portcullis::grants::rotate_keys::{Old, rotate_now};
use portcullis::places::{Actor, Role};
use portcullis::types::{Algorithm, PlaceId};
use portcullis::upstreams::move_server::{Moved, move_server};
use portcullis::upstreams::server::named;

use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::{Browser, TestApp};

/// Waits until a token finds that at a node, and fails after two seconds.
async fn finds_soon(node: &Node, token: &str, expected: &[&str]) {
    let since = Instant::now();
    while node.finds(token).await != expected {
        assert!(since.elapsed() < Duration::from_secs(2), "it still finds {:?}", node.finds(token).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn moved(app: &TestApp, conn: &mut Connection, server: &str, place: PlaceId) -> QueryResult<Moved> {
    let id = named(conn, server).await?.unwrap().id;
    move_server(conn, Actor::Operator, (id, place), &Origin::operator(), app.clock().now()).await
}

async fn move_to(app: &TestApp, server: &str, place: PlaceId) {
    let go = async |conn: &mut _| moved(app, conn, server, place).await;
    assert_eq!(app.app().arrange(go).await.unwrap(), Moved::Done(server.to_owned()));
}

/// The same past the server, which is told.
async fn move_elsewhere(app: &TestApp, server: &str, place: PlaceId) {
    let go = async |conn: &mut _| moved(app, conn, server, place).await;
    assert_eq!(app.write(go).await, Moved::Done(server.to_owned()));
}

async fn acme() -> (TestApp, PlaceId, Browser) {
    acme_of(TestApp::start().await).await
}

async fn acme_of(app: TestApp) -> (TestApp, PlaceId, Browser) {
    let acme = app.place("acme").await;
    app.server("calendar", acme).await;
    let ada = app.person("ada").await;
    app.join(acme, &ada, Role::Member).await;
    (app, acme, ada)
}

#[tokio::test]
async fn a_member_removed_on_one_node_finds_nothing_on_the_other_within_two_seconds() {
    let (app, acme, ada) = acme().await;
    let second = app.second_node().await;
    let token = app.client().await.connect(&ada).await.access;
    finds_soon(&second, &token, &["calendar"]).await;
    app.part(acme, ada.user).await;
    assert!(app.finds(&token).await.is_empty(), "at once where it was done");
    finds_soon(&second, &token, &[]).await;
    app.join(acme, &ada, Role::Member).await;
    finds_soon(&second, &token, &["calendar"]).await;
}

#[tokio::test]
async fn a_server_that_moved_is_elsewhere_on_every_node() {
    let (app, acme, ada) = acme().await;
    let second = app.second_node().await;
    let other = app.place("other").await;
    let token = app.client().await.connect(&ada).await.access;
    finds_soon(&second, &token, &["calendar"]).await;
    move_to(&app, "calendar", other).await;
    assert!(app.finds(&token).await.is_empty());
    finds_soon(&second, &token, &[]).await;
    move_to(&app, "calendar", acme).await;
    finds_soon(&second, &token, &["calendar"]).await;
}

/// It asks the database for places and servers instead of trusting its memory.
#[tokio::test]
async fn a_node_that_hears_nothing_still_knows_where_things_are() {
    let (app, acme, ada) = acme().await;
    let deaf = app.deaf_node().await;
    let token = app.client().await.connect(&ada).await.access;
    assert_eq!(deaf.finds(&token).await, ["calendar"]);
    let other = app.place("other").await;
    move_to(&app, "calendar", other).await;
    assert!(deaf.finds(&token).await.is_empty());
    app.server("mail", acme).await;
    assert_eq!(deaf.finds(&token).await, ["mail"]);
    app.part(acme, ada.user).await;
    assert!(deaf.finds(&token).await.is_empty());
}

/// Waits until the node decides from memory; what was announced before it is in there.
async fn is_current(node: &Node) {
    let since = Instant::now();
    while !node.app().access.is_current(&node.app().changes) {
        assert!(since.elapsed() < Duration::from_secs(10), "it does not catch up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An installation behind a relay, whose memory has a server in it that ada finds; and a workspace where she would not.
async fn remembered() -> (TestApp, PlaceId, Browser, String) {
    let (app, _, ada) = acme_of(TestApp::overheard().await).await;
    let other = app.place("other").await;
    let token = app.client().await.connect(&ada).await.access;
    is_current(&app).await;
    assert_eq!(app.finds(&token).await, ["calendar"]);
    (app, other, ada, token)
}

/// A node that was told of a change does not decide by what it knew before, however long it takes to read again.
#[tokio::test]
async fn while_servers_are_slow_to_be_read_again_nobody_finds_them_where_they_were() {
    let (app, other, _, token) = remembered().await;
    app.relay().be_slow_to_answer("\"servers\"");
    move_elsewhere(&app, "calendar", other).await;
    app.relay().is_waited_for().await;
    for _ in 0..3 {
        assert!(app.finds(&token).await.is_empty());
    }
    assert!(!app.app().access.is_current(&app.app().changes));
    app.relay().be_well();
    is_current(&app).await;
    assert!(app.finds(&token).await.is_empty());
}

/// And it goes on to hear of everything else.
#[tokio::test]
async fn while_places_are_slow_to_be_read_again_everything_else_is_heard() {
    let (app, other, ada, token) = remembered().await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let kid = |token: &str| jwt(token).0["kid"].to_string();
    is_current(&app).await;
    app.relay().be_slow_to_answer("\"places\"");
    app.write(async |conn| portcullis::db::changes::announce(conn, portcullis::places::CHANGED).await).await;
    app.relay().is_waited_for().await;
    move_elsewhere(&app, "calendar", other).await;
    finds_soon(&app, &token, &[]).await;
    let (node, origin) = (app.app(), Origin::operator());
    let (now, lifetimes) = (app.clock().now(), &node.config.lifetimes);
    rotate_now(app.db(), &node.keys, Algorithm::Es256, Old::Trusted, lifetimes, &origin, now).await.unwrap();
    let (since, mut next) = (Instant::now(), client.refresh(&tokens.refresh).await.tokens());
    while kid(&next.access) == kid(&tokens.access) {
        assert!(since.elapsed() < Duration::from_secs(5), "it does not read its keys again");
        next = client.refresh(&next.refresh).await.tokens();
    }
    app.disable(&ada).await;
    app.sees_the_end_of(&token).await;
    app.relay().be_well();
    is_current(&app).await;
    app.call_mcp(&token).await.assert(401);
}

/// One that cannot read again, and cannot ask, says neither yes nor no.
#[tokio::test]
async fn while_servers_cannot_be_read_again_nobody_is_told_where_they_were() {
    let (app, other, _, token) = remembered().await;
    app.asked();
    app.relay().lose("\"servers\"");
    move_elsewhere(&app, "calendar", other).await;
    let since = Instant::now();
    while !app.asked().iter().any(|statement| statement.contains("\"servers\"")) {
        assert!(since.elapsed() < Duration::from_secs(2), "it does not try to read them again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..3 {
        let answer = app.call_mcp(&token).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
    }
    app.relay().be_well();
    is_current(&app).await;
    assert!(app.finds(&token).await.is_empty());
}

/// What was asked before a change and answered after it is not how things are.
#[tokio::test]
async fn a_slow_answer_about_servers_never_replaces_a_later_one() {
    let (app, other, _, token) = remembered().await;
    app.relay().be_slow_to_answer("\"servers\"");
    app.write(async |conn| portcullis::db::changes::announce(conn, portcullis::upstreams::CHANGED).await).await;
    app.relay().is_waited_for().await;
    let moves = move_to(&app, "calendar", other);
    let answers = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        app.relay().be_well();
    };
    tokio::join!(moves, answers);
    assert!(app.finds(&token).await.is_empty(), "at once where it was done");
    is_current(&app).await;
    assert!(app.finds(&token).await.is_empty());
}
