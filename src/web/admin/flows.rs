//! Administration → Recent connections: how far each attempt to connect came, and what was refused.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::db;
use crate::grants::client::{self, Client};
use crate::grants::flow_step::{self, FlowStage, FlowStep, Sought};
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Administrator, PageError, Refusal, SignedIn};
use crate::identity::User;
use crate::types::UserId;
use crate::web::components::{Pager, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

const LIST: List = List {
    label: "Search by client, person, address or request",
    nouns: ["attempt", "attempts"],
    sorts: &[],
    shows: &[("", "All"), ("refused", "With a refusal")],
    on_a_page: 20,
};

/// `GET /admin/flows`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
    asked: Asked,
) -> Result<Page<FlowsPage>, PageError> {
    list(&app, &signed_in, &asked).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn list(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<FlowsPage, db::Error> {
    // What happened on this node a moment ago is what somebody has just been asked about.
    app.timeline.write(&app.db).await?;
    let (now, site) = (app.clock.now(), Site::of(&app.config.server.public_url));
    let sought = Sought { text: asked.query(), refused: LIST.show(asked) == "refused" };
    let mut conn = app.db.read().await?;
    let part = LIST.part(asked, flow_step::count_attempts(&mut conn, sought).await?);
    let places = |number: usize| i64::try_from(number).unwrap_or_default();
    let flows = flow_step::attempts(&mut conn, sought, (places(part.skip), places(part.most))).await?;
    let ids: Vec<&str> = flows.iter().flatten().filter_map(|step| step.client_id.as_deref()).collect();
    let clients = client::find_all(&mut conn, &ids).await?;
    let people: Vec<UserId> = flows.iter().flatten().filter_map(|step| step.user_id).collect();
    let people = User::names(&mut conn, &people).await?;
    Ok(FlowsPage {
        toolbar: LIST.toolbar(asked, &site.flows()),
        pager: LIST.pager(asked, &site.flows(), part),
        is_narrowed: LIST.is_narrowed(asked),
        flows: flows.iter().filter_map(|steps| FlowRow::of(steps, &clients, &people, now)).collect(),
        shell: Shell::of(app, signed_in, Menu::Flows),
        site,
    })
}

/// The latest attempts.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/flows.html")]
pub struct FlowsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above them.
    pub toolbar: Toolbar,
    /// The attempts, the latest first.
    pub flows: Vec<FlowRow>,
    /// Below them.
    pub pager: Pager,
    /// True when only some are asked for.
    pub is_narrowed: bool,
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct FlowRow {
    /// What the client calls itself; its id where nobody knows it.
    pub client: Foreign,
    /// Its id.
    pub client_id: Option<Foreign>,
    /// Who was signed in.
    pub person: Option<Foreign>,
    /// How far it came.
    pub state: State,
    /// Its steps, in their order.
    pub steps: Vec<StepRow>,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To its end.
    Connected,
    /// Its last step was refused.
    Refused,
    /// Somebody or something has not come back yet.
    Open,
}

/// One step.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// Which.
    pub step: &'static str,
    /// True when it was refused.
    pub refused: bool,
    /// How it ended, or why it was refused.
    pub words: Foreign,
    /// When.
    pub at: Moment,
    /// From where.
    pub address: Option<String>,
    /// By which the log knows the request.
    pub request_id: Option<String>,
}

impl FlowRow {
    fn of(steps: &[FlowStep], clients: &[Client], people: &[(UserId, String)], now: DateTime<Utc>) -> Option<Self> {
        let last = steps.last()?;
        let id = steps.iter().find_map(|step| step.client_id.as_deref());
        let known = clients.iter().find(|client| Some(client.id.as_str()) == id);
        let user = steps.iter().find_map(|step| step.user_id);
        let person = people.iter().find(|(id, _)| Some(*id) == user);
        let name = known.map(|client| client.name.as_str()).or(id).unwrap_or("An unnamed client");
        let state = match last.outcome.as_str() {
            "refused" => State::Refused,
            "done" if last.step == FlowStage::Token.name() => State::Connected,
            _ => State::Open,
        };
        Some(Self {
            client: Foreign::new(name),
            client_id: id.map(Foreign::passage),
            person: person.map(|(_, name)| Foreign::new(name)),
            state,
            steps: steps.iter().map(|step| StepRow::of(step, now)).collect(),
        })
    }
}

impl StepRow {
    fn of(step: &FlowStep, now: DateTime<Utc>) -> Self {
        let stage = FlowStage::ALL.into_iter().find(|stage| stage.name() == step.step);
        Self {
            step: stage.map_or("Step", words),
            refused: step.outcome == "refused",
            words: Foreign::passage(step.why.as_deref().unwrap_or("Done")),
            at: Moment::new(step.at, now),
            address: step.address.clone(),
            request_id: step.request_id.clone(),
        }
    }
}

fn words(stage: FlowStage) -> &'static str {
    match stage {
        FlowStage::Registration => "Registration",
        FlowStage::MetadataDocument => "Client's document",
        FlowStage::Authorization => "Authorization request",
        FlowStage::SignIn => "Sign-in",
        FlowStage::Consent => "Consent",
        FlowStage::Token => "Token",
    }
}

impl State {
    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connected => "Connected",
            Self::Refused => "Refused",
            Self::Open => "Not finished",
        }
    }

    /// How it is coloured.
    pub fn class(self) -> &'static str {
        match self {
            Self::Connected => "verified",
            Self::Refused => "refused",
            Self::Open => "known",
        }
    }
}

impl FlowsPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let step = |step, refused, words, seconds| StepRow {
            step: self::words(step),
            refused,
            words,
            at: Moment::new(now - TimeDelta::seconds(seconds), now),
            address: Some("203.0.113.9".to_owned()),
            request_id: Some("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned()),
        };
        let connected = FlowRow {
            client: Foreign::new("Claude"),
            client_id: Some(Foreign::new("https://claude.ai/oauth/claude-code-client-metadata")),
            person: Some(Foreign::new("alice")),
            state: State::Connected,
            steps: vec![
                step(FlowStage::Authorization, false, Foreign::new("The person has to sign in"), 90),
                step(FlowStage::Consent, false, Foreign::new("Done"), 70),
                step(FlowStage::Token, false, Foreign::new("Done"), 69),
            ],
        };
        let refused = FlowRow {
            client: Foreign::hostile_sample(),
            client_id: None,
            person: None,
            state: State::Refused,
            steps: vec![step(FlowStage::Registration, true, Foreign::hostile_sample(), 3600)],
        };
        let (plain, path) = (Asked::default(), Site::sample().flows());
        let page = |flows: Vec<FlowRow>| Self {
            toolbar: LIST.toolbar(&plain, &path),
            pager: LIST.pager(&plain, &path, LIST.part(&plain, flows.len())),
            is_narrowed: false,
            shell: Shell::sample(Menu::Flows),
            site: Site::sample(),
            flows,
        };
        let nothing_found = Self { is_narrowed: true, ..page(Vec::new()) };
        vec![page(Vec::new()), nothing_found, page(vec![connected, refused])]
    }
}

impl View for FlowsPage {}
