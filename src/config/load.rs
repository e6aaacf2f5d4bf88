//! From variables and a file to a [`Config`]: environment before file before default, and nothing that we do not know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use super::value::Value;
use super::{Config, ConfigError, SETTINGS, Setting, StdioProgram, stdio};

/// The variable that names the configuration file.
const CONFIG_FILE: &str = "PORTCULLIS_CONFIG";
/// The configuration file that is read when it is there.
const DEFAULT_FILE: &str = "portcullis.toml";
/// The tables of commands in it.
const STDIO: &str = "stdio";

/// What the operator decided, and where each decision was made.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What the program will do.
    pub config: Config,
    sources: BTreeMap<&'static str, Source>,
}

/// A configuration file's path and content.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Where it was.
    pub path: PathBuf,
    /// What was in it.
    pub text: String,
}

/// Where a value came from; the greater wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody decided.
    #[default]
    Default,
    /// The configuration file of that path.
    File(PathBuf),
    /// The environment.
    Environment,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment => f.write_str("environment"),
        }
    }
}

/// A setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its value, masked when secret; `None` when it has none.
    pub value: Option<String>,
    /// What having no value means.
    pub unset: &'static str,
    /// Where the value came from.
    pub source: &'a Source,
}

impl Loaded {
    /// Every setting as it stands, in the table's order.
    pub fn settings(&self) -> impl Iterator<Item = Effective<'_>> {
        SETTINGS.iter().map(|setting| Effective {
            name: setting.name,
            value: setting.shown(&self.config),
            unset: setting.unset,
            source: self.source(setting.name),
        })
    }

    /// Where the setting of that name was decided.
    pub fn source(&self, name: &str) -> &Source {
        self.sources.get(name).unwrap_or(&Source::Default)
    }
}

impl Config {
    /// Resolves variables and a file. Variables that are not ours are passed over; an empty one counts as unset.
    pub fn load(
        variables: impl IntoIterator<Item = (String, String)>,
        file: Option<&ConfigFile>,
    ) -> Result<Loaded, ConfigError> {
        let mut given = Given::default();
        if let Some(file) = file {
            given.add_file(file)?;
        }
        for (name, value) in variables {
            if is_ours(&name) && name != CONFIG_FILE && !value.is_empty() {
                given.add(&name, value, Source::Environment)?;
            }
        }
        let mut loaded = Loaded::default();
        loaded.config.stdio.programs = given.programs;
        for (place, value) in given.settings {
            loaded.decide(place.setting, &value)?;
        }
        loaded.follow_the_port();
        loaded.config.stdio.directory = loaded.config.database.data_dir.join("programs");
        loaded.check()?;
        Ok(loaded)
    }

    /// Reads this process's environment, and the file named by `explicit`, by `PORTCULLIS_CONFIG`, or lying in the
    /// working directory.
    pub fn from_environment(explicit: Option<&Path>) -> Result<Loaded, ConfigError> {
        let mut variables = Vec::new();
        for (name, value) in env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if is_ours(&name) {
                let value = value.into_string().map_err(|value| ConfigError::File {
                    what: format!("the value of {name},"),
                    path: value.into(),
                    why: "it is not UTF-8".to_owned(),
                })?;
                variables.push((name, value));
            }
        }
        let named = variables.iter().find(|(name, value)| name == CONFIG_FILE && !value.is_empty());
        let named = explicit.or(named.map(|(_, value)| Path::new(value)));
        let file = match named {
            Some(path) => Some(ConfigFile::read(path)?),
            None if Path::new(DEFAULT_FILE).exists() => Some(ConfigFile::read(Path::new(DEFAULT_FILE))?),
            None => None,
        };
        let mut loaded = Self::load(variables, file.as_ref())?;
        loaded.config.stdio.launcher = env::current_exe().ok();
        Ok(loaded)
    }
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read("the configuration file", path)?;
        Ok(Self { path: path.to_owned(), text })
    }
}

fn read(what: &str, path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::File {
        what: what.to_owned(),
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn is_ours(name: &str) -> bool {
    name.starts_with("PORTCULLIS_") || matches!(name, "DATABASE_URL" | "DATABASE_URL_FILE")
}

/// Everything given, by setting and rank.
#[derive(Default)]
struct Given {
    settings: Vec<(Named, Text)>,
    /// What the file alone can say.
    programs: BTreeMap<String, StdioProgram>,
}

/// A name that was resolved to a setting.
#[derive(Clone, Copy)]
struct Named {
    setting: &'static Setting,
    /// True for `<name>_FILE`: the value is the path of a file that holds it.
    in_file: bool,
}

struct Text {
    name: String,
    value: String,
    source: Source,
    in_file: bool,
}

impl Given {
    fn add_file(&mut self, file: &ConfigFile) -> Result<(), ConfigError> {
        let table: toml::Table = file.text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: file.path.clone(),
            line: line_of(&file.text, error.span()),
            why: error.message().to_owned(),
        })?;
        for (key, value) in table {
            if key == STDIO {
                self.programs = stdio::read(value, &file.path)?;
                continue;
            }
            self.add(&key, written(&value), Source::File(file.path.clone()))?;
        }
        Ok(())
    }

    /// Keeps a value unless one of higher rank is there; two of the same rank contradict each other.
    fn add(&mut self, name: &str, value: String, source: Source) -> Result<(), ConfigError> {
        let named = Named::find(name).ok_or_else(|| unknown(name, &source))?;
        let text = Text { name: name.to_owned(), value, source, in_file: named.in_file };
        let same = |(other, _): &&mut (Named, Text)| std::ptr::eq(other.setting, named.setting);
        match self.settings.iter_mut().find(same) {
            Some((_, before)) if before.source == text.source => {
                Err(ConfigError::Twice { first: before.name.clone(), second: text.name })
            }
            Some((_, before)) => {
                if text.source > before.source {
                    *before = text;
                }
                Ok(())
            }
            None => {
                self.settings.push((named, text));
                Ok(())
            }
        }
    }
}

impl Named {
    /// Finds a variable's name, or a file's key: the same in lower case without `PORTCULLIS_`.
    fn find(name: &str) -> Option<Self> {
        let exact = |name: &str| SETTINGS.iter().find(|setting| setting.name == name || setting.key() == name);
        if let Some(setting) = exact(name) {
            return Some(Self { setting, in_file: false });
        }
        let bare = name.strip_suffix("_FILE").or_else(|| name.strip_suffix("_file"))?;
        exact(bare).filter(|setting| setting.secret).map(|setting| Self { setting, in_file: true })
    }
}

/// A TOML value as a variable would hold it.
fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    1 + before.matches('\n').count()
}

/// Names the setting that was probably meant, comparing without what all names share.
fn unknown(name: &str, source: &Source) -> ConfigError {
    let stem = |name: &str| name.strip_prefix("PORTCULLIS_").unwrap_or(name).to_ascii_uppercase();
    let wanted = stem(name);
    let nearest = SETTINGS
        .iter()
        .map(|setting| (strsim::jaro_winkler(&wanted, setting.stem()), setting))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let nearest = nearest.map(|(_, setting)| match source {
        Source::File(_) => setting.key(),
        _ => setting.name.to_owned(),
    });
    ConfigError::Unknown { name: name.to_owned(), given_in: source.clone(), nearest }
}

impl Loaded {
    fn decide(&mut self, setting: &'static Setting, text: &Text) -> Result<(), ConfigError> {
        let content = match text.in_file {
            true => read(&format!("{}, the file", text.name), Path::new(&text.value))?,
            false => text.value.clone(),
        };
        let content = content.trim();
        let set = (!content.is_empty()).then(|| (setting.place.set)(&mut self.config, content)).flatten();
        set.ok_or_else(|| ConfigError::Wrong {
            name: setting.name,
            given_in: text.source.clone(),
            shown: match setting.secret {
                true if content.is_empty() => "empty".to_owned(),
                true => "something else (not shown, as it is secret)".to_owned(),
                false => format!("{content:?}"),
            },
            allowed: setting.allowed,
        })?;
        self.sources.insert(setting.name, text.source.clone());
        Ok(())
    }

    /// Who only moves the port still gets a working URL.
    fn follow_the_port(&mut self) {
        let port = self.config.server.bind.port();
        if *self.source("PORTCULLIS_PUBLIC_URL") == Source::Default
            && port != 0
            && let Ok(url) = format!("http://localhost:{port}").parse()
        {
            self.config.server.public_url = url;
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Config { database, secret_key, lifetimes, .. } = &self.config;
        if database.url.is_some() && secret_key.is_none() {
            return Err(ConfigError::Missing {
                name: "PORTCULLIS_SECRET_KEY",
                because: "DATABASE_URL is, and what is stored there is only safe under a key that you keep \
                          (make one with `openssl rand -base64 32`)",
            });
        }
        if database.direct_url.is_some() && database.url.is_none() {
            return Err(ConfigError::Missing {
                name: "DATABASE_URL",
                because: "PORTCULLIS_DATABASE_DIRECT_URL is, which only says how else to reach the same database",
            });
        }
        let pairs = [
            ("PORTCULLIS_SESSION_IDLE", lifetimes.session_idle, "PORTCULLIS_SESSION_LIFETIME", lifetimes.session),
            ("PORTCULLIS_REFRESH_IDLE", lifetimes.refresh_idle, "PORTCULLIS_GRANT_LIFETIME", lifetimes.grant),
        ];
        match pairs.into_iter().find(|(_, value, _, limit)| value > limit) {
            Some((name, value, limit_name, limit)) => Err(ConfigError::Exceeds {
                name,
                value: value.show().unwrap_or_default(),
                limit_name,
                limit: limit.show().unwrap_or_default(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
