//! D2, D3: `private_key_jwt` (RFC 7523 §2.2 and §3, OpenID Connect Core §9, RFC 8725).

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::EdCurve;
use josekit::jwk::{Jwk, KeyPair};
use josekit::jws::{self, ES256, EdDSA, HS256, JwsHeader, JwsSigner, PS256, RS256};
use portcullis::config::Config;
use portcullis::grants::client::{self, ClientOptions, Profile};
use portcullis::grants::m2m_account::{NewAccount, NewProof};
use portcullis::http::urls;
use serde_json::{Map, Value, json};

use crate::support::app::Node;
use crate::support::documents::{Documents, canary};
use crate::support::m2m::account;
use crate::support::signer::set_options;
use crate::support::{Answer, Client, TestApp};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key pair whose public half is called `one`.
struct Pair {
    private: Jwk,
    public: Value,
}

impl Pair {
    fn ec() -> Self {
        Self::of(Jwk::generate_ec_key(EcCurve::P256).unwrap())
    }

    fn of(private: Jwk) -> Self {
        let mut public: Map<String, Value> = private.to_public_key().unwrap().into();
        public.insert("kid".to_owned(), json!("one"));
        Self { private, public: Value::Object(public) }
    }

    fn set(&self) -> Value {
        json!({ "keys": [self.public] })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(&ES256.signer_from_jwk(&self.private).unwrap(), header, claims)
    }
}

fn signed(signer: &dyn JwsSigner, header: &Value, claims: &Value) -> String {
    let header = JwsHeader::from_bytes(header.to_string().as_bytes()).unwrap();
    jws::serialize_compact(claims.to_string().as_bytes(), &header, signer).unwrap()
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": "one" })
}

fn claims(node: &Node, client: &str, jti: &str) -> Value {
    let now = node.clock().now().timestamp();
    json!({ "iss": client, "sub": client, "aud": node.issuer(), "exp": now + 60, "iat": now, "jti": jti })
}

async fn present_at(node: &Node, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let fields =
        [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    node.post_form(path, &[&fields[..], more].concat()).await
}

async fn present(node: &Node, assertion: &str) -> Answer {
    present_at(node, urls::TOKEN, assertion, &[]).await
}

async fn signer(node: &Node, name: &str) -> (Pair, Client) {
    let pair = Pair::ec();
    let client = node.program(NewAccount { proof: NewProof::Keys(pair.set()), ..account(name) }).await;
    (pair, client)
}

#[tokio::test]
async fn a_client_proves_who_it_is_by_what_it_signed() {
    let app = TestApp::start().await;
    let (pair, client) = signer(&app, "agent").await;
    let tokens = present(&app, &pair.sign(&header(), &claims(&app, "agent", "1"))).await.tokens();
    app.call_mcp(&tokens.access).await.assert(200);
    let named = [("client_id", &*client.id)];
    let typed = json!({ "alg": "ES256", "typ": "client-authentication+jwt" });
    present_at(&app, urls::TOKEN, &pair.sign(&typed, &claims(&app, "agent", "2")), &named).await.tokens();
    let used = app.events("client_credentials.used").await;
    assert!(used.iter().all(|detail| detail["method"] == "private_key_jwt"));
    // At the other endpoint of clients too.
    let revoke = [("token", &*tokens.access)];
    let assertion = pair.sign(&header(), &claims(&app, "agent", "3"));
    present_at(&app, urls::REVOKE, &assertion, &revoke).await.assert(200);
    app.call_mcp(&tokens.access).await.assert(401);
}

/// Clients name us by the issuer, the token endpoint, or the endpoint that they call (OpenID Connect Core §9).
#[tokio::test]
async fn the_audience_is_us_under_any_of_our_names_and_nobody_else() {
    let app = TestApp::start().await;
    let (pair, _) = signer(&app, "agent").await;
    let (issuer, token) = (app.issuer().to_owned(), app.at(urls::TOKEN));
    let mut jti = 0;
    let mut with = |audience: Value| {
        jti += 1;
        let mut claims = claims(&app, "agent", &jti.to_string());
        claims["aud"] = audience;
        pair.sign(&header(), &claims)
    };
    for audience in [json!(issuer), json!([issuer]), json!(token), json!([token])] {
        present(&app, &with(audience)).await.tokens();
    }
    let alias = with(json!(app.at(urls::TOKEN_OAUTH2)));
    present_at(&app, urls::TOKEN_OAUTH2, &alias, &[]).await.tokens();
    for audience in [
        json!("https://evil.example"),
        json!([issuer, "https://evil.example"]),
        json!([issuer, token]),
        json!(app.at(urls::REVOKE)),
        json!(app.at(urls::MCP)),
        json!(format!("{issuer}/")),
        json!("agent"),
        json!([]),
        json!(""),
        json!(null),
        json!({}),
        json!(1),
    ] {
        present(&app, &with(audience.clone())).await.assert_refused(401, "invalid_client");
    }
}

/// RFC 7523 §3: each claim counts, and hostile numbers are just bad claims.
#[tokio::test]
async fn d3_a_wrong_claim_under_a_good_signature_proves_nothing() {
    let app = TestApp::start().await;
    let (pair, _) = signer(&app, "agent").await;
    let (other, _) = signer(&app, "other").await;
    let now = app.clock().now().timestamp();
    for (name, values) in [
        ("iss", json!(["other", "", "https://a.example", 1, null, ["agent"]])),
        ("sub", json!(["other", "unknown", "", "https://a.example/c.json", "a\u{0}b", 1, null])),
        ("exp", json!([now - 30, now - 31, 0, -1, now + 3_700, now + 86_400, i64::MAX, i64::MIN, 1e19, "x", null, []])),
        ("nbf", json!([now + 60, i64::MAX, 1e300, "x", []])),
        ("iat", json!([now + 60, i64::MAX, 1e300, "x", []])),
        ("jti", json!(["", 1, null, []])),
    ] {
        for value in values.as_array().unwrap() {
            let mut claims = claims(&app, "agent", "never used");
            claims[name] = value.clone();
            let answer = present(&app, &pair.sign(&header(), &claims)).await;
            assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{name}: {value}");
        }
        if ["nbf", "iat"].contains(&name) {
            continue;
        }
        let mut claims = claims(&app, "agent", "never used");
        claims.as_object_mut().unwrap().remove(name);
        present(&app, &pair.sign(&header(), &claims)).await.assert_refused(401, "invalid_client");
    }
    let forged = other.sign(&header(), &claims(&app, "agent", "never used"));
    present(&app, &forged).await.assert_refused(401, "invalid_client");
    assert!(!app.events("client.refused").await.is_empty());
    assert!(app.events("client_credentials.used").await.is_empty());
    // Nothing of all that used up the name of a good one; and clocks may differ by half a minute.
    let mut good = claims(&app, "agent", "never used");
    (good["iat"], good["nbf"], good["exp"]) = (json!(now + 30), json!(now + 30), json!(now + 3_630));
    present(&app, &pair.sign(&header(), &good)).await.tokens();
}

/// hydra GHSA-3p3g-vpw6-4w66.
#[tokio::test]
async fn d3_a_statement_works_once_on_whatever_node() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let (pair, _) = signer(&app, "agent").await;
    let (other, _) = signer(&app, "other").await;
    let once = pair.sign(&header(), &claims(&app, "agent", "1"));
    present(&app, &once).await.tokens();
    for node in [&*app, &second] {
        present(node, &once).await.assert_refused(401, "invalid_client");
    }
    let again = pair.sign(&header(), &claims(&app, "agent", "1"));
    present(&app, &again).await.assert_refused(401, "invalid_client");
    let namesake = other.sign(&header(), &claims(&app, "other", "1"));
    present(&app, &namesake).await.tokens();
    let race = pair.sign(&header(), &claims(&app, "agent", "race"));
    let nodes = [&*app, &second];
    let answers = futures_util::future::join_all((0..20).map(|at| present(nodes[at % 2], &race))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

/// RFC 8725 §3.1, §3.2: an algorithm is ours to choose, and a public key is no secret.
#[tokio::test]
async fn d3_none_and_symmetric_algorithms_prove_nothing() {
    let app = TestApp::start().await;
    let (pair, client) = signer(&app, "agent").await;
    let claims = claims(&app, "agent", "1");
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    for alg in ["none", "None", "NONE", ""] {
        let unsigned = format!("{}.{}.", part(&json!({ "alg": alg })), part(&claims));
        present(&app, &unsigned).await.assert_refused(401, "invalid_client");
    }
    let public = pair.public.to_string();
    let pem = String::from_utf8(EcKeyPair::from_jwk(&pair.private).unwrap().to_pem_public_key()).unwrap();
    for secret in [public.as_str(), &pem, &client.id.repeat(8)] {
        let signer = HS256.signer_from_bytes(secret.as_bytes()).unwrap();
        for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": "one" })] {
            let confused = signed(&signer, &header, &claims);
            present(&app, &confused).await.assert_refused(401, "invalid_client");
        }
    }
    let good = pair.sign(&header(), &claims);
    let (head, rest) = good.split_once('.').unwrap();
    for broken in
        ["", ".", "..", "a.b.c", head, rest, &good[..good.len() - 4], &format!("{good}.x"), &format!("{good}A")]
    {
        let answer = present(&app, broken).await;
        assert!([400, 401].contains(&answer.status), "{broken}: {}", answer.body);
    }
    for typ in ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", "x"] {
        let made_for_else = pair.sign(&json!({ "alg": "ES256", "kid": "one", "typ": typ }), &claims);
        present(&app, &made_for_else).await.assert_refused(401, "invalid_client");
    }
    present(&app, &good).await.tokens();
}

/// RFC 8725 §3.10: keys are those that the client registered; a header names one of them and nothing else.
#[tokio::test]
async fn d3_a_header_brings_no_key_and_causes_no_visit() {
    let app = TestApp::configured(allow_loopback).await;
    let (_, _) = signer(&app, "agent").await;
    let (port, knocks) = canary();
    let stranger = Pair::ec();
    let url = format!("http://127.0.0.1:{port}/jwks.json");
    for header in [
        json!({ "alg": "ES256", "jwk": stranger.public }),
        json!({ "alg": "ES256", "kid": "one", "jwk": stranger.public }),
        json!({ "alg": "ES256", "jku": url }),
        json!({ "alg": "ES256", "kid": "one", "jku": url }),
        json!({ "alg": "ES256", "x5u": url, "x5c": ["AAAA"] }),
        json!({ "alg": "ES256", "kid": url }),
        json!({ "alg": "ES256", "kid": "../../../../dev/null" }),
        json!({ "alg": "ES256", "kid": "one' OR '1'='1" }),
        json!({ "alg": "ES256", "kid": "one\u{0}" }),
    ] {
        let forged = stranger.sign(&header, &claims(&app, "agent", "1"));
        present(&app, &forged).await.assert_refused(401, "invalid_client");
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
}

/// D2: one method, the registered one; two at once are none.
#[tokio::test]
async fn d2_a_statement_is_taken_only_from_whom_it_was_agreed_with_and_alone() {
    let app = TestApp::start().await;
    let (pair, client) = signer(&app, "agent").await;
    let secretive = app.program(account("secretive")).await;
    let secret = secretive.secret.clone().unwrap();
    let fresh = |jti: &str| pair.sign(&header(), &claims(&app, "agent", jti));
    let with = [("client_id", &*client.id), ("client_secret", &*secret)];
    present_at(&app, urls::TOKEN, &fresh("1"), &with).await.assert_refused(400, "invalid_request");
    let other_name = [("client_id", "secretive")];
    present_at(&app, urls::TOKEN, &fresh("1"), &other_name).await.assert_refused(400, "invalid_request");
    let by_secret = client.proving("client_secret_post", Some(&secret));
    by_secret.act(&[]).await.assert_refused(401, "invalid_client");
    client.proving("none", None).act(&[]).await.assert_refused(401, "invalid_client");
    let not_agreed = pair.sign(&header(), &claims(&app, "secretive", "1"));
    present(&app, &not_agreed).await.assert_refused(401, "invalid_client");
    let good = fresh("1");
    let grant = ("grant_type", "client_credentials");
    for (fields, status, code) in [
        (vec![grant, ("client_assertion", &*good)], 400, "invalid_request"),
        (vec![grant, ("client_assertion_type", TYPE)], 400, "invalid_request"),
        (vec![grant, ("client_assertion_type", "urn:x"), ("client_assertion", &*good)], 401, "invalid_client"),
    ] {
        app.post_form(urls::TOKEN, &fields).await.assert_refused(status, code);
    }
    present(&app, &good).await.tokens();
}

#[tokio::test]
async fn each_algorithm_that_is_advertised_is_taken_and_a_strict_client_is_held_to_the_strong_ones() {
    let app = TestApp::start().await;
    let listed = app.get(urls::AUTHORIZATION_SERVER).await.json();
    for endpoint in ["token", "revocation"] {
        let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        assert_eq!(listed[name], json!(["ES256", "PS256", "EdDSA", "Ed25519", "RS256"]));
    }
    let (ec, rsa, ed) = (
        Pair::ec(),
        Pair::of(Jwk::generate_rsa_key(2048).unwrap()),
        Pair::of(Jwk::generate_ed_key(EdCurve::Ed25519).unwrap()),
    );
    let signers: [(&str, &Pair, Box<dyn JwsSigner>); 4] = [
        ("ES256", &ec, Box::new(ES256.signer_from_jwk(&ec.private).unwrap())),
        ("PS256", &rsa, Box::new(PS256.signer_from_jwk(&rsa.private).unwrap())),
        ("EdDSA", &ed, Box::new(EdDSA.signer_from_jwk(&ed.private).unwrap())),
        ("RS256", &rsa, Box::new(RS256.signer_from_jwk(&rsa.private).unwrap())),
    ];
    for (alg, pair, signer) in &signers {
        let name = format!("agent-{alg}");
        app.program(NewAccount { proof: NewProof::Keys(pair.set()), ..account(&name) }).await;
        let header = json!({ "alg": alg, "kid": "one" });
        present(&app, &signed(&**signer, &header, &claims(&app, &name, "1"))).await.tokens();
        let known = app.write(async |conn| client::find(conn, &name).await).await.unwrap();
        set_options(&app, &name, ClientOptions { profile: Profile::Fapi2, ..known.options }).await;
        let answer = present(&app, &signed(&**signer, &header, &claims(&app, &name, "2"))).await;
        // Who is believed is asked for a DPoP proof next.
        assert_eq!(answer.status == 400, *alg != "RS256", "FAPI 2.0 Security Profile §5.4.1: {alg}");
    }
}

fn allow_loopback(config: &mut Config) {
    config.outbound.allow_loopback_clients = true;
}

/// RFC 7591 §2 `jwks_uri`: fetched once, kept, and asked again for a key that is new, but not for every stranger's.
#[tokio::test]
async fn keys_that_are_published_are_fetched_kept_and_followed_when_they_change() {
    let app = TestApp::start().await;
    let documents = Documents::start().await;
    let first = Pair::ec();
    documents.publish(first.set()).await;
    let proof = NewProof::KeysAt(documents.client_id());
    app.program(NewAccount { proof, ..account("agent") }).await;
    for jti in ["1", "2", "3"] {
        present(&app, &first.sign(&header(), &claims(&app, "agent", jti))).await.tokens();
    }
    assert_eq!(documents.visits().await, 1);
    let mut second = Pair::ec();
    second.public["kid"] = json!("two");
    documents.publish(second.set()).await;
    let renamed = json!({ "alg": "ES256", "kid": "two" });
    present(&app, &second.sign(&renamed, &claims(&app, "agent", "4"))).await.assert_refused(401, "invalid_client");
    assert_eq!(documents.visits().await, 0, "not within a minute: strangers can name any key");
    app.clock().advance(chrono::TimeDelta::seconds(61));
    present(&app, &second.sign(&renamed, &claims(&app, "agent", "4"))).await.tokens();
    assert_eq!(documents.visits().await, 1);
    documents.answer(wiremock::ResponseTemplate::new(500)).await;
    app.clock().advance(chrono::TimeDelta::hours(25));
    present(&app, &second.sign(&renamed, &claims(&app, "agent", "5"))).await.assert_refused(401, "invalid_client");
}
