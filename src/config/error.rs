//! Why a configuration is refused: one sentence that names the setting.

use std::path::PathBuf;

use super::Source;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No setting has that name; most often it is misspelt.
    #[error("{name} ({given_in}) is not a setting{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// The name as given.
        name: String,
        /// Where it was given.
        given_in: Source,
        /// The known name most like it, as it would be written there.
        nearest: Option<String>,
    },
    /// The value is none that the setting can have.
    #[error("{name} ({given_in}) is {shown} but must be {allowed}")]
    Wrong {
        /// The setting.
        name: &'static str,
        /// Where the value was given.
        given_in: Source,
        /// The value in quotes, or words that stand for a secret.
        shown: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Two places of equal rank give a value.
    #[error("{first} and {second} are both set; keep one of them")]
    Twice {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A setting that another one calls for.
    #[error("{name} must be set: {because}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// What calls for it.
        because: &'static str,
    },
    /// Two values that contradict each other.
    #[error("{name} is {value} but cannot exceed {limit_name}, which is {limit}")]
    Exceeds {
        /// The setting that is too great.
        name: &'static str,
        /// Its value.
        value: String,
        /// The setting that it cannot exceed.
        limit_name: &'static str,
        /// That one's value.
        limit: String,
    },
    /// A file that could not be read.
    #[error("{what} {} cannot be read: {why}", path.display())]
    File {
        /// What names it.
        what: String,
        /// Its path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A command that cannot be allowed.
    #[error("{name} ({}) cannot be used: {why}", path.display())]
    Stdio {
        /// Its table in the file.
        name: String,
        /// The file's path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A configuration file that is not TOML.
    #[error("{}, line {line}: {why}", path.display())]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The reason.
        why: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}
