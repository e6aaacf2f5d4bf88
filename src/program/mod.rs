//! Servers that are programs of their own (MCP stdio transport): started from an operator's list, never from what a caller says
//! (`decisions` 21). No shell, no environment but what the list names, an empty directory of its own, bounded in what it may use, and
//! gone with everything that it started when whoever started it lets go.

mod bounds;
mod lines;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::config::{StdioConfig, StdioProgram};
pub use bounds::start_within;
use lines::Lines;

/// The verb with which our own program bounds itself before it becomes another one.
pub const VERB: &str = "run-program";
/// As many messages wait for a program that reads slowly.
const WAITING: usize = 16;
/// The longest line of its standard error that is written to our log.
const LONGEST_WORDS: usize = 2000;
/// How long a program may take to end by itself once nobody speaks to it any more.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why nothing more is heard of a program.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// A message without end.
    #[error("it sends what is too large")]
    TooLarge,
    /// The pipe broke.
    #[error("it cannot be heard: {0}")]
    Broken(#[from] io::Error),
}

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The operator's list has no such entry, on this node at least.
    #[error("no command called {0:?} is allowed on this node (portcullis.toml)")]
    Unknown(String),
    /// The machine says no.
    #[error("the command {0:?} cannot be started: {1}")]
    Failed(String, io::Error),
}

/// A program that runs. It ends when this is dropped.
pub struct Program {
    /// Everything that it starts is in one group with it.
    _group: Group,
    stdout: Receiver,
    lines: Lines,
    to_write: mpsc::Sender<Bytes>,
    writing: JoinHandle<()>,
    _home: Home,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

/// A program and whatever it has started.
struct Group(Option<Child>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        // Nobody has waited for it yet, so its number is still its own. Those who are gone cannot be stopped.
        if let Some(group) = pid_of(&child) {
            let _stopped = kill_process_group(group, Signal::KILL);
        }
        // Who was killed is gone in a moment; whoever drops this is not held up by it.
        let _gone = thread::Builder::new().name("reap".to_owned()).spawn(move || child.wait());
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// The directory in which it runs.
struct Home(PathBuf);

impl Home {
    fn make(below: &Path, name: &str) -> io::Result<Self> {
        let path = below.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(below)?;
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the directory of a program could not be removed");
        }
    }
}

impl Program {
    /// Starts what the operator's list has under that name, in a directory that nobody else has.
    pub fn start(config: &StdioConfig, name: &str) -> Result<Self, NotStarted> {
        let program = config.programs.get(name).ok_or_else(|| NotStarted::Unknown(name.to_owned()))?;
        Self::run(config, name, program).map_err(|error| NotStarted::Failed(name.to_owned(), error))
    }

    fn run(config: &StdioConfig, name: &str, program: &StdioProgram) -> io::Result<Self> {
        let launcher = config.launcher.as_ref().ok_or_else(|| io::Error::other("our own program is not known"))?;
        let home = Home::make(&config.directory, &Uuid::now_v7().to_string())?;
        let child = Command::new(launcher)
            .arg(VERB)
            .args(bounds::arguments(&program.limits))
            .arg("--")
            .arg(&program.command)
            .args(&program.args)
            .env_clear()
            .envs(&program.env)
            .current_dir(&home.0)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut group = Group(Some(child));
        let pipes = group.0.as_mut().and_then(|child| {
            Some((child.stdin.take()?.into(), child.stdout.take()?.into(), child.stderr.take()?.into()))
        });
        let (stdin, stdout, stderr): (OwnedFd, OwnedFd, OwnedFd) =
            pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        let (to_write, written) = mpsc::channel(WAITING);
        let writing = tokio::spawn(write(Sender::from_owned_fd(stdin)?, written));
        tokio::spawn(log(name.to_owned(), Receiver::from_owned_fd(stderr)?));
        let stdout = Receiver::from_owned_fd(stdout)?;
        Ok(Self { _group: group, stdout, lines: Lines::default(), to_write, writing, _home: home })
    }

    /// Where messages for it go, each without the end of its line.
    pub fn mouth(&self) -> mpsc::Sender<Bytes> {
        self.to_write.clone()
    }

    /// The next line that it writes; nothing at its end. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Silence> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            if self.lines.is_too_long() {
                return Err(Silence::TooLarge);
            }
            if self.stdout.read_buf(self.lines.room()).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Gives it time to end by itself (MCP, basic/lifecycle, "Shutdown"): its input is closed first. Then it can be dropped.
    pub async fn end(&mut self) {
        self.writing.abort();
        let ended = async { while let Ok(Some(_)) = self.next().await {} };
        let _in_time = timeout(FAREWELL, ended).await;
    }
}

/// A message is a line: what separates lines in it is white space between tokens, as strings have no control characters.
pub fn in_one_line(message: &Bytes) -> Bytes {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    match message.iter().any(is_end) {
        true => message.iter().map(|byte| if is_end(byte) { b' ' } else { *byte }).collect(),
        false => message.clone(),
    }
}

/// Writes until nobody has anything more to say, or it does not read any more.
async fn write(mut stdin: Sender, mut messages: mpsc::Receiver<Bytes>) {
    while let Some(message) = messages.recv().await {
        let line = [&in_one_line(&message)[..], b"\n"].concat();
        if let Err(error) = stdin.write_all(&line).await {
            tracing::debug!(%error, "a program does not read any more");
            return;
        }
    }
}

/// Writes to our log what it says beside the protocol.
async fn log(name: String, mut stderr: Receiver) {
    let mut lines = Lines::default();
    while stderr.read_buf(lines.room()).await.is_ok_and(|read| read > 0) {
        while let Some(line) = lines.next_within(LONGEST_WORDS) {
            tracing::debug!(program = name, words = %String::from_utf8_lossy(&line).escape_debug(), "a program says");
        }
    }
}
