//! Settings → Workspaces: those that a person works in, a new one, and the pages of each.

pub mod itself;
pub mod members;
pub mod new;
pub mod places;
pub mod server;
pub mod servers;

use std::sync::Arc;

use actix_web::http::header::REFERER;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use url::Url;

use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::return_to::ReturnTo;
use crate::http::{PageError, PageForm, Refusal, SignedIn, cookies, see_other, urls};
use crate::places::{Kind, Place, Role, Tree};
use crate::web::components::{Crumb, Pager, Tab, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::scoping::in_places;
use crate::web::shell::{Menu, Shell};

const LIST: List = List {
    label: "Search workspaces",
    nouns: ["workspace", "workspaces"],
    sorts: &[("name", "By name"), ("newest", "Newest first"), ("servers", "Most servers first")],
    shows: &[],
    on_a_page: 50,
};

/// `GET /settings/workspaces`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<WorkspacesPage>, PageError> {
    list(&app, &signed_in, &asked).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn list(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<WorkspacesPage, db::Error> {
    let (tree, servers) = (app.tree().await?, in_places(&app.enabled_servers().await?));
    let site = Site::of(&app.config.server.public_url);
    let shell = Shell::of(app, signed_in, Menu::Workspaces);
    let here = signed_in.workspace(&tree).map(|place| place.id);
    let count = |place: &Place| servers.get(&place.id).copied().unwrap_or_default();
    let row = |place: &Place| WorkspaceRow {
        href: site.of_workspace(urls::WORKSPACE, place.name.as_str()),
        title: Foreign::new(&place.title),
        name: place.name.to_string(),
        role: role_words(signed_in.person.workspaces.role_in(place.id)),
        servers: count(place),
        here: Some(place.id) == here,
    };
    let mut theirs = signed_in.workspaces(&tree);
    let is_empty = theirs.is_empty();
    theirs.retain(|place| asked.finds([place.title.as_str(), place.name.as_str()]));
    match LIST.sort(asked) {
        "newest" => theirs.sort_by_key(|place| std::cmp::Reverse(place.created_at)),
        "servers" => theirs.sort_by_key(|place| std::cmp::Reverse(count(place))),
        // As they came.
        _ => {}
    }
    let (shown, pager) = LIST.page(asked, &site.workspaces(), theirs);
    let rows = shown.into_iter().map(row).collect();
    let toolbar = LIST.toolbar(asked, &site.workspaces());
    Ok(WorkspacesPage { is_empty, pager, ..WorkspacesPage::new(site, shell, toolbar, rows) })
}

/// What a person is in a workspace; nothing there, they see it because they administer all of them.
fn role_words(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Owner) => "Owner",
        Some(Role::Admin) => "Admin",
        Some(Role::Member) => "Member",
        None => "System administrator",
    }
}

/// What the workspace switcher sends.
#[derive(Debug, Deserialize)]
pub struct SwitchForm {
    workspace: String,
}

impl Fields for SwitchForm {}

/// `POST /settings/workspace`: shows another workspace from now on, and goes back to the page that asked.
pub async fn switch(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<SwitchForm>,
) -> Result<HttpResponse, PageError> {
    let tree = app.tree().await.map_err(|error| Refusal::from(error).to(&request))?;
    let theirs = signed_in.workspaces(&tree);
    let chosen = theirs.iter().find(|place| place.name.as_str() == form.workspace);
    let chosen = chosen.ok_or_else(|| Refusal::NotFound.to(&request))?;
    let public_url = &app.config.server.public_url;
    let back = came_from(&app, &request).unwrap_or_else(|| app.at(urls::WORKSPACES));
    Ok(see_other(&back).cookie(cookies::chosen_workspace(public_url, chosen.id)).finish())
}

/// The page of ours from which a form was sent.
fn came_from(app: &App, request: &HttpRequest) -> Option<String> {
    let public_url = &app.config.server.public_url;
    let url = Url::parse(request.headers().get(REFERER)?.to_str().ok()?).ok()?;
    let is_ours = url.origin().ascii_serialization() == public_url.origin();
    let back = ReturnTo::new(public_url, url.path()).filter(|_| is_ours)?;
    Some(back.url(public_url))
}

/// The workspaces that somebody works in.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/list.html")]
pub struct WorkspacesPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list.
    pub toolbar: Toolbar,
    /// They, by title unless another order is asked for.
    pub workspaces: Vec<WorkspaceRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when they work in none at all.
    pub is_empty: bool,
    /// Where a new one is made; nowhere, for who may not.
    pub new: String,
}

/// One workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceRow {
    /// Its page.
    pub href: String,
    /// What people call it.
    pub title: Foreign,
    /// Its name.
    pub name: String,
    /// What the person is in it.
    pub role: &'static str,
    /// How many servers are in it.
    pub servers: usize,
    /// True for the one that pages show.
    pub here: bool,
}

impl WorkspacesPage {
    fn new(site: Site, shell: Shell, toolbar: Toolbar, workspaces: Vec<WorkspaceRow>) -> Self {
        let new = if shell.administers { site.new_workspace() } else { String::new() };
        let is_empty = workspaces.is_empty();
        Self { site, shell, toolbar, workspaces, pager: Pager::default(), is_empty, new }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |name: &str, title, role, servers| WorkspaceRow {
            href: format!("/gate/settings/workspaces/{name}"),
            title,
            name: name.to_owned(),
            role,
            servers,
            here: name == "mcp-gateway",
        };
        let gateway = row("mcp-gateway", Foreign::new("MCP Gateway"), "Member", 3);
        let hostile = row("hostile", Foreign::hostile_sample(), "Owner", 0);
        let shell = Shell::sample(Menu::Workspaces);
        let administers = Shell { administers: true, ..shell.clone().with_workspaces() };
        let (plain, path) = (Asked::default(), Site::sample().workspaces());
        let page = |shell, workspaces: Vec<WorkspaceRow>| Self {
            pager: LIST.pager(&plain, &path, LIST.part(&plain, workspaces.len())),
            ..Self::new(Site::sample(), shell, LIST.toolbar(&plain, &path), workspaces)
        };
        let nothing_found = Self { is_empty: false, ..page(shell.clone(), Vec::new()) };
        vec![page(administers, vec![gateway, hostile]), page(shell, Vec::new()), nothing_found]
    }
}

impl View for WorkspacesPage {}

/// A workspace as somebody sees it who may work in it.
pub struct Seen {
    /// Every place.
    pub tree: Arc<Tree>,
    /// The workspace.
    pub place: Place,
    /// What they may do in it; who administers all of them is as good as an owner.
    pub role: Role,
}

impl Seen {
    /// The workspace of that name. Of one that is not theirs, nobody learns that it is there.
    pub async fn of(app: &App, signed_in: &SignedIn, name: &str) -> Result<Self, Refusal> {
        let tree = app.tree().await?;
        let place = tree.find(name).filter(|place| place.kind == Kind::Workspace).cloned();
        let place = place.ok_or(Refusal::NotFound)?;
        let role = match signed_in.person.is_admin {
            true => Some(Role::Owner),
            false => signed_in.person.workspaces.role_in(place.id),
        };
        Ok(Self { tree, place, role: role.ok_or(Refusal::NotFound)? })
    }

    /// True when they manage it.
    pub fn manages(&self) -> bool {
        self.role >= Role::Admin
    }

    /// The places in it, itself first, each before what is in it.
    pub fn inside(&self) -> Vec<&Place> {
        let mut all = vec![&self.place];
        for project in self.tree.children(self.place.id) {
            all.push(project);
            all.extend(self.tree.children(project.id));
        }
        all
    }
}

/// The pages of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who is in it.
    Members,
    /// Its projects and folders.
    Places,
    /// Its servers.
    Servers,
    /// Its name and its end.
    Itself,
}

impl Part {
    const ALL: [Self; 4] = [Self::Members, Self::Places, Self::Servers, Self::Itself];

    fn page(self) -> &'static str {
        match self {
            Self::Members => urls::WORKSPACE,
            Self::Places => urls::WORKSPACE_PLACES,
            Self::Servers => urls::WORKSPACE_SERVERS,
            Self::Itself => urls::WORKSPACE_ITSELF,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Places => "Projects and folders",
            Self::Servers => "Servers",
            Self::Itself => "Rename or remove",
        }
    }
}

/// The head of the pages of a workspace.
#[derive(Clone, Debug)]
pub struct Head {
    /// What people call it.
    pub title: Foreign,
    /// Its name, and what the person is in it.
    pub lead: String,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// The pages beside.
    pub tabs: Vec<Tab>,
    /// This page.
    pub href: String,
    /// True when the person manages it.
    pub manages: bool,
    /// What has just been done.
    pub notice: &'static str,
}

impl Head {
    /// The head of one of them.
    pub fn new(site: &Site, seen: &Seen, part: Part, done: Option<Done>) -> Self {
        let head = Self::of(site, (seen.place.name.as_str(), Foreign::new(&seen.place.title)), seen.role, part);
        Self { notice: done.map_or("", Done::words), ..head }
    }

    fn of(site: &Site, (name, title): (&str, Foreign), role: Role, part: Part) -> Self {
        let manages = role >= Role::Admin;
        let tab = |other: Part| Tab {
            href: site.of_workspace(other.page(), name),
            label: other.label(),
            here: other == part,
        };
        Self {
            title,
            lead: format!("The workspace {name}. You are {} here.", article(role)),
            above: vec![Crumb { href: site.workspaces(), label: "Workspaces".to_owned() }],
            tabs: Part::ALL.into_iter().filter(|part| manages || *part != Part::Itself).map(tab).collect(),
            href: site.of_workspace(part.page(), name),
            manages,
            notice: "",
        }
    }

    /// The head for samples.
    pub fn sample(part: Part, role: Role, title: Foreign) -> Self {
        Self::of(&Site::sample(), ("acme", title), role, part)
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Admin => "an admin",
        Role::Member => "a member",
    }
}

/// What has just been done, as the URL says it after a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Something was made.
    Made,
    /// Something was changed.
    Changed,
    /// Something was removed.
    Removed,
    /// Something is elsewhere now.
    Moved,
}

impl Done {
    const ALL: [Self; 4] = [Self::Made, Self::Changed, Self::Removed, Self::Moved];

    /// What a URL says that was done.
    fn of(asked: &Asked) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.name() == asked.get("done"))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Made => "It is made.",
            Self::Changed => "The change is saved, and holds from now on.",
            Self::Removed => "It is removed.",
            Self::Moved => "The server has moved.",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Moved => "moved",
        }
    }
}

/// Back to one of the pages of a workspace, which then says what was done.
fn back(app: &App, part: Part, name: &str, done: Done) -> HttpResponse {
    let page = app.at(&part.page().replace("{workspace}", name));
    see_other(&format!("{page}?done={}", done.name())).finish()
}
