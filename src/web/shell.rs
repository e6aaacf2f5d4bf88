//! What the frame around settings pages needs.

use crate::app::App;
use crate::http::SignedIn;
use crate::http::page::{Foreign, Site};
use crate::places::Place;
use crate::types::DEFAULT_WORKSPACE;

/// Who is signed in, and where in the menu they are.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The name of the person.
    pub person: Foreign,
    /// For the forms of the page, sign-out among them.
    pub csrf: String,
    /// True when they administer this installation, and see the pages for that.
    pub administers: bool,
    /// The workspaces that they may work in, the present one among them; the first of many.
    pub workspaces: Vec<WorkspaceEntry>,
    /// True when there are more.
    pub more_workspaces: bool,
    /// The page they are on, where the menu has it.
    pub here: Option<Menu>,
}

/// One line of the workspace switcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceEntry {
    /// Its name in URLs and forms.
    pub name: String,
    /// What people call it.
    pub title: Foreign,
    /// True for the one that the page shows.
    pub here: bool,
}

/// The parts of the sidebar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What is the person's own.
    Settings,
    /// What programs connect with.
    McpSetup,
    /// What is everybody's.
    Administration,
}

/// The pages of the sidebar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Connected apps.
    Apps,
    /// Profile.
    Profile,
    /// Security: password, two-step sign-in, passkeys.
    Security,
    /// Sessions.
    Sessions,
    /// OAuth clients.
    Clients,
    /// Workspaces.
    Workspaces,
    /// Set up a client.
    Setup,
    /// API Keys.
    ApiKeys,
    /// Access Tokens.
    AccessTokens,
    /// Policies.
    Policies,
    /// Connection doctor.
    Doctor,
    /// Recent connections.
    Flows,
    /// Audit.
    Audit,
}

/// One part of the sidebar, as a page shows it.
#[derive(Clone, Debug)]
pub struct MenuSection {
    /// Names its heading.
    pub id: &'static str,
    /// What the heading says.
    pub title: &'static str,
    /// Its lines.
    pub entries: Vec<MenuEntry>,
}

/// One line of the sidebar.
#[derive(Clone, Debug)]
pub struct MenuEntry {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// True on the page itself.
    pub here: bool,
}

impl Section {
    /// Every part, in the order of the sidebar.
    const ALL: &[Self] = &[Self::Settings, Self::McpSetup, Self::Administration];

    fn title(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::McpSetup => "MCP Setup",
            Self::Administration => "Administration",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Settings => "menu-settings",
            Self::McpSetup => "menu-mcp-setup",
            Self::Administration => "menu-administration",
        }
    }
}

impl Menu {
    /// Every page, in the order of its section.
    pub const ALL: &[Self] = &[
        Self::Apps,
        Self::Profile,
        Self::Security,
        Self::Sessions,
        Self::Workspaces,
        Self::Setup,
        Self::ApiKeys,
        Self::AccessTokens,
        Self::Clients,
        Self::Policies,
        Self::Doctor,
        Self::Flows,
        Self::Audit,
    ];

    /// The part of the sidebar that it is in; *Administration* is for administrators.
    fn section(self) -> Section {
        match self {
            Self::Apps | Self::Profile | Self::Security | Self::Sessions => Section::Settings,
            Self::Clients => Section::McpSetup,
            Self::Workspaces => Section::Settings,
            Self::Setup => Section::McpSetup,
            Self::ApiKeys => Section::McpSetup,
            Self::AccessTokens => Section::McpSetup,
            Self::Policies => Section::Administration,
            Self::Doctor => Section::Administration,
            Self::Flows => Section::Administration,
            Self::Audit => Section::Administration,
        }
    }

    fn href(self, site: &Site) -> String {
        match self {
            Self::Apps => site.apps(),
            Self::Profile => site.profile(),
            Self::Security => site.security(),
            Self::Sessions => site.sessions(),
            Self::Clients => site.clients(),
            Self::Workspaces => site.workspaces(),
            Self::Setup => site.mcp_setup(),
            Self::ApiKeys => site.keys(),
            Self::AccessTokens => site.access_tokens(),
            Self::Policies => site.policies(),
            Self::Doctor => site.doctor(),
            Self::Flows => site.flows(),
            Self::Audit => site.audit(),
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Apps => "Connected apps",
            Self::Profile => "Profile",
            Self::Security => "Security",
            Self::Sessions => "Sessions",
            Self::Clients => "OAuth Clients",
            Self::Workspaces => "Workspaces",
            Self::Setup => "Set up a client",
            Self::ApiKeys => "API Keys",
            Self::AccessTokens => "Access Tokens",
            Self::Policies => "Policies",
            Self::Doctor => "Connection doctor",
            Self::Flows => "Recent connections",
            Self::Audit => "Audit",
        }
    }
}

impl Shell {
    /// The frame around a page of this person.
    pub fn of(app: &App, signed_in: &SignedIn, here: impl Into<Option<Menu>>) -> Self {
        let (workspaces, more_workspaces) = workspaces(app, signed_in);
        Self {
            person: Foreign::new(&signed_in.person.display_name),
            csrf: signed_in.csrf_token(&app.keys),
            administers: signed_in.person.is_admin,
            workspaces,
            more_workspaces,
            here: here.into(),
        }
    }

    /// The sidebar, seen from this page.
    pub fn menu(&self, site: &Site) -> Vec<MenuSection> {
        let theirs = Section::ALL.iter().filter(|section| self.administers || **section != Section::Administration);
        let sections = theirs.map(|section| MenuSection {
            id: section.id(),
            title: section.title(),
            entries: self.entries(*section, site),
        });
        sections.filter(|section| !section.entries.is_empty()).collect()
    }

    fn entries(&self, section: Section, site: &Site) -> Vec<MenuEntry> {
        let here = |menu: Menu| self.here == Some(menu);
        let entry = |menu: Menu| MenuEntry { href: menu.href(site), label: menu.label(), here: here(menu) };
        Menu::ALL.iter().copied().filter(|menu| menu.section() == section).map(entry).collect()
    }

    /// The workspace that the page shows.
    pub fn workspace(&self) -> Option<&WorkspaceEntry> {
        self.workspaces.iter().find(|workspace| workspace.here)
    }

    /// A shell for samples.
    pub fn sample(here: impl Into<Option<Menu>>) -> Self {
        let here = here.into();
        Self {
            person: Foreign::new("Alice Example"),
            csrf: "sample-csrf".to_owned(),
            administers: here.is_some_and(|menu| menu.section() == Section::Administration),
            workspaces: vec![WorkspaceEntry::only()],
            more_workspaces: false,
            here,
        }
    }

    /// The same with several workspaces to switch between.
    pub fn with_workspaces(self) -> Self {
        let other = |name: &str, title| WorkspaceEntry { name: name.to_owned(), title, here: false };
        let others = [other("acme", Foreign::new("Acme Research")), other("hostile", Foreign::hostile_sample())];
        let workspaces = [WorkspaceEntry::only()].into_iter().chain(others).collect();
        Self { workspaces, more_workspaces: true, ..self }
    }
}

/// As many are in the switcher, which is on every page; the list of workspaces finds the others.
const SWITCHED: usize = 10;

/// Those of the switcher, the present one among them, and whether there are more.
fn workspaces(app: &App, signed_in: &SignedIn) -> (Vec<WorkspaceEntry>, bool) {
    let tree = app.places.tree();
    let here = signed_in.workspace(&tree).map(|place| place.id);
    let entry = |place: &Place| WorkspaceEntry {
        name: place.name.to_string(),
        title: Foreign::new(&place.title),
        here: Some(place.id) == here,
    };
    let all = signed_in.workspaces(&tree);
    let more = all.len() > SWITCHED;
    // The present one comes first where it would not be among them.
    let unseen = all.iter().skip(SWITCHED).find(|place| Some(place.id) == here);
    let shown = unseen.into_iter().chain(all.iter().take(SWITCHED - usize::from(unseen.is_some())));
    (shown.map(|place| entry(place)).collect(), more)
}

impl WorkspaceEntry {
    /// The one that every installation has.
    fn only() -> Self {
        Self { name: DEFAULT_WORKSPACE.to_owned(), title: Foreign::new("MCP Gateway"), here: true }
    }
}
