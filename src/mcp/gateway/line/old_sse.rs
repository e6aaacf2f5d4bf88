//! A line to a server of 2024-11-05: a stream on which it speaks, and a URL to which messages are posted.

use actix_web::web::Bytes;
use tokio::time::{Duration, timeout};
use url::Url;

use super::Voice;
use crate::mcp::error::Failure;
use crate::mcp::gateway::events::{Events, data, name};
use crate::mcp::gateway::{egress, relay};
use crate::net::{Incoming, Method, NetError, Outgoing, Upstreams};
use crate::upstreams::Upstream;

/// How long a server may take to say where messages go.
const GREETING: Duration = Duration::from_secs(20);
/// What it says to a message is thrown away, up to here for the connection's sake.
const THROWN_AWAY: usize = 64 << 10;

/// The stream.
pub(super) struct Stream {
    incoming: Incoming,
    events: Events,
}

/// Opens it, with what came along from the caller, and waits until it says where messages go.
pub(super) async fn open(outgoing: Outgoing<'_>, upstreams: &Upstreams) -> Result<(Stream, Voice), Failure> {
    let url = outgoing.url;
    let opening = async {
        let incoming = upstreams.open(outgoing).await?;
        let kind = incoming.header("content-type").unwrap_or_default().to_ascii_lowercase();
        match incoming.status() {
            200 if kind.starts_with("text/event-stream") => {}
            200 => return Err(Failure::upstream("it opened no stream of events")),
            status => return Err(refused(status)),
        }
        let mut stream = Stream { incoming, events: Events::default() };
        let mailbox = stream.mailbox(url).await?;
        Ok((stream, Voice::Mailbox(mailbox)))
    };
    timeout(GREETING, opening).await.unwrap_or_else(|_| Err(Failure::upstream_late(GREETING)))
}

/// What gives the stream of a caller's line: everything of theirs that may go on, and nothing else (H).
pub(super) fn request<'a>(
    method: Method,
    headers: &'a actix_web::http::header::HeaderMap,
    upstream: &'a Upstream,
) -> Result<Outgoing<'a>, Failure> {
    let own: Vec<(&str, &[u8])> = match method {
        Method::Get => vec![("accept", b"text/event-stream")],
        Method::Post | Method::Delete => vec![("content-type", b"application/json"), ("accept", b"application/json")],
    };
    egress::rewritten(method, own, headers, upstream, Bytes::new())
}

/// Posts a message. Its answer, if it wants one, comes over the stream.
pub(super) async fn post(outgoing: Outgoing<'_>, upstreams: &Upstreams) -> Result<(), Failure> {
    let mut incoming = upstreams.open(outgoing).await?;
    let status = incoming.status();
    // What it says is nothing to anybody; what was read of it lets the connection be used again.
    let _said = incoming.whole(THROWN_AWAY).await;
    if (200..300).contains(&status) { Ok(()) } else { Err(refused(status)) }
}

fn refused(status: u16) -> Failure {
    match status {
        401 | 403 => Failure::upstream(relay::REFUSED_US),
        status => Failure::upstream(format_args!("it answered with status {status}")),
    }
}

impl Stream {
    /// What it says next; nothing at its end. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(event) = self.event().await? else { return Ok(None) };
            let is_message = matches!(name(&event).as_deref(), None | Some(b"" | b"message"));
            if let Some(message) = data(&event).filter(|message| is_message && !message.is_empty()) {
                return Ok(Some(message.into()));
            }
        }
    }

    async fn event(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.incoming.chunk().await? else { return Ok(None) };
            self.events.push(&chunk).map_err(|_| Failure::from(NetError::TooLarge))?;
        }
    }

    /// Where messages are posted. Elsewhere than at the server itself, neither messages nor our credential have any business.
    async fn mailbox(&mut self, url: &str) -> Result<String, Failure> {
        let base = Url::parse(url).map_err(|_| Failure::from(NetError::BadUrl))?;
        while let Some(event) = self.event().await? {
            if name(&event).as_deref() == Some(b"endpoint") {
                let told = data(&event).and_then(|told| String::from_utf8(told).ok());
                return told
                    .and_then(|told| base.join(told.trim()).ok())
                    .filter(|url| url.origin() == base.origin())
                    .map(Into::into)
                    .ok_or_else(|| Failure::upstream("it wants messages sent to another place than its own"));
            }
        }
        Err(Failure::upstream("its stream names no place for messages"))
    }
}
