//! What goes wrong between a caller, the gate and a server behind it, and what still works meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::Bytes;
use chrono::TimeDelta;
use futures_util::stream;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::behind::{Behind, ordinary};
use crate::support::{Browser, TestApp};

const ALL: &str = "mcp:read mcp:write mcp:delete";
/// A hundred megabytes, in pieces.
const PIECES: usize = 1600;
const PIECE: usize = 64 << 10;
/// As much lies in sockets and in pieces under way while a caller does not read, at most.
const ON_THE_WAY: usize = 32 << 20;

async fn before(url: &str) -> (TestApp, Browser, String) {
    put_before(TestApp::start().await, url).await
}

async fn put_before(app: TestApp, url: &str) -> (TestApp, Browser, String) {
    let there = Behind::ordinary();
    app.register_behind("weather", &there, &format!("UPDATE servers SET url = '{url}'")).await;
    let root = app.root().await;
    let token = app.token_for(&root, "weather", ALL).await;
    (app, root, token)
}

/// A call whose answer is read by the test itself.
async fn call(app: &TestApp, token: &str, method: &str) -> Response {
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": { "name": "look" } });
    app.message("weather", token, &message).send().await.unwrap()
}

/// Waits until that is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A body of a hundred megabytes that counts what was taken of it.
fn endless(taken: &Arc<AtomicUsize>) -> HttpResponse {
    let taken = Arc::clone(taken);
    let pieces = stream::unfold(0, move |count| {
        taken.store(count, Ordering::Relaxed);
        let piece = Bytes::from(vec![b' '; PIECE]);
        async move { (count < PIECES).then_some((Ok::<_, actix_web::Error>(piece), count + 1)) }
    });
    HttpResponse::Ok().content_type("application/json").streaming(Box::pin(pieces))
}

#[tokio::test]
async fn a_hundred_megabytes_pass_only_as_fast_as_they_are_read() {
    let taken: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&taken);
    let behind = Behind::answering(move |_| endless(&counted));
    let (app, _, token) = before(&behind.url).await;
    let mut answer = call(&app, &token, "tools/call").await;
    assert_eq!(answer.status(), 200);
    let first = answer.chunk().await.unwrap().unwrap().len();
    let mut last = usize::MAX;
    until("the server is held back", async || {
        let now = taken.load(Ordering::Relaxed);
        let still = std::mem::replace(&mut last, now) == now;
        tokio::time::sleep(Duration::from_millis(200)).await;
        still
    })
    .await;
    assert!(last * PIECE < ON_THE_WAY, "{last} pieces were taken from the server for a caller who does not read");
    let others = call(&app, &token, "ping").await;
    assert_eq!(others.status(), 200, "others go on meanwhile");
    drop(others);
    let mut length = first;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, PIECES * PIECE);
}

/// What has to be looked into is read whole, so it has an end.
#[tokio::test]
async fn a_list_of_a_hundred_megabytes_is_refused() {
    let behind = Behind::answering(|reached| match reached.message()["method"].as_str() {
        Some("tools/list") => endless(&Arc::default()),
        _ => ordinary(reached),
    });
    let (app, _, token) = before(&behind.url).await;
    let answer = app.ask_behind("weather", &token, "tools/list", json!({})).await.assert(502);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("too large") || message.contains("larger"), "{message}");
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(200);
}

/// A server that says these bytes to whoever asks it for anything, and hangs up.
async fn blurting(bytes: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _heard = stream.read(&mut [0; 16 << 10]).await;
                let _said = stream.write_all(bytes.as_bytes()).await;
            });
        }
    });
    address
}

/// Reads until there is no more: whether that was an end or a break.
async fn read_out(mut answer: Response) -> Result<Vec<u8>, Vec<u8>> {
    let mut read = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => return Ok(read),
            Err(_) => return Err(read),
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_is_not_taken_for_one_that_is_done() {
    for (kind, head) in [("application/json", "{\"jsonrpc\""), ("text/event-stream", "data: {}\n\n")] {
        let said = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{head}\r\n",
            head.len()
        );
        let address = blurting(said.leak()).await;
        let (app, _, token) = before(&format!("http://{address}/")).await;
        let read = read_out(call(&app, &token, "tools/call").await).await;
        assert_eq!(read.map_err(|read| String::from_utf8(read).unwrap()), Err(head.to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_the_servers_fault() {
    for (said, words) in [
        ("", "cannot be reached"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello", "HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{", "broke"),
    ] {
        let address = blurting(said).await;
        let (app, _, token) = before(&format!("http://{address}/")).await;
        let answer = app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(502);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.to_lowercase().contains(&words.to_lowercase()), "{said:?}: {message}");
        assert_eq!(answer.json()["id"], 7);
    }
}

/// What cannot be looked into does not get through, and what is good does.
#[tokio::test]
async fn events_that_are_broken_are_left_out_of_a_list() {
    let behind = Behind::answering(|_| {
        let good = json!({ "jsonrpc": "2.0", "id": 7, "result": { "tools": [{ "name": "look" }] } });
        let mut events = b"data: {\"tools\": [\n\ndata: \xff\xfe\n\nevent: message\nid: 1\ndata\n\n".to_vec();
        events.extend_from_slice(format!("data: {good}\r\n\r\n").as_bytes());
        HttpResponse::Ok().content_type("text/event-stream").body(events)
    });
    let (app, _, token) = before(&behind.url).await;
    let read = read_out(call(&app, &token, "tools/list").await).await.unwrap();
    let text = String::from_utf8(read).expect("nothing that is no text");
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.len(), 1, "{text}");
    assert_eq!(serde_json::from_str::<Value>(data[0]).unwrap()["result"]["tools"][0]["name"], "look");
}

/// An event without an end is not waited for.
#[tokio::test]
async fn an_event_without_an_end_ends_the_list() {
    let taken: Arc<AtomicUsize> = Arc::default();
    let behind = Behind::answering(move |_| {
        let mut endless = endless(&taken);
        endless.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        endless
    });
    let (app, _, token) = before(&behind.url).await;
    assert_eq!(read_out(call(&app, &token, "tools/list").await).await, Err(Vec::new()));
}

/// Tells when it is dropped.
struct Told(Arc<AtomicUsize>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn ticking(let_go: &Arc<AtomicUsize>) -> HttpResponse {
    let told = Told(Arc::clone(let_go));
    let ticks = stream::unfold(told, |told| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, actix_web::Error>(Bytes::from_static(b"data: {}\n\n")), told))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(Box::pin(ticks))
}

#[tokio::test]
async fn a_server_is_let_go_with_the_caller() {
    let let_go: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&let_go);
    let behind = Behind::answering(move |_| ticking(&counted));
    let (app, _, token) = before(&behind.url).await;
    let mut answer = call(&app, &token, "tools/call").await;
    assert!(answer.chunk().await.unwrap().is_some(), "it flows");
    drop(answer);
    until("the server is let go", async || let_go.load(Ordering::Relaxed) == 1).await;
}

/// Headers that never end, and a body that does not come: the connection is closed, and nothing reaches the server.
#[tokio::test]
async fn who_never_finishes_a_request_reaches_no_server() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind.url).await;
    let head = format!(
        "POST /weather/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n"
    );
    let url: url::Url = app.at("/").parse().unwrap();
    let address = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    let mut slow: Vec<TcpStream> = Vec::new();
    for said in [head[..60].to_owned(), format!("{head}\r\n{{\"jsonrpc\"")] {
        let mut stream = TcpStream::connect(address.clone()).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(200);
    for mut stream in slow {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
        read.expect("it is hung up on").unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(behind.reached().len(), 1, "the one that was whole");
}

/// A policy that is changed cuts the streams that it does not allow any more, within two seconds (`decisions` 3).
#[tokio::test]
async fn a_stream_ends_with_the_policy_that_allowed_it() {
    let let_go: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&let_go);
    let behind = Behind::answering(move |_| ticking(&counted));
    let (app, _, _) = before(&behind.url).await;
    app.allow(r#"{ "server": "weather", "methods": ["tools/call"], "tools": ["look"] }"#).await;
    let ada = app.person("ada").await;
    let token = app.token_for(&ada, "weather", "mcp:read").await;
    let mut answer = call(&app, &token, "tools/call").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.chunk().await.unwrap().is_some(), "it flows");
    app.sql("DELETE FROM policies").await;
    let cut = tokio::time::timeout(Duration::from_secs(20), read_out(answer)).await.expect("it is cut");
    assert!(cut.is_err(), "and does not look as if it were done");
    until("the server is let go", async || let_go.load(Ordering::Relaxed) == 1).await;
    assert_eq!(call(&app, &token, "tools/call").await.status(), 403);
}

/// `decisions` 3: what is remembered counts for as long as changes would be heard; past that nothing fails open, and everything
/// comes back by itself.
#[tokio::test]
async fn without_a_database_nobody_gets_through_and_with_one_everybody_does_again() {
    let let_go: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&let_go);
    let behind = Behind::answering(move |reached| match reached.method.as_str() {
        "GET" => ticking(&counted),
        _ => ordinary(reached),
    });
    let (app, _, token) = before(&behind.url).await;
    assert_eq!(call(&app, &token, "tools/call").await.status(), 200);
    let request = app.request(Method::GET, "/weather/mcp").header("accept", "text/event-stream");
    let mut open = request.header(AUTHORIZATION, format!("Bearer {token}")).send().await.unwrap();
    assert!(open.chunk().await.unwrap().is_some(), "it flows");
    app.database().close();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let reached = behind.reached().len();
    for method in ["tools/call", "tools/list", "initialize"] {
        let answer = call(&app, &token, method).await;
        assert_eq!(answer.status(), 503, "{method}");
        assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().is_ok());
    }
    assert_eq!(behind.reached().len(), reached, "nothing fails open");
    let cut = tokio::time::timeout(Duration::from_secs(20), read_out(open)).await.expect("it is cut");
    assert!(cut.is_err());
    app.database().reopen();
    until("it recovers", async || call(&app, &token, "tools/call").await.status() == 200).await;
}

/// RFC 9110 §7.6.3: a gateway adds itself to `Via`, and one that finds itself there has a loop before it.
#[tokio::test]
async fn what_came_through_this_gate_does_not_come_through_it_again() {
    let behind = Behind::ordinary();
    let (app, _, token) = before(&behind.url).await;
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "look" } });
    let through = async |via: &str| app.send(app.message("weather", &token, &message).header("via", via)).await;
    through("1.0 fred, 1.1 p.example.net").await.assert(200);
    let said = behind.last().header("via").unwrap().to_owned();
    let own = said.strip_prefix("1.0 fred, 1.1 p.example.net, ").unwrap();
    assert!(own.starts_with("1.1 portcullis-"), "{said}");
    let again = through(&said).await.assert(508);
    assert!(again.json()["error"]["message"].as_str().unwrap().contains("leads back"), "{}", again.body);
    assert_eq!(behind.reached().len(), 1);
}

/// Whoever moves in under the name of a server is told nothing of the sessions that were held with the one before.
#[tokio::test]
async fn a_session_does_not_move_with_the_name_of_its_server() {
    let (behind, other) = (Behind::ordinary(), Behind::ordinary());
    let (app, _, token) = before(&behind.url).await;
    let hello = app.ask_behind("weather", &token, "initialize", json!({ "protocolVersion": "2025-11-25" })).await;
    let session = hello.assert(200).header("mcp-session-id").to_owned();
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "look" } });
    let again = async || app.send(app.message("weather", &token, &message).header("mcp-session-id", &session)).await;
    again().await.assert(200);
    app.sql(&format!("UPDATE servers SET url = '{}'", other.url)).await;
    again().await.assert(404);
    assert!(other.reached().is_empty());
}

/// A server that does not begin, and one whose list never ends: neither is waited for longer than the operator says. An answer that
/// comes as a stream may take as long as it likes.
#[tokio::test]
async fn who_is_slow_is_waited_for_as_long_as_the_operator_says() {
    let behind = Behind::answering(|reached| match reached.message()["method"].as_str() {
        Some("tools/call") => {
            HttpResponse::Ok().streaming(Box::pin(stream::pending::<Result<Bytes, actix_web::Error>>()))
        }
        Some("tools/list") => {
            let bytes = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, actix_web::Error>(Bytes::from_static(b" ")), ()))
            });
            HttpResponse::Ok().content_type("application/json").streaming(Box::pin(bytes))
        }
        _ => ticking(&Arc::default()),
    });
    let app = TestApp::configured(|config| config.outbound.upstream_timeout = TimeDelta::seconds(1)).await;
    let (app, _, token) = put_before(app, &behind.url).await;
    for method in ["tools/call", "tools/list"] {
        let answer = app.ask_behind("weather", &token, method, json!({ "name": "look" })).await.assert(504);
        assert_eq!(answer.json()["id"], 7, "{method}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("within 1 second"), "{}", answer.body);
    }
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    app.sql(&format!("UPDATE servers SET url = 'http://{}/'", silent.local_addr().unwrap())).await;
    app.ask_behind("weather", &token, "tools/call", json!({ "name": "look" })).await.assert(504);
    app.sql(&format!("UPDATE servers SET url = '{}'", behind.url)).await;
    let mut ticks = call(&app, &token, "prompts/get").await;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        assert!(ticks.chunk().await.unwrap().is_some(), "it flows");
    }
}
