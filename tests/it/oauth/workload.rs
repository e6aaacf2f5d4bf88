//! RFC 7523 §2.1, SEP-1933: a workload's own token buys an access token, without a client of its own.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::audit::Origin;
use portcullis::grants::client::{ClientOptions, NewClient};
use portcullis::grants::trust::{self, NewRule, RuleAdded};
use portcullis::grants::trust_rule::Matches;
use portcullis::grants::trusted_issuer::IssuerKind;
use portcullis::http::urls;
use portcullis::identity::service_account;
use portcullis::types::ServiceAccountId;
use serde_json::{Value, json};

use crate::support::administrator::BEARER;
use crate::support::client::jwt;
use crate::support::documents::Documents;
use crate::support::issuers::{Issuer, with, without};
use crate::support::{Answer, TestApp};

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// An installation that trusts the workflows of one branch of one repository to act as `deployer`.
async fn cast() -> (TestApp, Issuer, ServiceAccountId) {
    let app = TestApp::start().await;
    let github = Issuer::new(GITHUB);
    github.trust(&app, IssuerKind::Workload, |_| {}).await;
    let account = deployer(&app).await;
    let matches = ["repository=acme/app", "ref=refs/heads/main"];
    assert!(matches!(rule(&app, GITHUB, &matches, "mcp:read mcp:write").await, RuleAdded::Added(_)));
    (app, github, account)
}

async fn deployer(app: &TestApp) -> ServiceAccountId {
    let account = app.service_account("deployer").await;
    let acts_as = |client: NewClient| NewClient {
        options: ClientOptions { service_account_id: Some(account), ..ClientOptions::default() },
        ..client
    };
    app.administrators_client("deployer", &["client_credentials"], acts_as).await;
    account
}

async fn rule(app: &TestApp, issuer: &str, matches: &[&str], scope: &str) -> RuleAdded {
    let new = NewRule {
        issuer: issuer.to_owned(),
        matches: Matches::parse(&matches.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap(),
        service_account: "deployer".to_owned(),
        scope: scope.parse().unwrap(),
        resource: None,
    };
    let now = app.clock().now();
    app.write(async |conn| trust::add_rule(conn, new, &Origin::operator(), now).await).await
}

/// The claims of a GitHub Actions token (docs.github.com, "OpenID Connect reference").
fn github_claims(app: &TestApp, jti: &str) -> Value {
    let now = app.clock().now().timestamp();
    json!({
        "iss": GITHUB, "aud": app.issuer(), "sub": "repo:acme/app:ref:refs/heads/main", "jti": jti,
        "iat": now, "nbf": now - 5, "exp": now + 300,
        "repository": "acme/app", "repository_id": "74", "repository_owner": "acme", "ref": "refs/heads/main",
        "ref_type": "branch", "workflow": "deploy", "environment": "production", "actor": "octocat",
        "event_name": "push", "run_id": "1", "runner_environment": "github-hosted",
    })
}

async fn ask(app: &TestApp, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let resource = app.at(urls::MCP);
    let usual = [("grant_type", BEARER), ("assertion", assertion), ("resource", &*resource)];
    app.post_form(urls::TOKEN, &[&usual[..], more].concat()).await
}

#[tokio::test]
async fn a_github_workflow_acts_as_its_service_account() {
    let (app, github, account) = cast().await;
    let answer = ask(&app, &github.sign("JWT", &github_claims(&app, "a")), &[]).await;
    let tokens = answer.tokens();
    assert_eq!((tokens.scope.as_str(), tokens.refresh.as_str()), ("mcp:read mcp:write", ""));
    let (_, claims) = jwt(&tokens.access);
    assert_eq!(claims["sub"], format!("service:{account}"));
    assert_eq!((claims["client_id"].as_str(), claims["aud"].as_str()), (Some("deployer"), Some(&*app.at(urls::MCP))));
    app.call_mcp(&tokens.access).await.assert(200);
    let events = app.events("assertion.workload").await;
    assert_eq!(events[0]["subject"], "repo:acme/app:ref:refs/heads/main");
    let now = app.clock().now();
    app.write(async |conn| service_account::set_disabled(conn, account, Some(now)).await).await;
    let answer = ask(&app, &github.sign("JWT", &github_claims(&app, "b")), &[]).await;
    answer.assert_refused(400, "invalid_grant");
}

/// A projected service account token (kubernetes.io, "Service account token volume projection").
#[tokio::test]
async fn a_kubernetes_pod_acts_as_its_service_account() {
    let app = TestApp::start().await;
    let cluster = Issuer::new("https://kubernetes.default.svc.cluster.local");
    let published = Documents::start().await;
    published.publish(cluster.jwks()).await;
    let uri = published.client_id();
    cluster
        .trust(&app, IssuerKind::Workload, |issuer| {
            (issuer.jwks, issuer.jwks_uri, issuer.audience) = (None, Some(uri), Some("portcullis".to_owned()));
        })
        .await;
    deployer(&app).await;
    let matches = ["kubernetes.io.namespace=prod", "kubernetes.io.serviceaccount.name=agent-*"];
    rule(&app, &cluster.url, &matches, "mcp:read").await;
    let now = app.clock().now().timestamp();
    let claims = json!({
        "iss": cluster.url, "aud": ["portcullis"], "sub": "system:serviceaccount:prod:agent-1", "jti": "k1",
        "iat": now, "nbf": now, "exp": now + 3607,
        "kubernetes.io": {
            "namespace": "prod", "node": { "name": "n", "uid": "u" }, "pod": { "name": "p", "uid": "u" },
            "serviceaccount": { "name": "agent-1", "uid": "u" },
        },
    });
    ask(&app, &cluster.sign_with(&json!({ "alg": "ES256", "kid": "one" }), &claims), &[]).await.tokens();
    let mut elsewhere = with(&claims, "jti", json!("k2"));
    elsewhere["kubernetes.io"]["namespace"] = json!("test");
    ask(&app, &cluster.sign("JWT", &elsewhere), &[]).await.assert_refused(400, "invalid_grant");
    let ours = with(&with(&claims, "jti", json!("k3")), "aud", json!(app.issuer()));
    ask(&app, &cluster.sign("JWT", &ours), &[]).await.assert_refused(400, "invalid_grant");
}

/// Each claim counts, and hostile numbers are just bad assertions.
#[tokio::test]
async fn a_wrong_claim_buys_nothing() {
    let (app, github, _) = cast().await;
    let good = github_claims(&app, "x");
    let now = app.clock().now().timestamp();
    for (name, values) in [
        ("iss", json!(["https://evil.example", format!("{GITHUB}/"), "", null, 1, "a\0"])),
        ("aud", json!([app.at("/mcp"), "https://evil.example", "*", "", [], null, {}])),
        ("exp", json!([now - 31, 0, -1, 1e19, -1e19, i64::MAX, now + 86_500, "x", null])),
        ("iat", json!([now + 600, 1e19, "x"])),
        ("nbf", json!([now + 600, 1e300])),
        ("jti", json!(["", null, 1])),
        ("sub", json!(["", null, 1, "a\0", "x".repeat(1025)])),
        ("repository", json!(["acme/app2", "ACME/app", "evil/acme/app", ["acme/app"], {}, null, ""])),
        ("ref", json!(["refs/heads/main2", "refs/heads/dev", null])),
    ] {
        for value in values.as_array().unwrap() {
            let forged = github.sign("JWT", &with(&good, name, value.clone()));
            let answer = ask(&app, &forged, &[]).await;
            assert_eq!(answer.status, 400, "{name}: {value}");
            assert_eq!(answer.json()["error"], "invalid_grant", "{name}: {value}");
        }
        if !["iat", "nbf"].contains(&name) {
            ask(&app, &github.sign("JWT", &without(&good, name)), &[]).await.assert_refused(400, "invalid_grant");
        }
    }
    ask(&app, &github.sign("JWT", &good), &[]).await.tokens();
    let endpoint = with(&with(&good, "aud", json!(["other", app.at(urls::TOKEN)])), "jti", json!("y"));
    ask(&app, &github.sign("JWT", &endpoint), &[]).await.tokens();
}

/// Keycloak CVE-2026-11800, RFC 8725 §2.1: neither another algorithm nor another's key, nor none at all.
#[tokio::test]
async fn a_signature_by_another_algorithm_or_key_is_none() {
    let (app, github, _) = cast().await;
    let claims = github_claims(&app, "x");
    let stranger = Issuer::new(GITHUB);
    let good = github.sign("JWT", &claims);
    let (head, rest) = good.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').next().unwrap());
    let own_key = json!({ "alg": "ES256", "typ": "JWT", "jwk": stranger.jwks()["keys"][0] });
    for forged in [
        github.confuse("JWT", &claims),
        stranger.sign("JWT", &claims),
        stranger.sign_with(&own_key, &claims),
        stranger.sign_with(&json!({ "alg": "ES256", "jku": "https://evil.example/jwks" }), &claims),
        unsigned,
        format!("{head}.{rest}x"),
        "x.y.z".to_owned(),
        "x".to_owned(),
    ] {
        ask(&app, &forged, &[]).await.assert_refused(400, "invalid_grant");
    }
    ask(&app, &good, &[]).await.tokens();
}

/// Ory Hydra GHSA-3p3g-vpw6-4w66: used once, whichever of two nodes it is shown to, and however many at a time.
#[tokio::test]
async fn a_workload_token_is_used_once_on_all_nodes() {
    let (app, github, _) = cast().await;
    let second = app.second_node().await;
    let assertion = github.sign("JWT", &github_claims(&app, "once"));
    let form = [("grant_type", BEARER), ("assertion", &*assertion), ("resource", &*app.at(urls::MCP))];
    let asks = (0..20).map(|place| {
        let node = if place % 2 == 0 { &*app } else { &second };
        node.post_form(urls::TOKEN, &form)
    });
    let answers = join_all(asks).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_refused(400, "invalid_grant");
    }
    app.clock().advance(TimeDelta::seconds(200));
    ask(&app, &assertion, &[]).await.assert_refused(400, "invalid_grant");
}

/// H1, H3, H4: for one resource of ours, which must be named, and within the rule.
#[tokio::test]
async fn h4_a_workload_gets_what_its_rule_gives_and_never_more() {
    let (app, github, _) = cast().await;
    let sign = |jti: &str| github.sign("JWT", &github_claims(&app, jti));
    let post = async |form: &[(&str, &str)]| app.post_form(urls::TOKEN, form).await;
    post(&[("grant_type", BEARER), ("assertion", &sign("1"))]).await.assert_refused(400, "invalid_target");
    for resource in ["https://evil.example/mcp", &app.at("/mcp-other"), app.issuer()] {
        let form = [("grant_type", BEARER), ("assertion", &*sign("2")), ("resource", resource)];
        post(&form).await.assert_refused(400, "invalid_target");
    }
    assert_eq!(ask(&app, &sign("3"), &[("scope", "mcp:read mcp:delete")]).await.tokens().scope, "mcp:read");
    ask(&app, &sign("4"), &[("scope", "mgmt.admin")]).await.assert_refused(400, "invalid_scope");
    ask(&app, &sign("5"), &[("scope", "a\"b")]).await.assert_refused(400, "invalid_scope");
    ask(&app, &sign("6"), &[("client_id", "deployer")]).await.assert_refused(401, "invalid_client");
    ask(&app, &sign("7"), &[("client_id", "unknown")]).await.assert_refused(401, "invalid_client");
    post(&[("grant_type", BEARER)]).await.assert_refused(400, "invalid_request");
    ask(&app, &sign("8"), &[]).await.tokens();
}

/// Denial of service: what cannot succeed can be repeated without end. It leaves a known number of rows, and nobody else waits.
#[tokio::test]
async fn a_refusal_is_recorded_and_a_flood_of_them_fills_nothing() {
    let (app, github, _) = cast().await;
    let nobodys = github.sign("JWT", &with(&github_claims(&app, "x"), "repository", json!("evil/app")));
    ask(&app, &nobodys, &[]).await.assert_refused(400, "invalid_grant");
    let why = "No rule here matches what the assertion says of the workload";
    let subject = "repo:acme/app:ref:refs/heads/main";
    let recorded = json!({ "error": "invalid_grant", "why": why, "issuer": GITHUB, "subject": subject });
    assert_eq!(app.events("assertion.refused").await, [recorded]);
    let mut long = with(&github_claims(&app, "y"), "iss", json!("https://evil.example"));
    long["sub"] = json!("a\0".repeat(1000));
    ask(&app, &Issuer::new("https://evil.example").sign("JWT", &long), &[]).await.assert_refused(400, "invalid_grant");
    let recorded = app.events("assertion.refused").await.pop().unwrap();
    assert_eq!(recorded["subject"], json!("a".repeat(200)), "a stranger's word is short and plain");
    ask(&app, "x", &[]).await.assert_refused(400, "invalid_grant");
    assert_eq!(app.events("assertion.refused").await.len(), 3);
    let mut last = None;
    for _ in 0..400 {
        let answer = ask(&app, &nobodys, &[]).await;
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
    }
    let last = last.expect("it ends");
    last.assert_refused(429, "temporarily_unavailable");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    let rows = app.events("assertion.refused").await.len();
    for _ in 0..5 {
        ask(&app, &nobodys, &[]).await;
    }
    assert!(app.events("assertion.refused").await.len() <= rows + 5);
    ask(&app, &github.sign("JWT", &github_claims(&app, "good")), &[]).await.tokens();
}

/// What is signed for one purpose is good for no other (RFC 8725 §3.11).
#[tokio::test]
async fn a_workload_token_is_no_identity_assertion() {
    let (app, github, _) = cast().await;
    let claims = github_claims(&app, "x");
    ask(&app, &github.sign("oauth-id-jag+jwt", &claims), &[]).await.assert_refused(400, "invalid_grant");
    ask(&app, &github.sign("application/oauth-id-jag+jwt", &claims), &[]).await.assert_refused(400, "invalid_grant");
}

/// An issuer that is trusted no more buys nothing.
#[tokio::test]
async fn a_removed_issuer_is_a_stranger() {
    let (app, github, _) = cast().await;
    ask(&app, &github.sign("JWT", &github_claims(&app, "a")), &[]).await.tokens();
    let now = app.clock().now();
    assert!(app.write(async |conn| trust::remove(conn, GITHUB, &Origin::operator(), now).await).await);
    let answer = ask(&app, &github.sign("JWT", &github_claims(&app, "b")), &[]).await;
    answer.assert_refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_rule_needs_an_issuer_an_account_and_its_client() {
    let app = TestApp::start().await;
    let github = Issuer::new(GITHUB);
    let matches = ["repository=acme/app"];
    assert_eq!(rule(&app, GITHUB, &matches, "mcp:read").await, RuleAdded::NoSuchIssuer);
    github.trust(&app, IssuerKind::Workload, |_| {}).await;
    assert_eq!(rule(&app, GITHUB, &matches, "mcp:read").await, RuleAdded::NoSuchAccount);
    app.service_account("deployer").await;
    assert_eq!(rule(&app, GITHUB, &matches, "mcp:read").await, RuleAdded::NoClient);
}
