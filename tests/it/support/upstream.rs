//! An MCP server behind the gate, of our own making: it says what a test wants, and remembers who came.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use actix_web::http::Method;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedSender};

/// How it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Voice {
    /// Handshake, and answers in JSON.
    #[default]
    Json,
    /// Handshake, and every answer is an event of a stream that never ends.
    Stream,
    /// No handshake (2026-07-28).
    Modern,
    /// Answers come over a stream that was opened before (2024-11-05).
    OldSse,
    /// Nothing but this status.
    Status(u16),
}

/// What it says and whom it lets in.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    pub voice: Voice,
    pub tools: Vec<Value>,
    /// The header without which it is 401.
    pub wants: Option<(&'static str, String)>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Visit {
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

#[derive(Default)]
struct State {
    manner: Mutex<Manner>,
    visits: Mutex<Vec<Visit>>,
    listener: Mutex<Option<UnboundedSender<Bytes>>>,
}

/// The server.
pub struct Upstream {
    state: Arc<State>,
    port: u16,
}

/// A tool that says this of itself.
pub fn tool(name: &str, annotations: Value) -> Value {
    json!({ "name": name, "description": format!("What {name} does"), "inputSchema": { "type": "object" }, "annotations": annotations })
}

impl Upstream {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { manner: Mutex::new(manner), ..State::default() });
        let shared = Data::from(Arc::clone(&state));
        thread::spawn(move || {
            let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(answer)));
            let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
            actix_web::rt::System::new().block_on(server).unwrap();
        });
        Self { state, port }
    }

    /// One that answers in JSON and has these tools.
    pub fn with(tools: Vec<Value>) -> Self {
        Self::start(Manner { tools, ..Manner::default() })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Says something else from now on.
    pub fn change(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.state.manner.lock().unwrap());
    }

    /// Who came since the last time.
    pub fn visits(&self) -> Vec<Visit> {
        std::mem::take(&mut self.state.visits.lock().unwrap())
    }
}

impl Visit {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn answer(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let manner = state.manner.lock().unwrap().clone();
    let said = |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
    };
    let visit = Visit {
        method: request.method().to_string(),
        headers: request.headers().iter().map(said).collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let is_welcome = manner.wants.as_ref().is_none_or(|(name, value)| visit.header(name) == Some(value));
    state.visits.lock().unwrap().push(visit.clone());
    match (manner.voice, request.method()) {
        _ if !is_welcome => HttpResponse::Unauthorized().finish(),
        (Voice::Status(status), _) => HttpResponse::build(status.try_into().unwrap()).finish(),
        (Voice::OldSse, &Method::GET) => listen(&state),
        (_, &Method::POST) => reply(&state, &manner, &visit),
        _ => HttpResponse::Ok().finish(),
    }
}

fn listen(state: &State) -> HttpResponse {
    let (sender, receiver) = mpsc::unbounded_channel();
    let _sent = sender.send(Bytes::from_static(b": hello\n\nevent: endpoint\ndata: /messages?session=1\n\n"));
    *state.listener.lock().unwrap() = Some(sender);
    let events =
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|event| (event, receiver)) });
    HttpResponse::Ok().content_type("text/event-stream").streaming(events.map(Ok::<_, actix_web::Error>))
}

fn reply(state: &State, manner: &Manner, visit: &Visit) -> HttpResponse {
    let body = &visit.body;
    if body.get("id").is_none() {
        return HttpResponse::Accepted().finish();
    }
    let is_modern = visit.header("mcp-protocol-version") == Some("2026-07-28");
    let (status, outcome) = match body["method"].as_str() {
        _ if is_modern != (manner.voice == Voice::Modern) => {
            (400, json!({ "error": { "code": -32601, "message": "no such method" } }))
        }
        Some("initialize") => (
            200,
            json!({ "result": {
            "protocolVersion": "2025-06-18",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "upstream", "version": "1" },
        } }),
        ),
        Some("tools/list") => (200, json!({ "result": page(&manner.tools, &body["params"]["cursor"]) })),
        _ => (200, json!({ "error": { "code": -32601, "message": "no such method" } })),
    };
    let mut message = outcome;
    (message["jsonrpc"], message["id"]) = (json!("2.0"), body["id"].clone());
    let event = Bytes::from(format!("event: message\nid: 7\ndata: {message}\n\n"));
    match manner.voice {
        Voice::OldSse => {
            let listener = state.listener.lock().unwrap();
            let _sent = listener.as_ref().map(|listener| listener.send(event));
            HttpResponse::Accepted().finish()
        }
        Voice::Stream => {
            let greeting = Bytes::from_static(
                b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n",
            );
            let events = stream::iter([greeting, event]).chain(stream::pending()).map(Ok::<_, actix_web::Error>);
            let mut response = HttpResponse::Ok();
            response.insert_header(("mcp-session-id", "s1")).content_type("text/event-stream").streaming(events)
        }
        _ => HttpResponse::build(u16::try_into(status).unwrap()).insert_header(("mcp-session-id", "s1")).json(message),
    }
}

/// Two tools at a time.
fn page(tools: &[Value], cursor: &Value) -> Value {
    let from: usize = cursor.as_str().map_or(0, |cursor| cursor.parse().unwrap());
    let to = (from + 2).min(tools.len());
    let mut page = json!({ "tools": tools[from..to] });
    if to < tools.len() {
        page["nextCursor"] = json!(to.to_string());
    }
    page
}
