//! The program as an operator meets it: arguments, settings, exit status, start and stop.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod api_key;
mod audit;
mod client;
mod doctor;
mod issuer;
mod m2m;
mod mcp;
mod ordinary;
mod outage;
mod policy;
mod refused;
mod registration_token;
mod serve;
mod server;
mod settings;
mod token;
mod user;
mod workspace;

use std::path::Path;
use std::process::{Command, Output};

/// The program in a directory of its own, with nothing of ours in its environment but what a test says.
fn portcullis(dir: &Path, settings: &[(&str, &str)]) -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_portcullis")), dir, settings)
}

fn command_of(program: &Path, dir: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTCULLIS_") || name.to_string_lossy().starts_with("DATABASE_URL") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).envs(settings.iter().copied());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ended with this status and one sentence on standard error that has these words; nothing on standard output.
fn assert_refused(output: &Output, status: i32, words: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("portcullis: ") && said.contains(words), "{said}");
    assert_eq!(text(&output.stdout), "");
}
