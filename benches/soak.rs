//! Whether the gate's memory stays flat while streams come and go for an hour: streams that are read to their end, streams
//! that are let go half-way, calls, and lists.
//!
//! `make soak` runs it; `MINUTES=10 make soak` for a shorter time. It fails when the memory of the last quarter is more than
//! a tenth above that of the second quarter.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on stops")]

mod behind;
mod caller;
#[expect(dead_code, reason = "what this measurement does not need of what all share")]
mod load;
#[expect(dead_code, reason = "what this measurement does not need of what all share")]
mod processes;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use behind::{TOOLS, seed, serve_upstream, set_rules};
use portcullis::types::known_scopes;
use processes::{OTHERS, Process, SERVERS, config, serve_gate};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// As many callers are there all the time, each with one request after the other.
const CALLERS: usize = 64;
/// How long a caller waits before the next.
const PAUSE: Duration = Duration::from_millis(400);
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// As much more than in the second quarter is still flat.
const FLAT: f64 = 1.10;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["gate", port, database] => serve_gate(port.parse().unwrap(), database),
        ["upstream"] => serve_upstream(),
        // Cargo adds arguments of its own.
        others => measure(others.iter().find_map(|argument| argument.parse().ok()).unwrap_or(60)),
    }
}

fn measure(minutes: u64) {
    let data = tempfile::tempdir().unwrap();
    let embedded = processes::postgres(data.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(soak(embedded.url().expose_secret(), Duration::from_secs(60 * minutes)));
}

async fn soak(database: &str, time: Duration) {
    let this = env::current_exe().unwrap();
    let upstream = Process::start(OTHERS, &this, &["upstream"]);
    let port = processes::free_port();
    let app = seed(config(port, database), &upstream).await;
    set_rules(&app, 100).await;
    let authorization = format!(
        "Authorization: Bearer {}\r\n",
        caller::token(&app, app.gateway_audience(), &[known_scopes::MCP_READ]).await
    );
    let gate = Process::start(SERVERS, &this, &["gate", &port.to_string(), database]);
    let answered = Arc::new(AtomicUsize::new(0));
    let until = Instant::now() + time;
    let callers = (0..CALLERS).map(|number| call(number, gate.address(), &authorization, &answered, until));
    let (_, looked) = tokio::join!(futures_util::future::join_all(callers), watch(&gate, until));
    judge(&looked, answered.load(Ordering::Relaxed), time);
}

/// One request after the other, of every kind in turn.
async fn call(number: usize, gate: SocketAddr, authorization: &str, answered: &AtomicUsize, until: Instant) {
    sleep(PAUSE * u32::try_from(number).unwrap() / u32::try_from(CALLERS).unwrap()).await;
    let mut turn = number;
    while Instant::now() < until {
        let (patience, body) = match turn % 4 {
            // Five seconds of events, and the answer.
            0 => (Duration::from_secs(60), stream()),
            // Nobody waits for the end.
            1 => (Duration::from_millis(1200), stream()),
            2 => (Duration::from_secs(60), stream().replace("take your time", "be quick")),
            _ => (Duration::from_secs(60), r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#.to_owned()),
        };
        let request = request(gate, authorization, TOOLS[turn % TOOLS.len()], &body);
        match timeout(patience, ask(gate, &request)).await {
            Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Err(_) => assert_eq!(turn % 4, 1, "an answer that is waited for comes"),
        }
        turn += 1;
        sleep(PAUSE).await;
    }
}

fn stream() -> String {
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tool0","arguments":{"pace":"take your time"},"_meta":{"progressToken":1}}}"#.to_owned()
}

fn request(gate: SocketAddr, authorization: &str, tools: usize, body: &str) -> String {
    format!(
        "POST /of{tools}/mcp HTTP/1.1\r\nHost: localhost:{}\r\n{authorization}Content-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        gate.port(),
        body.len()
    )
}

/// Reads an answer to its end.
async fn ask(gate: SocketAddr, request: &str) {
    let mut stream = TcpStream::connect(gate).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut buffer, mut all) = (vec![0; 64 << 10], 0);
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if all == 0 {
            let head = String::from_utf8_lossy(&buffer[..read.min(500)]).into_owned();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
        all += read;
        if read == 0 {
            return;
        }
    }
}

/// The memory of the gate, time after time, in megabytes.
async fn watch(gate: &Process, until: Instant) -> Vec<f64> {
    let mut looked = Vec::new();
    while Instant::now() < until {
        sleep(LOOK).await;
        looked.push(resident(gate.id()));
        if looked.len().is_multiple_of(60) {
            say(&format!("{:.1} MB\n", load::median(looked[looked.len() - 60..].to_vec())));
        }
    }
    looked
}

fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("this measurement needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn judge(looked: &[f64], answered: usize, time: Duration) {
    let quarter = looked.len() / 4;
    assert!(quarter > 0, "too short a time to tell");
    let quarters: Vec<f64> = looked.chunks(quarter).take(4).map(|part| load::median(part.to_vec())).collect();
    let [first, second, third, last] = quarters[..] else { panic!("four quarters") };
    say(&format!(
        "{}; {} minutes, {answered} answers to {CALLERS} callers; megabytes in the middle of each quarter: \
         {first:.1}, {second:.1}, {third:.1}, {last:.1}\n",
        load::machine(),
        time.as_secs() / 60
    ));
    assert!(last <= second * FLAT, "the memory is not flat");
}

fn say(text: &str) {
    io::stdout().write_all(text.as_bytes()).unwrap();
}
