//! The embedded default database: a private PostgreSQL that this program starts, guards and stops.
//!
//! Under the data directory lie the cluster (`postgres`), its password, its log, its socket directory (`run`), two locks
//! and the generated root key. Nothing listens on TCP; the socket directory admits one account, and the password is asked
//! for all the same. Everything here blocks: call it before the runtime starts, or from a blocking thread.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

use crate::crypto::Random;

mod account;
mod cluster;
mod error;
mod guard;
mod home;
mod lock;
mod postmaster;
mod programs;
mod secrets;
mod system;

pub use error::EmbeddedError;
pub use programs::install_hint;
pub use secrets::root_key;

use account::Account;
use guard::Guard;
use home::Home;
use lock::{Holder, Lock};
use postmaster::Launch;
use programs::Programs;

/// The role that owns everything in the private cluster.
const ROLE: &str = "portcullis";
/// The application's database in it.
const DATABASE: &str = "portcullis";
/// How long a start may wait for another process of ours to get ready or out of the way.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a wait looks again.
const GLANCE: Duration = Duration::from_millis(10);

/// What the embedded database needs to know.
#[derive(Clone)]
pub struct EmbeddedSettings {
    /// Where everything lives; made when absent.
    pub data_dir: PathBuf,
    /// The directory with `postgres` and `initdb`, when they are not where we look.
    pub postgres_bin: Option<PathBuf>,
    /// The `PATH` to look in when PostgreSQL is in none of the usual places.
    pub search_path: Option<OsString>,
    /// Whether a commit survives a power cut; off for tests only.
    pub fsync: bool,
    /// Draws the password of a new cluster.
    pub random: Random,
}

/// A running private PostgreSQL: ours to stop, or another process's that we attached to.
pub struct Embedded {
    home: Home,
    url: SecretString,
    bin_dir: Option<PathBuf>,
    hold: Hold,
}

/// What keeps the server running while we use it.
enum Hold {
    /// We started it, keep it running, and stop it.
    Supervising { guard: Guard, holder: Holder, _lock: Lock },
    /// Another process supervises; it waits for us before it stops, unless it is `serve`.
    Attached { _lock: Lock },
    /// Stopped.
    Nothing,
}

impl Embedded {
    /// Starts the database for `serve`; while it runs, every other `serve` on this data directory is refused.
    ///
    /// A command-line verb that supervises at this moment is waited for.
    pub fn serve(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let home = Home::open(settings)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Lock::supervise(&home, Holder::Serve)? {
                Ok(lock) => return Self::start(settings, home, lock, Holder::Serve),
                Err(other) if other.holder == Some(Holder::Serve) || Instant::now() > deadline => {
                    return Err(EmbeddedError::AlreadyServed { data_dir: home.data_dir, pid: other.pid });
                }
                Err(_) => std::thread::sleep(GLANCE),
            }
        }
    }

    /// Uses the database that runs in the data directory, or starts it for as long as this value lives: for command-line
    /// verbs.
    pub fn attach_or_start(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let home = Home::open(settings)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let other = match Lock::supervise(&home, Holder::Verb)? {
                Ok(lock) => return Self::start(settings, home, lock, Holder::Verb),
                Err(other) => other,
            };
            if let Some(lock) = Lock::share(&home)?
                && postmaster::is_ready(&home)
            {
                let url = url_to(&home, &secrets::read_password(&home)?, DATABASE);
                return Ok(Self { home, url, bin_dir: None, hold: Hold::Attached { _lock: lock } });
            }
            if Instant::now() > deadline {
                return Err(EmbeddedError::NeverReady { data_dir: home.data_dir, pid: other.pid });
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn start(settings: &EmbeddedSettings, home: Home, lock: Lock, holder: Holder) -> Result<Self, EmbeddedError> {
        let account = Account::for_cluster(&home.cluster)?;
        let programs = match cluster::major_version(&home.cluster)? {
            Some(major) => Programs::find_major(settings, major, &home.cluster)?,
            None => {
                let programs = Programs::find_newest(settings)?;
                cluster::create(&home, &programs, &account, settings)?;
                programs
            }
        };
        home.prepare_socket_dir(&account)?;
        let url = url_to(&home, &secrets::read_password(&home)?, DATABASE);
        let bin_dir = Some(programs.dir.clone());
        let guard = Guard::start(Launch { home: home.clone(), programs, account, fsync: settings.fsync })?;
        Ok(Self { home, url, bin_dir, hold: Hold::Supervising { guard, holder, _lock: lock } })
    }

    /// Where the application's database is.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Where another database of the same cluster is.
    pub fn url_for(&self, database: &str) -> Result<SecretString, EmbeddedError> {
        Ok(url_to(&self.home, &secrets::read_password(&self.home)?, database))
    }

    /// The cluster's directory (PostgreSQL's `PGDATA`).
    pub fn cluster_dir(&self) -> &Path {
        &self.home.cluster
    }

    /// The directory of the Unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.home.socket_dir
    }

    /// The directory of PostgreSQL's programs, when we started the server.
    pub fn bin_dir(&self) -> Option<&Path> {
        self.bin_dir.as_deref()
    }

    /// The server's process at this moment, when it is ours: one that dies is started again.
    pub fn pid(&self) -> Option<u32> {
        match &self.hold {
            Hold::Supervising { guard, .. } => Some(guard.pid()),
            Hold::Attached { .. } | Hold::Nothing => None,
        }
    }

    /// Ends when the server died so often that it is not started again, with the reason; never for a server of another
    /// process. Only the first such future ever ends.
    pub fn lost(&mut self) -> impl Future<Output = EmbeddedError> + use<> {
        let lost = match &mut self.hold {
            Hold::Supervising { guard, .. } => guard.lost(),
            Hold::Attached { .. } | Hold::Nothing => None,
        };
        async move {
            match lost {
                Some(lost) => match lost.await {
                    Ok(why) => why,
                    // Stopped in good order.
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        }
    }

    /// Stops the server when it is ours, and lets go of it when it is not. `Drop` does the same.
    ///
    /// A verb that supervises waits for the verbs that attached to it; `serve` waits for nobody.
    pub fn stop(&mut self) {
        if let Hold::Supervising { mut guard, holder, _lock } = std::mem::replace(&mut self.hold, Hold::Nothing) {
            let _nobody_else = (holder == Holder::Verb).then(|| Lock::wait_alone(&self.home, PATIENCE));
            guard.stop();
            // Empty now; the next start makes it again.
            let _left_behind = std::fs::remove_dir(&self.home.socket_dir);
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The URL of `database` behind our socket.
fn url_to(home: &Home, password: &SecretString, database: &str) -> SecretString {
    let encode = |text: &[u8]| byte_serialize(text).collect::<String>().replace('+', "%20");
    let host = encode(home.socket_dir.as_os_str().as_encoded_bytes());
    let password = encode(password.expose_secret().as_bytes());
    let database = encode(database.as_bytes());
    format!("postgres:///{database}?host={host}&user={ROLE}&password={password}&sslmode=disable").into()
}
