//! `portcullis register` and what else there is to do with the MCP servers behind this gate.

use std::fs;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::installation::Installation;
use super::outcome::{Failure, Report};
use super::server_file;
use super::workspace::{nowhere, with_tree};
use crate::audit::Origin;
use crate::config::Config;
use crate::db::Connection;
use crate::errands::discover_tools::{Way, discover};
use crate::http::urls;
use crate::places::{Actor, Tree};
use crate::types::{Class, DEFAULT_WORKSPACE};
use crate::upstreams::class_tool::{Classed, Word, class_tool};
use crate::upstreams::register::{Registration, Said, SaidAuth, Terms, add_server, change_server, remove_server};
use crate::upstreams::server::{self, Health, Registered, Sought};
use crate::upstreams::tool;

/// What the server is.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("proof").args(["auth_header", "passthrough"]))]
pub struct Register {
    /// Its name: clients connect to /NAME/mcp
    #[arg(long, required_unless_present = "file")]
    name: Option<String>,
    /// Where it lives
    #[arg(long, required_unless_present_any = ["file", "command"])]
    url: Option<String>,
    /// Which command of portcullis.toml ([stdio.NAME]) starts it, for a server that is a program of its own
    #[arg(long, value_name = "NAME", conflicts_with_all = ["url", "file"])]
    command: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// How it is spoken to: streamable-http, sse or stdio [default: streamable-http, or stdio with a command]
    #[arg(long)]
    transport: Option<String>,
    /// Where it is to be: WORKSPACE, WORKSPACE/PROJECT or WORKSPACE/PROJECT/FOLDER
    #[arg(long, visible_alias = "workspace", default_value = DEFAULT_WORKSPACE)]
    place: String,
    /// The header that proves this gateway to it, such as Authorization
    #[arg(long, value_name = "NAME", requires = "auth_value_file")]
    auth_header: Option<String>,
    /// A file with the value of that header
    #[arg(long, value_name = "FILE", requires = "auth_header")]
    auth_value_file: Option<PathBuf>,
    /// Pass on the Authorization header of callers, who prove themselves to this gateway by X-Authorization
    #[arg(long)]
    passthrough: bool,
    /// A header of callers that reaches it; may be given several times
    #[arg(long = "forward-header", value_name = "NAME")]
    forward_headers: Vec<String>,
    /// A word by which it is found; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Register it switched off
    #[arg(long)]
    off: bool,
    /// A file of the MCP Gateway Registry that describes it (server_name, path, proxy_pass_url, ...); what is said beside it wins
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Which servers.
#[derive(Debug, Args)]
pub struct List {
    /// Only those in this workspace, project or folder
    #[arg(long, visible_alias = "workspace")]
    place: Option<String>,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
}

/// Which server, and whether it is on.
#[derive(Debug, Args)]
pub struct Toggle {
    /// The name of the server
    server: String,
    /// Switch it on
    #[arg(long, conflicts_with = "off")]
    on: bool,
    /// Switch it off
    #[arg(long)]
    off: bool,
}

/// Which server.
#[derive(Debug, Args)]
pub struct Named {
    /// The name of the server
    server: String,
}

/// Which servers.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// The name of one; without it, all that are switched on
    server: Option<String>,
}

/// Which tool, and what it does.
#[derive(Debug, Args)]
pub struct ToolClass {
    /// The name of the server
    server: String,
    /// The name of the tool
    tool: String,
    /// read, write or delete; or annotated, for what its annotations say
    class: String,
    /// Say that the lesser class which its annotations claim by now is right
    #[arg(long)]
    approve: bool,
}

impl Register {
    /// Registers it, and looks at once which tools it has.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let said = self.said()?;
        with_tree(config, async |open, tree| {
            let place = tree.find(&self.place).ok_or_else(|| nowhere(&self.place))?.id;
            let way = way(open)?;
            way.foresee(Actor::Operator, &said).map_err(Failure::refused)?;
            let origin = Origin::operator();
            let terms = terms(open, &origin);
            let add = async |conn: &mut Connection| add_server(conn, &terms, place, &said).await;
            let server = done(open.db.write(add).await)?;
            let server = if server.enabled { looked_at(open, &way, server).await? } else { server };
            let (facts, connect) = (facts(open, tree, &server), connect(open, &server));
            let health = health_words(&server);
            Ok(Report::new(format!("registered {}: {health}; clients connect to {connect}", server.name), facts))
        })
    }

    fn said(&self) -> Result<Said, Failure> {
        let file = self.file.as_deref().map(server_file::read).transpose()?;
        let proof = match (&self.auth_header, &self.auth_value_file) {
            (Some(header), Some(path)) => {
                let unusable = |error| Failure::usage(format!("--auth-value-file {}: {error}", path.display()));
                let value = fs::read_to_string(path).map_err(unusable)?;
                let value = SecretString::from(value.trim_end_matches(['\r', '\n']).to_owned());
                Some(SaidAuth::Header(header.clone(), Some(value)))
            }
            _ if self.passthrough => Some(SaidAuth::Passthrough),
            _ => None,
        };
        if let (None, Some(kind)) = (&proof, file.as_ref().and_then(|file| file.proof.as_deref())) {
            return Err(Failure::usage(format!(
                "the file asks for {kind:?}: say how this gateway proves itself, by --auth-header with --auth-value-file, or \
                 by --passthrough"
            )));
        }
        let of_file = file.map(|file| file.said).unwrap_or_default();
        let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        Ok(Said {
            name: self.name.clone().or(of_file.name),
            url: self.url.clone().or(of_file.url),
            command: self.command.clone(),
            description: self.description.clone().or(of_file.description),
            transport: self.transport.clone().or(of_file.transport),
            enabled: Some(!self.off),
            auth: proof,
            forwarded_headers: given(&self.forward_headers),
            tags: given(&self.tags).or(of_file.tags),
        })
    }
}

impl List {
    /// Lists them by name.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let within = match &self.place {
                Some(place) => Some(tree.find(place).ok_or_else(|| nowhere(place))?.id),
                None => None,
            };
            let servers = all(open, tree, self.tag.as_deref()).await?;
            let is_within = |server: &&Registered| {
                within.is_none_or(|place| {
                    tree.path(server.place_id).is_some_and(|path| path.places().any(|above| above == place))
                })
            };
            let servers: Vec<&Registered> = servers.iter().filter(is_within).collect();
            let line = |server: &&Registered| {
                let place = tree.words(server.place_id).unwrap_or_default();
                let state = if server.enabled { health_words(server) } else { "off".to_owned() };
                format!("{}  {place}  {}  {state}", server.name, server.command.as_ref().unwrap_or(&server.url))
            };
            let lines: Vec<String> = servers.iter().map(line).collect();
            let words = if lines.is_empty() { "no servers".to_owned() } else { lines.join("\n") };
            Ok(Report::new(words, servers.into_iter().map(|server| facts(open, tree, server)).collect()))
        })
    }
}

impl Toggle {
    /// Switches it on or off, or to the other of the two.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let server = known(open, &self.server).await?;
            let enabled = if self.on || self.off { self.on } else { !server.enabled };
            let (said, origin) = (Said { enabled: Some(enabled), ..Said::default() }, Origin::operator());
            let terms = terms(open, &origin);
            let change = async |conn: &mut Connection| change_server(conn, &terms, (server.id, None), &said).await;
            let server = done(open.db.write(change).await)?;
            let state = if enabled { "on" } else { "off" };
            Ok(Report::new(format!("{} is switched {state}", server.name), facts(open, tree, &server)))
        })
    }
}

impl Named {
    /// Removes it.
    pub fn remove(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, _| {
            let (id, origin) = (known(open, &self.server).await?.id, Origin::operator());
            let terms = terms(open, &origin);
            let server = done(open.db.write(async |conn| remove_server(conn, &terms, id).await).await)?;
            Ok(Report::new(
                format!("removed {}", server.name),
                json!({ "id": id, "name": server.name, "removed": true }),
            ))
        })
    }

    /// Looks at it now.
    pub fn refresh(self, config: Config) -> Result<Report, Failure> {
        Healthcheck { server: Some(self.server) }.run(config)
    }

    /// Lists its tools, each with what it counts as.
    pub fn tools(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, _| {
            let server = known(open, &self.server).await?;
            let tools = async |conn: &mut Connection| tool::of_server(conn, server.id).await;
            let tools = open.db.write_once(tools).await.map_err(Failure::refused)?;
            let line = |tool: &tool::Tool| {
                let chosen = tool.chosen.map(|_| ", chosen").unwrap_or_default();
                let waits = tool.proposed.map(|class| format!(", claims to be {} by now", class.name()));
                let gone = if tool.is_listed_by(&server) { "" } else { ", not listed any more" };
                format!("{}  {}{chosen}{}{gone}", tool.name, tool.judged().name(), waits.unwrap_or_default())
            };
            let fact = |tool: &tool::Tool| {
                json!({
                    "name": tool.name,
                    "class": tool.judged().name(),
                    "annotated_class": tool.class.name(),
                    "proposed_class": tool.proposed.map(Class::name),
                    "chosen_class": tool.chosen.map(Class::name),
                    "listed": tool.is_listed_by(&server),
                    "seen_at": tool.seen_at,
                })
            };
            let lines: Vec<String> = tools.iter().map(line).collect();
            let words = if lines.is_empty() { format!("{} has no tools", server.name) } else { lines.join("\n") };
            Ok(Report::new(words, tools.iter().map(fact).collect()))
        })
    }
}

impl Healthcheck {
    /// Looks how they are. One that fails makes the whole a failure.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let servers = match &self.server {
                Some(name) => vec![known(open, name).await?],
                None => all(open, tree, None).await?.into_iter().filter(|server| server.enabled).collect(),
            };
            let way = way(open)?;
            let (mut lines, mut all, mut fails) = (Vec::new(), Vec::new(), false);
            for server in servers {
                let server = looked_at(open, &way, server).await?;
                fails |= server.health == Health::Failing;
                lines.push(format!("{}  {}", server.name, health_words(&server)));
                all.push(facts(open, tree, &server));
            }
            let words = if lines.is_empty() { "no server is switched on".to_owned() } else { lines.join("\n") };
            let report = Report::new(words, Value::Array(all));
            Ok(if fails { report.of_failure() } else { report })
        })
    }
}

impl ToolClass {
    /// Says what it does.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let class = || self.class.parse::<Class>().map_err(Failure::usage);
        let word = match self.class.as_str() {
            "annotated" if !self.approve => Word::AsAnnotated,
            _ if self.approve => Word::Approved(class()?),
            _ => Word::Is(class()?),
        };
        with_tree(config, async |open, _| {
            let (id, origin) = (known(open, &self.server).await?.id, Origin::operator());
            let terms = terms(open, &origin);
            let verb = async |conn: &mut Connection| class_tool(conn, &terms, (id, &self.tool), word).await;
            match open.db.write(verb).await.map_err(Failure::refused)? {
                Classed::Done(tool) => {
                    let class = tool.judged().name();
                    let facts = json!({ "server": self.server, "tool": tool.name, "class": class });
                    Ok(Report::new(format!("{} of {} counts as {class}", tool.name, self.server), facts))
                }
                Classed::Refused(refusal) => Err(Failure::refused(refusal)),
            }
        })
    }
}

fn terms<'a>(open: &'a Installation, origin: &'a Origin) -> Terms<'a> {
    Terms { keys: &open.keys, actor: Actor::Operator, origin, now: open.clock.now() }
}

fn way(open: &Installation) -> Result<Way<'_>, Failure> {
    Way::prepared((&open.db, &open.keys, &open.clock), &open.config).map_err(Failure::refused)
}

/// The server of that name; with slashes around it, as other systems write it, too.
async fn known(open: &Installation, name: &str) -> Result<Registered, Failure> {
    let plain = name.trim_matches('/');
    let find = async |conn: &mut Connection| server::named(conn, plain).await;
    let found = open.db.write_once(find).await.map_err(Failure::refused)?;
    found.ok_or_else(|| Failure::refused(format!("there is no server with the name {name:?}")))
}

async fn all(open: &Installation, tree: &Tree, tag: Option<&str>) -> Result<Vec<Registered>, Failure> {
    let places = tree.those(|_| true);
    let sought = Sought { places: &places, tag, ..Sought::default() };
    let find = async |conn: &mut Connection| server::after(conn, sought, usize::MAX).await;
    open.db.write_once(find).await.map_err(Failure::refused)
}

/// Looks at it, and reads how it was found.
async fn looked_at(open: &Installation, way: &Way<'_>, server: Registered) -> Result<Registered, Failure> {
    discover(way, server.id).await.map_err(Failure::refused)?;
    let find = async |conn: &mut Connection| server::find(conn, server.id).await;
    let found = open.db.write_once(find).await.map_err(Failure::refused)?;
    Ok(found.unwrap_or(server))
}

fn done(outcome: Result<Registration, crate::db::Error>) -> Result<Registered, Failure> {
    match outcome.map_err(Failure::refused)? {
        Registration::Done(server) => Ok(*server),
        Registration::Refused(refusal) => Err(Failure::refused(refusal)),
    }
}

fn health_words(server: &Registered) -> String {
    match server.health_detail.as_str() {
        "" => server.health.name().to_owned(),
        detail => format!("{} ({detail})", server.health.name()),
    }
}

/// What clients connect to.
fn connect(open: &Installation, server: &Registered) -> String {
    open.config.server.public_url.at(&format!("/{}{}", server.name, urls::MCP))
}

fn facts(open: &Installation, tree: &Tree, server: &Registered) -> Value {
    json!({
        "id": server.id,
        "name": server.name,
        "url": server.url,
        "command": server.command,
        "description": server.description,
        "transport": server.transport,
        "enabled": server.enabled,
        "place": tree.words(server.place_id),
        "auth": { "type": server.auth, "header": server.auth_header },
        "forwarded_headers": server.forwarded_headers,
        "tags": server.tags,
        "mcp_url": connect(open, server),
        "health": server.health.name(),
        "health_detail": server.health_detail,
        "checked_at": server.checked_at,
        "created_at": server.created_at,
    })
}
