//! How a verb ends: a report on standard output, or one sentence on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;

/// What a verb did, for people and for programs.
#[derive(Debug)]
pub struct Report {
    words: String,
    facts: Value,
    status: ExitCode,
}

impl Report {
    /// The same, said twice.
    pub fn new(words: impl Into<String>, facts: Value) -> Self {
        Self { words: words.into(), facts, status: ExitCode::SUCCESS }
    }

    /// The report of something that failed: it is said all the same, and the status is 1.
    pub fn of_failure(self) -> Self {
        Self { status: ExitCode::FAILURE, ..self }
    }

    /// Nothing left to say.
    pub fn silent() -> Self {
        Self::new("", Value::Null)
    }

    /// Says it. Whoever closed the pipe has heard enough.
    pub fn print(&self, json: bool) -> ExitCode {
        self.write(json);
        self.status
    }

    /// Says it, and goes on.
    pub fn write(&self, json: bool) {
        let mut out = io::stdout().lock();
        let _ = match (json, &self.facts) {
            (_, Value::Null) => Ok(()),
            (true, facts) => writeln!(out, "{facts}"),
            (false, _) => writeln!(out, "{}", self.words.trim_end()),
        };
        let _ = out.flush();
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    status: u8,
    sentence: String,
}

impl Failure {
    /// It was refused, or failed.
    pub fn refused(why: impl Display) -> Self {
        Self { status: 1, sentence: why.to_string() }
    }

    /// It was asked wrongly: an argument or a setting.
    pub fn usage(why: impl Display) -> Self {
        Self { status: 2, sentence: why.to_string() }
    }

    /// Says why.
    pub fn print(&self) -> ExitCode {
        let _ = writeln!(io::stderr(), "portcullis: {}", self.sentence);
        ExitCode::from(self.status)
    }
}
