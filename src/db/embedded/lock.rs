//! Who may do what with one data directory: locks that the kernel drops when their holder dies.
//!
//! `portcullis.lock` is held by the one process that supervises the server. `portcullis.users` is shared by everyone who
//! attached to it, so that a short-lived supervisor does not stop the server under them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::home::Home;
use super::{EmbeddedError, GLANCE};

/// What kind of process supervises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The server: it stays.
    Serve,
    /// A command-line verb: it is done in a moment.
    Verb,
}

impl Holder {
    fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Verb => "verb",
        }
    }
}

/// What the present supervisor wrote about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// What kind it is.
    pub holder: Option<Holder>,
    /// Its process.
    pub pid: Option<u32>,
}

/// A lock, held until dropped.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Becomes the supervisor, or tells who is.
    pub fn supervise(home: &Home, holder: Holder) -> Result<Result<Self, Other>, EmbeddedError> {
        let path = home.data_dir.join("portcullis.lock");
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                let note = format!("{} {}\n", holder.word(), std::process::id());
                file.set_len(0)
                    .and_then(|()| file.write_all(note.as_bytes()))
                    .map_err(EmbeddedError::data_dir(path))?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(Other::read(&mut file))),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::data_dir(path)(error)),
        }
    }

    /// Joins the users of a running server; `None` while its supervisor is about to stop it.
    pub fn share(home: &Home) -> Result<Option<Self>, EmbeddedError> {
        let path = users(home);
        let file = open(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::data_dir(path)(error)),
        }
    }

    /// Waits until nobody else uses the server, and keeps newcomers away; gives up after `patience`.
    pub fn wait_alone(home: &Home, patience: Duration) -> Option<Self> {
        let file = open(&users(home)).ok()?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if file.try_lock().is_ok() {
                return Some(Self { _file: file });
            }
            std::thread::sleep(GLANCE);
        }
        None
    }
}

impl Other {
    fn read(file: &mut File) -> Self {
        let mut note = String::new();
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut note));
        let mut words = note.split_whitespace().take(if read.is_ok() { 2 } else { 0 });
        let word = words.next();
        let holder = [Holder::Serve, Holder::Verb].into_iter().find(|holder| Some(holder.word()) == word);
        Self { holder, pid: words.next().and_then(|pid| pid.parse().ok()) }
    }
}

fn users(home: &Home) -> PathBuf {
    home.data_dir.join("portcullis.users")
}

fn open(path: &PathBuf) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options.open(path).map_err(EmbeddedError::data_dir(path))
}
