//! The era without sessions (MCP 2026-07-28): every request stands for itself.

use serde_json::{Value, json};

use super::line::{Line, Pages, Trouble};

const VERSION: &str = "2026-07-28";

/// Its tools.
pub async fn tools(line: &Line<'_>) -> Result<Vec<Value>, Trouble> {
    let headers = [("mcp-protocol-version", VERSION), ("mcp-method", "tools/list")];
    let mut pages = Pages::default();
    while let Some(params) = pages.next() {
        pages.take(&line.ask(&list(params), &headers).await?)?;
    }
    Ok(pages.tools)
}

fn list(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": { "name": "portcullis", "version": env!("CARGO_PKG_VERSION") },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params })
}
