//! `portcullis policy …` and `portcullis import-group`: what groups may do at which servers.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::access::explanation::{explain, supposed};
use crate::access::visit::{Target, Visit};
use crate::access::{Policies, Subject};
use crate::audit::Origin;
use crate::config::Config;
use crate::db::Connection;
use crate::identity::{change_group, group};
use crate::policies::dialect::{self, Dialect};
use crate::policies::lint::{Known, lint};
use crate::policies::save::{self, By};
use crate::policies::{self, Draft, Listing, import, policy};
use crate::upstreams::server::named_in;
use crate::upstreams::{Catalogue, Server};

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// List the policies, by name
    List,
    /// Show one
    Show(Named),
    /// Take in policies from a file: scopes.yml, server_access JSON, servers/access_level JSON, or our own JSON
    Import(ImportGroup),
    /// Write policies as another system reads them
    Export(Export),
    /// Look for what seems wrong
    Lint,
    /// Say whether somebody may, and why
    Explain(Explain),
    /// Remove one
    Remove(Named),
}

/// Which file, and how it is to be read.
#[derive(Debug, Args)]
pub struct ImportGroup {
    /// The file; - reads standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// In which dialect it is [default: the one that it seems to be in]
    #[arg(long, value_enum)]
    dialect: Option<Word>,
    /// Which tools lists show: those that may be called, or all, as in the systems that the file comes from
    #[arg(long, value_enum, default_value_t = Shown::Tools)]
    list: Shown,
}

/// Which policy.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name
    name: String,
}

/// Which policies, and how.
#[derive(Debug, Args)]
pub struct Export {
    /// Their names [default: all]
    names: Vec<String>,
    /// In which dialect
    #[arg(long, value_enum, default_value_t = Word::Portcullis)]
    dialect: Word,
}

/// Who, where, and what.
#[derive(Debug, Args)]
pub struct Explain {
    /// The user name, or the name of a program
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The server
    #[arg(long, value_name = "NAME")]
    server: String,
    /// The tool; without one, whether they may come in
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// What the tool is called with, a JSON object
    #[arg(long, value_name = "JSON", requires = "tool")]
    arguments: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    Portcullis,
    ScopesYml,
    ServerAccess,
    AccessLevel,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shown {
    Tools,
    All,
}

impl From<Word> for Dialect {
    fn from(word: Word) -> Self {
        match word {
            Word::Portcullis => Self::Portcullis,
            Word::ScopesYml => Self::ScopesYml,
            Word::ServerAccess => Self::ServerAccess,
            Word::AccessLevel => Self::AccessLevel,
        }
    }
}

impl From<Shown> for Listing {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Tools => Self::Tools,
            Shown::All => Self::All,
        }
    }
}

impl Policy {
    /// Does it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        match self {
            Self::List => with(config, async |_, conn| list(conn).await),
            Self::Show(named) => with(config, async |_, conn| named.show(conn).await),
            Self::Import(verb) => verb.run(config),
            Self::Export(verb) => with(config, async |_, conn| verb.run(conn).await),
            Self::Lint => with(config, async |open, conn| look(open, conn).await),
            Self::Explain(verb) => with(config, async |open, conn| verb.run(open, conn).await),
            Self::Remove(named) => named.remove(config),
        }
    }
}

impl ImportGroup {
    /// Takes everything in, or nothing.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let named = |what: String| Failure::refused(format!("{}: {what}", self.file.display()));
        let text = text_of(&self.file).map_err(|error| named(error.to_string()))?;
        let document = dialect::read(&text, self.dialect.map(Dialect::from), self.list.into());
        let document = document.map_err(|fault| named(fault.to_string()))?;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            let by = By { user: None, origin: &origin, now: open.clock.now() };
            let imported = open.db.write(async |conn| import::import(conn, &document, by).await).await;
            let imported = imported.map_err(Failure::refused)?;
            Ok(Report::new(imported.words(), imported.facts()))
        })
    }
}

impl Named {
    async fn show(&self, conn: &mut Connection) -> Result<Report, Failure> {
        let found = policy::named(conn, &self.name).await.map_err(Failure::refused)?;
        let own = found.ok_or_else(|| unknown(&self.name))?.in_own_words();
        Ok(Report::new(format!("{own:#}"), own))
    }

    fn remove(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            let by = By { user: None, origin: &origin, now: open.clock.now() };
            let removed = open.db.write(async |conn| match policy::named(conn, &self.name).await? {
                Some(found) => save::remove(conn, found.id, by).await,
                None => Ok(false),
            });
            match removed.await.map_err(Failure::refused)? {
                true => {
                    let facts = json!({ "name": self.name, "removed": true });
                    Ok(Report::new(format!("removed the policy {}", self.name), facts))
                }
                false => Err(unknown(&self.name)),
            }
        })
    }
}

impl Export {
    async fn run(&self, conn: &mut Connection) -> Result<Report, Failure> {
        let all = policy::all(conn).await.map_err(Failure::refused)?;
        if let Some(name) = self.names.iter().find(|name| !all.iter().any(|policy| policy.draft.name == **name)) {
            return Err(unknown(name));
        }
        let is_wanted = |draft: &&Draft| self.names.is_empty() || self.names.contains(&draft.name);
        let drafts: Vec<&Draft> = all.iter().map(|policy| &policy.draft).filter(is_wanted).collect();
        let dialect = Dialect::from(self.dialect);
        let text = dialect::write(&drafts, dialect).map_err(Failure::refused)?;
        let facts = json!({ "dialect": dialect.name(), "document": text });
        Ok(Report::new(text, facts))
    }
}

impl Explain {
    async fn run(&self, open: &Installation, conn: &mut Connection) -> Result<Report, Failure> {
        let arguments = arguments(self.arguments.as_deref())?;
        let servers = Catalogue::load(conn, &open.keys).await.map_err(Failure::refused)?;
        let no_server = || Failure::refused(format!("there is no server {:?} that is switched on", self.server));
        let server = named_in(&servers, &self.server).ok_or_else(no_server)?;
        let subject = subject(conn, &self.user).await?;
        let policies = Policies::load(conn).await.map_err(Failure::refused)?;
        let target = target(server, self.tool.as_deref(), &arguments);
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target };
        let explanation = explain(&supposed(subject, open.clock.now()), &visit, &policies);
        let mut facts = explanation.facts();
        facts["user"] = json!(self.user);
        facts["server"] = json!(self.server);
        facts["tool"] = json!(self.tool);
        Ok(Report::new(explanation.words(), facts))
    }
}

/// What is tried: to call that tool, or to come in.
fn target<'a>(server: &Server, tool: Option<&'a str>, arguments: &'a Map<String, Value>) -> Target<'a> {
    match tool {
        Some(tool) => Target::CallTool { tool, class: server.upstream.class_of(tool), arguments },
        None => Target::Enter,
    }
}

fn arguments(text: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| Failure::usage(format!("--arguments must be a JSON object: {error}")))
}

async fn subject(conn: &mut Connection, name: &str) -> Result<Subject, Failure> {
    let nobody = || Failure::refused(format!("there is neither a person nor a program with the name {name:?}"));
    let id = change_group::somebody(conn, name).await.map_err(Failure::refused)?.ok_or_else(nobody)?;
    Subject::find(conn, id).await.map_err(Failure::refused)?.ok_or_else(nobody)
}

async fn list(conn: &mut Connection) -> Result<Report, Failure> {
    let all = policy::all(conn).await.map_err(Failure::refused)?;
    let line = |policy: &policies::Policy| {
        let Draft { name, rules, groups, .. } = &policy.draft;
        format!(
            "{name}  {} rules  for {}",
            rules.len(),
            if groups.is_empty() { "nobody".into() } else { groups.join(", ") }
        )
    };
    let words = all.iter().map(line).collect::<Vec<_>>().join("\n");
    Ok(Report::new(words, all.iter().map(policies::Policy::in_own_words).collect()))
}

/// What seems wrong: the status is 1 then, so that a pipeline can stop.
async fn look(open: &Installation, conn: &mut Connection) -> Result<Report, Failure> {
    let all = policy::all(conn).await.map_err(Failure::refused)?;
    let servers = Catalogue::load(conn, &open.keys).await.map_err(Failure::refused)?;
    let groups = group::counted(conn).await.map_err(Failure::refused)?;
    let tools = |server: Server| (server.name, server.upstream.tools.into_keys().collect());
    let known = Known {
        servers: servers.into_iter().map(tools).collect(),
        groups: groups.into_iter().map(|counted| (counted.group.name, counted.people + counted.programs)).collect(),
    };
    let findings = lint(&all.iter().map(|policy| &policy.draft).collect::<Vec<_>>(), &known);
    let facts: Value = findings.iter().map(policies::lint::Finding::facts).collect();
    match findings.is_empty() {
        true => Ok(Report::new("nothing seems wrong", facts)),
        false => {
            let lines = findings.iter().map(|finding| format!("{}: {} [{}]", finding.name, finding.what, finding.kind));
            Ok(Report::new(lines.collect::<Vec<_>>().join("\n"), facts).of_failure())
        }
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().take(dialect::LARGEST as u64 + 1).read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}

fn unknown(name: &str) -> Failure {
    Failure::refused(format!("there is no policy with the name {name:?}"))
}

fn with(
    config: Config,
    work: impl AsyncFnOnce(&Installation, &mut Connection) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    installation::with(config, Role::Verb, async |open| {
        open.prepare().await?;
        let mut conn = open.db.read().await.map_err(Failure::refused)?;
        work(&open, &mut conn).await
    })
}
