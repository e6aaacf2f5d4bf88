//! Somebody else's MCP server, behind the gate: it does what a test says, and remembers everything that reached it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpServer};
use portcullis::http::urls;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::app::{Node, TestApp};
use super::{Answer, Browser};

/// What reached it.
#[derive(Clone, Debug)]
pub struct Reached {
    pub method: String,
    /// Its path and query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Reached {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn message(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The server; it stops when it is dropped.
pub struct Behind {
    pub url: String,
    reached: Arc<Mutex<Vec<Reached>>>,
    _until_dropped: oneshot::Sender<()>,
}

impl Behind {
    /// One that answers like this.
    pub fn answering(answer: impl Fn(&Reached) -> HttpResponse + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://127.0.0.1:{}/upstream", listener.local_addr().unwrap().port());
        let reached: Arc<Mutex<Vec<Reached>>> = Arc::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let (all, answer) = (Arc::clone(&reached), Arc::new(answer));
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                    let handler = move |request: HttpRequest, body: Bytes| {
                        let headers = request.headers().iter();
                        let headers = headers.map(|(name, value)| {
                            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                        });
                        let (method, path) = (request.method().to_string(), request.uri().to_string());
                        let reached = Reached { method, path, headers: headers.collect(), body };
                        all.lock().unwrap().push(reached.clone());
                        let response = answer(&reached);
                        async move { response }
                    };
                    actix_web::App::new().default_service(web::to(handler))
                };
                let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
                let handle = server.handle();
                actix_web::rt::spawn(async move {
                    drop(stopped.await);
                    handle.stop(false).await;
                });
                server.await.unwrap();
            });
        });
        Self { url, reached, _until_dropped: stop }
    }

    /// A server as they are: it has a session, and three tools.
    pub fn ordinary() -> Self {
        Self::answering(ordinary)
    }

    /// Everything that reached it so far.
    pub fn reached(&self) -> Vec<Reached> {
        self.reached.lock().unwrap().clone()
    }

    /// What reached it last.
    pub fn last(&self) -> Reached {
        self.reached().pop().expect("something reached it")
    }
}

/// What an ordinary server answers.
pub fn ordinary(reached: &Reached) -> HttpResponse {
    let message = reached.message();
    let result = match (reached.method.as_str(), message["method"].as_str().unwrap_or_default()) {
        ("DELETE", _) => return HttpResponse::NoContent().finish(),
        ("GET", _) => return HttpResponse::MethodNotAllowed().finish(),
        (_, "initialize") => {
            let result = json!({
                "protocolVersion": "2025-11-25",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "behind", "version": "1" },
            });
            let mut answer = HttpResponse::Ok();
            answer.insert_header(("mcp-session-id", "session-of-theirs"));
            return answer.json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
        }
        (_, "tools/list") => json!({ "tools": tools() }),
        (_, "tools/call") => json!({ "content": [{ "type": "text", "text": message["params"]["name"] }] }),
        (_, method) if method.starts_with("notifications/") => return HttpResponse::Accepted().finish(),
        (_, "ping") => json!({}),
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }));
        }
    };
    HttpResponse::Ok().json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
}

/// The tools of an ordinary server.
pub fn tools() -> Value {
    let tool = |name: &str, annotations: Value| json!({ "name": name, "description": "Does it", "inputSchema": { "type": "object" }, "annotations": annotations });
    json!([
        tool("look", json!({ "readOnlyHint": true })),
        tool("change", json!({})),
        tool("destroy", json!({ "destructiveHint": true })),
    ])
}

impl TestApp {
    /// Registers it under that name, with its tools and whatever else is said of it.
    pub async fn register_behind(&self, name: &str, behind: &Behind, more: &str) {
        let url = &behind.url;
        self.sql(&format!(
            "INSERT INTO servers (id, name, url, place_id, created_at)
             SELECT gen_random_uuid(), '{name}', '{url}', id, now() FROM places WHERE parent_id IS NULL;
             INSERT INTO server_tools (server_id, name, definition, class, seen_at)
             SELECT servers.id, tools.name, '{{}}', tools.class, now() FROM servers,
                    (VALUES ('look', 'read'), ('change', 'write'), ('destroy', 'delete')) AS tools (name, class)
             WHERE servers.name = '{name}';
             {more}"
        ))
        .await;
    }
}

impl Node {
    /// A token of that person's for that server alone.
    pub async fn token_for(&self, person: &Browser, server: &str, scope: &str) -> String {
        let client = self.client().await;
        let resource = self.at(&urls::server_mcp(server));
        let won = client.win(person, &client.ask().with("scope", scope).with("resource", &resource)).await;
        client.redeem(&won).await.tokens().access
    }

    /// A message for that server, of the earlier era.
    pub fn message(&self, server: &str, token: &str, message: &Value) -> RequestBuilder {
        self.request(Method::POST, &urls::server_mcp(server))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .body(message.to_string())
    }

    /// Asks that server for something.
    pub async fn ask_behind(&self, server: &str, token: &str, method: &str, params: Value) -> Answer {
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(self.message(server, token, &message)).await
    }
}
