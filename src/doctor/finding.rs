//! What was found, in words.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could.
    Note,
    /// This client will not connect, or not stay connected.
    Problem,
}

/// Where on the way to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The first request, without a token.
    Knock,
    /// Protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// Authorization server metadata (RFC 8414, OpenID Connect Discovery).
    ServerMetadata,
    /// How it gets a client id.
    Registration,
    /// The browser's way to the sign-in page.
    Authorization,
    /// Where codes become tokens.
    Token,
    /// The keys that verify tokens.
    Keys,
}

impl Step {
    /// Its name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Knock => "First request",
            Self::ResourceMetadata => "Resource metadata",
            Self::ServerMetadata => "Server metadata",
            Self::Registration => "Registration",
            Self::Authorization => "Authorization",
            Self::Token => "Token endpoint",
            Self::Keys => "Keys",
        }
    }
}

/// One thing that was seen, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub step: Step,
    /// How bad.
    pub level: Level,
    /// The rule it is about; a name that programs may rely on.
    pub rule: &'static str,
    /// What was seen.
    pub seen: String,
    /// What that means for this client; nothing where all is well.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub means: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub mend: &'static str,
}

/// What was found for one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The client's name on the command line.
    pub client: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The worst of what was found.
    pub level: Level,
    /// All of it, in the order of the steps.
    pub findings: Vec<Finding>,
}

/// Findings while they are gathered.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// As it should be.
    pub fn ok(&mut self, step: Step, rule: &'static str, seen: impl Into<String>) {
        self.0.push(Finding { step, level: Level::Ok, rule, seen: seen.into(), means: "", mend: "" });
    }

    /// It works all the same.
    pub fn note(
        &mut self,
        step: Step,
        rule: &'static str,
        seen: impl Into<String>,
        means: &'static str,
        mend: &'static str,
    ) {
        self.0.push(Finding { step, level: Level::Note, rule, seen: seen.into(), means, mend });
    }

    /// It does not work.
    pub fn problem(
        &mut self,
        step: Step,
        rule: &'static str,
        seen: impl Into<String>,
        means: &'static str,
        mend: &'static str,
    ) {
        self.0.push(Finding { step, level: Level::Problem, rule, seen: seen.into(), means, mend });
    }

    /// True when this step has a problem.
    pub fn fails(&self, step: Step) -> bool {
        self.0.iter().any(|finding| finding.step == step && finding.level == Level::Problem)
    }

    /// All of them, with the worst of them.
    pub fn all(self) -> (Level, Vec<Finding>) {
        (self.0.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok), self.0)
    }
}
