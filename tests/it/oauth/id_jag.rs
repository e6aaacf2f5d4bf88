//! Identity Assertion JWT Authorization Grant: a company's identity provider lets a client in for a person.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::grants::trusted_issuer::IssuerKind;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::identity::linked_account;
use serde_json::{Value, json};

use crate::support::administrator::{BEARER, CODE};
use crate::support::client::{Client, jwt};
use crate::support::issuers::{Issuer, with, without};
use crate::support::{Answer, Browser, TestApp};

const IDP: &str = "https://idp.acme.example";
const TYP: &str = "oauth-id-jag+jwt";

async fn cast() -> (TestApp, Browser, Client, Issuer) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let agent = app.administrators_client("agent", &[BEARER], |client| client).await;
    let idp = Issuer::new(IDP);
    idp.trust(&app, IssuerKind::IdJag, |_| {}).await;
    link(&app, &ada, "ada-at-idp").await;
    (app, ada, agent, idp)
}

async fn link(app: &TestApp, person: &Browser, subject: &str) {
    let (user, now) = (person.user, app.clock().now());
    assert!(app.write(async |conn| linked_account::insert(conn, IDP, subject, user, now).await).await);
}

fn claims(app: &TestApp, jti: &str) -> Value {
    let now = app.clock().now().timestamp();
    json!({
        "iss": IDP, "sub": "ada-at-idp", "aud": app.issuer(), "client_id": "agent", "jti": jti,
        "iat": now, "exp": now + 300, "resource": app.at(urls::MCP), "scope": "mcp:read mcp:write", "auth_time": now - 60,
    })
}

async fn ask(client: &Client, assertion: &str, more: &[(&str, &str)]) -> Answer {
    client.token(&[&[("grant_type", BEARER), ("assertion", assertion)], more].concat()).await
}

#[tokio::test]
async fn a_provider_lets_a_client_in_for_a_person() {
    let (app, ada, agent, idp) = cast().await;
    let tokens = ask(&agent, &idp.sign(TYP, &claims(&app, "a")), &[]).await.tokens();
    assert_eq!((tokens.scope.as_str(), tokens.refresh.as_str()), ("mcp:read mcp:write", ""));
    let (_, said) = jwt(&tokens.access);
    assert_eq!(said["sub"], ada.user.to_string());
    assert_eq!((said["client_id"].as_str(), said["aud"].as_str()), (Some("agent"), Some(&*app.at(urls::MCP))));
    app.call_mcp(&tokens.access).await.assert(200);
    ada.sign_in().await;
    ada.revoke_app().await;
    app.call_mcp(&tokens.access).await.assert(401);
    let metadata = app.get(urls::AUTHORIZATION_SERVER).await.json();
    assert_eq!(
        metadata["authorization_grant_profiles_supported"],
        json!(["urn:ietf:params:oauth:grant-profile:id-jag"])
    );
}

/// Each claim counts; what is missing is not assumed.
#[tokio::test]
async fn a_wrong_claim_lets_nobody_in() {
    let (app, _, agent, idp) = cast().await;
    let good = claims(&app, "x");
    let now = app.clock().now().timestamp();
    for (name, values) in [
        ("iss", json!(["https://evil.example", format!("{IDP}/"), null])),
        ("aud", json!([app.at("/mcp"), app.at(urls::TOKEN), [app.issuer(), "https://other.example"], [], "", null])),
        ("sub", json!(["eve-at-idp", "ADA-at-idp", "", null, 1])),
        ("client_id", json!(["other", "", "Agent", null])),
        ("exp", json!([now - 31, 0, 1e19, i64::MAX, now + 3700, null])),
        ("iat", json!([now + 600, now - 7200, 1e300, null])),
        ("jti", json!(["", null, 1])),
    ] {
        for value in values.as_array().unwrap() {
            let answer = ask(&agent, &idp.sign(TYP, &with(&good, name, value.clone())), &[]).await;
            assert_eq!(
                (answer.status, answer.json()["error"].as_str()),
                (400, Some("invalid_grant")),
                "{name}: {value}"
            );
        }
        ask(&agent, &idp.sign(TYP, &without(&good, name)), &[]).await.assert_refused(400, "invalid_grant");
    }
    for typ in ["JWT", "at+jwt", "oauth-id-jag", ""] {
        ask(&agent, &idp.sign(typ, &good), &[]).await.assert_refused(400, "invalid_grant");
    }
    ask(&agent, &idp.sign(TYP, &good), &[]).await.tokens();
}

/// Keycloak CVE-2026-11800.
#[tokio::test]
async fn a_confused_algorithm_or_a_strangers_key_lets_nobody_in() {
    let (app, _, agent, idp) = cast().await;
    let good = claims(&app, "x");
    for forged in [idp.confuse(TYP, &good), Issuer::new(IDP).sign(TYP, &good)] {
        ask(&agent, &forged, &[]).await.assert_refused(400, "invalid_grant");
    }
}

/// Keycloak CVE-2026-79652: without a consent page, only clients get in that somebody vouches for and that prove who they
/// are.
#[tokio::test]
async fn only_clients_that_somebody_vouches_for_go_without_consent() {
    let (app, _, agent, idp) = cast().await;
    let public = app.public_client("public", &[BEARER, CODE]).await;
    let for_public = idp.sign(TYP, &with(&claims(&app, "a"), "client_id", json!("public")));
    ask(&public, &for_public, &[]).await.assert_refused(400, "unauthorized_client");
    let unregistered = app.administrators_client("codes-only", &[CODE], |client| client).await;
    let for_it = idp.sign(TYP, &with(&claims(&app, "b"), "client_id", json!("codes-only")));
    ask(&unregistered, &for_it, &[]).await.assert_refused(400, "unauthorized_client");
    let thief = app.administrators_client("thief", &[BEARER], |client| client).await;
    let stolen = idp.sign(TYP, &claims(&app, "c"));
    ask(&thief, &stolen, &[]).await.assert_refused(400, "invalid_grant");
    let form = [("grant_type", BEARER), ("assertion", &*stolen)];
    app.post_form(urls::TOKEN, &form).await.assert_refused(401, "invalid_client");
    ask(&agent, &stolen, &[]).await.tokens();
}

/// jti replay detection is required: one of two nodes, one of many at once, is first.
#[tokio::test]
async fn an_identity_assertion_is_used_once_on_all_nodes() {
    let (app, _, agent, idp) = cast().await;
    let second = agent.at(&app.second_node().await);
    let assertion = idp.sign(TYP, &claims(&app, "once"));
    let asks = (0..20).map(|place| ask(if place % 2 == 0 { &agent } else { &second }, &assertion, &[]));
    let answers = join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_refused(400, "invalid_grant");
    }
    app.clock().advance(TimeDelta::seconds(320));
    ask(&agent, &assertion, &[]).await.assert_refused(400, "invalid_grant");
}

/// H4: what the provider gave ∩ what is asked ∩ what the client and the person may have. H1, H2: only our own resource.
#[tokio::test]
async fn h4_an_assertion_buys_no_more_than_everybody_allows() {
    let (app, _, agent, idp) = cast().await;
    let sign = |jti: &str, name: &str, value: Value| idp.sign(TYP, &with(&claims(&app, jti), name, value));
    let asked = [("scope", "mcp:read mcp:delete email")];
    assert_eq!(ask(&agent, &sign("1", "x", json!(1)), &asked).await.tokens().scope, "mcp:read");
    let admin = sign("2", "scope", json!("mcp:read mgmt.admin"));
    assert_eq!(ask(&agent, &admin, &[]).await.tokens().scope, "mcp:read", "ada is no administrator");
    let nothing = sign("3", "scope", json!("nonsense"));
    ask(&agent, &nothing, &[]).await.assert_refused(400, "invalid_scope");
    let silent = idp.sign(TYP, &without(&claims(&app, "4"), "scope"));
    assert_eq!(ask(&agent, &silent, &[]).await.tokens().scope, "mcp:read mcp:write");
    for resource in [json!("https://evil.example/mcp"), json!([]), json!(app.issuer())] {
        ask(&agent, &sign("5", "resource", resource), &[]).await.assert_refused(400, "invalid_target");
    }
    let other = [("resource", "https://evil.example/mcp")];
    ask(&agent, &sign("6", "x", json!(1)), &other).await.assert_refused(400, "invalid_target");
    let silent = idp.sign(TYP, &without(&claims(&app, "7"), "resource"));
    assert_eq!(jwt(&ask(&agent, &silent, &[]).await.tokens().access).1["aud"], app.at(urls::MCP));
}

/// K4: never by an email address or a name; who is linked to nobody is nobody, or somebody new.
#[tokio::test]
async fn k4_nobody_becomes_somebody_else_by_name_or_address() {
    let app = TestApp::start().await;
    let says =
        NewPerson { username: "ada".to_owned(), email: Some("ada@acme.example".to_owned()), ..NewPerson::default() };
    let ada = app.add(says).await;
    let agent = app.administrators_client("agent", &[BEARER], |client| client).await;
    let (strict, idp) = (Issuer::new("https://strict.example"), Issuer::new(IDP));
    strict.trust(&app, IssuerKind::IdJag, |_| {}).await;
    idp.trust(&app, IssuerKind::IdJag, |issuer| {
        (issuer.provision, issuer.username_claim) = (true, Some("preferred_username".to_owned()));
    })
    .await;
    let mut claimed = claims(&app, "a");
    claimed["email"] = json!("ada@acme.example");
    claimed["preferred_username"] = json!("ada");
    let unknown = strict.sign(TYP, &with(&claimed, "iss", json!(strict.url)));
    ask(&agent, &unknown, &[]).await.assert_refused(400, "invalid_grant");
    let first = ask(&agent, &idp.sign(TYP, &claimed), &[]).await.tokens();
    let somebody_new = jwt(&first.access).1["sub"].clone();
    assert_ne!(somebody_new, ada.user.to_string());
    let again = with(&with(&claimed, "jti", json!("b")), "preferred_username", json!("renamed"));
    let second = ask(&agent, &idp.sign(TYP, &again), &[]).await.tokens();
    assert_eq!(jwt(&second.access).1["sub"], somebody_new, "the same subject is the same person");
    app.call_mcp(&second.access).await.assert(200);
}

/// Nobody is added for an assertion that buys nothing.
#[tokio::test]
async fn a_person_is_added_together_with_what_they_get() {
    let app = TestApp::start().await;
    let agent = app.administrators_client("agent", &[BEARER], |client| client).await;
    let idp = Issuer::new(IDP);
    idp.trust(&app, IssuerKind::IdJag, |issuer| issuer.provision = true).await;
    let of = |sub: &str, jti: &str| with(&claims(&app, jti), "sub", json!(sub));
    let nothing = idp.sign(TYP, &with(&of("one", "a"), "scope", json!("nonsense")));
    ask(&agent, &nothing, &[]).await.assert_refused(400, "invalid_scope");
    let much = idp.sign(TYP, &with(&of("one", "b"), "scope", json!("mgmt.admin")));
    ask(&agent, &much, &[]).await.assert_refused(400, "invalid_scope");
    assert!(app.events("person.added").await.is_empty());
    ask(&agent, &idp.sign(TYP, &of("one", "c")), &[]).await.tokens();
    ask(&agent, &idp.sign(TYP, &of("two", "c")), &[]).await.assert_refused(400, "invalid_grant");
    assert_eq!(app.events("person.added").await.len(), 1, "a jti that was used adds nobody");
    ask(&agent, &idp.sign(TYP, &of("two", "d")), &[]).await.tokens();
    let refused = app.events("assertion.refused").await;
    assert_eq!(refused.len(), 3);
    assert_eq!((&refused[2]["subject"], &refused[2]["why"]), (&json!("two"), &json!("The assertion was used before")));
}

/// Many first requests at once make one person.
#[tokio::test]
async fn a_person_is_added_once() {
    let app = TestApp::start().await;
    let agent = app.administrators_client("agent", &[BEARER], |client| client).await;
    let idp = Issuer::new(IDP);
    idp.trust(&app, IssuerKind::IdJag, |issuer| issuer.provision = true).await;
    let assertions: Vec<String> = (0..8).map(|jti| idp.sign(TYP, &claims(&app, &jti.to_string()))).collect();
    let answers = join_all(assertions.iter().map(|assertion| ask(&agent, assertion, &[]))).await;
    let people: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| jwt(&answer.tokens().access).1["sub"].to_string()).collect();
    assert_eq!(people.len(), 1);
    assert_eq!(app.events("person.added").await.len(), 1);
}

#[tokio::test]
async fn somebody_disabled_is_let_in_by_nobody() {
    let (app, ada, agent, idp) = cast().await;
    app.disable(&ada).await;
    ask(&agent, &idp.sign(TYP, &claims(&app, "a")), &[]).await.assert_refused(400, "invalid_grant");
    assert_eq!(app.events("assertion.refused").await.len(), 1);
}
