//! Rows C-33 to C-36, C-77, C-78, Y-31, Y-46: access tokens of issuers that the operator trusts, and what headers say of them.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::audit::Origin;
use portcullis::grants::client::{ClientOptions, NewClient};
use portcullis::grants::trust::{self, NewRule, RuleAdded};
use portcullis::grants::trust_rule::Matches;
use portcullis::grants::trusted_issuer::IssuerKind;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::administrator::BEARER;
use crate::support::behind::Behind;
use crate::support::documents::Documents;
use crate::support::foreign::{COGNITO, ENTRA, KEYCLOAK};
use crate::support::issuers::{Issuer, with, without};
use crate::support::{Answer, Browser, TestApp};

/// A realm whose access tokens for us are accepted, and whose `u-1` is Ada.
async fn realm() -> (TestApp, Issuer, Browser) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let keycloak = Issuer::new(KEYCLOAK);
    keycloak.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
    keycloak.accept(&app, |_| {}).await;
    app.link(&keycloak, "u-1", "ada").await;
    (app, keycloak, ada)
}

/// A user pool whose access tokens for one client are accepted, and whose `u-1` is Ada.
async fn pool() -> (TestApp, Issuer) {
    let app = TestApp::start().await;
    app.person("ada").await;
    let cognito = Issuer::new(COGNITO);
    cognito.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
    cognito.accept(&app, |accepted| accepted.client_ids = ["agent"].into_iter().collect()).await;
    app.link(&cognito, "u-1", "ada").await;
    (app, cognito)
}

async fn call_with(app: &TestApp, token: &str, headers: &[(&str, &str)]) -> Answer {
    let request = app.mcp_request("debug_auth_context", json!({})).header("x-authorization", format!("Bearer {token}"));
    app.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

fn said(answer: &Answer) -> Value {
    answer.json()["result"]["structuredContent"].clone()
}

/// RFC 9068 §4: each claim counts, and hostile ones are just bad tokens.
#[tokio::test]
async fn a_wrong_claim_opens_nothing() {
    let (app, keycloak, _) = realm().await;
    let good = app.keycloak_claims("u-1");
    let now = app.clock().now().timestamp();
    for (name, values) in [
        (
            "iss",
            json!([format!("{KEYCLOAK}/"), "https://evil.example", KEYCLOAK.to_uppercase(), "", null, 1, [KEYCLOAK]]),
        ),
        ("aud", json!([app.issuer(), app.at("/mcp/"), app.at("/weather/mcp"), "account", "*", "", [], null, {}, 1])),
        ("exp", json!([now, now - 1, 0, -1, 1e19, "x", null])),
        ("iat", json!([now + 600, 1e19, "x", null])),
        ("nbf", json!([now + 600, 1e300, "x"])),
        ("sub", json!(["", null, 1, "a\0", "x".repeat(1025), "u-2"])),
    ] {
        for value in values.as_array().unwrap() {
            let is_gateways = name == "aud" && *value == app.app().gateway_audience();
            let forged = keycloak.sign("JWT", &with(&good, name, value.clone()));
            let answer = app.call_mcp(&forged).await;
            assert_eq!(answer.status, if is_gateways { 200 } else { 401 }, "{name}: {value}");
        }
        if name != "nbf" {
            app.call_mcp(&keycloak.sign("JWT", &without(&good, name))).await.assert(401);
        }
    }
    app.call_mcp(&keycloak.sign("JWT", &good)).await.assert(200);
}

/// RFC 8725 §2.1, §3.1, Keycloak CVE-2026-11800: neither another algorithm nor another's key, and the key has to be named.
#[tokio::test]
async fn a_signature_by_another_algorithm_or_key_is_none() {
    let (app, keycloak, _) = realm().await;
    let claims = app.keycloak_claims("u-1");
    let stranger = Issuer::new(KEYCLOAK);
    let good = keycloak.sign("JWT", &claims);
    let (head, rest) = good.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.{}.", rest.split('.').next().unwrap());
    for forged in [
        keycloak.confuse("JWT", &claims),
        stranger.sign("JWT", &claims),
        stranger.sign_with(&json!({ "alg": "ES256", "kid": "one", "jwk": stranger.jwks()["keys"][0] }), &claims),
        stranger.sign_with(&json!({ "alg": "ES256", "kid": "one", "jku": "https://evil.example/jwks" }), &claims),
        keycloak.sign_with(&json!({ "alg": "ES256", "typ": "JWT" }), &claims),
        keycloak.sign_with(&json!({ "alg": "ES256", "kid": "two" }), &claims),
        unsigned,
        format!("{head}.{rest}x"),
    ] {
        app.call_mcp(&forged).await.assert(401);
    }
    app.call_mcp(&good).await.assert(200);
    let picky = Issuer::new("https://idp.example/picky");
    picky.trust(&app, IssuerKind::AccessTokens, |issuer| issuer.algorithms = ["RS256"].into_iter().collect()).await;
    picky.accept(&app, |_| {}).await;
    app.call_mcp(&picky.sign("JWT", &with(&claims, "iss", json!(picky.url)))).await.assert(401);
}

/// RFC 8725 §3.11: what was signed for something else is no access token.
#[tokio::test]
async fn statements_of_other_kinds_open_nothing() {
    let (app, keycloak, _) = realm().await;
    let good = app.keycloak_claims("u-1");
    for typ in ["oauth-id-jag+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "pat+jwt", "id+jwt"] {
        app.call_mcp(&keycloak.sign(typ, &good)).await.assert(401);
    }
    for (name, value) in [
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("DPoP")),
        ("token_use", json!("id")),
        ("at_hash", json!("x")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ("cnf", json!({ "jkt": "x" })),
    ] {
        app.call_mcp(&keycloak.sign("JWT", &with(&good, name, value))).await.assert(401);
    }
    // Of an issuer that says nowhere what a token is.
    let unmarked = without(&good, "typ");
    app.call_mcp(&keycloak.sign("JWT", &unmarked)).await.assert(200);
    app.call_mcp(&keycloak.sign("JWT", &with(&unmarked, "nonce", json!("n")))).await.assert(401);
    let id_token = without(&with(&unmarked, "azp", json!(app.at("/mcp"))), "scope");
    app.call_mcp(&keycloak.sign("JWT", &id_token)).await.assert(401);
    app.call_mcp(&keycloak.sign("at+jwt", &id_token)).await.assert(200);
}

/// Nobody is taken in by a token whose issuer is trusted for something else, or for nothing; ours stay ours.
#[tokio::test]
async fn only_issuers_that_were_accepted_are() {
    let app = TestApp::start().await;
    app.person("ada").await;
    let (keycloak, ours) = (Issuer::new(KEYCLOAK), Issuer::new(app.issuer()));
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    app.call_mcp(&token).await.assert(401);
    keycloak.trust(&app, IssuerKind::IdJag, |_| {}).await;
    app.link(&keycloak, "u-1", "ada").await;
    app.call_mcp(&token).await.assert(401);
    keycloak.accept(&app, |_| {}).await;
    app.call_mcp(&token).await.assert(200);
    ours.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
    ours.accept(&app, |_| {}).await;
    app.link(&ours, "u-1", "ada").await;
    app.call_mcp(&ours.sign("JWT", &with(&app.keycloak_claims("u-1"), "iss", json!(ours.url)))).await.assert(401);
}

/// Not the management API, and not userinfo.
#[tokio::test]
async fn servers_are_all_that_it_opens() {
    let (app, keycloak, _) = realm().await;
    let root = app.root().await;
    app.link(&keycloak, "root", &root.username).await;
    keycloak
        .accept(&app, |accepted| {
            accepted.audiences = [app.app().gateway_audience()].into_iter().collect();
            accepted.scope = "mcp:delete mgmt.admin openid".parse().unwrap();
        })
        .await;
    let claims = with(&app.keycloak_claims("root"), "aud", json!(app.app().gateway_audience()));
    let token = keycloak.sign("JWT", &claims);
    app.api(&token, Method::GET, "/api/v1/mcp-servers").await.assert(401);
    app.api(&token, Method::GET, "/oauth/userinfo").await.assert(401);
    let known = said(&call_with(&app, &token, &[]).await.assert(200));
    assert_eq!(known["scopes"], json!(["mcp:delete"]));
    assert_eq!(known["credential"]["issuer"], KEYCLOAK);
}

/// Rows C-34 to C-36, Y-31, Y-46: a header decides nothing and contradicts a lot; the token's own client is never told.
#[tokio::test]
async fn headers_that_contradict_the_token_are_refused() {
    let (app, cognito) = pool().await;
    let token = cognito.sign("JWT", &app.cognito_claims("u-1"));
    let block = [("x-user-pool-id", "eu-west-1_AbC"), ("x-client-id", "agent"), ("x-region", "eu-west-1")];
    call_with(&app, &token, &block).await.assert(200);
    let realm = [("x-keycloak-url", "http://localhost:8080"), ("x-keycloak-realm", "mcp-gateway")];
    for wrong in [
        &[("x-client-id", "other")][..],
        &[("x-client-id", "")],
        &[("x-user-pool-id", "eu-west-1_Other")],
        &[("x-region", "us-east-1")],
        &realm,
        &[block[0], block[1], block[2], realm[0], realm[1]],
    ] {
        let answer = call_with(&app, &token, wrong).await.assert(401);
        let why = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(why.contains("X-") && !why.contains("agent"), "{why}");
        assert!(answer.header("www-authenticate").contains("invalid_token"));
    }
    let (app, keycloak, _) = self::realm().await;
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    call_with(&app, &token, &realm).await.assert(200);
    call_with(&app, &token, &[realm[0], ("x-keycloak-realm", "master")]).await.assert(401);
    call_with(&app, &token, &[("x-keycloak-url", "https://evil.example"), realm[1]]).await.assert(401);
    call_with(&app, &token, &block).await.assert(401);
}

/// With one of ours, only the client counts; and no header ever sends us anywhere.
#[tokio::test]
async fn with_a_token_of_ours_only_the_client_counts() {
    let (app, _, ada) = realm().await;
    let elsewhere = Documents::start().await;
    let client = app.client().await;
    let token = client.connect(&ada).await.access;
    let url = elsewhere.client_id();
    let hints =
        [("x-user-pool-id", "us-east-1_X"), ("x-region", "x"), ("x-keycloak-url", &*url), ("x-keycloak-realm", "r")];
    call_with(&app, &token, &hints).await.assert(200);
    call_with(&app, &token, &[("x-client-id", &client.id)]).await.assert(200);
    let answer = call_with(&app, &token, &[("x-client-id", "another")]).await.assert(401);
    assert!(!answer.body.contains(&client.id), "{}", answer.body);
    call_with(&app, "x.y.z", &hints).await.assert(401);
    assert_eq!(elsewhere.visits().await, 0);
}

/// Cognito's have no audience: the client stands for it, and only where it was named.
#[tokio::test]
async fn a_token_of_cognito_is_known_by_its_client() {
    let (app, cognito) = pool().await;
    let good = app.cognito_claims("u-1");
    app.call_mcp(&cognito.sign("JWT", &good)).await.assert(200);
    for wrong in [
        with(&good, "client_id", json!("another")),
        without(&good, "client_id"),
        with(&good, "token_use", json!("id")),
        with(&good, "aud", json!("another")),
    ] {
        app.call_mcp(&cognito.sign("JWT", &wrong)).await.assert(401);
    }
    cognito.accept(&app, |_| {}).await;
    app.call_mcp(&cognito.sign("JWT", &good)).await.assert(401);
}

/// Groups count for the call, only where the operator said by which claim; and they are nobody's afterwards.
#[tokio::test]
async fn groups_come_from_the_claim_that_the_operator_named() {
    let app = TestApp::start().await;
    app.person("ada").await;
    for (url, claims, claim) in [
        (COGNITO, app.cognito_claims("u-1"), "cognito:groups"),
        (KEYCLOAK, app.keycloak_claims("u-1"), "realm_access.roles"),
        (ENTRA, app.entra_claims("u-1"), "groups"),
    ] {
        let issuer = Issuer::new(url);
        issuer.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
        app.link(&issuer, "u-1", "ada").await;
        let token = issuer.sign("JWT", &claims);
        let groups = async |mapped: Option<&str>| {
            issuer
                .accept(&app, |accepted| {
                    accepted.client_ids = ["agent"].into_iter().collect();
                    if url == ENTRA {
                        accepted.audiences = ["api-guid"].into_iter().collect();
                    }
                    accepted.groups_claim = mapped.map(str::to_owned);
                })
                .await;
            said(&call_with(&app, &token, &[]).await.assert(200))["groups"].clone()
        };
        let has = |groups: Value| groups.as_array().unwrap().contains(&json!("engines"));
        assert!(!has(groups(None).await), "{url}");
        assert!(has(groups(Some(claim)).await), "{url}");
        assert!(!has(groups(Some("sub.nothing")).await), "{url}");
    }
    let left =
        app.write(async |conn| portcullis::identity::group::Group::named(conn, &["engines".to_owned()]).await).await;
    assert!(left.is_empty(), "no group was made");
}

/// Who is not linked is nobody; where the operator wants it, they are added once, and programs never.
#[tokio::test]
async fn strangers_are_refused_or_added_once() {
    let (app, keycloak, _) = realm().await;
    app.call_mcp(&keycloak.sign("JWT", &app.keycloak_claims("u-2"))).await.assert(401);
    let welcoming = Issuer::new("https://idp.example");
    welcoming
        .trust(&app, IssuerKind::AccessTokens, |issuer| {
            (issuer.provision, issuer.username_claim) = (true, Some("preferred_username".to_owned()));
        })
        .await;
    welcoming.accept(&app, |_| {}).await;
    let claims = with(&app.keycloak_claims("u-2"), "iss", json!(welcoming.url));
    app.call_mcp(&welcoming.sign("JWT", &without(&claims, "preferred_username"))).await.assert(401);
    app.call_mcp(&welcoming.sign("JWT", &with(&claims, "sub", json!("agent")))).await.assert(401);
    let token = welcoming.sign("JWT", &claims);
    for answer in join_all((0..8).map(|_| call_with(&app, &token, &[]))).await {
        let name = said(&answer.assert(200))["subject"]["username"].as_str().unwrap().to_owned();
        assert!(name.starts_with("person-"), "never Ada, who was here already (K4): {name}");
    }
    assert_eq!(app.events("person.added").await.len(), 2, "Ada and one more");
}

/// A program of the issuer's acts as the service account that a rule names, within what its client may.
#[tokio::test]
async fn a_program_acts_as_the_account_of_its_rule() {
    let (app, keycloak, _) = realm().await;
    let account = app.service_account("deployer").await;
    let acts_as = |client: NewClient| NewClient {
        options: ClientOptions { service_account_id: Some(account), ..ClientOptions::default() },
        ..client
    };
    app.administrators_client("deployer", &["client_credentials", BEARER], acts_as).await;
    let token = keycloak.sign("JWT", &with(&app.keycloak_claims("service"), "azp", json!("ci")));
    app.call_mcp(&token).await.assert(401);
    let new = NewRule {
        issuer: KEYCLOAK.to_owned(),
        matches: Matches::parse(&["azp=ci".to_owned()]).unwrap(),
        service_account: "deployer".to_owned(),
        scope: "mcp:read".parse().unwrap(),
        resource: None,
    };
    let now = app.clock().now();
    let added = app.write(async |conn| trust::add_rule(conn, new, &Origin::operator(), now).await).await;
    assert!(matches!(added, RuleAdded::Added(_)));
    app.becomes(async || app.call_mcp(&token).await, 200).await;
    let known = said(&call_with(&app, &token, &[]).await);
    assert_eq!((&known["subject"]["kind"], &known["scopes"]), (&json!("service_account"), &json!(["mcp:read"])));
    app.call_mcp(&keycloak.sign("JWT", &with(&app.keycloak_claims("service"), "azp", json!("ci2")))).await.assert(401);
}

/// It ends with its time, with its person, with the link, and with its issuer, whatever was remembered.
#[tokio::test]
async fn what_a_token_rests_on_ends_it() {
    let (app, keycloak, ada) = realm().await;
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    app.call_mcp(&token).await.assert(200);
    let (now, account) = (app.clock().now(), (KEYCLOAK, "u-1"));
    assert!(app.write(async |conn| trust::unlink(conn, account, &Origin::operator(), now).await).await);
    app.sees_the_end_of(&token).await;
    app.link(&keycloak, "u-1", "ada").await;
    app.call_mcp(&token).await.assert(200);
    assert!(app.write(async |conn| trust::remove(conn, KEYCLOAK, &Origin::operator(), now).await).await);
    app.sees_the_end_of(&token).await;
    // An issuer of that name with other keys: what was verified by the earlier ones is not believed.
    let other = Issuer::new(KEYCLOAK);
    other.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
    other.accept(&app, |_| {}).await;
    app.call_mcp(&token).await.assert(401);
    let token = other.sign("JWT", &app.keycloak_claims("u-1"));
    app.call_mcp(&token).await.assert(200);
    app.disable(&ada).await;
    app.sees_the_end_of(&token).await;
    let (app, keycloak, _) = realm().await;
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    app.call_mcp(&token).await.assert(200);
    app.clock().advance(TimeDelta::seconds(300));
    app.call_mcp(&token).await.assert(401);
}

/// Keys are fetched once for many, and not again for names that nobody has; while they cannot be had, nobody is told that their
/// token is bad.
#[tokio::test]
async fn keys_are_fetched_once_and_invented_ones_ask_nobody() {
    let app = TestApp::start().await;
    app.person("ada").await;
    let (keycloak, published) = (Issuer::new(KEYCLOAK), Documents::start().await);
    let uri = published.client_id();
    keycloak.trust(&app, IssuerKind::AccessTokens, |issuer| (issuer.jwks, issuer.jwks_uri) = (None, Some(uri))).await;
    keycloak.accept(&app, |_| {}).await;
    app.link(&keycloak, "u-1", "ada").await;
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    published.answer(wiremock::ResponseTemplate::new(500)).await;
    app.call_mcp(&token).await.assert(503);
    app.clock().advance(TimeDelta::seconds(31));
    published.publish(keycloak.jwks()).await;
    for answer in join_all((0..10).map(|_| app.call_mcp(&token))).await {
        answer.assert(200);
    }
    for kid in ["a", "b", "c"] {
        let header = json!({ "alg": "ES256", "kid": kid });
        app.call_mcp(&keycloak.sign_with(&header, &app.keycloak_claims("u-1"))).await.assert(401);
    }
    assert_eq!(published.visits().await, 1);
}

/// At the door of a server: by the audience that the operator named, and with policies as for everybody.
#[tokio::test]
async fn it_opens_servers_as_policies_say() {
    let (app, keycloak, _) = realm().await;
    let behind = Behind::ordinary();
    app.register_behind("weather", &behind, "").await;
    app.register_behind("other", &behind, "").await;
    let claims = with(&app.keycloak_claims("u-1"), "aud", json!(app.at("/weather/mcp")));
    let token = keycloak.sign("JWT", &claims);
    app.ask_behind("weather", &token, "ping", json!({})).await.assert(403);
    app.allow_everything().await;
    app.ask_behind("weather", &token, "ping", json!({})).await.assert(200);
    app.ask_behind("other", &token, "ping", json!({})).await.assert(401);
    app.call_mcp(&token).await.assert(401);
    for (tool, status) in [("look", 200), ("change", 200), ("destroy", 403)] {
        let answer = app.ask_behind("weather", &token, "tools/call", json!({ "name": tool })).await;
        assert_eq!(answer.status, status, "{tool}");
    }
    let narrow = keycloak.sign("JWT", &with(&claims, "scope", json!("openid mcp:read")));
    let answer = app.ask_behind("weather", &narrow, "tools/call", json!({ "name": "change" })).await;
    assert_eq!(answer.status, 403, "its own scopes narrow");
    assert!(behind.reached().iter().all(|reached| reached.header("authorization").is_none()), "it goes nowhere");
}

/// K-29: a personal access token for one server opens that and no other door.
#[tokio::test]
async fn k29_a_token_for_one_server_opens_no_other_door() {
    let behind = Behind::ordinary();
    let app = TestApp::start().await;
    app.register_behind("weather", &behind, "").await;
    app.register_behind("other", &behind, "").await;
    app.allow_everything().await;
    let root = app.root().await;
    let pat = app.pat_as(&root, |form| form.and("scopes", "mcp:write").set("server", "weather")).await;
    for (method, params) in [("ping", json!({})), ("tools/list", json!({})), ("tools/call", json!({ "name": "look" }))]
    {
        let answer = app.ask_behind("other", &pat.token, method, params.clone()).await;
        assert_eq!(answer.status, 403, "{method}: {}", answer.body);
        assert!(answer.headers.get("www-authenticate").is_none(), "no scope would help");
        app.ask_behind("weather", &pat.token, method, params).await.assert(200);
    }
    assert_eq!(behind.reached().len(), 3);
    let open = app.request(Method::GET, "/other/mcp").header(AUTHORIZATION, format!("Bearer {}", pat.token));
    app.send(open).await.assert(403);
}
