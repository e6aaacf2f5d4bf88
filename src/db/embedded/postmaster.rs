//! The server process: started, watched until ready, stopped in order.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::account::Account;
use super::error::ending;
use super::home::Home;
use super::programs::Programs;
use super::system::{self, Signal};
use super::{EmbeddedError, GLANCE};

/// How long a start may take: after a crash the log is replayed first.
const START: Duration = Duration::from_secs(300);
/// How long an orderly stop may take before we cut it short; the next start then recovers.
const STOP: Duration = Duration::from_secs(10);
/// A log larger than this is started afresh.
const LARGEST_LOG: u64 = 8 << 20;

/// What PostgreSQL says when sessions of an earlier server have not ended yet.
const STILL_IN_USE: &str = "pre-existing shared memory block";

/// How the server is started.
pub struct Launch {
    /// Where it lives.
    pub home: Home,
    /// Its programs.
    pub programs: Programs,
    /// Whom it runs as.
    pub account: Account,
    /// Whether a commit survives a power cut.
    pub fsync: bool,
}

/// The server process that we started.
pub struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts the server and waits until it answers, or until it is no longer `wanted`.
    ///
    /// The kernel stops it when the calling thread ends: start it on one that stays.
    pub fn start(launch: &Launch, wanted: &dyn Fn() -> bool) -> Result<Self, EmbeddedError> {
        let patience = Instant::now() + STOP;
        loop {
            match Self::try_start(launch, wanted) {
                // Sessions of a killed server notice its death a little later.
                Err(EmbeddedError::NotStarted { said, .. })
                    if said.contains(STILL_IN_USE) && wanted() && Instant::now() < patience =>
                {
                    std::thread::sleep(GLANCE * 10);
                }
                outcome => return outcome,
            }
        }
    }

    fn try_start(launch: &Launch, wanted: &dyn Fn() -> bool) -> Result<Self, EmbeddedError> {
        let home = &launch.home;
        clear_remains(home)?;
        let log = open_log(home).map_err(EmbeddedError::file(home.log()))?;
        let mut command = command(launch, log).map_err(EmbeddedError::file(home.log()))?;
        // Even `kill -9` of this process stops the server in order.
        system::die_with_spawning_thread(&mut command, Signal::Interrupt);
        let child = command.spawn().map_err(|error| not_started(home, &error.to_string()))?;
        let mut started = Self { child };
        started.wait_ready(home, wanted)?;
        Ok(started)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_ready(&mut self, home: &Home, wanted: &dyn Fn() -> bool) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + START;
        loop {
            if is_ready(home) && pid_file(home).pid == Some(self.pid()) {
                return Ok(());
            }
            if self.ended() || !wanted() || Instant::now() > deadline {
                self.stop();
                return Err(not_started(home, &said(home)));
            }
            std::thread::sleep(GLANCE / 2);
        }
    }

    /// Stops the server: sessions are cut and data flushed; a server that hangs is cut short.
    pub fn stop(&mut self) {
        for (signal, patience) in [(Signal::Interrupt, STOP), (Signal::Quit, STOP), (Signal::Kill, STOP)] {
            // Until `try_wait` has collected it the number stays its own, so the signal cannot hit a stranger.
            if self.ended() || (system::send(self.pid(), signal) && self.ends_within(patience)) {
                return;
            }
        }
    }

    /// True once the server has ended, for whatever reason.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.ended() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(GLANCE / 2);
        }
        true
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// True when a server answers in the socket directory and says that it is ready.
pub fn is_ready(home: &Home) -> bool {
    pid_file(home).ready && UnixStream::connect(home.socket()).is_ok()
}

/// What `postmaster.pid` says: its first line is the process, its eighth the state.
#[derive(Default)]
struct PidFile {
    pid: Option<u32>,
    ready: bool,
}

fn pid_file(home: &Home) -> PidFile {
    let Ok(text) = fs::read_to_string(home.cluster.join("postmaster.pid")) else { return PidFile::default() };
    let line = |number| text.lines().nth(number).map(str::trim);
    PidFile { pid: line(0).and_then(|pid| pid.parse().ok()), ready: line(7) == Some("ready") }
}

/// Deals with what a killed supervisor left. We hold the supervisor's lock, so whatever runs here is an orphan.
fn clear_remains(home: &Home) -> Result<(), EmbeddedError> {
    let Some(pid) = pid_file(home).pid.filter(|pid| system::exists(*pid)) else { return Ok(()) };
    if is_our_server(home, pid) {
        stop_orphan(home, pid)?;
    }
    if system::exists(pid) { disown(home, pid).map_err(EmbeddedError::file(&home.cluster)) } else { Ok(()) }
}

fn is_our_server(home: &Home, pid: u32) -> bool {
    system::works_in(pid, &home.cluster).unwrap_or_else(|| UnixStream::connect(home.socket()).is_ok())
}

fn stop_orphan(home: &Home, pid: u32) -> Result<(), EmbeddedError> {
    tracing::warn!("PostgreSQL (process {pid}) outlived its portcullis: stopping it first");
    for signal in [Signal::Interrupt, Signal::Quit] {
        system::send(pid, signal);
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if !system::exists(pid) || !is_our_server(home, pid) {
                return Ok(());
            }
            std::thread::sleep(GLANCE);
        }
    }
    Err(not_started(home, &format!("an older server (process {pid}) does not stop")))
}

/// Makes PostgreSQL start although the number in its lock files is in use: by a stranger (containers count anew), or by a
/// dead server that nobody has collected yet.
///
/// PostgreSQL takes the number of its own parent for stale, and still refuses while a process uses the old shared memory:
/// removing the file would take away that second guard.
fn disown(home: &Home, pid: u32) -> io::Result<()> {
    let path = home.cluster.join("postmaster.pid");
    let text = match fs::read_to_string(&path) {
        // It stopped in good order and took the file with it; only its number is still waiting to be collected.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    fs::write(&path, text.replacen(&pid.to_string(), &std::process::id().to_string(), 1))?;
    match fs::remove_file(home.socket().with_extension("5432.lock")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn command(launch: &Launch, log: File) -> io::Result<Command> {
    let Launch { home, programs, account, fsync } = launch;
    let mut command = account.command(&programs.postgres(), &home.cluster);
    command.arg("-D").arg(&home.cluster).arg("-k").arg(&home.socket_dir);
    // No TCP at all.
    command.args(["-h", "", "-p", "5432"]);
    command.args(["-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "logging_collector=off"]);
    if cfg!(target_os = "linux") && programs.major >= 14 {
        // Recovery after a crash flushes the file system once instead of every file.
        command.args(["-c", "recovery_init_sync_method=syncfs"]);
    }
    if !fsync {
        command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
    }
    command.stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

fn open_log(home: &Home) -> io::Result<File> {
    let path = home.log();
    let large = fs::metadata(&path).is_ok_and(|found| found.len() > LARGEST_LOG);
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if large {
        log.set_len(0)?;
    }
    Ok(log)
}

/// What the server has said so far.
pub fn said(home: &Home) -> String {
    fs::read_to_string(home.log()).unwrap_or_default()
}

fn not_started(home: &Home, said: &str) -> EmbeddedError {
    EmbeddedError::NotStarted { log: home.log(), said: ending(said) }
}
