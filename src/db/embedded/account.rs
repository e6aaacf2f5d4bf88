//! Whom PostgreSQL runs as: ourselves, or an unprivileged account when we are root, as it refuses to be root.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use super::EmbeddedError;
use super::system;

/// The account that PostgreSQL runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its user id.
    pub uid: u32,
    gid: u32,
    /// Whether we must change into it.
    dropped: bool,
}

impl Account {
    /// The account for a new cluster: ours, or as root that of `postgres`, else of `nobody`.
    pub fn for_new() -> Self {
        let uid = system::effective_user();
        if uid != 0 {
            return Self { uid, gid: 0, dropped: false };
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"].iter().find_map(|name| ids(&passwd, name));
        let (uid, gid) = found.unwrap_or((65534, 65534));
        Self { uid, gid, dropped: true }
    }

    /// The account for the cluster in `dir`: its owner, because PostgreSQL insists; or [`Account::for_new`].
    pub fn for_cluster(dir: &Path) -> Result<Self, EmbeddedError> {
        let new = Self::for_new();
        match fs::metadata(dir) {
            Ok(found) if found.uid() == new.uid => Ok(new),
            Ok(found) if new.dropped && found.uid() != 0 => {
                Ok(Self { uid: found.uid(), gid: found.gid(), dropped: true })
            }
            Ok(found) => Err(EmbeddedError::ForeignData { path: dir.to_owned(), owner: found.uid() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(new),
            Err(error) => Err(EmbeddedError::data_dir(dir)(error)),
        }
    }

    /// True when this account may pass through every directory up to and including `dir`.
    pub fn reaches(&self, dir: &Path) -> bool {
        !self.dropped || dir.ancestors().all(|part| fs::metadata(part).is_ok_and(|found| self.may_enter(&found)))
    }

    fn may_enter(&self, dir: &Metadata) -> bool {
        let bit = match dir {
            dir if dir.uid() == self.uid => 0o100,
            dir if dir.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        dir.mode() & bit != 0
    }

    /// Hands `path` over to this account, for nobody else to open.
    pub fn own(&self, path: &Path, mode: u32) -> io::Result<()> {
        if self.dropped {
            chown(path, Some(self.uid), Some(self.gid))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    /// A program run as this account, in `dir`, with an empty environment.
    pub fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        command.stdin(Stdio::null());
        system::run_as(&mut command, self.dropped.then_some((self.uid, self.gid)));
        command
    }
}

/// The user and group id of `name` in the text of `/etc/passwd`.
fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104::/var:/bin/sh\nbroken\n";
        assert_eq!(ids(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids(passwd, "nobody"), None);
        assert_eq!(ids(passwd, "broken"), None);
    }
}
