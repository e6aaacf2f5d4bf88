//! A client that others wrote (rmcp) finds its own way in over a real socket: from a refusal to a token, on to more scope,
//! and through everything that ends a token. Only the person at the browser is ours.

use chrono::TimeDelta;
use portcullis::http::urls;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RunningService, ServiceError};
use rmcp::transport::auth::{
    AuthClient, AuthorizationCallback, AuthorizationManager, AuthorizationRequest, OAuthState,
};
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::json;

use crate::support::app::http_client;
use crate::support::client::CALLBACK;
use crate::support::{Browser, TestApp};

type Http = AuthClient<reqwest::Client>;
type Service = RunningService<RoleClient, ()>;

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

/// A client that has never been here.
async fn stranger(app: &TestApp) -> Http {
    have_tls();
    AuthClient::new(http_client(None), AuthorizationManager::new(app.at(urls::MCP)).await.unwrap())
}

/// rmcp makes HTTP clients that could speak TLS, by whatever provider the process has.
fn have_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn begin(app: &TestApp, http: &Http, mode: ClientLifecycleMode) -> Result<Service, ClientInitializeError> {
    let config = StreamableHttpClientTransportConfig::with_uri(app.at(urls::MCP));
    ().serve_with_lifecycle(StreamableHttpClientTransport::with_client(http.clone(), config), mode).await
}

/// What a refusal told the client (RFC 6750 §3).
fn challenge(refused: DynamicTransportError) -> String {
    let error = refused.error.downcast::<StreamableHttpError<reqwest::Error>>().unwrap();
    error.auth_challenge().expect("a challenge").to_owned()
}

/// Does what the challenge says: discovery, registration, PKCE, the pages, the token.
async fn authorize(app: &TestApp, person: &Browser, challenge: &str) -> Http {
    authorize_for(app, person, AuthorizationRequest::new(CALLBACK).with_challenge(challenge)).await
}

/// The same with a request of its own: it asks for the scopes of the challenge unless it names others.
async fn authorize_for(app: &TestApp, person: &Browser, request: AuthorizationRequest) -> Http {
    have_tls();
    let mut oauth = OAuthState::new(app.at(urls::MCP), None).await.unwrap();
    let request = request.with_client_name("rmcp").with_initial_scope_selection();
    oauth.start_authorization(request).await.unwrap();
    let page = person.consider(&oauth.get_authorization_url().await.unwrap()).await;
    assert!(page.body.contains("rmcp"), "the page names the client");
    let answer = person.submit(&page.form("Allow")).await.assert(303);
    oauth.handle_callback_url(answer.location()).await.unwrap();
    AuthClient::new(http_client(None), oauth.into_authorization_manager().unwrap())
}

/// From nothing to a session.
async fn connect(app: &TestApp, person: &Browser, mode: ClientLifecycleMode) -> (Http, Service) {
    let refused = begin(app, &stranger(app).await, mode.clone()).await.unwrap_err();
    let ClientInitializeError::TransportError { error, .. } = refused else { panic!("{refused:?}") };
    let http = authorize(app, person, &challenge(error)).await;
    let service = begin(app, &http, mode).await.unwrap();
    (http, service)
}

async fn works(service: &Service) {
    assert_eq!(service.list_all_tools().await.unwrap().len(), 5);
    let called = service.call_tool(CallToolRequestParams::new("list_services")).await.unwrap();
    assert!(called.structured_content.unwrap()["services"].is_array());
}

fn note() -> CallToolRequestParams {
    let arguments = json!({ "note": "Built the castle" }).as_object().unwrap().clone();
    CallToolRequestParams::new("leave_note").with_arguments(arguments)
}

/// What the transport was refused with.
fn refusal(error: ServiceError) -> String {
    let ServiceError::TransportSend(refused) = error else { panic!("{error:?}") };
    challenge(refused)
}

#[tokio::test]
async fn it_goes_from_a_refusal_to_a_tool_in_both_eras() {
    for mode in [ClientLifecycleMode::Initialize, modern()] {
        let app = TestApp::start().await;
        let (_, service) = connect(&app, &app.person("ada").await, mode).await;
        works(&service).await;
        service.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_refreshed_and_nobody_notices() {
    for mode in [ClientLifecycleMode::Initialize, modern()] {
        let app = TestApp::start().await;
        let (http, service) = connect(&app, &app.person("ada").await, mode).await;
        let before = http.get_access_token().await.unwrap();
        app.clock().advance(TimeDelta::minutes(61));
        works(&service).await;
        assert_ne!(http.get_access_token().await.unwrap(), before);
    }
}

/// rmcp renews what has less than half a minute left: here, before every request.
#[tokio::test]
async fn a_client_that_refreshes_all_the_time_is_served_all_the_time() {
    let app = TestApp::configured(|config| config.lifetimes.access_token = TimeDelta::seconds(20)).await;
    let (http, service) = connect(&app, &app.person("ada").await, modern()).await;
    let before = http.get_access_token().await.unwrap();
    for _ in 0..5 {
        works(&service).await;
    }
    assert_ne!(http.get_access_token().await.unwrap(), before);
}

#[tokio::test]
async fn it_asks_for_more_when_a_call_takes_more_and_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let http = authorize_for(&app, &ada, AuthorizationRequest::new(CALLBACK).with_scopes(["mcp:read"])).await;
    let service = begin(&app, &http, modern()).await.unwrap();
    let challenge = refusal(service.call_tool(note()).await.unwrap_err());
    assert!(challenge.contains("insufficient_scope") && challenge.contains("mcp:write"), "{challenge}");
    let manager = http.auth_manager.lock().await;
    let url = manager.request_scope_upgrade("mcp:write").await.unwrap();
    let answer = ada.allow(&url).await;
    let callback = AuthorizationCallback::from_redirect_url(answer.location()).unwrap();
    let issuer = callback.issuer.as_deref();
    manager.exchange_code_for_token_with_issuer(&callback.code, &callback.csrf_token, issuer).await.unwrap();
    drop(manager);
    assert_ne!(service.call_tool(note()).await.unwrap().is_error, Some(true));
    works(&service).await;
}

/// What a client holds is worth as much after a restart as before, and so is its registration.
#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (_, service) = connect(&app, &ada, modern()).await;
    works(&service).await;
    drop(ada);
    let app = app.restart().await;
    works(&service).await;
    app.clock().advance(TimeDelta::minutes(61));
    works(&service).await;
}

/// It is told to ask again, not that something broke; and asking again works.
#[tokio::test]
async fn what_the_person_revoked_is_over_until_they_allow_it_again() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (_, service) = connect(&app, &ada, modern()).await;
    ada.revoke_app().await;
    let challenge = refusal(service.call_tool(CallToolRequestParams::new("list_services")).await.unwrap_err());
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    let http = authorize(&app, &ada, &challenge).await;
    works(&begin(&app, &http, modern()).await.unwrap()).await;
}
