//! `portcullis doctor`: why does this client not connect?

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use tokio::runtime::Runtime;

use super::outcome::{Failure, Report};
use crate::config::Config;
use crate::crypto::Random;
use crate::doctor::profile;
use crate::doctor::{Case, Diagnosis, Finding, Level, Profile};
use crate::errands;

/// Which connection to examine. Nothing is changed at the server unless --register is given.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The URL of the MCP endpoint, as one would paste it into a client
    url: String,
    /// Examine only this client; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names())]
    client: Vec<String>,
    /// Register with the server for real, and remove the registration again where the server offers that
    #[arg(long)]
    register: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(profile::ALL.iter().map(|profile| profile.id))
}

impl Doctor {
    /// Examines it. Ends with 1 when a client would fail.
    pub fn run(self, config: &Config) -> Result<Report, Failure> {
        let challenge = errands::doctor::challenge(&Random::system());
        let case = Case::new(&self.url, self.register, challenge)
            .map_err(|error| Failure::usage(format!("{:?} cannot be examined: {error}", self.url)))?;
        let chosen: Vec<&Profile> = match self.client.is_empty() {
            true => profile::ALL.iter().collect(),
            false => self.client.iter().filter_map(|id| profile::named(id)).collect(),
        };
        let runtime = Runtime::new().map_err(Failure::refused)?;
        let examined = errands::doctor::for_operator(&config.outbound, &case, &chosen);
        let diagnoses = runtime.block_on(examined).map_err(Failure::usage)?;
        let fails = diagnoses.iter().any(|diagnosis| diagnosis.level == Level::Problem);
        let words: String = diagnoses.iter().map(words).collect();
        let report = Report::new(words, json!({ "url": case.url.as_str(), "clients": diagnoses }));
        Ok(if fails { report.of_failure() } else { report })
    }
}

/// One client: a line, and below it whatever is not as it should be.
fn words(diagnosis: &Diagnosis) -> String {
    let verdict = match diagnosis.level {
        Level::Ok => "connects",
        Level::Note => "connects, with remarks",
        Level::Problem => "FAILS",
    };
    let rest = diagnosis.findings.iter().filter(|finding| finding.level != Level::Ok).map(finding);
    format!("{}: {verdict}\n{}", diagnosis.name, rest.collect::<String>())
}

fn finding(finding: &Finding) -> String {
    let mark = if finding.level == Level::Problem { "problem" } else { "note" };
    let Finding { step, rule, seen, means, mend, .. } = finding;
    format!("  {mark} [{rule}] {}: {seen}\n    {means}\n    Mend: {mend}\n", step.words())
}
