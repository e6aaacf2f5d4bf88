//! ERRAND: call our own MCP endpoint with a key that somebody holds, as their client would.
//!
//! The key comes with the request and goes with it: it is not stored, and neither it nor what it opened is logged.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::app::App;
use crate::net::{Exchange, NetError, Purpose, Request};

/// The largest answer that is read: a long list of tools has a place in it.
const LARGEST: usize = 4 * 1024 * 1024;
/// The revision that opens with a handshake, which most clients still speak.
const VERSION: &str = "2025-11-25";

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The handshake.
    Initialize,
    /// The list of tools.
    ListTools,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The server said who it is.
    Initialized {
        /// The revision that it chose.
        version: String,
    },
    /// So many tools are open to this key.
    Tools(usize),
    /// The key opens nothing: 401.
    Unauthorized,
    /// It opens too little: 403.
    Forbidden,
    /// Another status.
    Status(u16),
    /// An answer that is none.
    Strange,
    /// No answer.
    Failed(NetError),
}

/// Calls `{PUBLIC_URL}/mcp` with this key.
pub async fn call(app: &App, url: &str, key: &SecretString, call: Call) -> Tried {
    let request = Request::post(url, "application/json", body(call).to_string());
    let request = request.with("accept", "application/json, text/event-stream");
    let request = request.with("authorization", &format!("Bearer {}", key.expose_secret()));
    match app.net.exchange(Purpose::AdministratorEndpoint, &request, LARGEST).await {
        Err(error) => Tried::Failed(error),
        Ok(exchange) => judged(call, &exchange),
    }
}

fn body(call: Call) -> Value {
    match call {
        Call::Initialize => {
            let info = json!({ "name": "portcullis-setup", "version": env!("CARGO_PKG_VERSION") });
            let params = json!({ "protocolVersion": VERSION, "capabilities": {}, "clientInfo": info });
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
        }
        Call::ListTools => json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }),
    }
}

fn judged(call: Call, exchange: &Exchange) -> Tried {
    match exchange.status {
        200 => {}
        401 => return Tried::Unauthorized,
        403 => return Tried::Forbidden,
        status => return Tried::Status(status),
    }
    let answer: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let result = &answer["result"];
    match call {
        Call::Initialize => result["protocolVersion"]
            .as_str()
            .map_or(Tried::Strange, |version| Tried::Initialized { version: version.to_owned() }),
        Call::ListTools => result["tools"].as_array().map_or(Tried::Strange, |tools| Tried::Tools(tools.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Exchange {
        Exchange { status, headers: Vec::new(), body: body.as_bytes().to_vec(), is_whole: true }
    }

    #[test]
    fn an_answer_is_told_from_a_refusal_and_from_nonsense() {
        let initialized = Tried::Initialized { version: VERSION.to_owned() };
        for (call, status, body, expected) in [
            (Call::Initialize, 200, r#"{"result":{"protocolVersion":"2025-11-25"}}"#, initialized),
            (Call::ListTools, 200, r#"{"result":{"tools":[{},{}]}}"#, Tried::Tools(2)),
            (Call::ListTools, 200, r#"{"error":{"code":-32603}}"#, Tried::Strange),
            (Call::ListTools, 200, "<html>", Tried::Strange),
            (Call::Initialize, 401, "", Tried::Unauthorized),
            (Call::Initialize, 403, "", Tried::Forbidden),
            (Call::Initialize, 503, "", Tried::Status(503)),
        ] {
            assert_eq!(judged(call, &answer(status, body)), expected, "{status} {body}");
        }
    }
}
