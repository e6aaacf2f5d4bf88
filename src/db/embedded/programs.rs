//! PostgreSQL's own programs on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{EmbeddedError, EmbeddedSettings};

/// The oldest major version that we work with.
const OLDEST: u32 = 13;

/// The directories that hold one installation of PostgreSQL for each version, and where its programs are in them.
const SHELVES: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/usr/local", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/usr/libexec", ""),
];

/// One usable installation of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Its major version.
    pub major: u32,
    /// The directory of its programs.
    pub dir: PathBuf,
}

impl Programs {
    /// The newest installation: for a new cluster.
    pub fn find_newest(settings: &EmbeddedSettings) -> Result<Self, EmbeddedError> {
        // Of several of the same version, the one we look for first: reversed, because `max_by_key` takes the last.
        let newest = all(settings).into_iter().rev().max_by_key(|programs| programs.major);
        newest.ok_or_else(|| match &settings.postgres_bin {
            Some(dir) => EmbeddedError::NotThere { dir: dir.clone() },
            None => EmbeddedError::NotInstalled { hint: install_hint() },
        })
    }

    /// The installation of the very major version that made `cluster`: no other can read it.
    pub fn find_major(settings: &EmbeddedSettings, major: String, cluster: &Path) -> Result<Self, EmbeddedError> {
        let wanted: Option<u32> = major.parse().ok();
        let found = all(settings).into_iter().find(|programs| Some(programs.major) == wanted);
        found.ok_or_else(|| EmbeddedError::OtherVersion { cluster: cluster.to_owned(), major })
    }

    /// The server.
    pub fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    /// The program that makes clusters.
    pub fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    fn at(dir: PathBuf) -> Option<Self> {
        let dir = fs::canonicalize(dir).ok()?;
        if !dir.join("initdb").is_file() {
            return None;
        }
        let said = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
        let major = major_in(&String::from_utf8_lossy(&said.stdout))?;
        (major >= OLDEST).then_some(Self { major, dir })
    }
}

/// Every usable installation; only the operator's choice when there is one.
fn all(settings: &EmbeddedSettings) -> Vec<Programs> {
    if let Some(dir) = &settings.postgres_bin {
        return Programs::at(dir.clone()).into_iter().collect();
    }
    let shelved = SHELVES.iter().flat_map(|(shelf, bin)| installations_on(Path::new(shelf), bin));
    let path = settings.search_path.iter().flat_map(std::env::split_paths);
    shelved.chain(path).filter(|dir| dir.join("postgres").is_file()).filter_map(Programs::at).collect()
}

/// The program directories of `shelf`'s entries that are named like PostgreSQL: `15`, `pgsql-15`, `postgresql@15`.
fn installations_on(shelf: &Path, bin: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(shelf).into_iter().flatten().flatten();
    let named = entries.filter(|entry| is_postgresql(&entry.file_name().to_string_lossy()));
    named.map(|entry| entry.path().join(bin)).collect()
}

fn is_postgresql(name: &str) -> bool {
    let rest = ["postgresql", "pgsql"].iter().find_map(|stem| name.strip_prefix(stem)).unwrap_or(name);
    rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '@' | '-' | '.'))
}

/// The major version in `postgres (PostgreSQL) 15.8 (Debian 15.8-1)` or `postgres (PostgreSQL) 18beta2`.
fn major_in(said: &str) -> Option<u32> {
    let version = said.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The one line that installs PostgreSQL on this system.
pub fn install_hint() -> &'static str {
    const MANAGERS: [(&str, &str); 8] = [
        ("/usr/bin/apt-get", "sudo apt-get install -y postgresql"),
        ("/usr/bin/dnf", "sudo dnf install -y postgresql-server"),
        ("/usr/bin/yum", "sudo yum install -y postgresql-server"),
        ("/sbin/apk", "sudo apk add postgresql"),
        ("/usr/bin/zypper", "sudo zypper install -y postgresql-server"),
        ("/usr/bin/pacman", "sudo pacman -S --noconfirm postgresql"),
        ("/opt/homebrew/bin/brew", "brew install postgresql"),
        ("/usr/local/bin/brew", "brew install postgresql"),
    ];
    let found = MANAGERS.iter().find(|(manager, _)| Path::new(manager).exists());
    found.map_or("your system's installer for PostgreSQL", |(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_read_from_what_the_server_says() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 18beta2"), Some(18));
        assert_eq!(major_in("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major_in("something else 15"), None);
    }

    #[test]
    fn only_directories_named_like_postgresql_are_opened() {
        for name in ["15", "pgsql", "pgsql-16", "postgresql@17", "postgresql15", "postgresql"] {
            assert!(is_postgresql(name), "{name}");
        }
        for name in ["bin", "postgrest", "node@22"] {
            assert!(!is_postgresql(name), "{name}");
        }
    }
}
