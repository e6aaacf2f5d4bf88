//! `/{server}/sse`: the transport of 2024-11-05, for clients that speak no other. A stream of events on which everything comes
//! back, and a URL beside it to which messages are sent.
//!
//! The server behind is spoken to as ever, over streamable HTTP or over a line that ends with the stream. The stream is this node's alone (`decisions` 24): another
//! node knows nothing of it, and says 404, upon which clients begin anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Interval, interval};

use super::attempt::Listing;
use super::events::{Events, data, of_message};
use super::line::{self, Along, Line, Said};
use super::listed::without_unseen;
use super::witness::Witness;
use super::{Call, Gateway, Opening, Refusal, egress, relay};
use crate::access::Principal;
use crate::access::visit::Target;
use crate::app::App;
use crate::http::no_store::NoStore;
use crate::http::urls;
use crate::mcp::error::Failure;
use crate::mcp::message::{self, Message};
use crate::net::{Incoming, Method, NetError};
use crate::types::{ServerId, SubjectId};

/// As many messages wait for a client that reads slowly; those who bring more wait with them.
const WAITING: usize = 64;
/// How often it is asked whether the caller is still welcome.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// After so many questions without a message, a comment keeps proxies from closing the stream.
const COMMENT_AFTER: u32 = 15;
/// The largest message that is passed on.
const LARGEST: usize = 8 << 20;

/// The streams that are open on this node.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<String, Stream>>);

/// One of them.
#[derive(Clone)]
struct Stream {
    name: String,
    server: ServerId,
    subject: SubjectId,
    client: String,
    /// What goes to the client.
    out: mpsc::Sender<Bytes>,
    /// The session at the server behind, or the line to it, once there is one.
    session: Arc<Mutex<Option<String>>>,
}

impl Streams {
    /// The stream of that name, if it is this caller's with that server.
    fn of(&self, name: &str, principal: &Principal, server: ServerId) -> Option<Stream> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_theirs = |stream: &&Stream| {
            stream.server == server
                && stream.subject == principal.subject.id()
                && stream.client == principal.credential.client_id()
        };
        all.get(name).filter(is_theirs).cloned()
    }

    fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// A stream while it is open.
struct Open {
    name: String,
    streams: Arc<Streams>,
    messages: mpsc::Receiver<Bytes>,
    witness: Witness,
    ask: Interval,
    silent: u32,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.streams.remove(&self.name);
    }
}

impl Open {
    /// What the client is sent next; nothing when it is not welcome any more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                message = self.messages.recv() => {
                    self.silent = 0;
                    return message;
                }
                _ = self.ask.tick() => {
                    if !self.witness.is_still_welcome().await {
                        return None;
                    }
                    self.silent += 1;
                    if self.silent.is_multiple_of(COMMENT_AFTER) {
                        return Some(Bytes::from_static(b": still here\n\n"));
                    }
                }
            }
        }
    }
}

/// `GET /{server}/sse`: a stream, which first says where messages go.
pub async fn open(request: HttpRequest, name: Path<String>, app: Data<App>, gateway: Data<Gateway>) -> HttpResponse {
    let opened = async {
        let opening = Opening::of(&request, &name, &app, &gateway).await?;
        let call = opening.call(&request, &app)?;
        call.allowed(&Target::Enter).await?;
        let place = gateway.at_once.enter(call.principal.subject.id())?;
        Ok::<_, Refusal>(begin(&call, &gateway, Witness::new(&call, place)))
    };
    opened.await.unwrap_or_else(|refusal: Refusal| refusal.response())
}

fn begin(call: &Call<'_>, gateway: &Gateway, witness: Witness) -> HttpResponse {
    let name = BASE64_URL_SAFE_NO_PAD.encode(call.app.random.bytes::<24>());
    let (out, messages) = mpsc::channel(WAITING);
    // Without a host: clients refuse another than the one that they came to, and we may have several names.
    let base = call.app.config.server.public_url.base_path();
    let endpoint = format!("{base}{}?sessionId={name}", urls::server_messages(&call.server.name));
    let hello = Bytes::from(format!("event: endpoint\ndata: {endpoint}\n\n"));
    let stream = Stream {
        name: name.clone(),
        server: call.server.id,
        subject: call.principal.subject.id(),
        client: call.principal.credential.client_id().to_owned(),
        out,
        session: Arc::default(),
    };
    let streams = Arc::clone(&gateway.streams);
    streams.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), stream);
    let open = Open { name, streams, messages, witness, ask: interval(ASK_AGAIN), silent: 0 };
    let flow = stream::unfold((Some(hello), open), |(hello, mut open)| async move {
        let next = match hello {
            Some(hello) => hello,
            None => open.next().await?,
        };
        Some((Ok::<_, actix_web::Error>(next), (None, open)))
    });
    let mut response = HttpResponse::Ok();
    response.no_store().insert_header((CONTENT_TYPE, "text/event-stream")).insert_header(("x-accel-buffering", "no"));
    response.streaming(Box::pin(flow))
}

/// Which stream a message belongs to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageQuery {
    session_id: String,
}

/// `POST /{server}/messages`: a message, whose answer comes on the stream.
pub async fn post(
    request: HttpRequest,
    name: Path<String>,
    query: Query<MessageQuery>,
    payload: Payload,
    app: Data<App>,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let posted = async {
        let opening = Opening::of(&request, &name, &app, &gateway).await?;
        let call = opening.call(&request, &app)?;
        let stream = gateway.streams.of(&query.session_id, call.principal, call.server.id);
        let stream = stream.ok_or_else(Failure::no_session)?;
        let body = super::read(payload).await?;
        let message = message::parse(&body).map_err(|rejected| Refusal::Failure(rejected.failure, rejected.id))?;
        call.judged(&message).await.map_err(|refusal| refusal.under(message.id().cloned()))?;
        let place = gateway.at_once.enter(call.principal.subject.id())?;
        let witness = Witness::new(&call, place);
        Ok::<_, Refusal>(Passing { stream, body, message, witness, opening })
    };
    match posted.await {
        Ok(passing) => {
            actix_web::rt::spawn(passing.pass(request, app, gateway));
            HttpResponse::build(StatusCode::ACCEPTED).finish()
        }
        Err(refusal) => refusal.response(),
    }
}

/// A message on its way, whose sender waits at the stream.
struct Passing {
    stream: Stream,
    body: Bytes,
    message: Message,
    witness: Witness,
    opening: Opening,
}

impl Passing {
    /// Passes it on, and what comes back to the stream, unless that is closed meanwhile.
    async fn pass(self, request: HttpRequest, app: Data<App>, gateway: Data<Gateway>) {
        let out = self.stream.out.clone();
        let id = self.message.id().cloned();
        let passed = async {
            let call = self.opening.call(&request, &app)?;
            self.forward(&call, &gateway).await
        };
        let outcome = tokio::select! {
            outcome = passed => outcome,
            () = out.closed() => return,
        };
        if let (Err(failure), Some(id)) = (outcome, &id) {
            let _closed = out.send(of_message(failure.body(Some(id)).to_string().as_bytes())).await;
        }
    }

    async fn forward(&self, call: &Call<'_>, gateway: &Gateway) -> Result<(), Failure> {
        if line::leads_to(call.server) {
            return self.over_line(call, gateway).await;
        }
        let session = self.stream.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (headers, upstream) = (call.request.headers(), &call.server.upstream);
        let outgoing = egress::request(Method::Post, headers, upstream, session.as_deref(), self.body.clone())?;
        let incoming = gateway.upstreams.open(outgoing).await?;
        if self.message.opens() {
            let session = incoming.header(relay::SESSION).map(str::to_owned);
            *self.stream.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
        }
        self.bring_back(incoming).await
    }

    /// The same over a line, which is this stream's alone.
    async fn over_line(&self, call: &Call<'_>, gateway: &Gateway) -> Result<(), Failure> {
        let line = self.line(call, gateway).await?;
        let along = Along::of(call, gateway);
        let Message::Request(request) = &self.message else {
            return line.tell(along, &self.message, self.body.clone()).await;
        };
        let (_asked, mut ear) = line.ask(along, request, self.body.clone()).await?;
        loop {
            match ear.recv().await {
                Some(Said::Message(message)) => drop(self.stream.out.send(of_message(&message)).await),
                Some(Said::Answer(answer)) => return self.send(&answer).await,
                Some(Said::Broken(failure)) => return Err(failure),
                Some(Said::CalledOff) => return Ok(()),
                None => return Err(Failure::hung_up()),
            }
        }
    }

    async fn line(&self, call: &Call<'_>, gateway: &Gateway) -> Result<Arc<Line>, Failure> {
        let known = self.stream.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(name) => gateway.lines.of(&name, call.principal, call.server.id).ok_or_else(Failure::hung_up),
            None if self.message.opens() => {
                let line = line::open(call, gateway).await?;
                let name = line.name().to_owned();
                *self.stream.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
                let streams = Arc::clone(&gateway.streams);
                actix_web::rt::spawn(hear(Arc::clone(&line), self.stream.clone(), streams));
                Ok(line)
            }
            None => Err(Failure::no_handshake()),
        }
    }

    async fn bring_back(&self, mut incoming: Incoming) -> Result<(), Failure> {
        let kind = incoming.header("content-type").unwrap_or_default().to_ascii_lowercase();
        match incoming.status() {
            202 | 204 => Ok(()),
            401 | 403 => Err(Failure::upstream(relay::REFUSED_US)),
            200 if kind.starts_with("text/event-stream") => self.every_event(incoming).await,
            200 | 400..=499 if kind.starts_with("application/json") => {
                let body = incoming.whole(LARGEST).await?;
                self.send(&body).await
            }
            200 if incoming.announced() == Some(0) => Ok(()),
            status => Err(Failure::upstream(format_args!("it answered with status {status}"))),
        }
    }

    async fn every_event(&self, mut incoming: Incoming) -> Result<(), Failure> {
        let mut events = Events::default();
        while let Some(chunk) = incoming.chunk().await? {
            events.push(&chunk).map_err(|_| Failure::from(NetError::TooLarge))?;
            while let Some(event) = events.next() {
                if let Some(message) = data(&event).filter(|message| !message.is_empty()) {
                    self.send(&message).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends a message to the client, without what it may not find.
    async fn send(&self, message: &[u8]) -> Result<(), Failure> {
        let filtered = match Listing::of(&self.message) {
            Listing::Nothing => None,
            Listing::Something => {
                let view = self.witness.view().await.ok_or_else(Failure::unavailable)?;
                let filtered = without_unseen(message, &|target| view.shows(target));
                filtered.map_err(|_| Failure::upstream("its list is no JSON"))?
            }
        };
        // Nobody is there any more to be told otherwise.
        let _closed = self.stream.out.send(of_message(filtered.as_deref().unwrap_or(message))).await;
        Ok(())
    }
}

/// Brings to the stream what the server says by the way. When either ends, so does the other: the client begins anew.
async fn hear(line: Arc<Line>, stream: Stream, streams: Arc<Streams>) {
    let Some(mut ear) = line.listen() else { return };
    loop {
        tokio::select! {
            said = ear.recv() => match said {
                Some(Said::Message(message)) => drop(stream.out.send(of_message(&message)).await),
                Some(Said::Answer(_) | Said::Broken(_) | Said::CalledOff) | None => break,
            },
            () = stream.out.closed() => break,
        }
    }
    line.end();
    streams.remove(&stream.name);
}
