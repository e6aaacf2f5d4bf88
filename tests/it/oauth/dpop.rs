//! RFC 9449: a token that is bound to a key is of no use to whoever steals it alone.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::administrator::{BEARER, CODE};
use crate::support::app::{Node, with_form};
use crate::support::client::{Won, jwt};
use crate::support::holder::call;
use crate::support::m2m::account;
use crate::support::{Answer, Browser, Client, Holder, TestApp};

async fn house() -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    (app, ada, client)
}

/// Fails unless `/mcp` refuses with this error, in the scheme in which the token came.
#[track_caller]
fn assert_challenged(answer: &Answer, scheme: &str, error: &str) {
    let challenge = answer.header("www-authenticate");
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(challenge.starts_with(&format!(r#"{scheme} error="{error}""#)), "{challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    assert_eq!(challenge.contains(r#"algs="ES256 PS256 EdDSA Ed25519""#), scheme == "DPoP", "{challenge}");
    assert_eq!(answer.json()["error"], error);
}

#[tokio::test]
async fn dpop_a_proof_binds_what_it_buys_to_its_key() {
    let (app, ada, client) = house().await;
    for algorithm in ["ES256", "PS256", "EdDSA"] {
        let holder = Holder::with(algorithm);
        let won = client.code(&ada).await;
        let answer = holder.token(&client, &client.redemption(&won)).await.assert(200);
        assert_eq!(answer.json()["token_type"], "DPoP");
        let tokens = answer.tokens();
        let bound_to = jwt(&tokens.access).1["cnf"]["jkt"].as_str().unwrap().to_owned();
        assert_eq!(bound_to.len(), 43);
        if algorithm == "ES256" {
            assert_eq!(bound_to, holder.thumbprint());
        }
        holder.call(&app, &tokens.access).await.assert(200);
    }
    let plain = client.connect(&ada).await;
    assert!(jwt(&plain.access).1.get("cnf").is_none(), "nobody has to prove anything");
    app.call_mcp(&plain.access).await.assert(200);
}

#[tokio::test]
async fn dpop_a_stolen_token_opens_nothing_without_its_key() {
    let (app, ada, client) = house().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let token = holder.connect(&client, &ada).await.access;
    assert_challenged(&app.call_mcp(&token).await, "Bearer", "invalid_token");
    assert_challenged(&thief.call(&app, &token).await, "DPoP", "invalid_token");
    let without = app.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("DPoP {token}"));
    assert_challenged(&app.send(without).await, "DPoP", "invalid_dpop_proof");
    // RFC 9449 §7.2: a proof beside a token that was downgraded to a bearer token changes nothing.
    let downgraded = app.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("Bearer {token}"));
    let downgraded = downgraded.header("dpop", holder.for_call(&app, &token).sign());
    assert_challenged(&app.send(downgraded).await, "Bearer", "invalid_token");
    // Nor does the scheme bind a token that was bound to nothing.
    let plain = client.connect(&ada).await.access;
    assert_challenged(&holder.call(&app, &plain).await, "DPoP", "invalid_token");
    assert_challenged(&holder.call(&app, "nonsense").await, "DPoP", "invalid_token");
    holder.call(&app, &token).await.assert(200);
}

#[tokio::test]
async fn dpop_x_authorization_is_held_to_the_same() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let token = holder.connect(&client, &ada).await.access;
    let with = |credential: String, proof: Option<String>| {
        let request = app.mcp_request("list_services", json!({})).header("x-authorization", credential);
        proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))
    };
    let proof = holder.for_call(&app, &token).sign();
    app.send(with(format!("DPoP {token}"), Some(proof.clone()))).await.assert(200);
    assert_challenged(&app.send(with(format!("DPoP {token}"), Some(proof))).await, "DPoP", "invalid_dpop_proof");
    assert_challenged(&app.send(with(format!("DPoP {token}"), None)).await, "DPoP", "invalid_dpop_proof");
    assert_challenged(&app.send(with(format!("Bearer {token}"), None)).await, "Bearer", "invalid_token");
}

/// Proofs that are not for this request, or not proofs at all (§4.3); the same at both places.
fn forgeries(holder: &Holder, sketch: &crate::support::holder::Sketch<'_>, now: i64) -> Vec<(&'static str, String)> {
    let other = Holder::new();
    let rsa = Holder::with("RS256");
    vec![
        ("htm", sketch.clone().with("htm", "GET").sign()),
        ("htm in lower case", sketch.clone().with("htm", "post").sign()),
        ("no htm", sketch.clone().without("htm").sign()),
        ("htu", sketch.clone().with("htu", "https://evil.example/oauth/token").sign()),
        ("htu of another endpoint", sketch.clone().with("htu", "http://localhost/oauth/revoke").sign()),
        ("no htu", sketch.clone().without("htu").sign()),
        ("old", sketch.clone().with("iat", now - 400).sign()),
        ("from the future", sketch.clone().with("iat", now + 400).sign()),
        ("a hostile time", sketch.clone().with("iat", 1e300).sign()),
        ("no iat", sketch.clone().without("iat").sign()),
        ("no jti", sketch.clone().without("jti").sign()),
        ("an empty jti", sketch.clone().with("jti", "").sign()),
        ("an endless jti", sketch.clone().with("jti", "x".repeat(300)).sign()),
        ("typ", sketch.clone().header("typ", "JWT").sign()),
        ("no typ", sketch.clone().without_header("typ").sign()),
        ("no key", sketch.clone().without_header("jwk").sign()),
        ("another key", sketch.sign_by(&other)),
        ("the private key", sketch.clone().header("jwk", holder.private_jwk()).sign()),
        ("none", sketch.clone().header("alg", "none").sign()),
        ("symmetric", sketch.clone().header("alg", "HS256").sign()),
        ("RS256", sketch.clone().header("alg", "RS256").header("jwk", rsa.public_jwk()).sign_by(&rsa)),
        ("foreign rules", sketch.clone().header("crit", json!(["x"])).header("x", 1).sign()),
        ("too long", sketch.clone().with("padding", "x".repeat(4000)).sign()),
        ("two in one", format!("{}, {}", sketch.sign(), sketch.sign())),
        ("not a JWT", "nonsense".to_owned()),
        ("nothing", String::new()),
    ]
}

#[tokio::test]
async fn dpop_a_forged_proof_buys_nothing_and_spends_nothing() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let won = client.code(&ada).await;
    let redemption = client.redemption(&won);
    let now = app.clock().now().timestamp();
    for (why, proof) in forgeries(&holder, &holder.for_token(&app), now) {
        let answer = client.token_with_proof(&proof, &redemption).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_dpop_proof")), "{why}");
    }
    let two = client.request(urls::TOKEN, &redemption).header("dpop", holder.for_token(&app).sign());
    let two = two.header("dpop", holder.for_token(&app).sign());
    app.send(two).await.assert_refused(400, "invalid_dpop_proof");
    holder.token(&client, &redemption).await.tokens();
}

#[tokio::test]
async fn dpop_a_forged_proof_opens_nothing() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let token = holder.connect(&client, &ada).await.access;
    let now = app.clock().now().timestamp();
    let good = holder.for_call(&app, &token);
    let mut forged = forgeries(&holder, &good, now);
    forged.extend([
        ("no ath", good.clone().without("ath").sign()),
        ("the ath of another token", holder.for_call(&app, "another").sign()),
        ("a proof for the token endpoint", holder.for_token(&app).sign()),
    ]);
    for (why, proof) in forged {
        let answer = call(&app, &token, &proof).await;
        let challenge = answer.header("www-authenticate");
        assert_eq!(answer.status, 401, "{why}");
        assert!(challenge.starts_with(r#"DPoP error="invalid_dpop_proof""#), "{why}: {challenge}");
    }
    let two = app.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("DPoP {token}"));
    let two = two.header("dpop", good.sign()).header("dpop", good.clone().with("jti", "other").sign());
    assert_challenged(&app.send(two).await, "DPoP", "invalid_dpop_proof");
    call(&app, &token, &good.sign()).await.assert(200);
}

/// §11.1.
#[tokio::test]
async fn dpop_a_proof_that_was_heard_opens_nothing_again() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let token = holder.connect(&client, &ada).await.access;
    let proof = holder.for_call(&app, &token).sign();
    call(&app, &token, &proof).await.assert(200);
    for _ in 0..3 {
        assert_challenged(&call(&app, &token, &proof).await, "DPoP", "invalid_dpop_proof");
    }
    // A jti is unique to its key only: nobody can use up another's.
    let other = Holder::new();
    let others = other.connect(&client, &ada).await.access;
    let same_jti = |holder: &Holder, token: &str| holder.for_call(&app, token).with("jti", "the same").sign();
    call(&app, &token, &same_jti(&holder, &token)).await.assert(200);
    call(&app, &others, &same_jti(&other, &others)).await.assert(200);
    app.clock().advance(TimeDelta::minutes(6));
    let answer = call(&app.second_node().await, &token, &proof).await;
    assert_challenged(&answer, "DPoP", "invalid_dpop_proof");
}

/// Of many at once on two nodes, one: the database decides.
#[tokio::test]
async fn dpop_a_proof_buys_once_on_whatever_node() {
    let (app, ada, client) = house().await;
    let second = client.at(&app.second_node().await);
    let holder = Holder::new();
    let tokens = holder.connect(&client, &ada).await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
    let proof = holder.for_token(&app).sign();
    let at_once = (0..16).map(|n| if n % 2 == 0 { &client } else { &second });
    let answers = join_all(at_once.map(|client| client.token_with_proof(&proof, &refresh))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.assert_refused(400, "invalid_dpop_proof");
    }
    second.token_with_proof(&proof, &refresh).await.assert_refused(400, "invalid_dpop_proof");
    holder.refresh(&second, &tokens.refresh).await.tokens();
}

/// Denial of service: each proof is a row until it is dead by itself, whether or not it buys anything.
#[tokio::test]
async fn dpop_somebody_whom_nobody_knows_proves_only_so_often() {
    let (app, _, client) = house().await;
    let holder = Holder::new();
    let vouched = app.administrators_client("agent", &[CODE], |client| client).await;
    let nothing = [("grant_type", "authorization_code"), ("code", "none"), ("code_verifier", "none")];
    let mut last = None;
    for _ in 0..400 {
        let answer = holder.token(&client, &nothing).await;
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
        answer.assert(400);
    }
    let last = last.expect("it ends");
    last.assert_refused(429, "temporarily_unavailable");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    let anonymous = app.request(Method::POST, urls::TOKEN).header("dpop", holder.for_token(&app).sign());
    let assertion = [("grant_type", BEARER), ("assertion", "x")];
    app.send(with_form(anonymous, &assertion)).await.assert_refused(429, "temporarily_unavailable");
    let pushed = client.push_with_proof(&client.ask(), &holder.sketch(&app, "POST", urls::PAR).sign()).await;
    pushed.assert_refused(429, "temporarily_unavailable");
    client.token(&nothing).await.assert(400);
    holder.token(&vouched, &nothing).await.assert(400);
    app.clock().advance(TimeDelta::seconds(2));
    holder.token(&client, &nothing).await.assert(400);
}

/// RFC 9449 §5: a public client has nothing but its key.
#[tokio::test]
async fn e3_dpop_a_public_clients_refresh_token_needs_its_key() {
    let (app, ada, client) = house().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let tokens = holder.connect(&client, &ada).await;
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
    thief.refresh(&client, &tokens.refresh).await.assert_refused(400, "invalid_grant");
    let fresh = holder.refresh(&client, &tokens.refresh).await.tokens();
    thief.refresh(&client, &tokens.refresh).await.assert_refused(400, "invalid_grant");
    client.refresh(&fresh.refresh).await.assert_refused(400, "invalid_grant");
    holder.call(&app, &fresh.access).await.assert(200);
    holder.refresh(&client, &fresh.refresh).await.tokens();
    assert_eq!(app.events("refresh.refused").await.len(), 4);
}

/// A public client that begins to prove possession later is held to its key from then on.
#[tokio::test]
async fn dpop_a_refresh_with_a_proof_binds_what_was_free() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let free = client.connect(&ada).await;
    let bound = holder.refresh(&client, &free.refresh).await.tokens();
    holder.call(&app, &bound.access).await.assert(200);
    client.refresh(&bound.refresh).await.assert_refused(400, "invalid_grant");
    // Whoever copied the free one and bound it for themselves is found out by the honest client.
    app.clock().advance(TimeDelta::minutes(3));
    client.refresh(&free.refresh).await.assert_refused(400, "invalid_grant");
    holder.refresh(&client, &bound.refresh).await.assert_refused(400, "invalid_grant");
    assert_eq!(app.events("refresh.replayed").await.len(), 1);
}

/// §5: it authenticates anyway, and may renew its key.
#[tokio::test]
async fn dpop_a_confidential_client_may_change_its_key() {
    let (app, ada, _) = house().await;
    let client = app.confidential_client().await;
    let (first, second) = (Holder::new(), Holder::new());
    let tokens = first.connect(&client, &ada).await;
    let tokens = second.refresh(&client, &tokens.refresh).await.tokens();
    second.call(&app, &tokens.access).await.assert(200);
    assert_challenged(&first.call(&app, &tokens.access).await, "DPoP", "invalid_token");
    let plain = client.refresh(&tokens.refresh).await.assert(200);
    assert_eq!(plain.json()["token_type"], "Bearer");
}

/// §5.2.
#[tokio::test]
async fn dpop_a_client_that_must_prove_possession_gets_nothing_without() {
    let (app, ada, client) = house().await;
    app.require_dpop(&client).await;
    let won = client.code(&ada).await;
    client.redeem(&won).await.assert_refused(400, "invalid_request");
    let tokens = Holder::new().token(&client, &client.redemption(&won)).await.tokens();
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_request");
}

async fn redeem_at(node: &Node, path: &str, proof: &str, client: &Client, won: &Won) -> Answer {
    node.send(client.request(path, &client.redemption(won)).header("dpop", proof)).await
}

/// The URL is the one that was asked, under the installation's one name.
#[tokio::test]
async fn dpop_each_name_of_the_token_endpoint_takes_proofs_for_itself() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let won = client.code(&ada).await;
    let for_guess = holder.sketch(&app, "POST", urls::TOKEN_GUESS);
    redeem_at(&app, urls::TOKEN, &for_guess.sign(), &client, &won).await.assert_refused(400, "invalid_dpop_proof");
    let for_token = holder.for_token(&app).sign();
    redeem_at(&app, urls::TOKEN_GUESS, &for_token, &client, &won).await.assert_refused(400, "invalid_dpop_proof");
    let with_query = for_guess.clone().with("htu", format!("{}?x=1#y", app.at(urls::TOKEN_GUESS)));
    redeem_at(&app, urls::TOKEN_GUESS, &with_query.sign(), &client, &won).await.tokens();
}

/// §8, §9: proofs made in advance are worth nothing.
#[tokio::test]
async fn dpop_where_nonces_are_required_a_proof_needs_a_fresh_one() {
    let app = TestApp::configured(|config| config.tokens.require_dpop_nonce = true).await;
    let (ada, client, holder) = (app.person("ada").await, app.client().await, Holder::new());
    let won = client.code(&ada).await;
    let redemption = client.redemption(&won);
    let refused = holder.token(&client, &redemption).await;
    refused.assert_refused(400, "use_dpop_nonce");
    let nonce = refused.header("dpop-nonce").to_owned();
    for wrong in ["", "x", &nonce[1..]] {
        let proof = holder.for_token(&app).with("nonce", wrong).sign();
        client.token_with_proof(&proof, &redemption).await.assert_refused(400, "use_dpop_nonce");
    }
    let proof = holder.for_token(&app).with("nonce", &*nonce).sign();
    let answer = client.token_with_proof(&proof, &redemption).await.assert(200);
    assert!(!answer.header("dpop-nonce").is_empty(), "one for the next proof");
    let tokens = answer.tokens();

    let refused = holder.call(&app, &tokens.access).await;
    assert_challenged(&refused, "DPoP", "use_dpop_nonce");
    let fresh = refused.header("dpop-nonce").to_owned();
    assert!(refused.header("access-control-expose-headers").to_lowercase().contains("dpop-nonce"));
    let with_nonce = || holder.for_call(&app, &tokens.access).with("nonce", &*fresh).sign();
    call(&app, &tokens.access, &with_nonce()).await.assert(200);
    app.clock().advance(TimeDelta::minutes(11));
    assert_challenged(&call(&app, &tokens.access, &with_nonce()).await, "DPoP", "use_dpop_nonce");
}

/// A nonce that is there must be ours and fresh, required or not.
#[tokio::test]
async fn dpop_a_stale_nonce_is_refused_with_a_fresh_one() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let won = client.code(&ada).await;
    let proof = holder.for_token(&app).with("nonce", "stale").sign();
    let refused = client.token_with_proof(&proof, &client.redemption(&won)).await;
    refused.assert_refused(400, "use_dpop_nonce");
    let proof = holder.for_token(&app).with("nonce", refused.header("dpop-nonce")).sign();
    client.token_with_proof(&proof, &client.redemption(&won)).await.tokens();
}

/// Reads something with a bound token: by its holder it is let in once, and by nobody else.
async fn assert_opens_only_with_its_key(app: &TestApp, path: &str, holder: &Holder, token: &str) {
    let read = async |scheme: &str, proof: Option<String>| {
        let request = app.request(Method::GET, path).header(AUTHORIZATION, format!("{scheme} {token}"));
        app.send(proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))).await
    };
    let good = holder.for_get(app, path, token);
    let refused = [
        ("a bearer token", "Bearer", Some(good.sign()), r#"Bearer error="invalid_token""#),
        ("no proof", "DPoP", None, r#"DPoP error="invalid_dpop_proof""#),
        ("a thief's", "DPoP", Some(Holder::new().for_get(app, path, token).sign()), r#"DPoP error="invalid_token""#),
        ("another method", "DPoP", Some(good.clone().with("htm", "POST").sign()), r#"DPoP error="invalid_dpop_proof""#),
        (
            "another URL",
            "DPoP",
            Some(holder.for_get(app, urls::MCP, token).sign()),
            r#"DPoP error="invalid_dpop_proof""#,
        ),
        ("another token", "DPoP", Some(holder.for_get(app, path, "x").sign()), r#"DPoP error="invalid_dpop_proof""#),
    ];
    for (why, scheme, proof, challenge) in refused {
        let answer = read(scheme, proof).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.body);
        let said = answer.header("www-authenticate");
        assert!(said.starts_with(challenge), "{why}: {said}");
    }
    read("DPoP", Some(good.sign())).await.assert(200);
    let again = read("DPoP", Some(good.sign())).await.assert(401);
    assert!(again.header("www-authenticate").starts_with(r#"DPoP error="invalid_dpop_proof""#), "it was heard");
}

#[tokio::test]
async fn dpop_the_management_api_is_opened_with_the_key_alone() {
    let app = TestApp::start().await;
    let (program, holder) = (app.program(account("agent")).await, Holder::new());
    let asked = [("grant_type", "client_credentials"), ("resource", &*app.at(urls::API))];
    let token = holder.token(&program, &asked).await.tokens().access;
    assert_eq!(jwt(&token).1["aud"], app.at(urls::API));
    assert_opens_only_with_its_key(&app, urls::API_MCP_SERVERS, &holder, &token).await;
}

#[tokio::test]
async fn dpop_userinfo_is_opened_with_the_key_alone() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let won = client.win(&ada, &client.ask().with("scope", "openid")).await;
    let token = holder.token(&client, &client.redemption(&won)).await.tokens().access;
    assert_opens_only_with_its_key(&app, urls::USERINFO, &holder, &token).await;
}

#[tokio::test]
async fn dpop_stepping_up_is_asked_for_in_the_same_scheme() {
    let (app, ada, client) = house().await;
    let holder = Holder::new();
    let won = client.win(&ada, &client.ask().with("scope", "openid")).await;
    let token = holder.token(&client, &client.redemption(&won)).await.tokens().access;
    let answer = holder.call(&app, &token).await.assert(403);
    assert!(answer.header("www-authenticate").starts_with(r#"DPoP error="insufficient_scope""#));
}

#[tokio::test]
async fn dpop_is_offered_in_both_documents_and_required_in_none() {
    let app = TestApp::start().await;
    let server = app.get(urls::AUTHORIZATION_SERVER).await.json();
    let resource = app.get(urls::PROTECTED_RESOURCE).await.json();
    for document in [&server, &resource] {
        assert_eq!(document["dpop_signing_alg_values_supported"], json!(["ES256", "PS256", "EdDSA", "Ed25519"]));
    }
    assert_eq!(resource["dpop_bound_access_tokens_required"], false);
}
