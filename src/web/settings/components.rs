//! Every component in every state, for those who work on the pages. In development builds only, and in no menu.

use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::http::SignedIn;
use crate::http::page::{Foreign, Page, Site, View};
use crate::web::components::{
    Badge, BoxState, Choice, Crumb, Errors, Expiry, GridRow, Pager, StepRow, StepState, Tab, Tone, Toolbar, TreeNode,
    shortened,
};
use crate::web::shell::Shell;
use crate::web::words::Moment;

/// `GET /settings/components`.
pub async fn get(app: Data<App>, signed_in: SignedIn) -> Page<ComponentsPage> {
    let shell = Shell::of(&app, &signed_in, None).with_workspaces();
    Page(ComponentsPage::new(Site::of(&app.config.server.public_url), shell, app.clock.now()))
}

/// All of them.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/components.html")]
pub struct ComponentsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// What is wrong with the form.
    pub errors: Errors,
    /// Nothing is wrong with this one.
    pub fine: Errors,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// The pages beside.
    pub tabs: Vec<Tab>,
    /// A select.
    pub expirations: Vec<Choice>,
    /// Radio buttons.
    pub permissions: Vec<Choice>,
    /// Tick boxes.
    pub scopes: Vec<Choice>,
    /// A grid of permissions.
    pub grid: Vec<GridRow>,
    /// A tree of places.
    pub tree: Vec<TreeNode>,
    /// Above a list.
    pub toolbar: Toolbar,
    /// The list.
    pub rows: Vec<SampleRow>,
    /// Below it.
    pub pager: Pager,
    /// Steps in every state.
    pub steps: Vec<StepRow>,
    /// A moment to come.
    pub ends: Moment,
    /// A name as an attacker would choose it.
    pub hostile: Foreign,
}

/// A row of the list.
#[derive(Clone, Debug)]
pub struct SampleRow {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: Foreign,
    /// Its state.
    pub state: Badge,
    /// When it was made.
    pub created: Moment,
    /// When it ends.
    pub expires: Expiry,
    /// True when it is over.
    pub ended: bool,
}

impl SampleRow {
    /// The id as a list shows it.
    pub fn short(&self) -> String {
        shortened(self.id)
    }
}

impl ComponentsPage {
    fn new(site: Site, shell: Shell, now: DateTime<Utc>) -> Self {
        let mut errors = Errors::one("callbacks", "A redirect URI is an https URL, or http on 127.0.0.1.");
        errors.add("bad-name", "Enter a name.");
        let crumb = |label: &str| Crumb { href: site.apps(), label: label.to_owned() };
        let tab = |label, here| Tab { href: site.apps(), label, here };
        Self {
            errors,
            fine: Errors::none(),
            crumbs: vec![crumb("Settings"), crumb("API Keys")],
            tabs: vec![tab("Overview", true), tab("Permissions", false), tab("Audit", false)],
            expirations: expirations(),
            permissions: permissions(),
            scopes: scopes(),
            grid: grid(),
            tree: tree(),
            toolbar: toolbar(&site),
            rows: rows(now),
            pager: Pager {
                shown: "51 to 100 of 1,204 keys".to_owned(),
                first: None,
                previous: Some(site.apps()),
                next: Some(site.apps()),
            },
            steps: steps(),
            ends: Moment::new(now + TimeDelta::minutes(15), now),
            hostile: Foreign::hostile_sample(),
            site,
            shell,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        vec![Self::new(Site::sample(), Shell::sample(None).with_workspaces(), now)]
    }
}

impl View for ComponentsPage {}

fn expirations() -> Vec<Choice> {
    let choice = |value: &str, label: &str, words: &str| Choice::new(value, label).words(words);
    vec![
        choice("never", "Never", "for ever"),
        choice("7", "7 days", "for 7 days"),
        choice("30", "30 days", "for 30 days"),
        choice("90", "90 days", "for 90 days").chosen(true),
        choice("365", "1 year", "for 1 year"),
    ]
}

fn permissions() -> Vec<Choice> {
    vec![
        Choice::new("read", "Read").words("read").detail("List, and use tools that only look things up.").chosen(true),
        Choice::new("write", "Read and write").words("read and change").detail("Use tools that create and edit, too."),
        Choice::new("grid", "Choose for each kind").words("use parts of").detail("What follows decides."),
    ]
}

fn scopes() -> Vec<Choice> {
    vec![
        Choice::new("mcp:read", "Read what your tools can see").detail("mcp:read").chosen(true),
        Choice::new("mcp:write", "Use tools that change things").detail("mcp:write"),
    ]
}

fn grid() -> Vec<GridRow> {
    use BoxState::{Absent, Off, On};
    vec![
        GridRow::new("servers", "Servers", "The MCP servers themselves", [On, Off, Off]),
        GridRow::new("tools", "Tools", "What they offer", [On, On, Off]),
        GridRow::new("audit", "Audit trail", "", [Off, Absent, Absent]),
    ]
}

fn tree() -> Vec<TreeNode> {
    let node = |value: &str, label: &str, detail: &str| TreeNode {
        value: value.to_owned(),
        label: label.to_owned(),
        detail: detail.to_owned(),
        ..TreeNode::default()
    };
    let project = TreeNode {
        below: vec![TreeNode { chosen: true, ..node("f:1", "Staging", "") }, node("f:2", "Production", "")],
        ..node("p:1", "Weather", "2 folders")
    };
    vec![
        TreeNode { below: vec![project, node("p:2", "Calendar", "")], ..node("w:1", "Acme Research", "3 servers") },
        TreeNode { chosen: true, below: vec![node("p:3", "Time", "")], ..node("w:2", "MCP Gateway", "1 server") },
        node("w:3", &Foreign::hostile_sample().to_string(), ""),
    ]
}

fn toolbar(site: &Site) -> Toolbar {
    Toolbar {
        action: site.apps(),
        label: "Search keys".to_owned(),
        query: "claude".to_owned(),
        sorts: vec![Choice::new("used", "Last used first").chosen(true), Choice::new("name", "By name")],
        filters: vec![Choice::new("", "Active").chosen(true), Choice::new("ended", "Revoked and expired")],
    }
}

fn rows(now: DateTime<Utc>) -> Vec<SampleRow> {
    let row = |name, state, left: Option<i64>| SampleRow {
        id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55",
        name,
        state,
        created: Moment::new(now - TimeDelta::days(40), now),
        expires: Expiry::new(left.map(|days| now + TimeDelta::days(days)), now),
        ended: false,
    };
    let badge = Badge::new;
    vec![
        row(Foreign::new("Claude Desktop – MacBook"), badge(Tone::Good, "Active"), Some(80)),
        row(Foreign::new("CI/CD Pipeline"), badge(Tone::Soon, "Expires soon"), Some(6)),
        row(Foreign::new("Backup script"), badge(Tone::Plain, "Never used"), None),
        row(Foreign::hostile_sample(), badge(Tone::Bad, "Expired"), Some(-3)),
        SampleRow { ended: true, ..row(Foreign::new("Old laptop"), badge(Tone::Ended, "Revoked"), Some(20)) },
    ]
}

fn steps() -> Vec<StepRow> {
    let step = |id, title: &str, state, detail: &str| StepRow {
        id,
        title: title.to_owned(),
        state,
        detail: detail.to_owned(),
    };
    vec![
        step("step-reach", "Reach the server", StepState::Done, "It answers in 12 ms."),
        step("step-metadata", "Read its metadata", StepState::Remark, "One document is missing; clients get by."),
        step("step-register", "Register a client", StepState::Failed, "It answers 403. Ask the administrator."),
        step("step-call", "Call a tool", StepState::Waiting, ""),
        step("step-key", "Call with your key", StepState::Skipped, "No key was given."),
    ]
}
