//! *Test connection*: the way of the client to ourselves, step by step, and with a key to the tools themselves.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{SetupPage, SetupQuery};
use crate::app::App;
use crate::doctor::{Case, Diagnosis, Finding, Level, Profile, Step, profile};
use crate::errands::doctor;
use crate::errands::trial::{Call, Tried, call};
use crate::http::form::Fields;
use crate::http::limit::TrialLimit;
use crate::http::page::{Csp, Foreign, Page, View};
use crate::http::{PageForm, SignedIn};
use crate::web::components::{StepRow, StepState};
use crate::web::words;

/// What *Test connection* sends. The key is in no answer, no log and no URL.
#[derive(Deserialize)]
pub struct TrialForm {
    #[serde(default)]
    connect: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    with: String,
    #[serde(default)]
    key: String,
    /// Said by the script, which asks for one stage after the other.
    stage: Option<Stage>,
}

impl Fields for TrialForm {}

/// What is found out in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// Everything up to registration, without a key.
    Discovery,
    /// The handshake, with the key.
    Initialize,
    /// The list of tools, with the key.
    Tools,
}

/// The first five steps: what they are called, and what the doctor calls them.
const DISCOVERY: [(&str, &str, Step); 5] = [
    ("step-reach", "Reach the server", Step::Knock),
    ("step-challenge", "Be told where to sign in", Step::Knock),
    ("step-metadata", "Read the resource metadata", Step::ResourceMetadata),
    ("step-server", "Find the authorization server", Step::ServerMetadata),
    ("step-registration", "Register, or be known", Step::Registration),
];
const INITIALIZE: (&str, &str) = ("step-initialize", "Open a session with your key");
const TOOLS: (&str, &str) = ("step-tools", "List the tools that it opens");
/// Of what the doctor finds at the first step, this is about reaching the server at all.
const NO_ANSWER: [&str; 3] = ["unreachable", "server_error", "not_found"];

/// `POST /settings/setup/test`: all of it as a page, or one stage for the script.
pub async fn post(
    app: Data<App>,
    limit: Data<TrialLimit>,
    signed_in: SignedIn,
    PageForm(form): PageForm<TrialForm>,
) -> HttpResponse {
    let TrialForm { connect, client, with, key, stage } = form;
    let key = SecretString::from(key);
    let page = SetupPage::of(&app, &signed_in, &SetupQuery { connect, client, with });
    if let Err(wait) = limit.spend(signed_in.person.id) {
        let problem = format!("Too many tries. Wait {}.", words::wait(wait.seconds()));
        return Page(SetupPage { problem, ..page }).into_response();
    }
    let profile = profile_of(&page);
    match stage {
        Some(stage) => Page(Steps { steps: steps(&app, profile, &page, &key, stage).await }).into_response(),
        None => {
            let mut all = Vec::new();
            for stage in [Stage::Discovery, Stage::Initialize, Stage::Tools] {
                all.extend(steps(&app, profile, &page, &key, stage).await);
            }
            Page(SetupPage { steps: all, ..page }).into_response()
        }
    }
}

/// The client as the doctor knows it; the bridge for those that it does not know.
fn profile_of(page: &SetupPage) -> Option<&'static Profile> {
    let wanted = page.client.map_or("", |client| client.id());
    let known = profile::ALL.iter().find(|profile| profile.id == wanted);
    known.or_else(|| profile::ALL.iter().find(|profile| profile.id == "mcp-remote"))
}

async fn steps(
    app: &App,
    profile: Option<&'static Profile>,
    page: &SetupPage,
    key: &SecretString,
    stage: Stage,
) -> Vec<StepRow> {
    let url = &page.site.mcp;
    match stage {
        Stage::Discovery => {
            let case = Case::new(url, false, doctor::challenge(&app.random));
            let (Some(profile), Ok(case)) = (profile, case) else { return Vec::new() };
            doctor::for_administrator(app, &case, &[profile]).await.iter().flat_map(discovered).collect()
        }
        Stage::Initialize => vec![tried(INITIALIZE, with_key(app, url, key, Call::Initialize).await)],
        Stage::Tools => vec![tried(TOOLS, with_key(app, url, key, Call::ListTools).await)],
    }
}

async fn with_key(app: &App, url: &str, key: &SecretString, what: Call) -> Option<Tried> {
    let trimmed = key.expose_secret().trim();
    // A header takes no other characters; what has them is no key of ours.
    match trimmed {
        "" => None,
        _ if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) => Some(Tried::Unauthorized),
        _ => Some(call(app, url, &SecretString::from(trimmed), what).await),
    }
}

fn discovered(diagnosis: &Diagnosis) -> Vec<StepRow> {
    let is_about_reaching = |finding: &Finding| NO_ANSWER.contains(&finding.rule) || finding.rule == "plain_http";
    let row = |(place, (id, title, step)): (usize, (&'static str, &'static str, Step))| {
        let of_step = diagnosis.findings.iter().filter(|finding| finding.step == step);
        let findings: Vec<&Finding> = match place {
            0 => of_step.filter(|finding| is_about_reaching(finding)).collect(),
            1 => of_step.filter(|finding| !is_about_reaching(finding)).collect(),
            _ => of_step.collect(),
        };
        let worst = findings.iter().max_by_key(|finding| finding.level);
        let (state, detail) = match worst {
            Some(finding) => (state_of(finding.level), said(finding)),
            None if place == 0 => (StepState::Done, "It answers.".to_owned()),
            None => (StepState::Skipped, String::new()),
        };
        StepRow { id, title: title.to_owned(), state, detail }
    };
    DISCOVERY.into_iter().enumerate().map(row).collect()
}

fn state_of(level: Level) -> StepState {
    match level {
        Level::Ok => StepState::Done,
        Level::Note => StepState::Remark,
        Level::Problem => StepState::Failed,
    }
}

/// What was seen, what it means and how to mend it.
fn said(finding: &Finding) -> String {
    let seen = Foreign::passage(&finding.seen);
    match finding.level {
        Level::Ok => seen.to_string(),
        Level::Note | Level::Problem => format!("{seen} {} To mend it: {}", finding.means, finding.mend),
    }
}

fn tried((id, title): (&'static str, &'static str), tried: Option<Tried>) -> StepRow {
    use StepState::{Done, Failed, Skipped};
    let (state, detail) = match tried {
        None => (Skipped, "No key was given. A client that signs in asks you in the browser.".to_owned()),
        Some(Tried::Initialized { version }) => (Done, format!("It speaks MCP {}.", Foreign::new(&version))),
        Some(Tried::Tools(1)) => (Done, "1 tool is open to this key.".to_owned()),
        Some(Tried::Tools(number)) => (Done, format!("{number} tools are open to this key.")),
        Some(Tried::Unauthorized) => {
            (Failed, "401: this key is not known here, or it has expired or was revoked. Create a new one.".to_owned())
        }
        Some(Tried::Forbidden) => {
            (Failed, "403: this key may not do that. Give it more permissions, or a wider scope.".to_owned())
        }
        Some(Tried::Status(status)) => (Failed, format!("It answers {status}. Look into the server's log.")),
        Some(Tried::Strange) => (Failed, "It answers with something that is not MCP.".to_owned()),
        Some(Tried::Failed(error)) => (Failed, format!("No answer: {error}.")),
    };
    StepRow { id, title: title.to_owned(), state, detail }
}

/// All steps before anything was tried.
pub(super) fn waiting() -> Vec<StepRow> {
    let discovery = DISCOVERY.into_iter().map(|(id, title, _)| (id, title));
    let waiting = |(id, title): (&'static str, &'static str)| StepRow {
        id,
        title: title.to_owned(),
        state: StepState::Waiting,
        detail: String::new(),
    };
    discovery.chain([INITIALIZE, TOOLS]).map(waiting).collect()
}

/// Steps in several states.
pub(super) fn samples() -> Vec<StepRow> {
    let mut steps = waiting();
    for (step, state) in steps.iter_mut().zip([StepState::Done, StepState::Remark, StepState::Failed]) {
        *step = StepRow { state, detail: Foreign::hostile_sample().to_string(), ..step.clone() };
    }
    steps
}

/// Some steps, for the script to put in their places.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/setup_steps.html")]
struct Steps {
    steps: Vec<StepRow>,
}

impl View for Steps {
    fn csp(&self) -> Csp {
        Csp::Live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(step: Step, level: Level, rule: &'static str) -> Finding {
        Finding { step, level, rule, seen: "Seen.".to_owned(), means: "Means.", mend: "Mend." }
    }

    fn states(findings: Vec<Finding>) -> Vec<StepState> {
        let diagnosis = Diagnosis { client: "vs-code", name: "VS Code", level: Level::Ok, findings };
        discovered(&diagnosis).into_iter().map(|row| row.state).collect()
    }

    #[test]
    fn a_server_that_cannot_be_reached_leaves_the_other_steps_untried() {
        use StepState::{Done, Failed, Remark, Skipped};
        let unreachable = finding(Step::Knock, Level::Problem, "unreachable");
        assert_eq!(states(vec![unreachable]), [Failed, Skipped, Skipped, Skipped, Skipped]);
        let all = vec![
            finding(Step::Knock, Level::Note, "no_challenge"),
            finding(Step::ResourceMetadata, Level::Ok, "document"),
            finding(Step::ServerMetadata, Level::Ok, "document"),
            finding(Step::Registration, Level::Ok, "would_register"),
        ];
        assert_eq!(states(all), [Done, Remark, Done, Done, Done]);
    }

    #[test]
    fn a_step_without_a_key_is_left_out_and_says_so() {
        assert_eq!(tried(TOOLS, None).state, StepState::Skipped);
        assert_eq!(tried(TOOLS, Some(Tried::Tools(0))).detail, "0 tools are open to this key.");
        assert_eq!(tried(INITIALIZE, Some(Tried::Unauthorized)).state, StepState::Failed);
    }
}
