//! MCP Setup → Set up a client: what do you want to connect, which client is it, and what exactly goes where.
//!
//! Where somebody is in these questions is in the URL, so that the page works without a script and can be bookmarked.

mod goal;
pub mod trial;

use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

pub use self::goal::Goal;
use crate::app::App;
use crate::http::SignedIn;
use crate::http::page::{Csp, Page, Site, View};
use crate::http::urls;
use crate::web::components::{StepRow, StepState, Tab, link};
use crate::web::shell::{Menu, Shell};
use crate::web::snippets::{McpClient, Setup, Way};

/// The answers so far. What is unknown counts as not answered.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SetupQuery {
    #[serde(default)]
    connect: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    with: String,
}

/// `GET /settings/setup`.
pub async fn get(app: Data<App>, signed_in: SignedIn, query: Query<SetupQuery>) -> Page<SetupPage> {
    Page(SetupPage::of(&app, &signed_in, &query))
}

/// The questions, and the answer.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/setup.html")]
pub struct SetupPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Our public URL, without a slash at its end.
    pub public_url: String,
    /// What is to be connected.
    pub goal: Option<Goal>,
    /// Which client it is.
    pub client: Option<McpClient>,
    /// How it gets in.
    pub way: Way,
    /// How the connection was found to be.
    pub steps: Vec<StepRow>,
    /// Why it was not tried.
    pub problem: String,
}

/// One answer to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// True when it is chosen.
    pub chosen: bool,
}

impl SetupPage {
    fn of(app: &App, signed_in: &SignedIn, query: &SetupQuery) -> Self {
        let shell = Shell::of(app, signed_in, Menu::Setup);
        Self::new(Site::of(&app.config.server.public_url), shell, app.at(""), query)
    }

    fn new(site: Site, shell: Shell, public_url: String, query: &SetupQuery) -> Self {
        let goal = Goal::of(&query.connect);
        let client =
            goal.and_then(|goal| McpClient::of(&query.client).filter(|client| goal.clients().contains(client)));
        let ways = goal.zip(client).map(|(goal, client)| goal.ways(client)).unwrap_or_default();
        let way = Way::of(&query.with).filter(|way| ways.contains(way)).or(ways.first().copied());
        let way = way.unwrap_or(Way::Oauth);
        Self { site, shell, public_url, goal, client, way, steps: Vec::new(), problem: String::new() }
    }

    /// The href of a goal.
    pub fn goal_href(&self, goal: &Goal) -> String {
        format!("{}#client", link(&self.site.mcp_setup(), &[("connect", goal.id())]))
    }

    /// True for the goal that was chosen.
    pub fn is_goal(&self, goal: &Goal) -> bool {
        self.goal == Some(*goal)
    }

    /// The clients to choose from.
    pub fn clients(&self) -> Vec<Pick> {
        let Some(goal) = self.goal else { return Vec::new() };
        let pick = |client: &McpClient| {
            let place = link(&self.site.mcp_setup(), &[("connect", goal.id()), ("client", client.id())]);
            Pick { href: format!("{place}#setup"), label: client.name(), chosen: self.client == Some(*client) }
        };
        goal.clients().iter().map(pick).collect()
    }

    /// The ways to choose from, as tabs.
    pub fn ways(&self) -> Vec<Tab> {
        let Some((goal, client)) = self.goal.zip(self.client) else { return Vec::new() };
        let tab = |way: Way| {
            let parameters = [("connect", goal.id()), ("client", client.id()), ("with", way.id())];
            let href = format!("{}#setup", link(&self.site.mcp_setup(), &parameters));
            Tab { href, label: way.name(), here: way == self.way }
        };
        goal.ways(client).into_iter().map(tab).collect()
    }

    /// What goes where.
    pub fn setup(&self) -> Option<Setup> {
        self.client.map(|client| client.setup(self.way, &self.site.mcp))
    }

    /// True when the client sends a key.
    pub fn takes_key(&self) -> bool {
        self.way == Way::ApiKey
    }

    /// What is made for this, where that is: label and href. A client that signs in needs nothing.
    pub fn makes(&self) -> Option<(&'static str, String)> {
        let is_needed = self.client.is_none() || self.takes_key();
        let made = self.goal.filter(|_| is_needed)?.makes();
        made.map(|(label, path)| (label, self.site.to(&path)))
    }

    /// True when the program is one's own, and is told where things are.
    pub fn is_own_program(&self) -> bool {
        self.goal.is_some_and(|goal| goal.clients().is_empty())
    }

    /// Where a program of one's own finds everything.
    pub fn metadata(&self) -> String {
        format!("{}{}", self.public_url, urls::AUTHORIZATION_SERVER)
    }

    /// How a server gets a token for itself (RFC 6749 §4.4), if that is what is wanted.
    pub fn token_request(&self) -> Option<String> {
        (self.goal == Some(Goal::Service)).then(|| {
            format!(
                "curl {}{} \\\n  --data grant_type=client_credentials \\\n  --data client_id=YOUR_CLIENT_ID \\\n  --data client_secret=\"$CLIENT_SECRET\"",
                self.public_url,
                urls::TOKEN
            )
        })
    }

    /// Where *Test connection* is sent.
    pub fn test_href(&self) -> String {
        self.site.to(urls::MCP_SETUP_TEST)
    }

    /// The steps as they stand: what was found, or all of them waiting.
    pub fn shown_steps(&self) -> Vec<StepRow> {
        if self.steps.is_empty() { trial::waiting() } else { self.steps.clone() }
    }

    /// How the test ended, in a sentence.
    pub fn verdict(&self) -> &'static str {
        let has = |state| self.steps.iter().any(|step| step.state == state);
        match (has(StepState::Failed), has(StepState::Remark)) {
            (true, _) => "Something is in the way: see below.",
            (false, true) => "The connection works, with a remark.",
            (false, false) => "The connection works.",
        }
    }

    /// True when a step failed.
    pub fn fails(&self) -> bool {
        self.steps.iter().any(|step| step.state == StepState::Failed)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let page = |connect: &str, client: &str, with: &str| {
            let query = SetupQuery { connect: connect.to_owned(), client: client.to_owned(), with: with.to_owned() };
            let public_url = "https://gate.example.com/gate".to_owned();
            Self::new(Site::sample(), Shell::sample(Menu::Setup), public_url, &query)
        };
        let mut pages: Vec<Self> = vec![page("", "", ""), page("\"><script>alert(1)</script>", "", "")];
        for goal in Goal::ALL {
            pages.push(page(goal.id(), "", ""));
            let ways =
                goal.clients().iter().flat_map(|client| goal.ways(*client).into_iter().map(move |way| (client, way)));
            pages.extend(ways.map(|(client, way)| page(goal.id(), client.id(), way.id())));
        }
        let tested = page("discovery", "vs-code", "oauth");
        pages.push(Self { steps: trial::samples(), ..tested.clone() });
        pages.push(Self { problem: "Too many tries. Wait 4 seconds.".to_owned(), ..tested });
        pages
    }
}

impl View for SetupPage {
    fn csp(&self) -> Csp {
        Csp::Live
    }
}
