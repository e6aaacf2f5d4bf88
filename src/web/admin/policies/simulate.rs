//! Administration → Policies → Simulate: might they, there, and why?

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;
use serde_json::Map;

use crate::access::explanation::Explanation;
use crate::app::App;
use crate::db;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::simulate::{Question, Simulated, simulate};
use crate::http::{Administrator, PageError, Refusal, SignedIn};
use crate::upstreams::Server;
use crate::web::components::{Choice, Crumb, Errors};
use crate::web::shell::{Menu, Shell};

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SimulateQuery {
    #[serde(default)]
    user: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    tool: String,
    #[serde(default)]
    arguments: String,
}

/// `GET /admin/policies/simulate`: the form, and the answer where something is asked. It changes nothing.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
    query: Query<SimulateQuery>,
) -> Result<Page<SimulatePage>, PageError> {
    let shown = shown(&app, &signed_in, query.into_inner()).await;
    shown.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn shown(app: &App, signed_in: &SignedIn, asked: SimulateQuery) -> Result<SimulatePage, db::Error> {
    let servers = app.enabled_servers().await?;
    let site = Site::of(&app.config.server.public_url);
    let page = SimulatePage::new(site, Shell::of(app, signed_in, Menu::Policies), asked.clone(), &servers);
    if asked.user.is_empty() {
        return Ok(page);
    }
    let arguments = match asked.arguments.trim() {
        "" => Map::new(),
        text => match serde_json::from_str(text) {
            Ok(arguments) => arguments,
            Err(error) => {
                let errors = Errors::one("arguments", format!("This must be a JSON object: {error}."));
                return Ok(SimulatePage { errors, ..page });
            }
        },
    };
    let SimulateQuery { user, server, tool, .. } = asked;
    let question = Question { user, server, tool: (!tool.is_empty()).then_some(tool), arguments };
    Ok(match simulate(app, &question).await? {
        Simulated::Explained(explanation) => SimulatePage { outcome: Some(Outcome::of(&explanation)), ..page },
        Simulated::Nobody => {
            let words = format!("There is neither a person nor a program with the name {:?}.", question.user);
            SimulatePage { errors: Errors::one("user", words), ..page }
        }
        Simulated::NoServer => {
            SimulatePage { errors: Errors::one("server", "Choose a server that is switched on."), ..page }
        }
    })
}

/// The form, and the answer.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/policies/simulate.html")]
pub struct SimulatePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The page above.
    pub above: Vec<Crumb>,
    /// Who.
    pub user: String,
    /// Where.
    pub servers: Vec<Choice>,
    /// Which tool; none, to come in.
    pub tool: String,
    /// With what.
    pub arguments: String,
    /// What is wrong with the question.
    pub errors: Errors,
    /// The answer.
    pub outcome: Option<Outcome>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// True when they may.
    pub is_allowed: bool,
    /// In a sentence.
    pub sentence: Foreign,
    /// Each check: whether it passed, its name, what it looked at.
    pub checks: Vec<(bool, &'static str, Foreign)>,
    /// Each rule of their groups: whether it applies, its name, what it does, and why.
    pub rules: Vec<(bool, Foreign, &'static str, Foreign)>,
}

impl Outcome {
    fn of(explanation: &Explanation) -> Self {
        let checks = explanation.checks.iter();
        let rules = explanation.tried.iter();
        Self {
            is_allowed: explanation.is_allowed(),
            sentence: Foreign::passage(&explanation.sentence()),
            checks: checks.map(|check| (check.passed, check.rule, Foreign::passage(&check.detail))).collect(),
            rules: rules
                .map(|tried| {
                    let applies = tried.verdict.applies(tried.effect);
                    let why = Foreign::passage(&tried.verdict.words());
                    (applies, Foreign::new(&tried.rule), tried.effect.name(), why)
                })
                .collect(),
        }
    }
}

impl SimulatePage {
    fn new(site: Site, shell: Shell, asked: SimulateQuery, servers: &[Server]) -> Self {
        let choice = |server: &Server| Choice::new(&server.name, &server.name).chosen(server.name == asked.server);
        Self {
            above: vec![Crumb { href: site.policies(), label: "Policies".to_owned() }],
            site,
            shell,
            servers: servers.iter().map(choice).collect(),
            user: asked.user,
            tool: asked.tool,
            arguments: asked.arguments,
            errors: Errors::none(),
            outcome: None,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let asked = SimulateQuery { user: "ada".to_owned(), tool: "pay".to_owned(), ..SimulateQuery::default() };
        let page = || {
            let page = Self::new(Site::sample(), Shell::sample(Menu::Policies), asked.clone(), &[]);
            Self { servers: vec![Choice::new("bank", "bank").chosen(true)], ..page }
        };
        let outcome = |is_allowed| Outcome {
            is_allowed,
            sentence: Foreign::passage("denied by no rule: no policy of the caller's groups allows this"),
            checks: vec![
                (true, "subject", Foreign::passage("ada is active")),
                (false, "place", Foreign::hostile_sample()),
            ],
            rules: vec![(is_allowed, Foreign::hostile_sample(), "allow", Foreign::passage("applies"))],
        };
        let none = Self::new(Site::sample(), Shell::sample(Menu::Policies), SimulateQuery::default(), &[]);
        vec![
            none,
            Self { outcome: Some(outcome(true)), ..page() },
            Self { outcome: Some(outcome(false)), ..page() },
            Self { outcome: Some(Outcome { rules: Vec::new(), ..outcome(false) }), ..page() },
            Self { errors: Errors::one("user", "There is nobody."), ..page() },
        ]
    }
}

impl View for SimulatePage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
