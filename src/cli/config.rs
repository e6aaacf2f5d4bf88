//! `portcullis config`: what the settings are, and why.

use clap::Args;
use serde_json::{Map, Value, json};

use super::outcome::Report;
use crate::config::{Config, Loaded, SETTINGS, StdioProgram};

/// What to print.
#[derive(Debug, Args)]
pub struct PrintConfig {
    /// Print a Markdown table of every setting, its default and its meaning instead
    #[arg(long)]
    reference: bool,
}

impl PrintConfig {
    /// Prints it; secrets are masked.
    pub fn run(&self, loaded: &Loaded) -> Report {
        if self.reference { reference() } else { effective(loaded) }
    }
}

fn effective(loaded: &Loaded) -> Report {
    let rows: Vec<_> = loaded.settings().collect();
    let name_width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let mut words = String::new();
    let mut facts = Map::new();
    for row in rows {
        let value = row.value.clone().unwrap_or_else(|| format!("({})", row.unset));
        words += &format!("{:name_width$}  {value}  [{}]\n", row.name, row.source);
        facts.insert(row.name.to_owned(), json!({ "value": row.value, "source": row.source.to_string() }));
    }
    for (name, program) in &loaded.config.stdio.programs {
        let (shown, fact) = allowed(program);
        words += &format!("{:name_width$}  {shown}\n", format!("stdio.{name}"));
        facts.insert(format!("stdio.{name}"), fact);
    }
    Report::new(words, facts.into())
}

/// A command that may be started. Its environment may hold secrets: its names alone are shown.
fn allowed(program: &StdioProgram) -> (String, Value) {
    let StdioProgram { command, args, env, limits } = program;
    let names: Vec<&str> = env.keys().map(String::as_str).collect();
    let line = [command.display().to_string()].into_iter().chain(args.iter().cloned()).collect::<Vec<_>>().join(" ");
    let limits = json!({
        "memory_mb": limits.memory_mb,
        "cpu_seconds": limits.cpu_seconds,
        "open_files": limits.open_files,
        "file_mb": limits.file_mb,
        "processes": limits.processes,
    });
    let fact = json!({ "command": command, "args": args, "env": names, "limits": limits });
    (format!("{line}  (environment: {})", if names.is_empty() { "none".to_owned() } else { names.join(", ") }), fact)
}

fn reference() -> Report {
    let config = Config::default();
    let mut words = String::from("| Setting | Default | Meaning |\n| --- | --- | --- |\n");
    let mut facts = Vec::new();
    for setting in SETTINGS {
        let default = setting.shown(&config);
        let shown = default.as_ref().map_or(setting.unset.to_owned(), |value| format!("`{value}`"));
        let file = if setting.secret { " Also as `…_FILE`." } else { "" };
        words +=
            &format!("| `{}` | {shown} | {} Allowed: {}.{file} |\n", setting.name, setting.meaning, setting.allowed);
        facts.push(json!({
            "name": setting.name,
            "key": setting.key(),
            "default": default,
            "meaning": setting.meaning,
            "allowed": setting.allowed,
            "secret": setting.secret,
        }));
    }
    Report::new(words, facts.into())
}
