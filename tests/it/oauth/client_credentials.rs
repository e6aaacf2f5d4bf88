//! RFC 6749 §4.4: programs that act for themselves, down to the command lines of the systems that they come from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use portcullis::audit::Origin;
use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::grants::m2m_account::{self, AddAccount, NewAccount, NewProof};
use portcullis::http::urls;
use portcullis::identity::service_account;
use portcullis::types::{Scope, Words};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::m2m::account;
use crate::support::{Answer, Client, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

/// `curl -X POST URL -H "Content-Type: …" -d BODY`, with `-u` where there is one.
async fn curl(node: &Node, path: &str, user: Option<&str>, body: &str) -> Answer {
    let request = node.request(Method::POST, path).header(CONTENT_TYPE, FORM);
    let header = user.map(|user| format!("Basic {}", STANDARD.encode(user)));
    let request = header.into_iter().fold(request, |request, header| request.header(AUTHORIZATION, header));
    node.send(request.body(body.to_owned())).await
}

async fn list_servers(node: &Node, token: &str) -> Answer {
    let request = node.request(Method::GET, urls::API_MCP_SERVERS);
    node.send(request.header(AUTHORIZATION, format!("Bearer {token}"))).await
}

/// K-04 to K-12: only the host differs from the source's own line, and the token works at the URL that it goes on with.
#[tokio::test]
async fn the_curl_line_with_basic_and_a_plus_encoded_scope_works() {
    let app = TestApp::start().await;
    let scope = "mgmt.read mgmt.write";
    let wanted = NewAccount { proof: NewProof::SecretBasic, scope: scope.parse().unwrap(), ..account("client_id") };
    let client = app.program(wanted).await;
    let user = format!("{}:{}", client.id, client.secret.as_deref().unwrap());
    let body = "grant_type=client_credentials&scope=mgmt.read+mgmt.write";
    let answer = curl(&app, "/oauth2/token", Some(&user), body).await.assert(200);
    assert!(answer.header("cache-control").contains("no-store"));
    let json = answer.json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 3600);
    assert_eq!(json["scope"], scope);
    assert!(json.get("refresh_token").is_none(), "RFC 6749 §4.4.3");
    let token = json["access_token"].as_str().unwrap();
    assert_eq!(list_servers(&app, token).await.assert(200).json(), json!({ "items": [] }));
}

/// U-77: what the source says of its realm is true of our workspace.
#[tokio::test]
async fn the_curl_line_below_a_realm_works() {
    let app = TestApp::start().await;
    let client = app.program(account("my-ai-agent")).await;
    let secret = client.secret.as_deref().unwrap();
    let body = format!("client_id=my-ai-agent&client_secret={secret}&grant_type=client_credentials");
    let path = "/realms/mcp-gateway/protocol/openid-connect/token";
    let tokens = curl(&app, path, None, &body).await.tokens();
    assert_eq!(tokens.scope, "groups mcp:read mcp:write mgmt.read", "all that it may have");
    let claims = jwt(&tokens.access).1;
    assert_eq!(claims["aud"], app.issuer(), "the gateway audience");
    assert_eq!(claims["groups"], json!(["public-mcp-users"]));
    assert_eq!(claims["client_id"], "my-ai-agent");
    assert!(claims["sub"].as_str().unwrap().starts_with("service:"), "RFC 9700 §4.15");
    assert!(claims.get("grant_id").is_none() && claims.get("auth_time").is_none());
    list_servers(&app, &tokens.access).await.assert(200);
    app.call_mcp(&tokens.access).await.assert(200);
    app.call_tool(&tokens.access, "leave_note", json!({ "note": "x" })).await.assert(200);
    app.call_tool(&tokens.access, "disconnect_me", json!({})).await.assert(403);
    for unknown in ["/realms/other/protocol/openid-connect/token", "/other/oauth2/v2.0/token"] {
        let answer = curl(&app, unknown, None, &body).await.assert(404);
        assert_eq!(answer.json()["error"], "not_found", "decisions 50");
    }
}

/// U-78: `.default` means all that the client may have.
#[tokio::test]
async fn the_curl_line_below_a_tenant_with_the_default_scope_works() {
    let app = TestApp::start().await;
    let client = app.program(account("my-ai-agent")).await;
    let secret = client.secret.as_deref().unwrap();
    for scope in ["api://1bd17ba1-aad3-447f-be0b-26f8f9ee859f/.default", "api%3A%2F%2Fa%2F.default"] {
        let body = format!("client_id=my-ai-agent&client_secret={secret}&scope={scope}&grant_type=client_credentials");
        for path in ["/mcp-gateway/oauth2/v2.0/token", urls::TOKEN, urls::TOKEN_GUESS] {
            let tokens = curl(&app, path, None, &body).await.tokens();
            assert_eq!(tokens.scope, "groups mcp:read mcp:write mgmt.read");
        }
    }
    client.act(&[("scope", "https://graph.example/.default")]).await.assert_refused(400, "invalid_scope");
}

/// K-05.
#[tokio::test]
async fn only_a_form_is_taken() {
    let app = TestApp::start().await;
    let client = app.program(account("my-ai-agent")).await;
    let secret = client.secret.as_deref().unwrap();
    let body = json!({ "client_id": client.id, "client_secret": secret, "grant_type": "client_credentials" });
    app.post_json(urls::TOKEN, &body).await.assert_refused(400, "invalid_request");
    let query = format!("{}?client_id={}&client_secret={secret}&grant_type=client_credentials", urls::TOKEN, client.id);
    curl(&app, &query, None, "").await.assert_refused(401, "invalid_client");
}

/// K-08, H4: the ceiling is the administrator's, along the hierarchy and not beyond; every refusal leaves a trace.
#[tokio::test]
async fn h4_a_scope_is_never_beyond_the_ceiling() {
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    let narrow = client.act(&[("scope", "mcp:read")]).await.tokens();
    assert_eq!(narrow.scope, "mcp:read");
    assert!(jwt(&narrow.access).1.get("groups").is_none(), "only where the scope opens them");
    list_servers(&app, &narrow.access).await.assert(403);
    let wider =
        ["mcp:delete", "mgmt.read mgmt.write", "mgmt.admin", "openid", "offline_access", "nonsense", "mcp-x/execute"];
    for scope in wider {
        client.act(&[("scope", scope)]).await.assert_refused(400, "invalid_scope");
    }
    client.act(&[("scope", "\"")]).await.assert_refused(400, "invalid_scope");
    assert_eq!(app.events("client_credentials.refused").await.len(), wider.len());
    let used = app.events("client_credentials.used").await;
    assert_eq!(used, [json!({ "scope": "mcp:read", "audience": app.issuer(), "method": "client_secret_post" })]);
}

/// RFC 8707 §2: each door on its own, by either name; and never one that is not ours.
#[tokio::test]
async fn h1_a_token_for_one_door_opens_no_other() {
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    let (mcp, api) = (app.at(urls::MCP), app.at(urls::API));
    for name in ["resource", "audience"] {
        let for_mcp = client.act(&[(name, &mcp)]).await.tokens().access;
        app.call_mcp(&for_mcp).await.assert(200);
        list_servers(&app, &for_mcp).await.assert(401);
        let for_api = client.act(&[(name, &format!("{api}/"))]).await.tokens().access;
        assert_eq!(jwt(&for_api).1["aud"], api);
        app.call_mcp(&for_api).await.assert(401);
        list_servers(&app, &for_api).await.assert(200);
        let for_all = client.act(&[(name, app.issuer())]).await.tokens().access;
        list_servers(&app, &for_all).await.assert(200);
        for other in ["https://evil.example/mcp", "*", &format!("{api}/mcp-servers"), &format!("{mcp}-other")] {
            client.act(&[(name, other)]).await.assert_refused(400, "invalid_target");
        }
    }
    client.act(&[("resource", &mcp), ("audience", &mcp)]).await.tokens();
    client.act(&[("resource", &mcp), ("audience", &api)]).await.assert_refused(400, "invalid_target");
    client.act(&[("resource", &mcp), ("resource", &api)]).await.assert_refused(400, "invalid_target");
}

#[tokio::test]
async fn the_gateway_audience_is_what_the_operator_calls_it() {
    let app = TestApp::configured(|config| config.tokens.gateway_audience = Some("kambrium-mcp".to_owned())).await;
    let client = app.program(account("agent")).await;
    for more in [&[][..], &[("audience", "kambrium-mcp")]] {
        let token = client.act(more).await.tokens().access;
        assert_eq!(jwt(&token).1["aud"], "kambrium-mcp");
        app.call_mcp(&token).await.assert(200);
        list_servers(&app, &token).await.assert(200);
    }
    client.act(&[("audience", app.issuer())]).await.assert_refused(400, "invalid_target");
}

fn administrators(id: &str, scope: &str, options: ClientOptions) -> NewClient {
    NewClient {
        id: id.to_owned(),
        origin: ClientOrigin::Administrator,
        name: id.to_owned(),
        secret: None,
        auth_method: AuthMethod::None,
        application_type: ApplicationType::Web,
        redirect_uris: Vec::new(),
        grant_types: Words::from_iter(["client_credentials"]),
        scope: scope.parse().unwrap(),
        metadata: json!({}),
        metadata_hash: [1; 32],
        created_from: None,
        fresh_until: None,
        options,
    }
}

/// F3, D5: no client gets into this by what it says of itself.
#[tokio::test]
async fn d5_f3_public_and_self_registered_clients_never_act_for_themselves() {
    let app = TestApp::start().await;
    let public = app.client().await;
    let says = json!({
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"],
        "scope": "mgmt.admin mcp:delete",
    });
    let confidential = Client::register(&app, says).await;
    for client in [&public, &confidential] {
        client.act(&[]).await.assert_refused(400, "unauthorized_client");
    }
    // Even where the row says that it may: each of the rules holds alone.
    use portcullis::schema::clients as table;
    let program = app.program(account("agent")).await;
    let now = app.clock().now();
    app.write(async |conn| {
        let id = table::table.find(&program.id).select(table::service_account_id).first::<Option<_>>(conn).await?;
        let as_agent = ClientOptions { service_account_id: id, ..ClientOptions::default() };
        client::insert(conn, &administrators("public", "mcp:read", as_agent), now).await?;
        let granted = table::table.find(&confidential.id);
        let change =
            (table::grant_types.eq(Words::from_iter(["client_credentials"])), table::service_account_id.eq(id));
        diesel::update(granted).set(change).execute(conn).await
    })
    .await;
    confidential.act(&[]).await.assert_refused(400, "unauthorized_client");
    Client::known(&app, "public", "").act(&[]).await.assert_refused(400, "unauthorized_client");
    let other = app.program(account("other")).await;
    let orphan = diesel::update(table::table.find(&other.id));
    let orphan = orphan.set(table::service_account_id.eq(None::<portcullis::types::ServiceAccountId>));
    app.write(async |conn| orphan.execute(conn).await).await;
    other.act(&[]).await.assert_refused(400, "unauthorized_client");
}

/// What a person is asked never comes from the gateway audience (`decisions` 8).
#[tokio::test]
async fn clients_that_nobody_vouches_for_ask_for_the_mcp_endpoint_alone() {
    let app = TestApp::start().await;
    let (client, vouched) = (app.client().await, app.vouched_client("vouched", "https://app.example/cb").await);
    for resource in [app.at(urls::API), app.issuer().to_owned()] {
        let answer = app.get(&client.ask().and("resource", &resource).url()).await;
        answer.assert_error_at(&client.redirect_uri, "invalid_target", app.issuer());
        let answer = app.get(&vouched.ask().and("resource", &resource).url()).await.assert(303);
        assert!(answer.location().contains(urls::LOGIN), "{}", answer.location());
    }
}

/// Decisions 2 and 3: a token of an account that is disabled, or removed, stops at once; and there is no new one.
#[tokio::test]
async fn an_account_that_is_cut_off_has_lost_everything_at_once() {
    let app = TestApp::start().await;
    let (disabled, removed) = (app.program(account("disabled")).await, app.program(account("removed")).await);
    let (one, two) = (disabled.act(&[]).await.tokens().access, removed.act(&[]).await.tokens().access);
    let (now, origin) = (app.clock().now(), Origin::operator());
    let terms = app.app().terms(&origin);
    app.app()
        .cut(async |conn| {
            use portcullis::schema::service_accounts as table;
            let id = table::table.filter(table::name.eq("disabled")).select(table::id).first(conn).await?;
            service_account::set_disabled(conn, id, Some(now)).await?;
            m2m_account::remove(conn, &terms, "removed").await
        })
        .await
        .unwrap();
    for token in [one, two] {
        app.call_mcp(&token).await.assert(401);
        list_servers(&app, &token).await.assert(401);
    }
    disabled.act(&[]).await.assert_refused(400, "unauthorized_client");
    removed.act(&[]).await.assert_refused(401, "invalid_client");
    assert_eq!(app.events("m2m_account.removed").await.len(), 1);
}

/// D1: the new secret works at once, though this node remembers the one before, which is worthless from then on.
#[tokio::test]
async fn d1_a_rotated_secret_opens_nothing() {
    let app = TestApp::start().await;
    let before = app.program(account("agent")).await;
    before.act(&[]).await.tokens();
    let origin = Origin::operator();
    let terms = app.app().terms(&origin);
    let secret = app.write(async |conn| m2m_account::rotate_secret(conn, &terms, "agent").await).await.unwrap();
    let after = before.proving("client_secret_post", Some(secret.reveal()));
    after.act(&[]).await.tokens();
    before.act(&[]).await.assert_refused(401, "invalid_client");
    assert_eq!(app.events("client.refused").await, [json!({ "why": "The client secret is wrong" })]);
}

/// U-81.
#[tokio::test]
async fn the_lifetime_of_its_tokens_can_be_an_accounts_own() {
    let app = TestApp::start().await;
    let lifetime = Some(TimeDelta::minutes(5));
    let client = app.program(NewAccount { access_token_lifetime: lifetime, ..account("agent") }).await;
    let answer = client.act(&[]).await;
    assert_eq!(answer.json()["expires_in"], 300);
    let token = answer.tokens().access;
    app.clock().advance(TimeDelta::seconds(299));
    app.call_mcp(&token).await.assert(200);
    app.clock().advance(TimeDelta::seconds(1));
    app.call_mcp(&token).await.assert(401);
}

/// U-47, U-48: one name, one client, and nothing half made.
#[tokio::test]
async fn a_name_is_given_once_and_a_group_must_exist() {
    let app = TestApp::start().await;
    let known = app.client().await;
    app.program(account("agent")).await;
    let refused = async |wanted: NewAccount| match app.add_account(wanted).await {
        AddAccount::Refused(why) => why.to_string(),
        AddAccount::Added(_) => panic!("added"),
    };
    assert!(refused(account("agent")).await.contains("\"agent\""));
    assert!(refused(account(&known.id)).await.contains(&known.id));
    let origin = Origin::operator();
    let terms = app.app().terms(&origin);
    let wanted = NewAccount { groups: vec!["public-mcp-users".to_owned(), "nobodys".to_owned()], ..account("other") };
    let outcome = app.write(async |conn| m2m_account::add(conn, &terms, wanted).await).await;
    assert!(matches!(outcome, AddAccount::Refused(why) if why.to_string().contains("\"nobodys\"")));
    app.program(account("other")).await.act(&[]).await.tokens();
}

/// Fifty at once are fifty tokens, and that the client is in use is noted once an hour.
#[tokio::test]
async fn many_at_once_get_tokens_of_their_own_and_each_is_audited() {
    use portcullis::schema::clients as table;
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    let answers = futures_util::future::join_all((0..50).map(|_| client.act(&[]))).await;
    let ids: std::collections::BTreeSet<_> =
        answers.into_iter().map(|answer| jwt(&answer.tokens().access).1["jti"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 50);
    assert_eq!(app.events("client_credentials.used").await.len(), 50);
    let noted = async || {
        let mut conn = app.db().read().await.unwrap();
        let query = table::table.find("agent").select(table::last_used_at);
        query.first::<Option<chrono::DateTime<chrono::Utc>>>(&mut conn).await.unwrap().unwrap()
    };
    let first = noted().await;
    app.clock().advance(TimeDelta::minutes(59));
    client.act(&[]).await.tokens();
    assert_eq!(noted().await, first);
    app.clock().advance(TimeDelta::minutes(2));
    client.act(&[]).await.tokens();
    assert!(noted().await > first);
}

/// What a program may have is nothing about people, whatever its ceiling says.
#[tokio::test]
async fn a_ceiling_that_speaks_of_people_gives_a_program_only_the_rest() {
    use portcullis::schema::clients as table;
    let app = TestApp::start().await;
    let client = app.program(account("agent")).await;
    let wide = diesel::update(table::table.find("agent")).set(table::scope.eq(Scope::of(&["openid", "mcp:read"])));
    app.write(async |conn| wide.execute(conn).await).await;
    assert_eq!(client.act(&[]).await.tokens().scope, "mcp:read");
    client.act(&[("scope", "openid mcp:read")]).await.assert_refused(400, "invalid_scope");
}
