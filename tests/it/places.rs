//! Places decide what is found at `/mcp`, on every node (`decisions` 3).

use std::time::{Duration, Instant};

use portcullis::places::Role;
use portcullis::types::PlaceId;

use crate::support::app::Node;
use crate::support::{Browser, TestApp};

/// Waits until a token finds that at a node, and fails after two seconds.
async fn finds_soon(node: &Node, token: &str, expected: &[&str]) {
    let since = Instant::now();
    while node.finds(token).await != expected {
        assert!(since.elapsed() < Duration::from_secs(2), "it still finds {:?}", node.finds(token).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn move_to(app: &TestApp, server: &str, place: PlaceId) {
    use portcullis::audit::Origin;
    use portcullis::places::Actor;
    use portcullis::upstreams::move_server::{Moved, move_server};
    use portcullis::upstreams::server::named;
    let (origin, now) = (Origin::operator(), app.clock().now());
    let go = async |conn: &mut _| {
        let id = named(conn, server).await?.unwrap().id;
        move_server(conn, Actor::Operator, (id, place), &origin, now).await
    };
    assert_eq!(app.app().arrange(go).await.unwrap(), Moved::Done(server.to_owned()));
}

async fn acme() -> (TestApp, PlaceId, Browser) {
    let app = TestApp::start().await;
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
