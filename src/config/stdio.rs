//! Servers that are programs of their own: what an operator lets be started (`decisions` 21). They stand in the configuration file
//! alone; no variable, page or request ever adds one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// What may be started, and with what.
#[derive(Clone, Debug, Default)]
pub struct StdioConfig {
    /// `[stdio.NAME]`: commands by the name under which servers are registered that use them. None: they are off.
    pub programs: BTreeMap<String, StdioProgram>,
    /// Our own program, which bounds itself before it becomes one of them.
    pub launcher: Option<PathBuf>,
    /// Where each has a directory while it runs.
    pub directory: PathBuf,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdioProgram {
    /// Its absolute path.
    pub command: PathBuf,
    /// What stands behind it, word by word.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its whole environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it may use.
    #[serde(default)]
    pub limits: StdioLimits,
}

/// What one program may use, and each that it starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StdioLimits {
    /// Memory that it writes to, in MiB.
    pub memory_mb: u64,
    /// Time on a processor, in seconds.
    pub cpu_seconds: u64,
    /// Files and connections that are open at once.
    pub open_files: u64,
    /// The largest file that it writes, in MiB.
    pub file_mb: u64,
    /// Processes and threads of the account that it runs as, all together; not limited unless it is said.
    pub processes: Option<u64>,
}

impl Default for StdioLimits {
    fn default() -> Self {
        Self { memory_mb: 1024, cpu_seconds: 3600, open_files: 256, file_mb: 64, processes: None }
    }
}

/// The largest limit; beyond it, it is none.
const LARGEST: u64 = 1 << 30;

/// Reads the table of commands.
pub(super) fn read(table: toml::Value, path: &std::path::Path) -> Result<BTreeMap<String, StdioProgram>, ConfigError> {
    let wrong = |name: &str, why: String| ConfigError::Stdio { name: name.to_owned(), path: path.to_owned(), why };
    let toml::Value::Table(table) = table else {
        return Err(wrong("stdio", "it must be tables such as [stdio.memory]".to_owned()));
    };
    let mut programs = BTreeMap::new();
    for (name, value) in table {
        let shown = format!("stdio.{name}");
        let program: StdioProgram = value.try_into().map_err(|error: toml::de::Error| {
            wrong(&shown, format!("{}; it has command, args, env and limits", error.message()))
        })?;
        program.check(&name).map_err(|why| wrong(&shown, why.to_owned()))?;
        programs.insert(name, program);
    }
    Ok(programs)
}

impl StdioProgram {
    fn check(&self, name: &str) -> Result<(), &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > 63 || !name.bytes().all(is_plain) {
            return Err("its name must have 1 to 63 characters: a to z, 0 to 9, _ and -");
        }
        if !self.command.is_absolute() {
            return Err("command must be the absolute path of a program; there is no shell that would look for it");
        }
        let has_nul = |text: &str| text.contains('\0');
        if self.args.iter().any(|text| has_nul(text)) || self.env.values().any(|text| has_nul(text)) {
            return Err("args and env must not contain NUL");
        }
        if self.env.keys().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err("env must have names without = on the left");
        }
        let StdioLimits { memory_mb, cpu_seconds, open_files, file_mb, processes } = self.limits;
        let all = [memory_mb, cpu_seconds, open_files, file_mb, processes.unwrap_or(1)];
        match all.iter().all(|limit| (1..=LARGEST).contains(limit)) {
            true => Ok(()),
            false => Err("every limit must be a whole number from 1 to 1073741824"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn programs(text: &str) -> Result<BTreeMap<String, StdioProgram>, String> {
        let mut table: toml::Table = text.parse().unwrap();
        read(table.remove("stdio").unwrap(), Path::new("portcullis.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_is_read_with_its_words_its_environment_and_its_limits() {
        let read = programs(
            r#"
            [stdio.memory]
            command = "/usr/bin/npx"
            args = ["-y", "@modelcontextprotocol/server-memory"]
            env = { PATH = "/usr/bin" }
            limits = { memory_mb = 512, processes = 200 }
            [stdio.time]
            command = "/opt/time"
            "#,
        )
        .unwrap();
        let memory = &read["memory"];
        assert_eq!((memory.args.len(), memory.env["PATH"].as_str()), (2, "/usr/bin"));
        let limits = StdioLimits { memory_mb: 512, processes: Some(200), ..StdioLimits::default() };
        assert_eq!(memory.limits, limits);
        assert_eq!(read["time"].limits, StdioLimits::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, words) in [
            ("stdio = true", "must be tables"),
            ("[stdio.a]\nargs = []", "command"),
            ("[stdio.a]\ncommand = \"npx\"", "absolute path"),
            ("[stdio.a]\ncommand = \"/bin/a\"\nshell = true", "shell"),
            ("[stdio.a]\ncommand = \"/bin/a\"\nargs = \"-y\"", "args"),
            ("[stdio.a]\ncommand = \"/bin/a\"\nenv = { \"A=B\" = \"c\" }", "without ="),
            ("[stdio.a]\ncommand = \"/bin/a\"\nlimits = { memory_mb = 0 }", "from 1"),
            ("[stdio.a]\ncommand = \"/bin/a\"\nlimits = { memory = 1 }", "memory"),
            ("[stdio.\"A b\"]\ncommand = \"/bin/a\"", "a to z"),
        ] {
            let error = programs(text).unwrap_err();
            assert!(error.contains(words) && error.contains("portcullis.toml"), "{text}: {error}");
        }
    }
}
