//! Where the embedded database lives: the data directory, or a place beside it that the database's account can reach.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::{EmbeddedError, EmbeddedSettings, system};

/// Where data goes when we are root and the data directory is under a home that the database's account cannot enter.
const REACHABLE: &str = "/var/lib/portcullis";
/// The longest socket path that every system takes (`sun_path`: 104 bytes on macOS, 108 on Linux).
const LONGEST_SOCKET: usize = 100;
/// The name of PostgreSQL's socket in its directory, with the suffix of its lock file.
const SOCKET_FILE: &str = "/.s.PGSQL.5432.lock";

/// The directories and files of one embedded database.
#[derive(Clone, Debug)]
pub struct Home {
    /// The operator's data directory: locks and the root key.
    pub data_dir: PathBuf,
    /// What holds the cluster, its password and its log: the data directory itself, where it can be reached.
    pub base: PathBuf,
    /// PostgreSQL's own directory.
    pub cluster: PathBuf,
    /// The directory of its Unix socket.
    pub socket_dir: PathBuf,
}

impl Home {
    /// Finds and makes the directories.
    pub fn open(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        let data_dir = make_data_dir(&settings.data_dir)?;
        let account = Account::for_new();
        let base = if account.reaches(&data_dir) { data_dir.clone() } else { reachable_base(&data_dir, &account)? };
        let cluster = base.join("postgres");
        let socket_dir = socket_dir(&base);
        Ok(Self { data_dir, base, cluster, socket_dir })
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.base.join("postgres.log")
    }

    /// The file with the password of our role.
    pub fn password(&self) -> PathBuf {
        self.base.join("postgres.password")
    }

    /// The server's socket.
    pub fn socket(&self) -> PathBuf {
        self.socket_dir.join(".s.PGSQL.5432")
    }

    /// Makes the socket directory for `account` alone, or refuses one that somebody else put there.
    pub fn prepare_socket_dir(&self, account: &Account) -> Result<(), EmbeddedError> {
        claim(&self.socket_dir, &[account.uid])?;
        account.own(&self.socket_dir, 0o700).map_err(EmbeddedError::file(&self.socket_dir))
    }
}

/// The data directory, absolute and without links, made when absent and known to be writable.
fn make_data_dir(dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let existed = dir.exists();
    fs::create_dir_all(dir).map_err(EmbeddedError::data_dir(dir))?;
    let dir = fs::canonicalize(dir).map_err(EmbeddedError::data_dir(dir))?;
    if !existed {
        // As root we let the database's account pass through; every secret inside has a mode of its own.
        let mode = if system::effective_user() == 0 { 0o711 } else { 0o700 };
        fs::set_permissions(&dir, Permissions::from_mode(mode)).map_err(EmbeddedError::data_dir(&dir))?;
    }
    Ok(dir)
}

/// A directory that the database's account can reach, for data whose own directory it cannot.
fn reachable_base(data_dir: &Path, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let base = Path::new(REACHABLE).join(name_of(data_dir));
    fs::create_dir_all(REACHABLE).map_err(EmbeddedError::data_dir(REACHABLE))?;
    claim(&base, &[])?;
    fs::set_permissions(&base, Permissions::from_mode(0o711)).map_err(EmbeddedError::data_dir(&base))?;
    tracing::warn!(
        "PostgreSQL cannot run as root, and user id {} cannot enter {}: the database is in {} instead",
        account.uid,
        data_dir.display(),
        base.display(),
    );
    Ok(base)
}

/// The socket's directory: in the base, where no stranger can be first; under `/tmp` when that path is too long.
fn socket_dir(base: &Path) -> PathBuf {
    let near = base.join("run");
    let fits = near.as_os_str().len() + SOCKET_FILE.len() <= LONGEST_SOCKET;
    // A comma separates hosts in a connection URL.
    let sayable = near.to_str().is_some_and(|path| !path.contains(','));
    if fits && sayable { near } else { Path::new("/tmp").join(format!("portcullis-{}", name_of(base))) }
}

/// A short name that belongs to `path` alone.
fn name_of(path: &Path) -> String {
    let hash: [u8; 32] = Sha256::digest(path.as_os_str().as_encoded_bytes()).into();
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes `dir`, or checks that what is there is a real directory of ours or of one of `others`, which no one else can
/// write: in `/tmp` anybody may have been there first.
fn claim(dir: &Path, others: &[u32]) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(EmbeddedError::data_dir(dir)(error)),
    }
    let found = fs::symlink_metadata(dir).map_err(EmbeddedError::file(dir))?;
    let trap = |why| Err(EmbeddedError::Trap { path: dir.to_owned(), why });
    if !found.is_dir() {
        return trap("it is a link or a file");
    }
    if found.uid() != system::effective_user() && !others.contains(&found.uid()) {
        return trap("another user owns it");
    }
    if found.mode() & 0o022 != 0 {
        return trap("other users may write to it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_is_always_short_enough_and_never_splits_a_url() {
        assert_eq!(socket_dir(Path::new("/srv/portcullis")), Path::new("/srv/portcullis/run"));
        for base in ["/srv/".to_owned() + &"deep/".repeat(30), "/srv/one,two".to_owned()] {
            let dir = socket_dir(Path::new(&base));
            assert!(dir.starts_with("/tmp") && dir.as_os_str().len() < 60, "{}", dir.display());
        }
        assert_ne!(name_of(Path::new("/a")), name_of(Path::new("/b")));
    }
}
