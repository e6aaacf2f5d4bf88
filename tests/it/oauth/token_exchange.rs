//! RFC 8693: a token for a token, never a wider one.

use chrono::TimeDelta;
use portcullis::audit::Origin;
use portcullis::grants::client::{ClientOptions, NewClient};
use portcullis::grants::disable;
use portcullis::grants::sign::{AccessTokenClaims, Audience};
use portcullis::http::urls;
use portcullis::types::{Scope, ServiceAccountId};

use crate::support::administrator::{CODE, EXCHANGE, REFRESH};
use crate::support::client::{Client, jwt};
use crate::support::{Answer, Browser, TestApp, Tokens};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

async fn cast() -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let agent = app.administrators_client("agent", &[CODE, REFRESH, EXCHANGE], |client| client).await;
    (app, ada, agent)
}

/// A client that may act for others' tokens as its service account.
async fn delegate(app: &TestApp, id: &str) -> (Client, ServiceAccountId) {
    let account = app.service_account(id).await;
    let acts_as = |client: NewClient| NewClient {
        options: ClientOptions { service_account_id: Some(account), ..ClientOptions::default() },
        ..client
    };
    (app.administrators_client(id, &[EXCHANGE], acts_as).await, account)
}

async fn exchange(client: &Client, token: &str, more: &[(&str, &str)]) -> Answer {
    let usual = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    client.token(&[&usual[..], more].concat()).await
}

/// A token of ours as it never was issued, but could have been.
fn signed(app: &TestApp, token: &str, change: impl FnOnce(&mut AccessTokenClaims)) -> String {
    let mut claims: AccessTokenClaims = serde_json::from_value(jwt(token).1).unwrap();
    change(&mut claims);
    app.app().signing.access_token(&claims).unwrap()
}

#[tokio::test]
async fn a_client_narrows_its_own_token() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect_for(&ada, "mcp:read mcp:write email").await;
    let answer = exchange(&agent, &tokens.access, &[("scope", "mcp:read")]).await.assert(200);
    assert_eq!(answer.json()["issued_token_type"], ACCESS_TOKEN);
    let narrow = answer.tokens();
    assert_eq!((narrow.scope.as_str(), narrow.refresh.as_str(), narrow.id_token), ("mcp:read", "", None));
    let ((_, old), (_, new)) = (jwt(&tokens.access), jwt(&narrow.access));
    for same in ["sub", "grant_id", "client_id", "aud", "auth_time"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    assert!(new.get("act").is_none(), "nobody else acts");
    assert_ne!(old["jti"], new["jti"]);
    app.call_mcp(&narrow.access).await.assert(200);
    let write = app.call_tool(&narrow.access, "leave_note", serde_json::json!({ "note": "x" })).await;
    assert_eq!(write.status, 403, "{}", write.body);
    let as_jwt = [("requested_token_type", JWT), ("scope", "mcp:read")];
    assert_eq!(exchange(&agent, &tokens.access, &as_jwt).await.json()["issued_token_type"], JWT);
    assert_eq!(app.events("token.exchanged").await.len(), 2);
}

/// It ends with what it came from: in time, with the grant, and with the person.
#[tokio::test]
async fn a_bought_token_outlives_nothing() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect(&ada).await;
    app.clock().advance(TimeDelta::minutes(50));
    let late = exchange(&agent, &tokens.access, &[]).await.assert(200);
    assert!(late.json()["expires_in"].as_i64().unwrap() <= 600, "{}", late.body);
    assert_eq!(jwt(&late.clone().tokens().access).1["exp"], jwt(&tokens.access).1["exp"]);
    let bought = late.tokens().access;
    app.call_mcp(&bought).await.assert(200);
    ada.revoke_app().await;
    app.call_mcp(&bought).await.assert(401);
    exchange(&agent, &tokens.access, &[]).await.assert_refused(400, "invalid_request");
}

/// H4, Keycloak CVE-2026-9704: no exchange widens a scope.
#[tokio::test]
async fn h4_no_exchange_widens_a_scope() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect_for(&ada, "mcp:read").await;
    for scope in ["mcp:write", "mcp:read mcp:delete", "mgmt.admin", "email", "mcp:read openid"] {
        exchange(&agent, &tokens.access, &[("scope", scope)]).await.assert_refused(400, "invalid_scope");
    }
    exchange(&agent, &tokens.access, &[("scope", "a\"b")]).await.assert_refused(400, "invalid_scope");
    let narrow_client = |client| NewClient { scope: Scope::of(&["mcp:read", "email"]), ..client };
    let small = app.administrators_client("small", &[CODE, EXCHANGE], narrow_client).await;
    let more = signed(&app, &tokens.access, |claims| {
        claims.scope = Scope::of(&["mcp:read", "mcp:delete", "email"]);
        claims.client_id = "small".to_owned();
    });
    assert_eq!(exchange(&small, &more, &[]).await.tokens().scope, "email mcp:read", "the client's ceiling");
    let narrowed = exchange(&agent, &tokens.access, &[]).await.tokens().access;
    exchange(&agent, &narrowed, &[("scope", "mcp:write")]).await.assert_refused(400, "invalid_scope");
}

/// H1, H2: one of our own resources, and never more doors than before.
#[tokio::test]
async fn h2_no_exchange_opens_more_doors() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect(&ada).await;
    let (mcp, gateway) = (app.at(urls::MCP), app.app().gateway_audience().to_owned());
    let other = app.at("/mcp-other");
    for name in ["resource", "audience"] {
        for target in ["https://evil.example/mcp", "nonsense", &other, &gateway] {
            exchange(&agent, &tokens.access, &[(name, target)]).await.assert_refused(400, "invalid_target");
        }
        assert_eq!(jwt(&exchange(&agent, &tokens.access, &[(name, &mcp)]).await.tokens().access).1["aud"], mcp);
    }
    let wide = signed(&app, &tokens.access, |claims| claims.aud = Audience::One(gateway.clone()));
    assert_eq!(jwt(&exchange(&agent, &wide, &[]).await.tokens().access).1["aud"], gateway);
    assert_eq!(jwt(&exchange(&agent, &wide, &[("audience", &mcp)]).await.tokens().access).1["aud"], mcp);
    let two = [("resource", &*mcp), ("audience", &*gateway)];
    exchange(&agent, &wide, &two).await.assert_refused(400, "invalid_target");
}

/// RFC 8693 §4.1: who acts for whom shows in the token.
#[tokio::test]
async fn delegation_shows_who_acts_and_ends_somewhere() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect(&ada).await;
    let (helper, account) = delegate(&app, "helper").await;
    let bought = exchange(&helper, &tokens.access, &[("scope", "mcp:read")]).await.tokens().access;
    let (_, claims) = jwt(&bought);
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some(&*ada.user.to_string()), Some("helper")));
    assert_eq!(claims["act"]["sub"], format!("service:{account}"));
    assert_eq!(claims["act"]["client_id"], "helper");
    assert_eq!(claims["grant_id"], jwt(&tokens.access).1["grant_id"]);
    app.call_mcp(&bought).await.assert(200);
    let mut chain = bought;
    for place in 2..=4 {
        let (next, _) = delegate(&app, &format!("helper-{place}")).await;
        chain = exchange(&next, &chain, &[]).await.tokens().access;
    }
    assert_eq!(jwt(&chain).1["act"]["act"]["act"]["act"]["client_id"], "helper", "the first is the innermost");
    let (fifth, _) = delegate(&app, "helper-5").await;
    exchange(&fifth, &chain, &[]).await.assert_refused(400, "invalid_request");
    ada.revoke_app().await;
    app.call_mcp(&chain).await.assert(401);
}

/// Nobody loses who acted: narrowing an own token keeps the chain.
#[tokio::test]
async fn a_chain_is_never_shortened() {
    let (app, ada, agent) = cast().await;
    let (helper, account) = delegate(&app, "helper").await;
    let bought = exchange(&helper, &agent.connect(&ada).await.access, &[]).await.tokens().access;
    let again = exchange(&helper, &bought, &[("scope", "mcp:read")]).await.tokens().access;
    assert_eq!(jwt(&again).1["act"]["sub"], format!("service:{account}"));
}

#[tokio::test]
async fn an_actor_token_must_be_the_clients_own() {
    let (app, ada, agent) = cast().await;
    let bob = app.person("bob").await;
    let (ada_token, bob_token) = (agent.connect(&ada).await.access, agent.connect(&bob).await.access);
    let acting = |token| [("actor_token", token), ("actor_token_type", ACCESS_TOKEN)];
    let bought = exchange(&agent, &ada_token, &acting(&bob_token)).await.tokens().access;
    assert_eq!(jwt(&bought).1["act"]["sub"], bob.user.to_string());
    let (helper, _) = delegate(&app, "helper").await;
    exchange(&helper, &ada_token, &acting(&bob_token)).await.assert_refused(400, "invalid_request");
    bob.revoke_app().await;
    exchange(&agent, &ada_token, &acting(&bob_token)).await.assert_refused(400, "invalid_request");
    for wrong in [&[("actor_token", "x")][..], &[("actor_token_type", ACCESS_TOKEN)]] {
        exchange(&agent, &ada_token, wrong).await.assert_refused(400, "invalid_request");
    }
}

/// Whoever comes to do too much is in the audit trail, and with whom.
#[tokio::test]
async fn every_refusal_is_recorded() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect_for(&ada, "mcp:read").await;
    let plain = app.client().await;
    exchange(&agent, &tokens.access, &[("scope", "mcp:write")]).await.assert_refused(400, "invalid_scope");
    exchange(&agent, &tokens.access, &[("audience", "https://evil.example")])
        .await
        .assert_refused(400, "invalid_target");
    exchange(&agent, "nonsense", &[]).await.assert_refused(400, "invalid_request");
    exchange(&plain, &tokens.access, &[]).await.assert_refused(400, "unauthorized_client");
    let recorded = app.events("token.exchange_refused").await;
    let errors: Vec<_> = recorded.iter().map(|detail| detail["error"].as_str().unwrap()).collect();
    assert_eq!(errors, ["invalid_scope", "invalid_target", "invalid_request", "unauthorized_client"]);
    assert_eq!(recorded[0]["why"], "The scope is wider than that of the subject_token");
    assert!(app.events("token.exchanged").await.is_empty());
}

/// It does no more than the client that it came from still may, on whatever node, through however many hands.
#[tokio::test]
async fn a_bought_token_stops_with_the_client_of_the_first() {
    let (app, ada, agent) = cast().await;
    let second = app.second_node().await;
    let ((helper, _), (last, _)) = (delegate(&app, "helper").await, delegate(&app, "last").await);
    let first = agent.connect(&ada).await.access;
    let narrowed = exchange(&agent, &first, &[("scope", "mcp:read")]).await.tokens().access;
    assert!(jwt(&narrowed).1.get("first_client_id").is_none(), "it is its own");
    let bought = exchange(&helper, &narrowed, &[]).await.tokens().access;
    let chain = exchange(&last, &bought, &[]).await.tokens().access;
    for token in [&bought, &chain] {
        assert_eq!(jwt(token).1["first_client_id"], "agent");
        app.call_mcp(token).await.assert(200);
        second.call_mcp(token).await.assert(200);
    }
    let origin = Origin::operator();
    let terms = app.app().terms(&origin);
    assert!(app.app().cut(async |conn| disable::disable(conn, &terms, None, "agent").await).await.unwrap());
    for token in [&bought, &chain] {
        app.call_mcp(token).await.assert(401);
        second.sees_the_end_of(token).await;
        exchange(&last, token, &[]).await.assert_refused(400, "invalid_request");
    }
    assert!(app.app().cut(async |conn| disable::enable(conn, &terms, None, "agent").await).await.unwrap());
    app.call_mcp(&chain).await.assert(200);
}

/// D5, F3: only clients that an administrator registered for it, and that prove who they are.
#[tokio::test]
async fn nobody_exchanges_whom_no_administrator_let() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect(&ada).await;
    let plain = app.client().await;
    exchange(&plain, &tokens.access, &[]).await.assert_refused(400, "unauthorized_client");
    let public = app.public_client("public", &[CODE, EXCHANGE]).await;
    let own = public.connect(&ada).await;
    exchange(&public, &own.access, &[]).await.assert_refused(400, "unauthorized_client");
    let thief = app.administrators_client("thief", &[EXCHANGE], |client| client).await;
    exchange(&thief, &tokens.access, &[]).await.assert_refused(400, "invalid_request");
    let nobody = Client::known(&app, "agent", "http://127.0.0.1/cb");
    exchange(&nobody, &tokens.access, &[]).await.assert_refused(401, "invalid_client");
}

/// Only a live access token of ours is worth one.
#[tokio::test]
async fn other_tokens_and_dead_ones_buy_nothing() {
    let (app, ada, agent) = cast().await;
    let tokens = agent.connect_for(&ada, "openid mcp:read").await;
    let Tokens { access, refresh, id_token, .. } = &tokens;
    let id_token = id_token.as_deref().unwrap();
    let typed = async |token: &str, kind: &str| {
        let form = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", kind)];
        agent.token(&form).await
    };
    for kind in ["id_token", "refresh_token", "saml2", "nonsense"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        for token in [access, refresh, id_token] {
            typed(token, &kind).await.assert_refused(400, "invalid_request");
        }
    }
    for token in [refresh, id_token, "x", &access[..access.len() - 4]] {
        for kind in [ACCESS_TOKEN, JWT] {
            typed(token, kind).await.assert_refused(400, "invalid_request");
        }
    }
    typed(access, JWT).await.tokens();
    for kind in ["refresh_token", "id_token", "nonsense"] {
        let requested = [("requested_token_type", &*format!("urn:ietf:params:oauth:token-type:{kind}"))];
        exchange(&agent, access, &requested).await.assert_refused(400, "invalid_request");
    }
    agent.token(&[("grant_type", EXCHANGE)]).await.assert_refused(400, "invalid_request");
    let bound = signed(&app, access, |claims| {
        claims.cnf = Some(portcullis::grants::sign::Confirmation { jkt: "a".repeat(43) });
    });
    exchange(&agent, &bound, &[]).await.assert_refused(400, "invalid_request");
    agent.revoke(access).await.assert(200);
    exchange(&agent, access, &[]).await.assert_refused(400, "invalid_request");
    app.clock().advance(TimeDelta::hours(2));
    let expired = agent.connect(&ada.elsewhere()).await.access;
    app.clock().advance(TimeDelta::hours(2));
    exchange(&agent, &expired, &[]).await.assert_refused(400, "invalid_request");
}

/// What narrows a client to places and permissions narrows whatever its tokens are exchanged for, at every call.
#[tokio::test]
async fn a_token_of_a_narrowed_client_reaches_no_more_in_other_hands() {
    use portcullis::grants::client_ownership::ClientOwnership;
    use portcullis::places::{Reach, Role};
    let (app, ada, agent) = cast().await;
    let (acme, lab) = (app.place("acme").await, app.place("acme/lab").await);
    app.join(acme, &ada, Role::Member).await;
    app.server("calendar", acme).await;
    app.server("microscope", lab).await;
    let (other, _) = delegate(&app, "other").await;
    let tokens = agent.connect_for(&ada, "mcp:read mcp:write").await;
    let bought = exchange(&other, &tokens.access, &[]).await.assert(200).tokens().access;
    assert_eq!(app.finds(&bought).await, ["calendar", "microscope"]);
    let ownership = ClientOwnership {
        client_id: agent.id.clone(),
        workspace_id: acme,
        registered_by: None,
        reach: Reach::of([lab]).stored(),
        permissions: Some("tools:read".parse().unwrap()),
        disabled_as: None,
    };
    app.app().cut(async |conn| ownership.store(conn).await).await.unwrap();
    let again = exchange(&other, &tokens.access, &[]).await.assert(200).tokens().access;
    for token in [tokens.access, bought, again] {
        assert_eq!(app.finds(&token).await, ["microscope"]);
        app.call_tool(&token, "leave_note", serde_json::json!({ "note": "x" })).await.assert(403);
    }
}
