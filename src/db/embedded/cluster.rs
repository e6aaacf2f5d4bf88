//! The cluster on disk: made once, whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::account::Account;
use super::error::ending;
use super::home::Home;
use super::programs::Programs;
use super::system::{self, Signal};
use super::{DATABASE, EmbeddedError, EmbeddedSettings, ROLE, secrets};

/// The major version that made the cluster; `None` when there is none yet.
pub fn major_version(cluster: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::file(path)(error)),
    }
}

/// Makes the cluster with our role, a generated password and the application's database.
///
/// It grows under another name and is renamed when complete, so a start that is killed half-way leaves no half cluster.
pub fn create(
    home: &Home,
    programs: &Programs,
    account: &Account,
    settings: &EmbeddedSettings,
) -> Result<(), EmbeddedError> {
    let draft = home.base.join("postgres.new");
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(EmbeddedError::data_dir(&draft))?;
    }
    fs::create_dir(&draft).and_then(|()| account.own(&draft, 0o700)).map_err(EmbeddedError::data_dir(&draft))?;
    secrets::new_password(home, account, &settings.random)?;
    initdb(home, programs, account, &draft)?;
    create_database(programs, account, &draft)?;
    if settings.fsync {
        flush(programs, account, &draft)?;
    }
    fs::rename(&draft, &home.cluster).map_err(EmbeddedError::data_dir(&home.cluster))
}

fn initdb(home: &Home, programs: &Programs, account: &Account, dir: &Path) -> Result<(), EmbeddedError> {
    let mut command = account.command(&programs.initdb(), dir);
    command.arg("--pgdata").arg(dir).arg("--pwfile").arg(home.password());
    command.args(["--username", ROLE, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"]);
    run("initdb", &mut command, "").map(drop)
}

/// Makes the application's database in single-user mode: no server has to run for it.
fn create_database(programs: &Programs, account: &Account, dir: &Path) -> Result<(), EmbeddedError> {
    let mut command = account.command(&programs.postgres(), dir);
    command.args(["--single", "-F", "-D"]).arg(dir).arg("template1");
    let output = run("postgres", &mut command, &format!("CREATE DATABASE {DATABASE}\n"))?;
    // In this mode a failed statement does not fail the program.
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ERROR:") {
        return Err(EmbeddedError::Program { program: "postgres", said: ending(&said) });
    }
    Ok(())
}

/// Flushes the cluster once, at the end: its thousand small files are slow to flush one by one.
fn flush(programs: &Programs, account: &Account, dir: &Path) -> Result<(), EmbeddedError> {
    if system::flush_file_system(dir).map_err(EmbeddedError::data_dir(dir))? {
        return Ok(());
    }
    let mut command = account.command(&programs.initdb(), dir);
    run("initdb", command.arg("--sync-only").arg("--pgdata").arg(dir), "").map(drop)
}

fn run(program: &'static str, command: &mut Command, input: &str) -> Result<Output, EmbeddedError> {
    let failed = |said: String| EmbeddedError::Program { program, said };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    system::die_with_spawning_thread(command, Signal::Kill);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended early says why on its standard error.
        let _broken_pipe = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(failed(ending(&String::from_utf8_lossy(&output.stderr))))
}
