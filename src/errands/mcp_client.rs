//! ERRAND: use an MCP endpoint as a client of it does, for an operator at a command line.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::discover_tools::legacy::Talk;
use super::discover_tools::line::{Line, Pages, Trouble, judged};
use crate::config::OutboundConfig;
use crate::net::{Exchange, Net, NetSetupError, Purpose};
use crate::upstreams::{Auth, Upstream};

/// For one answer: what tools do may take a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// An endpoint, and what opens it.
pub struct Endpoint {
    net: Net,
    upstream: Upstream,
}

/// Why there is no answer, or why it is none.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 401, with what the endpoint says about it.
    #[error("{0}")]
    Unauthorized(String),
    /// 403: more scope would help.
    #[error("this takes the scope {0}, which the token does not have: ask for a token with that")]
    NeedsScope(String),
    /// 403, for good.
    #[error("{0}")]
    Denied(String),
    /// Whatever else.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// True where a token would cross the network readably: plain http to another machine.
pub fn would_be_overheard(url: &str) -> bool {
    let host = Url::parse(url).ok().filter(|url| url.scheme() == "http");
    host.is_some_and(|url| !matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

impl Endpoint {
    /// The endpoint at that URL; the operator typed it, so it may be anywhere.
    pub fn at(config: &OutboundConfig, url: &str, token: Option<&str>) -> Result<Self, NetSetupError> {
        let bearer = |token| Auth::Header {
            name: "authorization".to_owned(),
            value: SecretString::from(format!("Bearer {token}")),
        };
        let upstream = Upstream { url: url.to_owned(), auth: token.map_or(Auth::None, bearer), ..Upstream::default() };
        Ok(Self { net: Net::with_patience(config, PATIENCE)?, upstream })
    }

    /// What it says of itself.
    pub async fn handshake(&self) -> Result<Value, Refusal> {
        self.converse(async |talk| Ok(talk.handshake.clone())).await
    }

    /// One request, and its result.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        self.converse(async |talk| ask(talk, method, params).await).await
    }

    /// All its tools.
    pub async fn tools(&self) -> Result<Vec<Value>, Refusal> {
        self.converse(async |talk| {
            let mut pages = Pages::default();
            while let Some(params) = pages.next() {
                pages.take(&ask(talk, "tools/list", params).await?)?;
            }
            Ok(pages.tools)
        })
        .await
    }

    /// Shakes hands, asks, and ends the session.
    async fn converse<T>(&self, asking: impl AsyncFnOnce(&Talk<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let line = Line::to(&self.net, Purpose::OperatorCommand, &self.upstream);
        let opened = line.exchange(&super::discover_tools::legacy::initialize(), &[]).await?;
        let talk = Talk::begun(&line, &let_in(opened)?)?;
        talk.settle().await?;
        let outcome = asking(&talk).await;
        talk.end().await;
        outcome
    }
}

async fn ask(talk: &Talk<'_>, method: &str, params: Value) -> Result<Value, Refusal> {
    let message = json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": params });
    Ok(judged(&let_in(talk.exchange(&message).await?)?, &message["id"])?)
}

/// The answer, unless it keeps us out (RFC 6750 §3.1).
fn let_in(exchange: Exchange) -> Result<Exchange, Refusal> {
    if !matches!(exchange.status, 401 | 403) {
        return Ok(exchange);
    }
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let said = body["error_description"].as_str().or(body["error"]["message"].as_str()).unwrap_or_default();
    let said: String = said.chars().take(300).collect();
    Err(match (exchange.status, body["scope"].as_str()) {
        (401, _) => Refusal::Unauthorized(said),
        (_, Some(scope)) => Refusal::NeedsScope(scope.to_owned()),
        (status, None) if said.is_empty() => Trouble::Status(status).into(),
        (_, None) => Refusal::Denied(said),
    })
}
