//! Asking a server behind us for one thing, as a client of it: for callers who came to `/mcp` and have no session there.
//!
//! We speak the era of the server, whatever that of the caller is. A session, where the server wants one, belongs to one caller, is
//! kept on this node, and is begun anew when the server has forgotten it.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use moka::sync::Cache;
use serde_json::{Value, json};

use super::egress;
use super::events::{Events, data};
use crate::mcp::era;
use crate::mcp::error::Failure;
use crate::mcp::message::Object;
use crate::net::{Incoming, Method, Upstreams};
use crate::types::{ServerId, SubjectId};
use crate::upstreams::{Server, Upstream};

/// The largest answer.
const LARGEST: usize = 8 << 20;
/// For so long an agreement with a server is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(20 * 60);
/// As many agreements are kept.
const AGREEMENTS: u64 = 10_000;

/// What was agreed with servers, for whom.
pub struct Agreements(Cache<Between, Agreement>);

/// Between whom something was agreed. A server that has moved has agreed to nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Between {
    server: ServerId,
    url: String,
    subject: SubjectId,
    client: String,
}

impl Default for Agreements {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(AGREEMENTS).time_to_idle(KEPT).build())
    }
}

/// How a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Agreement {
    /// Each request stands alone.
    Modern,
    /// After a handshake.
    Legacy { version: String, session: Option<String> },
}

/// One caller, who asks one server.
pub(super) struct Asking<'a> {
    pub(super) server: &'a Server,
    /// In whose name, by which client.
    pub(super) caller: (SubjectId, String),
    /// The headers of the request that came.
    pub(super) headers: &'a HeaderMap,
    pub(super) upstreams: &'a Upstreams,
    pub(super) agreements: &'a Agreements,
}

/// Why there is no result.
enum Trouble {
    /// The server says so, in its own words.
    Refused(Value),
    /// It knows nothing of the session any more, or speaks another era.
    Forgotten(Failure),
    /// It is not there, or makes no sense.
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A response's `result`, or else its `error`.
pub(super) type Answered = Result<Value, Value>;

impl Asking<'_> {
    /// Asks for one thing.
    pub(super) async fn ask(&self, method: &str, params: &Object) -> Result<Answered, Failure> {
        let (subject, client) = self.caller.clone();
        let key = Between { server: self.server.id, url: self.server.upstream.url.clone(), subject, client };
        if let Some(agreement) = self.agreements.0.get(&key) {
            match self.under(&agreement, method, params).await {
                Ok(result) => return Ok(Ok(result)),
                Err(Trouble::Refused(error)) => return Ok(Err(error)),
                Err(Trouble::Failed(failure)) => return Err(failure),
                Err(Trouble::Forgotten(_)) => self.agreements.0.invalidate(&key),
            }
        }
        let agreement = self.agree().await?;
        self.agreements.0.insert(key, agreement.clone());
        match self.under(&agreement, method, params).await {
            Ok(result) => Ok(Ok(result)),
            Err(Trouble::Refused(error)) => Ok(Err(error)),
            Err(Trouble::Failed(failure) | Trouble::Forgotten(failure)) => Err(failure),
        }
    }

    /// Shakes hands; a server that knows no handshake speaks the other era.
    async fn agree(&self) -> Result<Agreement, Failure> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello() });
        let incoming = self.send(&[], &message).await?;
        let session = incoming.header("mcp-session-id").map(str::to_owned);
        let version = match read(incoming).await {
            Ok(result) => result["protocolVersion"].as_str().unwrap_or(era::NEWEST_LEGACY).to_owned(),
            Err(Trouble::Refused(_) | Trouble::Forgotten(_)) => return Ok(Agreement::Modern),
            Err(Trouble::Failed(failure)) => return Err(failure),
        };
        let agreement = Agreement::Legacy { version, session };
        self.send(&agreement.headers("notifications/initialized", None), &ready()).await?;
        Ok(agreement)
    }

    async fn under(&self, agreement: &Agreement, method: &str, params: &Object) -> Result<Value, Trouble> {
        let mut params = params.clone();
        agreement.dress(&mut params);
        let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
        let message = json!({ "jsonrpc": "2.0", "id": 2, "method": method, "params": params });
        let incoming = self.send(&agreement.headers(method, name.as_deref()), &message).await?;
        read(incoming).await
    }

    async fn send(&self, own: &[(&str, String)], message: &Value) -> Result<Incoming, Failure> {
        let accept = ("accept", &b"application/json, text/event-stream"[..]);
        let mut headers: Vec<(&str, &[u8])> = vec![("content-type", b"application/json"), accept];
        headers.extend(own.iter().map(|(name, value)| (*name, value.as_bytes())));
        let upstream: &Upstream = &self.server.upstream;
        let body = Bytes::from(message.to_string());
        let outgoing = egress::rewritten(Method::Post, headers, self.headers, upstream, body)?;
        Ok(self.upstreams.open(outgoing).await?)
    }
}

/// The parameters of our handshake.
pub(super) fn hello() -> Object {
    let info = json!({ "name": "portcullis", "version": env!("CARGO_PKG_VERSION") });
    Object::from_iter([
        ("protocolVersion".to_owned(), era::NEWEST_LEGACY.into()),
        ("capabilities".to_owned(), json!({})),
        ("clientInfo".to_owned(), info),
    ])
}

/// What ends it.
pub(super) fn ready() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

impl Agreement {
    /// The headers of a request, by what it is about.
    fn headers(&self, method: &str, name: Option<&str>) -> Vec<(&'static str, String)> {
        match self {
            Self::Modern => {
                let mut headers =
                    vec![("mcp-protocol-version", era::MODERN.to_owned()), ("mcp-method", method.to_owned())];
                headers.extend(name.map(|name| ("mcp-name", era::encoded(name))));
                headers
            }
            Self::Legacy { version, session } => {
                let mut headers = vec![("mcp-protocol-version", version.clone())];
                headers.extend(session.iter().map(|session| ("mcp-session-id", session.clone())));
                headers
            }
        }
    }

    /// Puts into the parameters what the era wants there, and takes out what the other one had there.
    fn dress(&self, params: &mut Object) {
        let meta = params.remove("_meta");
        let Self::Modern = self else { return };
        let mut meta = meta.filter(Value::is_object).unwrap_or_else(|| json!({}));
        meta[era::META_VERSION] = era::MODERN.into();
        // What the caller's client can do, where it says so: what the server then wants of it, it says in its answer.
        if !meta[era::META_CAPABILITIES].is_object() {
            meta[era::META_CAPABILITIES] = json!({});
        }
        params.insert("_meta".to_owned(), meta);
    }
}

/// The one response that an answer is about.
async fn read(mut incoming: Incoming) -> Result<Value, Trouble> {
    let status = incoming.status();
    let kind = incoming.header("content-type").unwrap_or_default().to_ascii_lowercase();
    match (status, kind) {
        (200, kind) if kind.starts_with("text/event-stream") => from_events(incoming).await,
        (200, kind) if kind.starts_with("application/json") => {
            let body = incoming.whole(LARGEST).await.map_err(Failure::from)?;
            response(&body).ok_or_else(|| Failure::upstream("its answer is no response").into()).and_then(result)
        }
        (400 | 404 | 405 | 406 | 415, _) => {
            let said = incoming.whole(LARGEST).await.ok().and_then(|body| response(&body));
            let failure = Failure::upstream(format_args!("it answered with status {status}"));
            Err(match said.and_then(|mut message| message.get_mut("error").map(Value::take)) {
                Some(error) if status == 400 => Trouble::Refused(error),
                _ => Trouble::Forgotten(failure),
            })
        }
        (401 | 403, _) => Err(Failure::upstream(super::relay::REFUSED_US).into()),
        (200, _) => Err(Failure::upstream("its answer is neither JSON nor a stream of events").into()),
        _ => Err(Failure::upstream(format_args!("it answered with status {status}")).into()),
    }
}

/// The first response in a stream; what comes before it (progress, logs) has nobody to go to.
async fn from_events(mut incoming: Incoming) -> Result<Value, Trouble> {
    let (mut events, mut length) = (Events::default(), 0);
    loop {
        let Some(chunk) = incoming.chunk_in_time().await.map_err(Failure::from)? else {
            return Err(Failure::upstream("its stream ended without a response").into());
        };
        length += chunk.len();
        if length > LARGEST || events.push(&chunk).is_err() {
            return Err(Failure::upstream("the answer is too large").into());
        }
        while let Some(event) = events.next() {
            if let Some(message) = data(&event).as_deref().and_then(response) {
                return result(message);
            }
        }
    }
}

fn response(body: &[u8]) -> Option<Value> {
    let message: Value = serde_json::from_slice(body).ok()?;
    (message.get("result").is_some() || message.get("error").is_some()).then_some(message)
}

fn result(message: Value) -> Result<Value, Trouble> {
    outcome(message).map_err(Trouble::Refused)
}

/// What a response says.
pub(super) fn outcome(mut message: Value) -> Answered {
    match message.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(message["error"].take()),
    }
}
