//! Administration → Connection doctor: why a client does not connect, here or anywhere.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::doctor::{Case, Diagnosis, Finding, Level, Profile, profile};
use crate::errands;
use crate::http::form::Fields;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Administrator, PageForm, urls};
use crate::web::shell::{Menu, Shell};

/// What *Examine* sends.
#[derive(Debug, Deserialize)]
pub struct DoctorForm {
    url: String,
}

impl Fields for DoctorForm {}

/// `GET /admin/doctor`: our own address, ready to be examined.
pub async fn get(app: Data<App>, Administrator(signed_in): Administrator) -> Page<DoctorPage> {
    let shell = Shell::of(&app, &signed_in, Menu::Doctor);
    Page(DoctorPage::new(Site::of(&app.config.server.public_url), shell, app.at(urls::MCP)))
}

/// `POST /admin/doctor`: asks there as each client would, and registers nothing.
pub async fn post(
    app: Data<App>,
    Administrator(signed_in): Administrator,
    PageForm(form): PageForm<DoctorForm>,
) -> Page<DoctorPage> {
    let shell = Shell::of(&app, &signed_in, Menu::Doctor);
    let page = DoctorPage::new(Site::of(&app.config.server.public_url), shell, form.url);
    Page(match Case::new(&page.url, false, errands::doctor::challenge(&app.random)) {
        Err(problem) => DoctorPage { problem: Some(format!("This cannot be examined: {problem}.")), ..page },
        Ok(case) => {
            let everyone: Vec<&Profile> = profile::ALL.iter().collect();
            let examined = errands::doctor::for_administrator(&app, &case, &everyone).await;
            DoctorPage { clients: examined.iter().map(ClientRow::of).collect(), ..page }
        }
    })
}

/// The form, and what was found.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/doctor.html")]
pub struct DoctorPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// What is or was examined.
    pub url: String,
    /// Why nothing was examined.
    pub problem: Option<String>,
    /// What was found; empty before anything was examined.
    pub clients: Vec<ClientRow>,
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientRow {
    /// Its name on the command line.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is not as it should be.
    pub remarks: Vec<FindingRow>,
    /// What is.
    pub fine: Vec<FindingRow>,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// How bad it is.
    pub level: Level,
    /// At which step.
    pub step: &'static str,
    /// What was seen, which the server that was examined may have worded.
    pub seen: Foreign,
    /// What it means for this client.
    pub means: &'static str,
    /// How to mend it.
    pub mend: &'static str,
}

impl ClientRow {
    fn of(diagnosis: &Diagnosis) -> Self {
        let (fine, remarks) = diagnosis.findings.iter().map(FindingRow::of).partition(|row| row.level == Level::Ok);
        Self { id: diagnosis.client, name: diagnosis.name, level: diagnosis.level, remarks, fine }
    }

    /// What becomes of it.
    pub fn verdict(&self) -> &'static str {
        match self.level {
            Level::Ok => "Connects",
            Level::Note => "Connects, with remarks",
            Level::Problem => "Does not connect",
        }
    }

    /// How that is coloured.
    pub fn class(&self) -> &'static str {
        match self.level {
            Level::Ok => "verified",
            Level::Note => "unverified",
            Level::Problem => "refused",
        }
    }
}

impl FindingRow {
    fn of(finding: &Finding) -> Self {
        let Finding { step, level, seen, means, mend, .. } = finding;
        Self { level: *level, step: step.words(), seen: Foreign::passage(seen), means, mend }
    }
}

impl DoctorPage {
    fn new(site: Site, shell: Shell, url: String) -> Self {
        Self { site, shell, url, problem: None, clients: Vec::new() }
    }

    /// What was found, in a sentence.
    pub fn summary(&self) -> String {
        let failing = self.clients.iter().filter(|client| client.level == Level::Problem).count();
        match (failing, self.clients.len()) {
            (0, all) => format!("All {all} clients can connect."),
            (failing, all) => format!("{failing} of {all} clients cannot connect."),
        }
    }

    /// The same for a terminal, as one word for whatever shell.
    pub fn command(&self) -> String {
        format!("portcullis doctor '{}'", self.url.replace('\'', "'\\''"))
    }

    /// True when some client fails.
    pub fn fails(&self) -> bool {
        self.clients.iter().any(|client| client.level == Level::Problem)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let page = |url: &str| Self::new(Site::sample(), Shell::sample(Menu::Doctor), url.to_owned());
        let row = |level, seen, means, mend| FindingRow { level, step: "First request", seen, means, mend };
        let fine =
            row(Level::Ok, Foreign::passage("It answers 401 with a challenge that this client can read."), "", "");
        let note = row(Level::Note, Foreign::hostile_sample(), "It has to guess.", "Answer 401 with a challenge.");
        let problem = FindingRow { level: Level::Problem, ..note.clone() };
        let client = |name, level, remarks: &[FindingRow]| ClientRow {
            id: name,
            name,
            level,
            remarks: remarks.to_vec(),
            fine: vec![fine.clone()],
        };
        let good = client("Claude", Level::Ok, &[]);
        let middling = client("Cursor", Level::Note, std::slice::from_ref(&note));
        let bad = client("Inspector", Level::Problem, &[problem, note.clone()]);
        let ours = "https://gate.example.com/gate/mcp";
        vec![
            page(ours),
            Self { clients: vec![good.clone(), middling.clone()], ..page(ours) },
            Self { clients: vec![good, middling, bad], ..page(ours) },
            Self { problem: Some("This cannot be examined.".to_owned()), ..page("\"><script>alert(1)</script>") },
        ]
    }
}

impl View for DoctorPage {}
