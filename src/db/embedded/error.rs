//! Why the embedded database could not be had: one sentence each, saying what to do.

use std::io;
use std::path::PathBuf;

/// Why the embedded database could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No PostgreSQL on this machine.
    #[error("PostgreSQL 13 or newer is not installed: run `{hint}`, or set DATABASE_URL to a server elsewhere")]
    NotInstalled {
        /// The one line that installs it here.
        hint: &'static str,
    },
    /// The directory that the operator named has no PostgreSQL in it.
    #[error(
        "there is no usable PostgreSQL (13 or newer) in {dir}: let PORTCULLIS_POSTGRES_BIN name the directory of `postgres` and `initdb`"
    )]
    NotThere {
        /// That directory.
        dir: PathBuf,
    },
    /// The cluster was made by a PostgreSQL that is not installed any more.
    #[error(
        "the database in {cluster} was made by PostgreSQL {major}, which is not installed here: install PostgreSQL {major} again, \
         or move the data once: with {major} run `pg_dumpall`, set the directory aside, start with the new version, and restore the dump"
    )]
    OtherVersion {
        /// The cluster.
        cluster: PathBuf,
        /// The major version that made it.
        major: String,
    },
    /// Another `serve` uses this data directory.
    #[error("another portcullis{} already serves from {data_dir}: stop it first, or choose another PORTCULLIS_DATA_DIR", by(*.pid))]
    AlreadyServed {
        /// The data directory.
        data_dir: PathBuf,
        /// Its process, when it said so.
        pid: Option<u32>,
    },
    /// Another process supervises the database, and it does not get ready.
    #[error("the database in {data_dir} is held by another portcullis{} and does not get ready: look at postgres.log there", by(*.pid))]
    NeverReady {
        /// The data directory.
        data_dir: PathBuf,
        /// Its process, when it said so.
        pid: Option<u32>,
    },
    /// The data directory cannot be made or written.
    #[error(
        "the data directory {path} cannot be used ({source}): make it writable, or choose another PORTCULLIS_DATA_DIR"
    )]
    DataDir {
        /// The path that failed.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// The data belongs to an account that we cannot become.
    #[error("{path} belongs to user id {owner}: start portcullis as that user, or choose another PORTCULLIS_DATA_DIR")]
    ForeignData {
        /// The cluster.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// A directory that must be ours is somebody else's, or no directory: it may be a trap.
    #[error("{path} is not a directory of ours ({why}): remove it, or choose another PORTCULLIS_DATA_DIR")]
    Trap {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A secret that others may read is none.
    #[error("{path} can be read by other users: run `chmod 600` on it, and consider the secret in it known")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A file of ours is missing or broken.
    #[error("{path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// A program of PostgreSQL's failed.
    #[error("`{program}` failed: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The end of what it said.
        said: String,
    },
    /// The server ended, or did not get ready in time.
    #[error("PostgreSQL did not start; the end of {log} says: {said}")]
    NotStarted {
        /// Its log.
        log: PathBuf,
        /// The end of it.
        said: String,
    },
    /// The server died again and again.
    #[error(
        "PostgreSQL keeps ending by itself, so portcullis ends too: is there memory and disk left? The end of {log} says: {said}"
    )]
    KeepsEnding {
        /// Its log.
        log: PathBuf,
        /// The end of it.
        said: String,
    },
}

impl EmbeddedError {
    /// For `map_err`: `path` cannot be used.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: the data directory cannot be used, because of `path` in it.
    pub(super) fn data_dir(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::DataDir { path, source }
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// The last lines of what a program said, on one line.
pub(super) fn ending(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.get(lines.len().saturating_sub(6)..) {
        None | Some([]) => "(nothing)".to_owned(),
        Some(last) => last.join(" | "),
    }
}
