//! The guarded MCP server (MCP 2026-07-28 and 2025-11-25): the pure core, and the order of checks around it.

mod endpoint;
mod faults;
mod foreign_tokens;
mod gateway;
mod gathered;
mod hostile;
mod legacy;
mod lines;
mod listen;
mod manage;
mod modern;
mod old_sse;
mod rmcp_client;
mod rmcp_oauth;
mod rmcp_server;
mod stdio;
mod tools;

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, TimeDelta, Utc};
use portcullis::access::principal::{AccessTokenCredential, Credential};
use portcullis::access::{Narrowing, Policies, Principal, Subject};
use portcullis::identity::{Email, Person};
use portcullis::mcp::serve::{Answer, Reply, World, serve};
use portcullis::places::{PlacePath, Role, Tree};
use portcullis::policies::{Draft, Policy, Reading};
use portcullis::types::{GrantId, PlaceId, PolicyId, PublicUrl, ServerId, UserId};
use portcullis::upstreams::{Server, Upstream};
use serde_json::{Value, json};
use uuid::Uuid;

const MODERN: &str = "2026-07-28";

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Ada, with this scope.
fn ada(scope: &str) -> Principal {
    let person = Person {
        id: UserId::fresh(),
        username: "ada".to_owned(),
        display_name: "Ada Lovelace".to_owned(),
        email: Some(Email { address: "ada@example.com".to_owned(), is_own: false }),
        groups: vec!["engines".to_owned()],
        workspaces: [(workspace(), Role::Member)].into_iter().collect(),
        is_admin: false,
        is_disabled: false,
    };
    let credential = AccessTokenCredential {
        id: "the-jti".to_owned(),
        grant: Some(GrantId::fresh()),
        client_id: "client-1".to_owned(),
        issued_at: noon() - TimeDelta::minutes(10),
        expires_at: noon() + TimeDelta::minutes(50),
        key: None,
    };
    Principal {
        subject: Subject::Person(Arc::new(person)),
        credential: Credential::AccessToken(credential),
        scope: scope.parse().unwrap(),
        audience: "http://localhost:8080/mcp".to_owned(),
        narrowing: Narrowing::default(),
    }
}

/// Where Ada and all servers are.
fn workspace() -> PlaceId {
    PlaceId(Uuid::nil())
}

fn public_url() -> PublicUrl {
    "http://localhost:8080".parse().unwrap()
}

fn servers() -> Vec<Server> {
    let server = |name: &str, description: &str| Server {
        id: ServerId::fresh(),
        name: name.to_owned(),
        description: description.to_owned(),
        transport: "streamable-http".to_owned(),
        place: PlacePath::workspace_itself(workspace()),
        upstream: Upstream::default(),
    };
    vec![server("calendar", "Meetings and free time"), server("tickets", "Issues of the quantum department")]
}

/// Everybody may do everything at every server.
fn everything() -> Policies {
    let all = json!(["*"]);
    let rule =
        json!({ "effect": "allow", "server": "*", "methods": all, "tools": all, "prompts": all, "resources": all });
    let written = json!({ "name": "everything", "groups": ["everyone"], "rules": [rule] });
    let policy = Policy {
        id: PolicyId::fresh(),
        draft: Draft::read(&Reading::of(&written)).unwrap(),
        created_at: noon(),
        changed_at: noon(),
    };
    Policies::compiled(&[policy], &Tree::default())
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    for (name, value) in pairs {
        headers.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn send(principal: &Principal, headers: &HeaderMap, body: &[u8]) -> Answer {
    let (public_url, servers) = (public_url(), servers());
    let world = World {
        public_url: &public_url,
        now: noon(),
        servers: &servers,
        policies: &everything(),
        client_name: Some("Test client"),
    };
    serve(principal, headers, body, &world)
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A request of the new era as it must be.
fn modern_body(method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = meta();
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

/// The headers that belong to such a request.
fn modern_headers(body: &Value) -> HeaderMap {
    let method = body["method"].as_str().unwrap();
    let mut pairs = vec![("mcp-protocol-version", MODERN), ("mcp-method", method)];
    let named = match method {
        "tools/call" | "prompts/get" => body["params"]["name"].as_str(),
        "resources/read" => body["params"]["uri"].as_str(),
        _ => None,
    };
    pairs.extend(named.map(|name| ("mcp-name", name)));
    headers(&pairs)
}

fn modern(principal: &Principal, method: &str, params: Value) -> Answer {
    let body = modern_body(method, params);
    send(principal, &modern_headers(&body), body.to_string().as_bytes())
}

fn legacy(principal: &Principal, method: &str, params: Value) -> Answer {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    send(principal, &headers(&[("mcp-protocol-version", "2025-11-25")]), body.to_string().as_bytes())
}

/// Status and body of an answer that is a JSON-RPC message.
fn message(answer: Answer) -> (u16, Value) {
    match answer.reply {
        Reply::Message(status, body) => (status.as_u16(), body),
        other => panic!("a message, not {other:?}"),
    }
}

/// The result of an answer that is one.
fn result(answer: Answer) -> Value {
    let (status, mut body) = message(answer);
    assert_eq!((status, &body["jsonrpc"], &body["id"]), (200, &json!("2.0"), &json!(7)), "{body}");
    body["result"].take()
}

/// Status and code of an answer that is an error under the request's id.
fn error(answer: Answer) -> (u16, i64) {
    let (status, body) = message(answer);
    assert_eq!(body["id"], 7, "{body}");
    (status, body["error"]["code"].as_i64().unwrap())
}

/// The scope that a challenge asks for.
fn challenged(answer: Answer) -> String {
    use actix_web::ResponseError;
    use actix_web::http::header::WWW_AUTHENTICATE;
    let Reply::Challenge(challenge) = answer.reply else { panic!("a challenge, not {:?}", answer.reply) };
    let response = challenge.error_response();
    assert_eq!(response.status(), 403);
    let header = response.headers().get(WWW_AUTHENTICATE).unwrap().to_str().unwrap();
    assert!(header.starts_with(r#"Bearer error="insufficient_scope""#), "{header}");
    assert!(
        header.contains(r#"resource_metadata="http://localhost:8080/.well-known/oauth-protected-resource/mcp""#),
        "{header}"
    );
    header.split(r#" scope=""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}
