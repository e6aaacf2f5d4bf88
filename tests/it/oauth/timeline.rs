//! The timeline of authorization attempts: each step in its attempt, nothing secret, and no room for strangers to fill.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use portcullis::grants::flow_step::{self, FlowStep};
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::jobs::expire::expire;
use portcullis::schema::users;
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::{Client, Won};

/// Everything that was noted, oldest first.
async fn noted(app: &TestApp) -> Vec<FlowStep> {
    app.app().timeline.write(app.db()).await.unwrap();
    let mut conn = app.db().read().await.unwrap();
    let mut steps = flow_step::latest(&mut conn, 10_000).await.unwrap();
    steps.reverse();
    steps
}

fn told(steps: &[FlowStep]) -> Vec<(&str, &str)> {
    steps.iter().map(|step| (step.step.as_str(), step.outcome.as_str())).collect()
}

#[tokio::test]
async fn a_wrong_verifier_shows_as_the_step_of_its_attempt() {
    let app = TestApp::start().await;
    let (ada, client) = (app.person("ada").await, app.client().await);
    let won = client.code(&ada).await;
    client.redeem(&Won { verifier: "x".repeat(43), ..won.clone() }).await.assert_refused(400, "invalid_grant");
    client.redeem(&won).await.assert(200);
    let steps = noted(&app).await;
    assert_eq!(
        told(&steps),
        [
            ("registration", "done"),
            ("authorization", "waiting"),
            ("sign_in", "done"),
            ("authorization", "waiting"),
            ("consent", "done"),
            ("token", "refused"),
            ("token", "done"),
        ]
    );
    let attempt = steps[1].flow_id;
    assert!(steps[1..].iter().all(|step| step.flow_id == attempt), "{steps:#?}");
    assert!(steps.iter().all(|step| step.client_id.as_deref() == Some(client.id.as_str())));
    assert_eq!(steps[4].user_id, Some(ada.user));
    assert!(steps[5].why.as_deref().is_some_and(|why| why.starts_with("invalid_grant: ")), "{:?}", steps[5]);
    assert!(steps[5].request_id.is_some() && steps[5].address.is_some());

    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    root.sign_in().await;
    let words = root.get(urls::FLOWS).await.assert(200).words();
    for expected in ["Test client", "Token, refused: invalid_grant", "The person has to sign in", "Connected", "ada"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

#[tokio::test]
async fn whatever_is_refused_says_why_and_two_attempts_are_two() {
    let app = TestApp::start().await;
    let (ada, client) = (app.person("ada").await, app.client().await);
    ada.deny(&client.ask().url()).await;
    app.get(&client.ask().without("code_challenge").url()).await.assert(303);
    app.get(&client.ask().with("client_id", "forgotten").url()).await.assert(400);
    app.get(&client.ask().with("redirect_uri", "https://evil.example/").url()).await.assert(400);
    app.post_json(urls::REGISTER, &json!({ "redirect_uris": ["javascript:alert(1)"] })).await.assert(400);
    Client::known(&app, "forgotten", "http://127.0.0.1/").refresh("pcl_rt_x").await.assert(401);
    let steps = noted(&app).await;
    let refused: Vec<_> = steps.iter().filter(|step| step.outcome == "refused").collect();
    let why: Vec<_> = refused.iter().map(|step| step.why.as_deref().unwrap()).collect();
    assert_eq!(why.len(), 6, "{why:#?}");
    for (why, begins) in why.iter().zip([
        "access_denied: ",
        "invalid_request: PKCE is required",
        "No client of this id",
        "The redirect_uri is not",
        "invalid_redirect_uri: ",
        "invalid_client: ",
    ]) {
        assert!(why.starts_with(begins), "{why} instead of {begins}");
    }
    assert_eq!(refused[2].client_id.as_deref(), Some("forgotten"));
    assert_ne!(refused[0].flow_id, refused[1].flow_id);
    client.refresh(&client.connect(&ada).await.refresh).await.assert(200);
    let after = noted(&app).await;
    assert_eq!(after.last().unwrap().outcome, "done", "a refresh that works is no attempt of anybody");
    assert_eq!(after.iter().filter(|step| step.step == "token" && step.outcome == "done").count(), 1);
}

/// Denial of service: what a stranger does is noted up to a limit, and nothing of it is written by the request itself.
#[tokio::test]
async fn a_stranger_cannot_fill_the_timeline() {
    let app = TestApp::start().await;
    for number in 0..200 {
        let url = format!("{}?client_id=flood-{number}-{}", urls::AUTHORIZE, "x".repeat(1000));
        app.get(&url).await.assert(400);
    }
    let steps = noted(&app).await;
    assert_eq!(steps.len(), 60);
    assert!(steps.iter().all(|step| step.client_id.as_deref().is_none_or(|id| id.len() <= 300)));
    let (ada, client) = (app.person("ada").await, app.client().await);
    client.connect(&ada).await;
    let mine = noted(&app).await;
    assert!(mine[60..].iter().any(|step| step.step == "consent"), "who is signed in has room of their own");
}

#[tokio::test]
async fn it_is_forgotten_after_a_week_and_with_the_person() {
    let app = TestApp::start().await;
    let (ada, client) = (app.person("ada").await, app.client().await);
    client.connect(&ada).await;
    let all = noted(&app).await;
    let hers = all.iter().filter(|step| step.user_id.is_some()).count();
    let ada = ada.user;
    app.write(async |conn| diesel::delete(users::table.find(ada)).execute(conn).await).await;
    assert_eq!(noted(&app).await.len(), all.len() - hers);
    let later = app.clock().now() + TimeDelta::days(8);
    app.write(async |conn| expire(conn, later).await).await;
    assert!(noted(&app).await.is_empty());
}
