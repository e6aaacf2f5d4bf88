//! The whole life of an installation that starts on nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{assert_refused, portcullis, text};

/// A running server on a data directory and a port of its own; killed when a test fails.
pub(super) struct Server {
    pub(super) child: Child,
    port: u16,
    /// What it said when it was ready.
    pub(super) banner: Value,
}

impl Server {
    pub(super) fn start(home: &Path, port: u16) -> Self {
        Self::run(command(home, port), port)
    }

    /// The same with a command of the test's own, which says the port too.
    pub(super) fn run(mut command: Command, port: u16) -> Self {
        let mut child = command.args(["serve", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, port, banner: serde_json::from_str(&line).expect("a banner") }
    }

    pub(super) fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// It hears of changes in the database a moment after it listens.
    pub(super) fn become_ready(&self, name: &str) {
        let asked = Instant::now();
        while !self.get("/readyz", name).starts_with("HTTP/1.1 200") {
            assert!(asked.elapsed() < Duration::from_secs(10), "{}", self.get("/readyz", name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn signal(self, signal: &str) -> ExitStatus {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        self.end()
    }

    /// How it ends, which it must do soon.
    pub(super) fn end(mut self) -> ExitStatus {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < Duration::from_secs(15), "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn command(home: &Path, port: u16) -> Command {
    portcullis(home, &[("PORTCULLIS_BIND", &format!("127.0.0.1:{port}"))])
}

/// A home that PostgreSQL's own user may enter.
pub(super) fn home() -> TempDir {
    tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap()
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn it_starts_on_nothing_serves_beside_its_tools_and_stops_without_a_trace() {
    let (home, port) = (home(), free_port());
    let server = Server::start(home.path(), port);
    let url = format!("http://localhost:{port}");
    assert_eq!(server.banner["mcp"], format!("{url}/mcp"));
    let link = server.banner["setup_link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{url}/setup?token=")), "{link}");

    let name = format!("localhost:{port}");
    server.become_ready(&name);
    assert!(server.get("/metrics", "anything").contains("portcullis_http_requests_total"));
    assert!(server.get("/mcp", "evil.example").starts_with("HTTP/1.1 421"), "DNS rebinding");

    let second = command(home.path(), free_port()).arg("serve").output().unwrap();
    assert_refused(&second, 1, "already serves from");

    let add = ["user-create-human", "--username", "Ann", "--email", "ann@example.com", "--json"];
    let added = command(home.path(), port).args(add).output().unwrap();
    let said: Value = serde_json::from_str(&text(&added.stdout)).unwrap();
    assert_eq!(said["username"], "ann");
    assert!(said["setup_link"].as_str().unwrap().starts_with(&url));
    assert_refused(&command(home.path(), port).args(add).output().unwrap(), 1, "\"ann\"");

    assert!(server.signal("-TERM").success());
    assert!(!home.path().join("data/postgres/postmaster.pid").exists(), "PostgreSQL still runs");
}

#[test]
fn killed_hard_it_comes_back_with_everything_it_knew() {
    let (home, port) = (home(), free_port());
    let server = Server::start(home.path(), port);
    let rotated =
        command(home.path(), port).args(["key", "rotate", "--algorithm", "ES256", "--json"]).output().unwrap();
    let rotated: Value = serde_json::from_str(&text(&rotated.stdout)).unwrap();
    server.signal("-KILL");

    let again = Server::start(home.path(), port);
    assert!(again.banner["setup_link"].is_string(), "nobody has chosen the administrator's password yet");
    let keys = command(home.path(), port).args(["key", "list", "--json"]).output().unwrap();
    let keys: Value = serde_json::from_str(&text(&keys.stdout)).unwrap();
    assert_eq!(keys["items"].as_array().unwrap().len(), 3, "{keys}");
    assert_eq!(keys["items"][0]["kid"], rotated["items"][0]["kid"]);
    assert!(again.signal("-INT").success());
}

#[test]
fn a_taken_port_is_a_sentence_with_the_way_out() {
    let (home, holder) = (home(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = holder.local_addr().unwrap().port();
    let output = command(home.path(), port).arg("serve").output().unwrap();
    assert_refused(&output, 1, &format!("127.0.0.1:{port} is in use"));
}

#[test]
fn another_root_key_is_noticed_at_start() {
    let home = home();
    assert!(command(home.path(), 1).arg("migrate").output().unwrap().status.success());
    let key = ("PORTCULLIS_SECRET_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    let output = portcullis(home.path(), &[key]).args(["key", "list"]).output().unwrap();
    assert_refused(&output, 1, "another PORTCULLIS_SECRET_KEY");
}
