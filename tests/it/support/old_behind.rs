//! The same as [`Behind`], of 2024-11-05: what it says comes over a stream that was opened before.

use std::sync::{Arc, Mutex};

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedSender};

use super::TestApp;
use super::behind::{Behind, Reached, tools};

type Streams = Arc<Mutex<Vec<Option<UnboundedSender<Bytes>>>>>;

/// The server, and its streams in the order in which they were opened.
pub struct OldBehind {
    pub behind: Behind,
    streams: Streams,
}

impl OldBehind {
    /// One that says this to each message.
    pub fn answering(answer: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Self {
        Self::at("/messages?stream=", answer)
    }

    /// The same, which wants messages sent there.
    pub fn at(endpoint: &'static str, answer: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Self {
        let streams = Streams::default();
        let all = Arc::clone(&streams);
        let behind = Behind::answering(move |reached| match reached.method.as_str() {
            "GET" => listen(&all, endpoint),
            _ => {
                let stream = stream_of(reached);
                answer(&reached.message()).iter().for_each(|message| say(&all, stream, message));
                HttpResponse::Accepted().body("Accepted")
            }
        });
        Self { behind, streams }
    }

    /// One that answers like any other.
    pub fn ordinary() -> Self {
        Self::answering(|message| answered(message).into_iter().collect())
    }

    /// Says something on that stream.
    pub fn say(&self, stream: usize, message: &Value) {
        say(&self.streams, stream, message);
    }

    /// Sends these bytes on that stream.
    pub fn send(&self, stream: usize, bytes: Bytes) {
        let streams = self.streams.lock().unwrap();
        let _sent = streams[stream].as_ref().map(|stream| stream.send(bytes));
    }

    /// Ends that stream.
    pub fn hang_up(&self, stream: usize) {
        self.streams.lock().unwrap()[stream] = None;
    }

    /// How many streams were ever opened.
    pub fn opened(&self) -> usize {
        self.streams.lock().unwrap().len()
    }

    /// True while somebody listens to that stream, which shows when something is written to it.
    pub fn is_heard(&self, stream: usize) -> bool {
        self.send(stream, Bytes::from_static(b": still there?\n\n"));
        self.streams.lock().unwrap()[stream].as_ref().is_some_and(|stream| !stream.is_closed())
    }

    /// The messages that reached it, with the stream that each was for.
    pub fn told(&self) -> Vec<(usize, Value)> {
        let posted = self.behind.reached().into_iter().filter(|reached| reached.method == "POST");
        posted.map(|reached| (stream_of(&reached), reached.message())).collect()
    }
}

/// What an ordinary server answers to that message; nothing to what wants no answer.
pub fn answered(message: &Value) -> Option<Value> {
    let id = message.get("id").filter(|_| message.get("method").is_some())?;
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2024-11-05",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "old", "version": "1" },
        }),
        "tools/list" => json!({ "tools": tools() }),
        "tools/call" => json!({ "content": [{ "type": "text", "text": message["params"]["name"] }] }),
        "ping" => json!({}),
        _ => return Some(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "no" } })),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn stream_of(reached: &Reached) -> usize {
    reached.path.rsplit('=').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn say(streams: &Streams, stream: usize, message: &Value) {
    let event = Bytes::from(format!("event: message\ndata: {message}\n\n"));
    let streams = streams.lock().unwrap();
    let _sent = streams.get(stream).and_then(Option::as_ref).map(|stream| stream.send(event));
}

fn listen(streams: &Streams, endpoint: &str) -> HttpResponse {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut streams = streams.lock().unwrap();
    let _sent = sender.send(Bytes::from(format!(": hello\n\nevent: endpoint\ndata: {endpoint}{}\n\n", streams.len())));
    streams.push(Some(sender));
    let events =
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|event| (event, receiver)) });
    HttpResponse::Ok().content_type("text/event-stream").streaming(events.map(Ok::<_, actix_web::Error>))
}

impl TestApp {
    /// Registers it under that name, with its tools.
    pub async fn register_old(&self, name: &str, old: &OldBehind) {
        let is_old = format!("UPDATE servers SET transport = 'sse' WHERE name = '{name}'");
        self.register_behind(name, &old.behind, &is_old).await;
    }
}
