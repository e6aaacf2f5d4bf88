//! A server behind the gate, and rules for those who call its tools.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Path};
use actix_web::{HttpResponse, HttpServer};
use diesel_async::SimpleAsyncConnection;
use futures_util::stream;
use portcullis::app::App;
use portcullis::audit::Origin;
use portcullis::config::Config;
use portcullis::db::{Connection, Db, migrations};
use portcullis::policies::{Draft, Reading, save};
use serde_json::{Value, json};

use super::processes::{Process, open, say};

/// How many tools the servers have.
pub const TOOLS: [usize; 3] = [1, 50, 1000];
/// As many rules are in one policy.
const IN_ONE_POLICY: usize = 100;
/// How often a stream of the server says something, and how many times.
const STREAM: (Duration, u32) = (Duration::from_millis(100), 50);

/// A server with as many tools as its path says, which does nothing but answer.
pub fn serve_upstream() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let list = |tools: &usize| Bytes::from(answer(&json!(1), &json!({ "tools": listed(*tools) })));
    let lists: Arc<Vec<Bytes>> = Arc::new(TOOLS.iter().map(list).collect());
    let app = move || {
        let lists = Arc::clone(&lists);
        let handler = move |tools: Path<usize>, body: Bytes| {
            let at = TOOLS.iter().position(|known| *known == *tools).unwrap();
            let response = respond(&body, &lists[at]);
            async move { response }
        };
        actix_web::App::new().route("/{tools}", web::post().to(handler))
    };
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(app).workers(1).tcp_nodelay(true).disable_signals().listen(listener).unwrap();
        say(&json!({ "port": port }));
        server.run().await.unwrap();
    });
}

fn says(body: &[u8], word: &str) -> bool {
    body.windows(word.len()).any(|window| window == word.as_bytes())
}

fn respond(body: &[u8], list: &Bytes) -> HttpResponse {
    match () {
        () if says(body, r#""notifications/"#) => HttpResponse::Accepted().finish(),
        () if says(body, "take your time") => HttpResponse::Ok().content_type("text/event-stream").streaming(events()),
        () => HttpResponse::Ok().content_type("application/json").body(answered(body, list)),
    }
}

/// Progress for a while, and the answer.
fn events() -> impl futures_util::Stream<Item = Result<Bytes, actix_web::Error>> {
    let (pause, times) = STREAM;
    Box::pin(stream::unfold(0, move |said| async move {
        if said > times {
            return None;
        }
        tokio::time::sleep(pause).await;
        let progress = json!({
            "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": said },
        });
        let message = if said < times { progress.to_string() } else { answer(&json!(1), &json!({ "content": [] })) };
        Some((Ok(Bytes::from(format!("event: message\ndata: {message}\n\n"))), said + 1))
    }))
}

fn answer(id: &Value, result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

/// What clients here ask under the id 1 is answered at once, so that the server behind is no part of what is measured.
fn answered(body: &[u8], list: &Bytes) -> Bytes {
    if says(body, r#""id":1,"method":"tools/call""#) {
        return Bytes::from_static(
            br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Sunny"}]}}"#,
        );
    }
    if says(body, r#""id":1,"method":"tools/list""#) {
        return list.clone();
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let result = match request["method"].as_str().unwrap_or_default() {
        "tools/list" => serde_json::from_slice::<Value>(list).unwrap()["result"].clone(),
        "tools/call" => json!({ "content": [{ "type": "text", "text": "Sunny" }] }),
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": "upstream", "version": "1" },
        }),
        _ => json!({}),
    };
    answer(&request["id"], &result).into()
}

fn listed(tools: usize) -> Vec<Value> {
    let tool = |number: usize| {
        json!({
            "name": format!("tool{number}"), "description": "Looks at what somebody asks for",
            "inputSchema": { "type": "object", "properties": { "place": { "type": "string" } } },
            "annotations": { "readOnlyHint": true },
        })
    };
    (0..tools).map(tool).collect()
}

/// Servers of every size.
pub async fn seed(config: Config, upstream: &Process) -> App {
    let url = config.database.url.clone().unwrap();
    let db = Db::new(&url, &url, 2).unwrap();
    migrations::run(&db).await.unwrap();
    let port = upstream.address().port();
    for tools in TOOLS {
        let server = format!(
            "INSERT INTO servers (id, name, url, place_id, created_at)
             SELECT gen_random_uuid(), 'of{tools}', 'http://127.0.0.1:{port}/{tools}', id, now() FROM places WHERE parent_id IS NULL;
             INSERT INTO server_tools (server_id, name, definition, class, seen_at)
             SELECT servers.id, 'tool' || number, '{{}}', 'read', now() FROM servers, generate_series(0, {tools} - 1) AS number
             WHERE servers.name = 'of{tools}'"
        );
        db.read().await.unwrap().batch_execute(&server).await.unwrap();
    }
    open(config).await
}

/// Lets there be as many rules, of which one is about what is called.
pub async fn set_rules(app: &App, rules: usize) {
    let origin = Origin::operator();
    let by = save::By { user: None, origin: &origin, now: app.clock.now() };
    let ours = json!({ "server": "of*", "methods": ["tools/list", "tools/call"], "tools": ["*"] });
    let other = |number: usize| {
        let (server, tool) = (format!("server{}", number / 10), format!("tool{}", number % 10));
        json!({ "server": server, "methods": ["tools/list", "tools/call"], "tools": [tool] })
    };
    let all: Vec<Value> = std::iter::once(ours).chain((1..rules).map(other)).collect();
    let drafts = all.chunks(IN_ONE_POLICY).enumerate().map(|(number, rules)| {
        let document = json!({ "name": format!("policy{number}"), "groups": ["everyone"], "rules": rules });
        Draft::read(&Reading::of(&document)).unwrap()
    });
    let drafts: Vec<Draft> = drafts.collect();
    let verb = async |conn: &mut Connection| {
        for draft in &drafts {
            save::put(conn, draft, by).await?;
        }
        Ok(())
    };
    app.db.write(verb).await.unwrap();
}
