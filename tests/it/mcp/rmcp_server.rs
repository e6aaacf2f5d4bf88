//! A server that others wrote (rmcp) behind the gate, and a client that they wrote before it: as if there were no gate.

use std::net::Ipv4Addr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use portcullis::http::urls;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpClientTransport, StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ClientLifecycleMode, ClientServiceExt, ErrorData, RoleServer};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::support::TestApp;
use crate::support::behind::Behind;

/// Three tools, which say what they were called with.
#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema: Map<_, _> = json!({ "type": "object" }).as_object().unwrap().clone();
        let tool = |name: &'static str, reads: bool| {
            let annotations = ToolAnnotations::new().read_only(reads);
            Tool::new(name, "Says what it was called with", Arc::new(schema.clone())).with_annotations(annotations)
        };
        Ok(ListToolsResult::with_all_items(vec![tool("look", true), tool("change", false), tool("destroy", false)]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(token) = context.meta.get_progress_token() {
            for step in 1..=3 {
                let progress = ProgressNotificationParam::new(token.clone(), f64::from(step));
                context.peer.notify_progress(progress).await.unwrap();
            }
        }
        let said = json!({ "name": request.name, "arguments": request.arguments });
        Ok(CallToolResult::success(vec![ContentBlock::text(said.to_string())]).into())
    }
}

/// Serves it, with sessions in the earlier era.
async fn serve() -> String {
    let manager: Arc<LocalSessionManager> = Arc::default();
    let service = StreamableHttpService::new(|| Ok(Echo), manager, StreamableHttpServerConfig::default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

#[tokio::test]
async fn it_is_listed_and_called_in_every_mode_as_far_as_policies_go() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = serve().await;
    let app = TestApp::start().await;
    app.register_behind("echo", &Behind::ordinary(), &format!("UPDATE servers SET url = '{url}'")).await;
    app.allow(r#"{ "server": "echo", "methods": ["tools/list", "tools/call"], "tools": ["look", "change"] }"#).await;
    let ada = app.person("ada").await;
    let token = app.token_for(&ada, "echo", "mcp:read mcp:write").await;
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    for mode in [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: preferred_versions.clone() },
        ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
    ] {
        let uri = app.at(&urls::server_mcp("echo"));
        let config = StreamableHttpClientTransportConfig::with_uri(uri).auth_header(token.clone());
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = ().serve_with_lifecycle(transport, mode.clone()).await.unwrap();
        let listed = client.list_all_tools().await.unwrap();
        let names: Vec<&str> = listed.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names, ["look", "change"], "{mode:?}");
        let arguments = json!({ "town": "Tromsø" }).as_object().unwrap().clone();
        let called = client.call_tool(CallToolRequestParams::new("look").with_arguments(arguments)).await.unwrap();
        let said: Value = serde_json::from_str(&called.content[0].as_text().unwrap().text).unwrap();
        assert_eq!(said, json!({ "name": "look", "arguments": { "town": "Tromsø" } }), "{mode:?}");
        let refused = client.call_tool(CallToolRequestParams::new("destroy")).await;
        assert!(refused.is_err(), "{mode:?}");
        client.cancel().await.unwrap();
    }
}
