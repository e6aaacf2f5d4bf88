//! Generated secrets on disk: the password of the private cluster, and the root key that goes with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::EmbeddedError;
use super::account::Account;
use super::home::Home;
use crate::crypto::Random;

/// The root key of an installation on the embedded database: read from `secret.key` in the data directory, where it is
/// made when absent.
pub fn root_key(data_dir: &Path, random: &Random) -> Result<SecretString, EmbeddedError> {
    let path = data_dir.join("secret.key");
    if !path.exists() {
        fs::create_dir_all(data_dir).map_err(EmbeddedError::data_dir(data_dir))?;
        let key = Zeroizing::new(STANDARD.encode(Zeroizing::new(random.bytes::<32>())));
        place(&path, &key, random).map_err(EmbeddedError::data_dir(data_dir))?;
    }
    let found = fs::metadata(&path).map_err(EmbeddedError::file(&path))?;
    if found.mode() & 0o077 != 0 {
        return Err(EmbeddedError::Exposed { path });
    }
    read(&path)
}

/// Draws the password of a new cluster; `account` must read it once, to make the cluster.
pub fn new_password(home: &Home, account: &Account, random: &Random) -> Result<(), EmbeddedError> {
    let path = home.password();
    let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(random.bytes::<24>())));
    let written =
        remove_if_there(&path).and_then(|()| write_new(&path, &password)).and_then(|()| account.own(&path, 0o600));
    written.map_err(EmbeddedError::file(path))
}

/// The password of the cluster.
pub fn read_password(home: &Home) -> Result<SecretString, EmbeddedError> {
    read(&home.password())
}

fn read(path: &Path) -> Result<SecretString, EmbeddedError> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(EmbeddedError::file(path))?);
    Ok(text.trim().into())
}

/// Puts `secret` at `path` whole, or leaves what another process put there first.
fn place(path: &Path, secret: &str, random: &Random) -> io::Result<()> {
    let draft = path.with_extension(format!("{:016x}", u64::from_le_bytes(random.bytes())));
    write_new(&draft, secret)?;
    let placed = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        placed => placed,
    };
    fs::remove_file(&draft)?;
    placed?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
