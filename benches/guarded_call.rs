//! How much the gate costs: guarded tool calls, side by side with a handler that says hello and nothing else.
//!
//! Both servers and the clients share one process and one machine; rounds alternate, so that whatever else the machine does
//! meets all of them alike. Look at the ratios: requests per second are this machine's, and no test depends on them.
//!
//! `make bench` runs it. `cargo bench --bench guarded_call -- quiet` does so with the server's log switched off.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on stops")]

mod caller;
mod load;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, io};

use actix_web::{HttpServer, web};
use portcullis::app::{App, Parts};
use portcullis::clock::Clock;
use portcullis::config::Config;
use portcullis::crypto::{Random, RootKeys};
use portcullis::db::embedded::{Embedded, EmbeddedSettings};
use portcullis::db::{Db, migrations};
use portcullis::http::urls;
use portcullis::server;
use portcullis::types::known_scopes;
use secrecy::SecretString;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 32;
/// How often each target has its turn.
const ROUNDS: usize = 7;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(2);

const ROOT_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Measures in a process of its own, whose log goes where it costs what writing costs and no more.
fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let is_inner = arguments.iter().any(|argument| argument == "inner");
    if is_inner {
        measure(arguments.iter().any(|argument| argument == "quiet"));
        return;
    }
    let this = env::current_exe().unwrap();
    let inner = Command::new(this).arg("inner").args(arguments).stderr(Stdio::null()).status().unwrap();
    assert!(inner.success(), "failed; for the reason: cargo bench --bench guarded_call -- inner");
}

fn measure(quiet: bool) {
    let mut config = Config::default();
    if quiet {
        config.log.filter = "off".to_owned();
    }
    server::log::start(&config.log);
    let data = tempfile::tempdir().unwrap();
    let embedded = Embedded::serve(&settings(data.path())).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let table = runtime.block_on(async {
        let targets = targets(config, &embedded).await;
        let rounds = rounds(&targets).await;
        describe(&targets, &rounds, quiet)
    });
    runtime.shutdown_background();
    io::stdout().write_all(table.as_bytes()).unwrap();
}

fn settings(data_dir: &Path) -> EmbeddedSettings {
    EmbeddedSettings {
        data_dir: data_dir.to_owned(),
        postgres_bin: None,
        search_path: env::var_os("PATH"),
        fsync: true,
        random: Random::system(),
    }
}

/// A request, said over and over.
struct Target {
    name: &'static str,
    address: SocketAddr,
    request: Arc<[u8]>,
}

impl Target {
    fn new(name: &'static str, address: SocketAddr, line: &str, headers: &str, body: &str) -> Self {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let host = format!("Host: localhost:{}\r\n", address.port());
        let request = format!("{line} HTTP/1.1\r\n{host}{headers}{length}\r\n{body}").into_bytes().into();
        Self { name, address, request }
    }
}

/// What is measured; the first is what the others are compared with.
async fn targets(config: Config, embedded: &Embedded) -> Vec<Target> {
    let hello = serve_hello();
    let (gate, token) = serve_gate(config, embedded).await;
    let accepts = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
    let guarded = |version: &str, more: &str| {
        format!("Authorization: Bearer {token}\r\n{accepts}MCP-Protocol-Version: {version}\r\n{more}")
    };
    let modern = guarded("2026-07-28", "Mcp-Method: tools/call\r\nMcp-Name: list_services\r\n");
    let legacy = guarded("2025-11-25", "");
    let call = "POST /mcp";
    vec![
        Target::new("hello, unguarded", hello, "GET /", "", ""),
        Target::new("/healthz, every layer", gate, "GET /healthz", "", ""),
        Target::new("tools/call, 2026-07-28", gate, call, &modern, MODERN),
        Target::new("tools/call, 2025-11-25", gate, call, &legacy, LEGACY),
    ]
}

const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
const LEGACY: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services","arguments":{}}}"#;

/// The bare framework.
fn serve_hello() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let app = || actix_web::App::new().route("/", web::get().to(async || "Hello"));
    let server = HttpServer::new(app).tcp_nodelay(true).disable_signals().listen(listener).unwrap().run();
    tokio::spawn(server);
    address
}

/// The whole product, and a token that opens it.
async fn serve_gate(mut config: Config, embedded: &Embedded) -> (SocketAddr, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    config.server.bind = address;
    config.server.public_url = format!("http://localhost:{}", address.port()).parse().unwrap();
    let db = Db::new(embedded.url(), embedded.url(), config.database.pool).unwrap();
    migrations::run(&db).await.unwrap();
    let keys = Arc::new(RootKeys::parse(&SecretString::from(ROOT_KEY)).unwrap());
    let parts = Parts { config, db, keys, clock: Clock::system(), random: Random::system() };
    let app = Arc::new(App::open(parts).await.unwrap());
    let scopes = [known_scopes::MCP_READ, known_scopes::MCP_WRITE];
    let token = caller::token(&app, &app.at(urls::MCP), &scopes).await;
    tokio::spawn(server::run(app, vec![listener], std::future::pending()));
    (address, token)
}

/// What a turn came to.
struct Turn {
    per_second: f64,
    p99: Duration,
}

/// The turns of every target, round by round; the first round only warms up.
async fn rounds(targets: &[Target]) -> Vec<Vec<Turn>> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut turns = Vec::new();
        for target in targets {
            turns.push(turn(target).await);
        }
        if round > 0 {
            rounds.push(turns);
        }
    }
    rounds
}

async fn turn(target: &Target) -> Turn {
    let started = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(client(target.address, Arc::clone(&target.request), started + TURN)))
        .collect();
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.unwrap());
    }
    let elapsed = started.elapsed();
    took.sort_unstable();
    Turn { per_second: took.len() as f64 / elapsed.as_secs_f64(), p99: took[took.len() * 99 / 100] }
}

/// One connection, one request after the other until the time is up: how long each took.
async fn client(address: SocketAddr, request: Arc<[u8]>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut took, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    let mut now = Instant::now();
    while now < until {
        stream.write_all(&request).await.unwrap();
        load::read_answer(&mut stream, &mut buffer).await;
        let then = std::mem::replace(&mut now, Instant::now());
        took.push(now - then);
    }
    took
}

fn describe(targets: &[Target], rounds: &[Vec<Turn>], quiet: bool) -> String {
    let machine = load::machine();
    let log = if quiet { "log off" } else { "log as it comes" };
    let mut table = format!(
        "{machine}; {CONNECTIONS} connections, {ROUNDS} rounds of {} s each, {log}; medians\n\n",
        TURN.as_secs()
    );
    table += "| | requests/s | p99 | of hello |\n|---|---:|---:|---:|\n";
    for (at, target) in targets.iter().enumerate() {
        let of_turns = |value: fn(&Turn) -> f64| load::median(rounds.iter().map(|turns| value(&turns[at])).collect());
        let (per_second, p99) = (of_turns(|turn| turn.per_second), of_turns(|turn| turn.p99.as_secs_f64() * 1000.0));
        let ratio = load::median(rounds.iter().map(|turns| turns[at].per_second / turns[0].per_second).collect());
        writeln!(table, "| {} | {per_second:.0} | {p99:.1} ms | {ratio:.2} |", target.name).unwrap();
    }
    table
}
