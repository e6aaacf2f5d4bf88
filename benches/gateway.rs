//! What the gate adds to a tool call: the same call to the same server, directly and through the gate.
//!
//! The gate is a process of its own on one core; the server behind it, the clients and PostgreSQL are on the other. Counted are
//! calls for each second of the gate's processor time, what the gate adds at one connection, and the slowest of a hundred
//! when it has half of what it can do. With 1, 100 and 10,000 rules, and servers of 1, 50 and 1,000 tools.
//!
//! Beside it a peer in the same turns: ContextForge (`mcp-contextforge-gateway`, Python), before the same server.
//!
//! `make bench` runs it: `cargo bench --bench gateway`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on stops")]

mod behind;
mod caller;
mod load;
mod processes;

use std::env;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use behind::{TOOLS, seed, serve_upstream, set_rules};
use portcullis::types::known_scopes;
use processes::{OTHERS, Process, SERVERS, config, cpu_time, serve_gate};
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Connections that are kept alive, each with one request under way, where calls are counted.
const CONNECTIONS: usize = 16;
/// How often each target has its turn.
const ROUNDS: usize = 5;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(1);
/// How many rules there are, one time after the other.
const RULES: [usize; 3] = [1, 100, 10_000];

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["gate", port, database] => serve_gate(port.parse().unwrap(), database),
        ["upstream"] => serve_upstream(),
        ["inner", ..] => measure(),
        _ => processes::measure_apart(),
    }
}

// What is asked -------------------------------------------------------------------------------------------------------

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tool0","arguments":{"place":"Tromsø"}}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;

/// A request, said over and over.
struct Target {
    name: String,
    address: SocketAddr,
    /// Whose processor time counts.
    process: u32,
    request: Arc<[u8]>,
}

impl Target {
    fn new(name: String, process: &Process, path: &str, headers: &str, body: &str) -> Self {
        let address = process.address();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost:{}\r\n{headers}", address.port());
        let request = format!("{head}{HEADERS}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes().into();
        Self { name, address, process: process.id(), request }
    }
}

const HEADERS: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
                       MCP-Protocol-Version: 2025-11-25\r\n";

/// What a turn came to.
#[derive(Clone, Copy)]
struct Turn {
    of_server: f64,
    per_second: f64,
}

/// Everybody at once, as fast as they can.
async fn turn(target: &Target) -> Turn {
    let used = cpu_time(target.process);
    let since = Instant::now();
    let one = || connection(target, None, since + TURN);
    let took = futures_util::future::join_all((0..CONNECTIONS).map(|_| one())).await.concat();
    let (answers, elapsed) = (took.len() as f64, since.elapsed().as_secs_f64());
    Turn { of_server: answers / (cpu_time(target.process) - used), per_second: answers / elapsed }
}

/// Milliseconds in the middle, and of the slowest of a hundred, of one connection after the other or at a pace.
async fn delays(target: &Target, connections: usize, per_second: Option<f64>) -> (f64, f64) {
    let until = Instant::now() + TURN;
    let pace = per_second.map(|all| Duration::from_secs_f64(connections as f64 / all));
    let one = |number: u32| async move {
        // Not all in the same moment.
        sleep(pace.map_or(Duration::ZERO, |pace| pace * number / u32::try_from(connections).unwrap())).await;
        connection(target, pace, until).await
    };
    let all = (0..u32::try_from(connections).unwrap()).map(one);
    let mut took = futures_util::future::join_all(all).await.concat();
    took.sort_unstable();
    let at = |hundredth: usize| took[took.len() * hundredth / 100].as_secs_f64() * 1000.0;
    (at(50), at(99))
}

/// One connection, one request after the other until the time is up: how long each took since it was due.
async fn connection(target: &Target, pace: Option<Duration>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(target.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut took, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
    let mut due = Instant::now();
    while due < until {
        sleep(due.saturating_duration_since(Instant::now())).await;
        stream.write_all(&target.request).await.unwrap();
        load::read_answer(&mut stream, &mut buffer).await;
        took.push(due.elapsed());
        due = pace.map_or_else(Instant::now, |pace| due + pace);
    }
    took
}

// The measurement -----------------------------------------------------------------------------------------------------

fn measure() {
    let data = tempfile::tempdir().unwrap();
    let embedded = processes::postgres(data.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut out = io::stdout();
    runtime.block_on(compare(embedded.url().expose_secret(), &mut out)).unwrap();
}

const HEAD: &str =
    "for each CPU second | of the bare server | added at one connection | slowest of 100 at half load |\n";

async fn compare(database: &str, out: &mut impl io::Write) -> io::Result<()> {
    let this = env::current_exe().unwrap();
    let upstream = Process::start(OTHERS, &this, &["upstream"]);
    let port = processes::free_port();
    let app = seed(config(port, database), &upstream).await;
    let token = caller::token(&app, app.gateway_audience(), &[known_scopes::MCP_READ]).await;
    let gate = Process::start(SERVERS, &this, &["gate", &port.to_string(), database]);
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let bare = Target::new("the bare server".to_owned(), &upstream, "/50", "", CALL);
    let through = |tools: usize, body: &str| {
        let what = if body == CALL { "call" } else { "list" };
        let name = format!("tools/{what}, {tools} {}", if tools == 1 { "tool" } else { "tools" });
        Target::new(name, &gate, &format!("/of{tools}/mcp"), &authorization, body)
    };
    let calls: Vec<Target> = TOOLS.iter().map(|tools| through(*tools, CALL)).collect();
    let lists: Vec<Target> = TOOLS.iter().map(|tools| through(*tools, LIST)).collect();
    writeln!(
        out,
        "{}; the gate on one core, everything else on the other, {CONNECTIONS} connections, {ROUNDS} rounds of {} s; medians\n",
        load::machine(),
        TURN.as_secs()
    )?;
    writeln!(out, "| rules | | {HEAD}|---:|---|---:|---:|---:|---:|")?;
    for rules in RULES {
        set_rules(&app, rules).await;
        is_open(&calls[0]).await;
        for target in calls.iter().chain(&lists) {
            let measured = together(target, &bare, target.name == calls[1].name).await;
            writeln!(out, "| {rules} | {} | {}", target.name, measured.described())?;
        }
    }
    let (us, them) = beside_the_peer(&calls[1], &bare, &upstream).await;
    let ratio = us.of_server / them.of_server;
    writeln!(out, "\nBeside a peer, which is 1 to our {ratio:.0}:\n\n| | {HEAD}|---|---:|---:|---:|---:|")?;
    for (name, measured) in [("ContextForge", &them), ("Portcullis", &us)] {
        writeln!(out, "| {name} | {}", measured.described())?;
    }
    Ok(())
}

/// What one target came to, beside the same call without it.
struct Measured {
    of_server: f64,
    of_bare: f64,
    /// Milliseconds.
    added: Option<f64>,
    slowest: Option<f64>,
}

impl Measured {
    fn described(&self) -> String {
        let in_time = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3} ms"));
        let Self { of_server, of_bare, added, slowest } = self;
        format!("{of_server:.0} | {of_bare:.3} | {} | {} |", in_time(*added), in_time(*slowest))
    }
}

/// Rounds of the same call, directly and through the gate; the first only warms up.
async fn together(target: &Target, bare: &Target, with_delays: bool) -> Measured {
    let (mut of_server, mut of_bare, mut added, mut slowest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (bare_turn, turn) = (turn(bare).await, turn(target).await);
        if round == 0 {
            continue;
        }
        of_server.push(turn.of_server);
        of_bare.push(turn.of_server / bare_turn.of_server);
        if with_delays {
            let (directly, _) = delays(bare, 1, None).await;
            let (guarded, _) = delays(target, 1, None).await;
            added.push(guarded - directly);
            slowest.push(delays(target, CONNECTIONS, Some(turn.per_second / 2.0)).await.1);
        }
    }
    let middle = |values: Vec<f64>| (!values.is_empty()).then(|| load::median(values));
    let (of_server, of_bare) = (load::median(of_server), load::median(of_bare));
    Measured { of_server, of_bare, added: middle(added), slowest: middle(slowest) }
}

/// The peer before the same server: we, and they.
async fn beside_the_peer(ours: &Target, bare: &Target, upstream: &Process) -> (Measured, Measured) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("benches/peer/contextforge.py");
    let behind = format!("http://127.0.0.1:{}/50", upstream.address().port());
    let python = root.join("benches/peer/.venv/bin/python");
    let peer = Process::start(SERVERS, &python, &[script.to_str().unwrap(), &behind]);
    let said = |key: &str| peer.says[key].as_str().unwrap_or_else(|| panic!("the peer said {}", peer.says)).to_owned();
    let call = CALL.replace("tool0", &said("tool"));
    let headers = format!("Authorization: Bearer {}\r\n", said("token"));
    let theirs = Target::new("ContextForge".to_owned(), &peer, &said("path"), &headers, &call);
    (together(ours, bare, true).await, together(&theirs, bare, true).await)
}

/// Waits until the gate has heard of the rules.
async fn is_open(target: &Target) {
    let mut buffer = vec![0; 1 << 16];
    for _ in 0..200 {
        let mut stream = TcpStream::connect(target.address).await.unwrap();
        stream.write_all(&target.request).await.unwrap();
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
        if buffer[..read].starts_with(b"HTTP/1.1 200") {
            return sleep(Duration::from_secs(3)).await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the gate does not let the call through");
}
