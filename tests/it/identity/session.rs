//! Sessions: fresh, hashed at rest, and over in time.
#![expect(clippy::panic, reason = "a helper that cannot go on fails its test")]

use chrono::TimeDelta;
use diesel_async::RunQueryDsl;
use portcullis::audit::Origin;
use portcullis::config::SecondFactorPolicy;
use portcullis::crypto::RootKeys;
use portcullis::identity::recognise::recognise;
use portcullis::identity::session::Opening;
use portcullis::identity::sign_in::{Checked, Refusal, SignIn, sign_in};
use portcullis::identity::{Session, User};

use super::house::House;

async fn start(house: &House, user: &User) -> (Session, portcullis::crypto::PlainToken) {
    let (opening, token) = house.opening();
    let checked = right(user);
    let now = house.app.clock.now();
    match house.write(async |conn| sign_in(conn, &checked, terms(&opening), &Origin::default(), now).await).await {
        SignIn::Started(session) => (session, token),
        other => panic!("{other:?}"),
    }
}

fn terms(opening: &Opening) -> (&Opening, SecondFactorPolicy) {
    (opening, SecondFactorPolicy::Off)
}

fn right(user: &User) -> Checked {
    Checked::Right { user: user.id, against: user.password_hash.clone().unwrap(), renewed: None }
}

#[actix_web::test]
async fn a_session_is_found_by_its_token_also_after_a_key_rotation() {
    let house = House::build().await;
    let (session, token) = start(&house, &house.person("alice").await).await;
    assert_eq!(house.live(&token).await.unwrap().id, session.id);
    assert!(session.amr.has("pwd") && session.user_agent.as_deref() == Some("Firefox"));
    let rotated: RootKeys =
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE= AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap();
    let mut conn = house.app.db.read().await.unwrap();
    let found = Session::live(&mut conn, &rotated.hashes(&token), TimeDelta::days(1), house.app.clock.now()).await;
    assert_eq!(found.unwrap().unwrap().id, session.id);
}

/// A stolen copy of the database must not open a session.
#[actix_web::test]
async fn the_token_is_nowhere_in_the_row() {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let house = House::build().await;
    let (_, token) = start(&house, &house.person("alice").await).await;
    let mut conn = house.app.db.read().await.unwrap();
    let query = diesel::sql_query("SELECT row_to_json(sessions)::text AS row FROM sessions");
    let rows: Vec<Row> = query.load(&mut conn).await.unwrap();
    assert!(rows.len() == 1 && !rows[0].row.contains(token.reveal()));
    let hex: String = token.reveal().bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!rows[0].row.contains(&hex));
}

#[actix_web::test]
async fn an_idle_session_ends_and_a_used_one_ends_at_last() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let (_, idle) = start(&house, &alice).await;
    let (_, used) = start(&house, &alice).await;
    for day in 0..29 {
        assert!(seen(&house, &used).await, "day {day}");
        house.app.clock.advance(TimeDelta::days(1));
    }
    assert!(house.live(&idle).await.is_none(), "unused for seven days");
    assert!(seen(&house, &used).await);
    house.app.clock.advance(TimeDelta::days(1));
    assert!(!seen(&house, &used).await, "thirty days, whatever happens");
}

async fn seen(house: &House, token: &portcullis::crypto::PlainToken) -> bool {
    let (hashes, idle) = (house.app.keys.hashes(token), house.app.config.lifetimes.session_idle);
    let mut conn = house.app.db.read().await.unwrap();
    recognise(&mut conn, &hashes, idle, house.app.clock.now()).await.unwrap().is_some()
}

#[actix_web::test]
async fn being_seen_is_written_once_a_minute() {
    let house = House::build().await;
    let (session, token) = start(&house, &house.person("alice").await).await;
    house.app.clock.advance(TimeDelta::seconds(59));
    assert!(seen(&house, &token).await);
    assert_eq!(house.live(&token).await.unwrap().last_seen_at, session.last_seen_at);
    house.app.clock.advance(TimeDelta::seconds(2));
    assert!(seen(&house, &token).await);
    assert!(house.live(&token).await.unwrap().last_seen_at > session.last_seen_at);
}

/// A sign-in that races with a new password or with being disabled loses.
#[actix_web::test]
async fn a_password_that_was_changed_while_it_was_checked_is_wrong() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let other = house.hash("another password").await;
    let stale = Checked::Right { user: alice.id, against: other, renewed: None };
    let (opening, token) = house.opening();
    let now = house.app.clock.now();
    let outcome = house.write(async |conn| sign_in(conn, &stale, terms(&opening), &Origin::default(), now).await).await;
    assert_eq!(outcome, SignIn::Refused(Refusal::WrongPassword));
    assert!(house.live(&token).await.is_none());
}

#[actix_web::test]
async fn a_dated_hash_is_replaced_at_sign_in() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let renewed = house.hash(super::house::PASSWORD).await;
    let checked = Checked::Right {
        user: alice.id,
        against: alice.password_hash.clone().unwrap(),
        renewed: Some(renewed.clone()),
    };
    let (opening, _) = house.opening();
    let now = house.app.clock.now();
    house.write(async |conn| sign_in(conn, &checked, terms(&opening), &Origin::default(), now).await).await;
    let stored = User::find(&mut house.app.db.read().await.unwrap(), alice.id).await.unwrap().unwrap();
    assert_eq!(stored.password_hash, Some(renewed));
    assert_eq!(stored.password_changed_at, alice.password_changed_at, "it is the same password");
}

#[actix_web::test]
async fn only_sessions_that_are_over_are_swept() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let (_, old) = start(&house, &alice).await;
    house.app.clock.advance(TimeDelta::days(60));
    let (_, live) = start(&house, &alice).await;
    let now = house.app.clock.now();
    assert_eq!(house.write(async |conn| Session::expire(conn, now - TimeDelta::days(90), 100).await).await, 0);
    assert_eq!(house.write(async |conn| Session::expire(conn, now, 100).await).await, 1);
    assert!(house.live(&old).await.is_none() && house.live(&live).await.is_some());
}
