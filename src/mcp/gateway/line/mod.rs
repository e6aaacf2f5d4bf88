//! Lines: live connections, both ways, to servers that do not speak streamable HTTP. One belongs to one session of one caller with one
//! client, and to nobody else; it is this node's alone (`decisions` 24).
//!
//! To the client it looks like streamable HTTP of the earlier era: the handshake opens the line, and the id of the session is the
//! line's name in an envelope.

mod answer;
mod asking;
mod keeper;
mod old_sse;
mod registry;
mod switchboard;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{Notify, mpsc};

use super::{Call, Gateway};
use crate::access::Principal;
use crate::mcp::error::Failure;
use crate::mcp::message::{Id, Message, Request};
use crate::net::{Method, Outgoing, Upstreams};
use crate::program::Program;
use crate::types::ServerId;
use crate::upstreams::{Server, Upstream};
pub(super) use answer::{end, follow, post};
pub(super) use asking::ask;
use keeper::Keeper;
pub use registry::Lines;
pub(super) use switchboard::{Ear, Said};
use switchboard::{Switchboard, key};

/// Whether a server is spoken to over a line.
pub(super) fn leads_to(server: &Server) -> bool {
    server.transport != "streamable-http"
}

/// How something is said to a server.
enum Voice {
    /// It is posted to this URL.
    Mailbox(String),
    /// It is written to a program.
    Program(mpsc::Sender<Bytes>),
}

/// How a server is heard.
enum Hearing {
    Stream(Box<old_sse::Stream>),
    Program(Box<Program>),
}

impl Hearing {
    /// What it says next; nothing at its end. Whoever stops waiting loses nothing.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Stream(stream) => stream.next().await,
            Self::Program(program) => program.next().await.map_err(Failure::upstream),
        }
    }

    /// Gives it time to end by itself, where it would use that.
    async fn end(&mut self) {
        match self {
            Self::Stream(_) => {}
            Self::Program(program) => program.end().await,
        }
    }
}

/// A line.
pub struct Line {
    name: String,
    server: ServerId,
    /// Whose it is, as they called last.
    principal: Mutex<Arc<Principal>>,
    voice: Voice,
    board: Switchboard,
    asides: mpsc::UnboundedSender<Bytes>,
    ended: Notify,
    /// True for one over which we ask ourselves, for callers who came to `/mcp`.
    is_ours: AtomicBool,
    /// True once we have shaken hands over it.
    has_begun: AtomicBool,
    /// The last id of a request of our own.
    numbered: AtomicU64,
}

/// What a message takes along, from the request in which it came.
#[derive(Clone, Copy)]
pub(super) struct Along<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) upstream: &'a Upstream,
    pub(super) upstreams: &'a Upstreams,
}

impl<'a> Along<'a> {
    pub(super) fn of(call: &Call<'a>, gateway: &'a Gateway) -> Self {
        let headers = call.request.headers();
        Self { headers, upstream: &call.server.upstream, upstreams: &gateway.upstreams }
    }
}

/// Opens a line for this caller, and for nobody else.
pub(super) async fn open(call: &Call<'_>, gateway: &Gateway) -> Result<Arc<Line>, Failure> {
    let _room = gateway.lines.room_for(call.principal.subject.id(), call.server.upstream.command.is_some())?;
    let (hearing, voice) = connect(call, gateway).await?;
    let (headers, upstream) = (call.request.headers(), &call.server.upstream);
    let own = old_sse::request(Method::Post, headers, upstream)?.headers;
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let (asides, of_ours) = mpsc::unbounded_channel();
    let line = Arc::new(Line {
        name: BASE64_URL_SAFE_NO_PAD.encode(call.app.random.bytes::<24>()),
        server: call.server.id,
        principal: Mutex::new(Arc::clone(call.principal)),
        voice,
        board: Switchboard::default(),
        asides,
        ended: Notify::new(),
        is_ours: AtomicBool::new(false),
        has_begun: AtomicBool::new(false),
        numbered: AtomicU64::new(0),
    });
    gateway.lines.add(&line);
    let keeper = Keeper {
        line: Arc::clone(&line),
        lines: Arc::clone(&gateway.lines),
        app: call.app.clone(),
        server: call.server.clone(),
        hearing,
        asides: of_ours,
        upstreams: gateway.upstreams.clone(),
        headers: own,
    };
    actix_web::rt::spawn(keeper.keep());
    Ok(line)
}

/// Opens a stream, or starts a program.
async fn connect(call: &Call<'_>, gateway: &Gateway) -> Result<(Hearing, Voice), Failure> {
    let upstream = &call.server.upstream;
    if let Some(command) = &upstream.command {
        let program = Program::start(&call.app.config.stdio, command).map_err(Failure::upstream)?;
        let voice = Voice::Program(program.mouth());
        return Ok((Hearing::Program(Box::new(program)), voice));
    }
    let outgoing = old_sse::request(Method::Get, call.request.headers(), upstream)?;
    let (stream, voice) = old_sse::open(outgoing, &gateway.upstreams).await?;
    Ok((Hearing::Stream(Box::new(stream)), voice))
}

impl Line {
    /// True for a line of this caller to that server.
    fn is_of(&self, principal: &Principal, server: ServerId) -> bool {
        let owner = self.principal();
        self.server == server
            && owner.subject.id() == principal.subject.id()
            && owner.credential.client_id() == principal.credential.client_id()
    }

    fn principal(&self) -> Arc<Principal> {
        Arc::clone(&self.principal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// They called with this now, and may have another credential than before.
    fn called_by(&self, principal: &Arc<Principal>) {
        *self.principal.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(principal);
    }

    fn is_ours(&self) -> bool {
        self.is_ours.load(Ordering::Relaxed)
    }

    fn is_program(&self) -> bool {
        matches!(self.voice, Voice::Program(_))
    }

    fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Says a message to the server, by a request with these headers where it takes requests.
    async fn say(&self, outgoing: Outgoing<'_>, upstreams: &Upstreams, message: Bytes) -> Result<(), Failure> {
        match &self.voice {
            Voice::Mailbox(url) => old_sse::post(Outgoing { url, body: message, ..outgoing }, upstreams).await,
            Voice::Program(mouth) => match mouth.send_timeout(message, upstreams.patience()).await {
                Ok(()) => Ok(()),
                Err(SendTimeoutError::Timeout(_)) => Err(Failure::upstream_late(upstreams.patience())),
                Err(SendTimeoutError::Closed(_)) => Err(Failure::hung_up()),
            },
        }
    }

    /// Says a message of the caller's to the server.
    async fn send(&self, along: Along<'_>, message: Bytes) -> Result<(), Failure> {
        let outgoing = old_sse::request(Method::Post, along.headers, along.upstream)?;
        self.say(outgoing, along.upstreams, message).await
    }

    /// Says what wants no answer: a notification, or an answer to what the server asked.
    pub(super) async fn tell(&self, along: Along<'_>, message: &Message, body: Bytes) -> Result<(), Failure> {
        self.send(along, body.clone()).await?;
        if let Some(id) = called_off(message, &body) {
            self.board.call_off(&key(&id));
        }
        Ok(())
    }

    /// Says a request, and gives where its answer is heard.
    pub(super) async fn ask(
        self: &Arc<Self>,
        along: Along<'_>,
        request: &Request,
        message: Bytes,
    ) -> Result<(Asked, Ear), Failure> {
        let ear = self.board.ask(request)?;
        let asked = Asked { line: Arc::clone(self), id: request.id.clone(), opens: request.method == "initialize" };
        self.send(along, message).await?;
        Ok((asked, ear))
    }

    /// Where everything is heard that answers nothing; nothing when the line has ended.
    pub(super) fn listen(&self) -> Option<Ear> {
        self.board.listen()
    }

    /// Hangs up.
    pub(super) fn end(&self) {
        self.ended.notify_one();
    }

    /// What its session is called by whoever can open the envelope.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// A request that waits for its answer. Whoever drops it before that has hung up, and the server is told that nobody waits any more.
pub(super) struct Asked {
    line: Arc<Line>,
    id: Id,
    /// True for the handshake, without which there is no session.
    opens: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.line.board.forget(&key(&self.id)) {
            return;
        }
        if self.opens {
            // A handshake is never called off (MCP, basic/utilities/cancellation).
            return self.line.end();
        }
        let params = json!({ "requestId": self.id, "reason": "Nobody waits for the answer any more" });
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        // Without a keeper there is no server to be told.
        let _told = self.line.asides.send(message.to_string().into());
    }
}

/// The request that a client calls off with that notification.
fn called_off(message: &Message, body: &[u8]) -> Option<Id> {
    #[derive(Deserialize)]
    struct Cancelled {
        params: Params,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        request_id: Id,
    }
    let is_that = matches!(message, Message::Notification { method } if method == "notifications/cancelled");
    let cancelled: Cancelled = is_that.then(|| serde_json::from_slice(body).ok()).flatten()?;
    Some(cancelled.params.request_id)
}
