//! The page of a server.

use askama::Template;

use super::{Managed, Told, above};
use crate::app::App;
use crate::http::page::{Foreign, Site, View};
use crate::http::urls;
use crate::types::Class;
use crate::upstreams::server::{Health, Registered};
use crate::upstreams::tool::Tool;
use crate::web::components::{Badge, Choice, Crumb, Pager, Tone, Toolbar, link};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// Its tools.
pub(super) const LIST: List = List {
    label: "Search tools",
    nouns: ["tool", "tools"],
    sorts: &[("name", "By name"), ("class", "Most dangerous first")],
    shows: &[
        ("", "All"),
        ("read", "Count as read"),
        ("write", "Count as write"),
        ("delete", "Count as delete"),
        ("waiting", "Waiting for approval"),
        ("gone", "No longer listed"),
    ],
    on_a_page: 50,
};
/// Where there are so few, there is nothing to search.
const FEW: usize = 5;

/// What it is, how it is, and what its tools count as.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/server.html")]
pub struct ServerPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What has just been done.
    pub notice: &'static str,
    /// Its name.
    pub name: String,
    /// This page.
    pub href: String,
    /// The same with what is asked of the list of tools.
    pub here: String,
    /// Where *Edit*, *Move* and *Remove* lead.
    pub edit: String,
    /// The same.
    pub go: String,
    /// The same.
    pub remove: String,
    /// What clients connect to.
    pub connect: String,
    /// True while it is switched on.
    pub enabled: bool,
    /// The same in a word, and how it is.
    pub badges: Vec<Badge>,
    /// Why it is not healthy.
    pub trouble: String,
    /// When somebody looked.
    pub checked: Option<Moment>,
    /// What it is, fact by fact.
    pub facts: Vec<(&'static str, Foreign)>,
    /// Above its tools, where there are enough of them to be searched.
    pub toolbar: Option<Toolbar>,
    /// Its tools, by name unless another order is asked for.
    pub tools: Vec<ToolRow>,
    /// Below them.
    pub pager: Pager,
    /// True when it has told of none.
    pub is_empty: bool,
    /// The same without the page.
    pub command: String,
    /// The same.
    pub request: String,
}

/// One tool.
#[derive(Clone, Debug)]
pub struct ToolRow {
    /// What a form sends.
    pub name: String,
    /// The same for people.
    pub shown: Foreign,
    /// What it says that it is for.
    pub description: Foreign,
    /// What it counts as.
    pub class: Badge,
    /// Why: what it says of itself, or who says so.
    pub because: String,
    /// A lesser class that it claims by now.
    pub proposed: Option<&'static str>,
    /// What it could count as.
    pub choices: Vec<Choice>,
}

impl ServerPage {
    pub(super) fn new(app: &App, shell: Shell, managed: &Managed, tools: &[Tool], asked: &Asked) -> Self {
        let Managed { seen, server } = managed;
        let site = Site::of(&app.config.server.public_url);
        let (workspace, name) = (seen.place.name.as_str(), server.name.as_str());
        let href = site.of_server(urls::WORKSPACE_SERVER, workspace, name);
        let servers = site.of_workspace(urls::WORKSPACE_SERVERS, workspace);
        let one = urls::API_MCP_SERVER.replace("{id}", &server.id.to_string());
        let (shown, pager) = LIST.page(asked, &href, chosen(asked, tools, server));
        Self {
            toolbar: (tools.len() > FEW).then(|| LIST.toolbar(asked, &href)),
            here: LIST.here(asked, &href, ""),
            tools: shown.into_iter().map(|tool| ToolRow::new(tool, server)).collect(),
            pager,
            is_empty: tools.is_empty(),
            above: above(&site, (workspace, &Foreign::new(&seen.place.title)), None),
            notice: Told::of(asked).map_or("", Told::words),
            edit: site.of_server(urls::WORKSPACE_EDIT_SERVER, workspace, name),
            go: link(&servers, &[("move", &server.id.to_string())]),
            remove: link(&href, &[("remove", "true")]),
            connect: app.at(&format!("/{name}{}", urls::MCP)),
            enabled: server.enabled,
            badges: badges(server),
            trouble: server.health_detail.clone(),
            checked: server.checked_at.map(|at| Moment::new(at, app.clock.now())),
            facts: facts(server, &seen.tree.words(server.place_id).unwrap_or_default()),
            request: format!(
                "curl -X PATCH {} -H \"Authorization: Bearer $TOKEN\" \\\n  -H \"Content-Type: application/json\" -d '{{\"enabled\": {}}}'",
                app.at(&one),
                !server.enabled
            ),
            command: format!("portcullis toggle {name}"),
            name: server.name.clone(),
            href,
            shell,
            site,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |name: &str, shown, description, class: Class, because: &str, proposed| ToolRow {
            name: name.to_owned(),
            shown,
            description,
            class: badge(class),
            because: because.to_owned(),
            proposed,
            choices: choices(Some(class)),
        };
        let tools = vec![
            row(
                "list_events",
                Foreign::new("list_events"),
                Foreign::passage("Meetings of a day"),
                Class::Read,
                "It says that it only reads.",
                None,
            ),
            row(
                "cancel",
                Foreign::hostile_sample(),
                Foreign::hostile_sample(),
                Class::Delete,
                "It says that it destroys.",
                Some("write"),
            ),
        ];
        let site = Site::sample();
        let acme = ("acme", &Foreign::new("Acme Research"));
        let href = site.of_server(urls::WORKSPACE_SERVER, "acme", "calendar");
        let healthy = Self {
            above: above(&site, acme, None),
            notice: Told::Registered.words(),
            name: "calendar".to_owned(),
            edit: site.of_server(urls::WORKSPACE_EDIT_SERVER, "acme", "calendar"),
            go: format!("{href}?move=1"),
            remove: format!("{href}?remove=true"),
            connect: "https://gate.example.com/gate/calendar/mcp".to_owned(),
            here: href.clone(),
            enabled: true,
            badges: vec![Badge::new(Tone::Good, "On"), Badge::new(Tone::Good, "Healthy")],
            trouble: String::new(),
            checked: None,
            facts: vec![
                ("For", Foreign::new("Meetings and rooms")),
                ("URL", Foreign::hostile_sample()),
                ("Place", Foreign::new("acme/apps")),
            ],
            toolbar: Some(LIST.toolbar(&Asked::default(), &href)),
            tools,
            pager: Pager { shown: "2 tools".to_owned(), ..Pager::default() },
            is_empty: false,
            command: "portcullis toggle calendar".to_owned(),
            request: "curl -X PATCH https://gate.example.com/gate/api/v1/mcp-servers/1".to_owned(),
            shell: Shell::sample(Menu::Workspaces),
            href,
            site,
        };
        let off = Self {
            notice: "",
            enabled: false,
            badges: vec![Badge::new(Tone::Ended, "Off"), Badge::new(Tone::Bad, "Failing")],
            trouble: "the server answered with status 503 <script>alert(1)</script>".to_owned(),
            tools: Vec::new(),
            toolbar: None,
            is_empty: true,
            ..healthy.clone()
        };
        let nothing_found = Self { tools: Vec::new(), ..healthy.clone() };
        vec![healthy, off, nothing_found]
    }
}

/// The tools that are looked for, in the order that is asked for.
fn chosen<'t>(asked: &Asked, tools: &'t [Tool], server: &Registered) -> Vec<&'t Tool> {
    let show = LIST.show(asked);
    let is_shown = |tool: &&Tool| match show {
        "" => true,
        "waiting" => tool.proposed.is_some(),
        "gone" => !tool.is_listed_by(server),
        class => tool.judged().name() == class,
    };
    let description = |tool: &'t Tool| tool.definition["description"].as_str().unwrap_or_default();
    let is_meant = |tool: &&'t Tool| asked.finds([tool.name.as_str(), description(tool)]);
    let mut found: Vec<&Tool> = tools.iter().filter(is_shown).filter(is_meant).collect();
    if LIST.sort(asked) == "class" {
        found.sort_by_key(|tool| std::cmp::Reverse(tool.judged()));
    }
    found
}

impl ToolRow {
    fn new(tool: &Tool, server: &Registered) -> Self {
        let because = match (tool.chosen, tool.hint("destructiveHint"), tool.hint("readOnlyHint")) {
            (Some(_), ..) => "Somebody who manages the server says so.",
            (None, Some(true), _) => "It says that it destroys.",
            (None, _, Some(true)) => "It says that it only reads.",
            (None, ..) => "It does not say what it does.",
        };
        let gone = if tool.is_listed_by(server) { "" } else { " The server does not list it any more." };
        let title = tool.definition["title"].as_str().or(tool.definition["annotations"]["title"].as_str());
        let description =
            tool.definition["description"].as_str().or(title).unwrap_or("It does not say what it is for.");
        Self {
            name: tool.name.clone(),
            shown: Foreign::new(&tool.name),
            description: Foreign::passage(description),
            class: badge(tool.judged()),
            because: format!("{because}{gone}"),
            proposed: tool.proposed.map(Class::name),
            choices: choices(tool.chosen),
        }
    }
}

fn badge(class: Class) -> Badge {
    match class {
        Class::Read => Badge::new(Tone::Good, "read"),
        Class::Write => Badge::new(Tone::Soon, "write"),
        Class::Delete => Badge::new(Tone::Bad, "delete"),
    }
}

fn choices(chosen: Option<Class>) -> Vec<Choice> {
    let annotated = Choice::new("annotated", "as it says").chosen(chosen.is_none());
    let class = |class: Class| Choice::new(class.name(), class.name()).chosen(chosen == Some(class));
    std::iter::once(annotated).chain(Class::ALL.map(class)).collect()
}

/// Whether it is on, and how it is.
pub(in crate::web::settings::workspaces) fn badges(server: &Registered) -> Vec<Badge> {
    let state = match server.enabled {
        true => Badge::new(Tone::Good, "On"),
        false => Badge::new(Tone::Ended, "Off"),
    };
    let health = match server.health {
        Health::Healthy => Badge::new(Tone::Good, "Healthy"),
        Health::Failing => Badge::new(Tone::Bad, "Failing"),
        Health::Unknown => Badge::new(Tone::Plain, "Not known"),
    };
    vec![state, health]
}

fn facts(server: &Registered, place: &str) -> Vec<(&'static str, Foreign)> {
    let proof = match (server.auth.as_str(), &server.auth_header) {
        ("header", Some(header)) => format!("The header {header}, whose value is kept sealed"),
        ("passthrough", _) => "The Authorization header of whoever calls".to_owned(),
        _ => "Nothing".to_owned(),
    };
    let list = |list: &[String]| if list.is_empty() { "None".to_owned() } else { list.join(", ") };
    let said = |text: &str| if text.is_empty() { "Nobody said".to_owned() } else { text.to_owned() };
    [
        ("For", said(&server.description)),
        match &server.command {
            Some(command) => ("Command", command.clone()),
            None => ("URL", server.url.clone()),
        },
        ("Transport", server.transport.clone()),
        ("Place", place.to_owned()),
        ("What proves this gateway to it", proof),
        ("Headers of callers that reach it", list(&server.forwarded_headers)),
        ("Tags", list(&server.tags)),
    ]
    .into_iter()
    .map(|(term, text)| (term, Foreign::passage(&text)))
    .collect()
}

impl View for ServerPage {}
