//! The era that begins with a handshake (MCP 2025-11-25, and those before it), over streamable HTTP.

use serde_json::{Value, json};

use super::line::{Line, Pages, Trouble, judged};
use crate::net::{Exchange, Method};

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
    let talk = Talk::begin(line).await?;
    let outcome = match has_tools(&talk.handshake) {
        true => talk.tools().await,
        false => Ok(Vec::new()),
    };
    talk.end().await;
    outcome
}

/// What follows a handshake, in the session that the server may have opened.
pub struct Talk<'a> {
    line: &'a Line<'a>,
    /// What the server said of itself.
    pub handshake: Value,
    version: String,
    session: Option<String>,
}

impl<'a> Talk<'a> {
    /// Shakes hands.
    pub async fn begin(line: &'a Line<'a>) -> Result<Self, Trouble> {
        let exchange = line.exchange(&initialize(), &[]).await?;
        Self::begun(line, &exchange)
    }

    /// Goes on from an answer to the handshake.
    pub fn begun(line: &'a Line<'a>, exchange: &Exchange) -> Result<Self, Trouble> {
        let handshake = judged(exchange, &initialize()["id"])?;
        let version = handshake["protocolVersion"].as_str().ok_or(Trouble::Strange("it chose no revision"))?.to_owned();
        Ok(Self { line, handshake, version, session: exchange.header("mcp-session-id") })
    }

    /// Says that the handshake is over, without which a server says no more.
    pub async fn settle(&self) -> Result<(), Trouble> {
        let request = self.line.request(Method::Post, &self.line.upstream.url, Some(&initialized()));
        let request = self.headers().iter().fold(request, |request, (name, value)| request.with(*name, value));
        let noted = self.line.net.exchange(self.line.purpose, &request, 1024).await?;
        if (200..300).contains(&noted.status) { Ok(()) } else { Err(Trouble::Status(noted.status)) }
    }

    /// The answer to one message, whatever it is.
    pub async fn exchange(&self, message: &Value) -> Result<Exchange, Trouble> {
        self.line.exchange(message, &self.headers()).await
    }

    async fn tools(&self) -> Result<Vec<Value>, Trouble> {
        self.settle().await?;
        let mut pages = Pages::default();
        while let Some(params) = pages.next() {
            let list = list(&params);
            pages.take(&judged(&self.exchange(&list).await?, &list["id"])?)?;
        }
        Ok(pages.tools)
    }

    /// Ends the session, if there is one.
    pub async fn end(&self) {
        if self.session.is_some() {
            let end = self.line.request(Method::Delete, &self.line.upstream.url, None);
            let end = self.headers().iter().fold(end, |end, (name, value)| end.with(*name, value));
            // Servers may keep their sessions to themselves (405).
            let _ended = self.line.net.exchange(self.line.purpose, &end, 1024).await;
        }
    }

    fn headers(&self) -> Vec<(&'static str, &str)> {
        let session = self.session.as_deref().map(|session| ("mcp-session-id", session));
        [("mcp-protocol-version", self.version.as_str())].into_iter().chain(session).collect()
    }
}
