//! C: authorization codes and PKCE.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::crypto::{PlainToken, Random, TokenKind};
use serde_json::json;

use crate::support::TestApp;
use crate::support::client::{Client, Won, challenge};

/// RFC 9700 §2.1.1: PKCE for every client, S256 alone, and no way down from it.
#[tokio::test]
async fn c1_c2_without_s256_nobody_is_asked() {
    let app = TestApp::start().await;
    let web =
        json!({ "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic" });
    for client in [app.client().await, Client::register(&app, web).await] {
        let mut asks = vec![
            client.ask().without("code_challenge"),
            client.ask().without("code_challenge").without("code_challenge_method"),
            client.ask().without("code_challenge_method"),
            client.ask().with("code_challenge", ""),
            client.ask().with("code_challenge", "short"),
            client.ask().with("code_challenge", &"A".repeat(44)),
            client.ask().with("code_challenge", &"é".repeat(43)),
        ];
        asks.extend(["plain", "s256", "S512", ""].map(|method| client.ask().with("code_challenge_method", method)));
        for ask in asks {
            let answer = app.get(&ask.url()).await;
            answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
        }
    }
}

/// RFC 7636 §4.1, §4.6.
#[tokio::test]
async fn c3_c4_a_wrong_verifier_is_refused_and_guessing_ends() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    let other_end = if won.verifier.ends_with('A') { "B" } else { "A" };
    let near = format!("{}{other_end}", &won.verifier[..42]);
    for wrong in ["", &won.verifier[..42], &"a".repeat(129), &"é".repeat(43), &near] {
        let guess = Won { verifier: wrong.to_owned(), ..won.clone() };
        client.redeem(&guess).await.assert_refused(400, "invalid_grant");
    }
    let without: Vec<_> = client.redemption(&won).into_iter().filter(|(name, _)| *name != "code_verifier").collect();
    client.token(&without).await.assert_refused(400, "invalid_grant");
    let honest = client.code(&ada).await;
    client.redeem(&Won { verifier: "x".repeat(43), ..honest.clone() }).await.assert_refused(400, "invalid_grant");
    client.redeem(&honest).await.tokens();
    let guessed = client.code(&ada).await;
    for _ in 0..5 {
        client.redeem(&Won { verifier: "x".repeat(43), ..guessed.clone() }).await.assert_refused(400, "invalid_grant");
    }
    client.redeem(&guessed).await.assert_refused(400, "invalid_grant");
}

/// RFC 7636 §7.2: the challenge itself proves nothing.
#[tokio::test]
async fn c2_a_challenge_does_not_pass_for_its_verifier() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    let seen = Won { verifier: challenge(&won.verifier), ..won.clone() };
    client.redeem(&seen).await.assert_refused(400, "invalid_grant");
}

/// RFC 6749 §4.1.2.
#[tokio::test]
async fn c5_a_replayed_code_revokes_everything_it_bought() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    let tokens = client.redeem(&won).await.tokens();
    app.call_mcp(&tokens.access).await.assert(200);
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
    app.call_mcp(&tokens.access).await.assert(401);
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
    assert_eq!(app.events("code.replayed").await.len(), 1);
}

/// RFC 6749 §10.5, under load: one statement decides.
#[tokio::test]
async fn c6_fifty_presenters_on_two_nodes_get_one_answer_and_the_grant_ends() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    let there = client.at(&second);
    let answers = join_all((0..50).map(|turn| if turn % 2 == 0 { &client } else { &there }.redeem(&won))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1);
    bad.iter().for_each(|answer| answer.assert_refused(400, "invalid_grant"));
    let tokens = good.into_iter().next().unwrap().tokens();
    app.call_mcp(&tokens.access).await.assert(401);
    second.call_mcp(&tokens.access).await.assert(401);
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
}

#[tokio::test]
async fn c7_a_code_dies_with_its_minute_on_every_node() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    app.clock().advance(TimeDelta::seconds(61));
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
    let restarted = app.second_node().await;
    client.at(&restarted).redeem(&won).await.assert_refused(400, "invalid_grant");
}

#[tokio::test]
async fn c7_a_code_dies_with_what_it_stands_for() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let won = client.code(&ada).await;
    ada.revoke_app().await;
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
    let won = client.code(&ada).await;
    app.disable(&ada).await;
    client.redeem(&won).await.assert_refused(400, "invalid_grant");
}

/// RFC 6749 §4.1.3: the code was issued to the client that presents it.
#[tokio::test]
async fn c8_anothers_code_is_refused_and_its_owner_notices_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let thief = Client::register(&app, json!({ "client_name": "Thief" })).await;
    let won = client.code(&ada).await;
    for _ in 0..6 {
        thief.redeem(&won).await.assert_refused(400, "invalid_grant");
    }
    let tokens = client.redeem(&won).await.tokens();
    thief.redeem(&won).await.assert_refused(400, "invalid_grant");
    app.call_mcp(&tokens.access).await.assert(200);
}

/// Code injection: the victim's client has another verifier than the attacker's code belongs to (RFC 9700 §4.5).
#[tokio::test]
async fn c8_a_code_injected_into_anothers_session_buys_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let client = app.client().await;
    let (hers, mine) = (client.code(&ada).await, client.code(&eve).await);
    let injected = Won { code: hers.code.clone(), verifier: mine.verifier.clone() };
    client.redeem(&injected).await.assert_refused(400, "invalid_grant");
    client.redeem(&hers).await.tokens();
}

/// Stores are typed: a token of another kind is no code, whatever it looks like.
#[tokio::test]
async fn c9_what_is_no_code_is_no_code() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let session = ada.cookie("portcullis_session").unwrap();
    let made_up = PlainToken::fresh(TokenKind::Code, &Random::system()).reveal().to_owned();
    let won = client.code(&ada).await;
    let renamed = tokens.refresh.replacen("pclr_", "pclc_", 1);
    let flipped = won.code.to_ascii_uppercase();
    for code in [&tokens.refresh, &tokens.access, &session, &made_up, &renamed, &flipped, &won.code[1..], "", "urn:x"] {
        let guess = Won { code: (*code).to_owned(), ..won.clone() };
        let answer = client.redeem(&guess).await;
        answer.assert_refused(400, if code.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    let spaced = Won { code: format!(" {}", won.code), ..won.clone() };
    client.redeem(&spaced).await.assert_refused(400, "invalid_grant");
    client.redeem(&won).await.tokens();
}
