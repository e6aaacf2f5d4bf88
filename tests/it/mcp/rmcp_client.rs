//! A client that others wrote (rmcp) speaks both eras with us, over a real socket.

use portcullis::http::urls;
use rmcp::model::{CallToolRequestParams, GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};

use crate::support::TestApp;

async fn connect(app: &TestApp, token: &str, mode: ClientLifecycleMode) -> RunningService<RoleClient, ()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = StreamableHttpClientTransportConfig::with_uri(app.at(urls::MCP)).auth_header(token);
    ().serve_with_lifecycle(StreamableHttpClientTransport::from_config(config), mode).await.unwrap()
}

/// An installation, and an access token that may only read.
async fn app_and_token() -> (TestApp, String) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect_for(&ada, "mcp:read").await.access;
    (app, token)
}

fn modes() -> [ClientLifecycleMode; 3] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: preferred_versions.clone() },
        ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
    ]
}

#[tokio::test]
async fn it_lists_reads_and_calls_in_every_mode() {
    let (app, token) = app_and_token().await;
    for mode in modes() {
        let client = connect(&app, &token, mode.clone()).await;
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.len(), 5, "{mode:?}");
        let called = client.call_tool(CallToolRequestParams::new("list_services")).await.unwrap();
        assert!(called.structured_content.unwrap()["services"].is_array(), "{mode:?}");
        assert_eq!(client.list_all_resources().await.unwrap().len(), 1);
        assert_eq!(client.list_all_resource_templates().await.unwrap().len(), 0);
        assert_eq!(client.list_all_prompts().await.unwrap().len(), 1);
        let guide = ReadResourceRequestParams::new("portcullis://guide");
        assert_eq!(client.read_resource(guide).await.unwrap().contents.len(), 1);
        assert_eq!(client.get_prompt(GetPromptRequestParams::new("explore")).await.unwrap().messages.len(), 1);
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn it_understands_a_wrong_name_and_a_call_that_takes_more_scope() {
    let (app, token) = app_and_token().await;
    for mode in modes() {
        let client = connect(&app, &token, mode.clone()).await;
        let unknown = client.call_tool(CallToolRequestParams::new("nothing")).await.unwrap_err();
        assert!(unknown.to_string().contains("Unknown tool"), "{mode:?}: {unknown:?}");
        let refused = client.call_tool(CallToolRequestParams::new("disconnect_me")).await.unwrap_err();
        assert!(format!("{refused:?}").contains("InsufficientScope"), "{mode:?}: {refused:?}");
        client.cancel().await.unwrap();
    }
}
