//! The era that begins with a handshake (MCP 2025-11-25, and those before it), over streamable HTTP.

use serde_json::{Value, json};

use super::line::{Line, Pages, Trouble};
use crate::net::Method;

/// The revision that is offered. What a server chooses instead is as good, for what is asked here.
const VERSION: &str = "2025-11-25";

/// The handshake.
pub fn initialize() -> Value {
    let info = json!({ "name": "portcullis", "version": env!("CARGO_PKG_VERSION") });
    let params = json!({ "protocolVersion": VERSION, "capabilities": {}, "clientInfo": info });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}

/// What ends it.
pub fn initialized() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

/// A page of the list.
pub fn list(params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": params })
}

/// True where the handshake says that there are tools.
pub fn has_tools(handshake: &Value) -> bool {
    handshake["capabilities"]["tools"].is_object()
}

/// Its tools. The session that the server may have opened for it is ended, whatever comes of it.
pub async fn tools(line: &Line<'_>) -> Result<Vec<Value>, Trouble> {
    let (handshake, exchange) = line.ask(&initialize(), &[]).await?;
    let version = handshake["protocolVersion"].as_str().ok_or(Trouble::Strange("it chose no revision"))?.to_owned();
    let session = exchange.header("mcp-session-id");
    let mut headers = vec![("mcp-protocol-version", version.as_str())];
    headers.extend(session.as_deref().map(|session| ("mcp-session-id", session)));
    let outcome = within(line, &handshake, &headers).await;
    if session.is_some() {
        let end = line.request(Method::Delete, &line.upstream.url, None);
        let end = headers.iter().fold(end, |end, (name, value)| end.with(*name, value));
        // Servers may keep their sessions to themselves (405).
        let _ended = line.net.exchange(line.purpose, &end, 1024).await;
    }
    outcome
}

async fn within(line: &Line<'_>, handshake: &Value, headers: &[(&'static str, &str)]) -> Result<Vec<Value>, Trouble> {
    if !has_tools(handshake) {
        return Ok(Vec::new());
    }
    let request = line.request(Method::Post, &line.upstream.url, Some(&initialized()));
    let request = headers.iter().fold(request, |request, (name, value)| request.with(*name, value));
    let noted = line.net.exchange(line.purpose, &request, 1024).await?;
    if !(200..300).contains(&noted.status) {
        return Err(Trouble::Status(noted.status));
    }
    let mut pages = Pages::default();
    while let Some(params) = pages.next() {
        pages.take(&line.ask(&list(&params), headers).await?.0)?;
    }
    Ok(pages.tools)
}
