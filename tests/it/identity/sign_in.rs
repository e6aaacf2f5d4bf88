//! `/login` over HTTP.

use actix_web::http::header::{RETRY_AFTER, SET_COOKIE};
use chrono::TimeDelta;
use diesel_async::RunQueryDsl;
use portcullis::crypto::{PlainToken, Random, TokenKind};
use portcullis::http::urls;

use url::form_urlencoded;

use super::house::{House, PASSWORD};

#[actix_web::test]
async fn signing_in_leads_back_to_where_the_person_was_going() {
    let house = House::build().await;
    house.person("alice").await;
    let browser = house.browser();
    let sent = browser.get("/settings/apps?page=2").await.assert(303);
    assert!(sent.location().starts_with("http://localhost:8080/login?return_to="), "{}", sent.location());
    let form = browser.get(sent.location()).await.assert(200);
    let csrf = form.field("csrf");
    let fields = [("csrf", csrf.as_str()), ("username", " Alice "), ("password", PASSWORD)];
    let address = sent.location().strip_prefix("http://localhost:8080").unwrap().to_owned();
    assert!(form.body.contains(&address), "the form is sent where it still knows the way on");
    let done = browser.post(&address, &fields).await.assert(303);
    assert_eq!(done.location(), "http://localhost:8080/settings/apps?page=2");
    assert_eq!(done.headers.get("cache-control").unwrap(), "no-store");
    assert!(browser.whoami().await.unwrap().starts_with("alice "));
}

#[actix_web::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_hosts() {
    let house = House::at("https://gate.example").await;
    house.person("alice").await;
    let done = house.browser().sign_in("alice", PASSWORD).await.assert(303);
    let cookie = done.headers.get_all(SET_COOKIE).map(|line| line.to_str().unwrap()).collect::<Vec<_>>().join("\n");
    assert!(cookie.starts_with("__Host-portcullis=pcls_"), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/;") && !cookie.contains("Domain"), "{cookie}");
}

/// User enumeration: the answer is the same for nobody, for somebody, and for somebody without a password.
#[actix_web::test]
async fn an_unknown_person_and_a_wrong_password_look_the_same() {
    let house = House::build().await;
    house.person("alice").await;
    let known = house.browser().sign_in("alice", "wrong password").await.assert(403);
    for name in ["nobody", "not a name", "аlice", "'; DROP TABLE users; --"] {
        let other = house.browser().sign_in(name, "wrong password").await.assert(403);
        assert!(other.headers.get(SET_COOKIE).is_none());
        let problem =
            |body: &str| body.split_once("role=\"alert\"").unwrap().1.split_once("</p>").unwrap().0.to_owned();
        assert_eq!(problem(&known.body), problem(&other.body), "{name:?}");
    }
    assert!(!known.body.contains("wrong password"), "what was typed is not sent back");
}

/// Session fixation: a token that somebody planted in the browser is never the one that is signed in.
#[actix_web::test]
async fn a_planted_session_is_not_taken_over() {
    let house = House::build().await;
    house.person("alice").await;
    let planted = PlainToken::fresh(TokenKind::Session, &Random::system());
    let browser = house.browser();
    browser.set_cookie("portcullis_session", planted.reveal());
    browser.sign_in("alice", PASSWORD).await.assert(303);
    assert_ne!(browser.cookie("portcullis_session").unwrap(), planted.reveal());
    assert!(house.live(&planted).await.is_none());
}

#[actix_web::test]
async fn signing_in_as_somebody_else_ends_the_session_before() {
    let house = House::build().await;
    house.person("alice").await;
    house.person("bob").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    let before = browser.cookie("portcullis_session").unwrap();
    browser.sign_in("bob", PASSWORD).await.assert(303);
    assert!(browser.whoami().await.unwrap().starts_with("bob "));
    let thief = house.browser();
    thief.set_cookie("portcullis_session", &before);
    assert_eq!(thief.whoami().await, None);
}

#[actix_web::test]
async fn a_wrong_password_leaves_the_session_before_alone() {
    let house = House::build().await;
    house.person("alice").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    browser.sign_in("bob", "wrong password").await.assert(403);
    assert!(browser.whoami().await.unwrap().starts_with("alice "));
}

/// Open redirect after sign-in (RFC 9700 §4.11).
#[actix_web::test]
async fn a_target_that_we_did_not_seal_is_ignored() {
    let house = House::build().await;
    house.person("alice").await;
    for target in ["https://evil.example", "//evil.example", "/\\evil.example", "e30.e30.e30.e30.e30", ""] {
        let browser = house.browser();
        let csrf = browser.get(urls::LOGIN).await.field("csrf");
        let fields = [("csrf", csrf.as_str()), ("username", "alice"), ("password", PASSWORD)];
        let target: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let done = browser.post(&format!("{}?return_to={target}", urls::LOGIN), &fields).await.assert(303);
        assert_eq!(done.location(), "http://localhost:8080/settings/apps", "{target:?}");
    }
    house.browser().get("/login?return_to=a&return_to=b").await.assert(200);
}

/// Guessing is slowed, and nobody is locked out by it.
#[actix_web::test]
async fn a_guesser_elsewhere_waits_and_the_person_at_home_does_not() {
    let house = House::build().await;
    house.person("alice").await;
    let home = house.browser_at("198.51.100.7");
    home.sign_in("alice", PASSWORD).await.assert(303);
    for guess in 0..10 {
        house.browser_at(&format!("203.0.113.{guess}")).sign_in("alice", "a guessed one").await.assert(403);
    }
    let waits = house.browser_at("203.0.113.99").sign_in("alice", PASSWORD).await.assert(429);
    let seconds: i64 = waits.headers.get(RETRY_AFTER).unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
    home.sign_in("alice", PASSWORD).await.assert(303);
    house.app.clock.advance(TimeDelta::seconds(seconds));
    house.browser_at("203.0.113.99").sign_in("alice", PASSWORD).await.assert(303);
}

/// Waiting must not tell whether a name exists.
#[actix_web::test]
async fn a_name_that_nobody_has_is_limited_in_the_same_way() {
    let house = House::build().await;
    for guess in 0..10 {
        house.browser_at(&format!("203.0.113.{guess}")).sign_in("nobody", "a guessed one").await.assert(403);
    }
    house.browser_at("203.0.113.99").sign_in("nobody", "a guessed one").await.assert(429);
}

#[actix_web::test]
async fn without_a_database_people_are_asked_to_come_back() {
    let house = House::build().await;
    house.person("alice").await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    let csrf = browser.get(urls::LOGIN).await.field("csrf");
    house.app.db.close();
    let answer = browser.get(urls::APPS).await.assert(503);
    assert_eq!(answer.headers.get(RETRY_AFTER).unwrap(), "1");
    assert!(browser.cookie("portcullis_session").is_some(), "and stay signed in");
    let fields = [("csrf", csrf.as_str()), ("username", "alice"), ("password", PASSWORD)];
    browser.post(urls::LOGIN, &fields).await.assert(503);
}

/// A failed guess must leave a trace, and the trace must not hold what was typed: people type passwords into the wrong field.
#[actix_web::test]
async fn every_attempt_is_recorded_without_what_was_typed() {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let house = House::build().await;
    house.person("alice").await;
    house.browser().sign_in("alice", "hunter2hunter2").await.assert(403);
    house.browser().sign_in("hunter3hunter3", "x").await.assert(403);
    house.browser().sign_in("alice", PASSWORD).await.assert(303);
    let query =
        "SELECT concat_ws(' ', event, address, detail, user_id IS NULL) AS row FROM audit_events ORDER BY at, id";
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut house.app.db.read().await.unwrap()).await.unwrap();
    let rows: Vec<String> = rows.into_iter().map(|row| row.row).collect();
    assert!(rows[0].starts_with("person.added"), "{rows:?}");
    assert_eq!(rows[1], r#"session.sign_in_refused 198.51.100.7 {"why": "wrong password"} f"#);
    assert_eq!(rows[2], r#"session.sign_in_refused 198.51.100.7 {"why": "unknown"} t"#);
    assert!(rows[3].starts_with("session.signed_in 198.51.100.7 ") && rows.len() == 4, "{rows:?}");
}
