//! `portcullis migrate`: the schema, brought up to date or only looked at.

use clap::Args;
use serde_json::json;

use super::installation::{self, Role};
use super::outcome::{Failure, Report};
use crate::config::Config;
use crate::db::migrations;

/// What to do about it.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Change nothing: say what would be done, and fail if there is anything
    #[arg(long)]
    check: bool,
}

impl Migrate {
    /// Does it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            if !self.check {
                let done = open.prepare().await?;
                return Ok(Report::new(sentence("done", &done), json!({ "done": done })));
            }
            open.check().await?;
            match migrations::pending(&open.db).await.map_err(Failure::refused)? {
                none if none.is_empty() => Ok(Report::new(sentence("pending", &none), json!({ "pending": none }))),
                some => Err(Failure::refused(sentence("pending", &some))),
            }
        })
    }
}

fn sentence(what: &str, migrations: &[String]) -> String {
    match migrations {
        [] => "the schema is up to date".to_owned(),
        some => format!("migrations {what}: {}", some.join(", ")),
    }
}
