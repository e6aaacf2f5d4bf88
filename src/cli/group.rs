//! `portcullis group-create` and what else there is to do with groups: people and programs are in them, and policies are for them.

use clap::Args;
use serde_json::{Value, json};

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::db::{Connection, QueryResult};
use crate::identity::add_group::{AddGroup, add_group};
use crate::identity::change_group::{self, Changed};
use crate::identity::{Group, group, service_account};
use crate::policies::policy;
use crate::policies::save::{self, By};

/// Which group.
#[derive(Debug, Args)]
pub struct CreateGroup {
    /// Its name
    #[arg(required_unless_present = "named")]
    name: Option<String>,
    /// The same as an option
    #[arg(long = "name", id = "named", value_name = "NAME", conflicts_with = "name")]
    named: Option<String>,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
}

impl CreateGroup {
    /// Makes it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let name = self.name.or(self.named).unwrap_or_default();
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let added = open.db.write(async |conn| add_group(conn, &name, &self.description, &origin, now).await);
            match added.await.map_err(Failure::refused)? {
                AddGroup::Added(group) => {
                    let facts = json!({ "id": group.id, "name": group.name, "description": group.description });
                    Ok(Report::new(format!("made the group {}", group.name), facts))
                }
                AddGroup::Refused(refusal) => Err(Failure::refused(refusal)),
            }
        })
    }
}

/// Which group.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name
    #[arg(required_unless_present = "named")]
    name: Option<String>,
    /// The same as an option
    #[arg(long = "name", id = "named", value_name = "NAME", conflicts_with = "name")]
    named: Option<String>,
}

/// A server or somebody, and groups.
#[derive(Debug, Args)]
pub struct Membership {
    /// The server that the groups may use
    #[arg(long, alias = "server-name", value_name = "NAME", required_unless_present = "user", conflicts_with = "user")]
    server: Option<String>,
    /// The person or program
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The groups
    #[arg(long, alias = "group", value_name = "GROUPS", value_delimiter = ',', required = true)]
    groups: Vec<String>,
    /// The tools that they may call there
    #[arg(long, value_delimiter = ',', default_value = "*", conflicts_with = "user")]
    tools: Vec<String>,
}

impl Named {
    fn name(self) -> String {
        self.name.or(self.named).unwrap_or_default()
    }

    /// Removes it.
    pub fn remove(self, config: Config) -> Result<Report, Failure> {
        let name = self.name();
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let remove =
                async |conn: &mut Connection| change_group::remove_group(conn, &name, None, &origin, now).await;
            settled(open.db.write(remove).await)?;
            let policies = open.db.write_once(async |conn| policies_for(conn, &name).await).await;
            let policies = policies.map_err(Failure::refused)?;
            let facts = json!({ "name": name, "removed": true, "policies": policies });
            let still = match policies.is_empty() {
                true => String::new(),
                false => format!("; policies that name it stay: {}", policies.join(", ")),
            };
            Ok(Report::new(format!("removed the group {name}{still}"), facts))
        })
    }

    /// Who is in it, and what is for it.
    pub fn describe(self, config: Config) -> Result<Report, Failure> {
        let name = self.name();
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let described = open.db.write_once(async |conn| describe(conn, &name).await).await;
            let facts = described.map_err(Failure::refused)?;
            let facts = facts.ok_or_else(|| Failure::refused(format!("there is no group with the name {name:?}")))?;
            let line = |what: &str| {
                let names = facts[what].as_array().into_iter().flatten().filter_map(Value::as_str);
                format!("{what}: {}", names.collect::<Vec<_>>().join(", "))
            };
            let words = [name.clone(), line("people"), line("programs"), line("policies")].join("\n");
            Ok(Report::new(words, facts))
        })
    }
}

impl Membership {
    /// Lets it be so, or no more.
    pub fn run(self, config: Config, is_in: bool) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            match (&self.server, &self.user) {
                (Some(server), _) => self.let_in(&open, server, is_in).await,
                (None, user) => self.put(&open, user.as_deref().unwrap_or_default(), is_in).await,
            }
        })
    }

    async fn let_in(&self, open: &Installation, server: &str, is_in: bool) -> Result<Report, Failure> {
        let origin = Origin::operator();
        let by = By { user: None, origin: &origin, now: open.clock.now() };
        let tools = is_in.then_some(self.tools.as_slice());
        let missing = open.db.write(async |conn| save::set_server(conn, &self.groups, (server, tools), by).await).await;
        let missing = missing.map_err(Failure::refused)?;
        if let Some(name) = missing.first() {
            return Err(Failure::refused(format!("{name:?} is the name of neither a group nor a policy")));
        }
        let facts = json!({ "server": server, "groups": self.groups, "may_use": is_in });
        let words = if is_in { "may use" } else { "may not use any more" };
        Ok(Report::new(format!("{} {words} {server}", self.groups.join(", ")), facts))
    }

    async fn put(&self, open: &Installation, user: &str, is_in: bool) -> Result<Report, Failure> {
        let (origin, now) = (Origin::operator(), open.clock.now());
        for group in &self.groups {
            let set = async |conn: &mut Connection| {
                change_group::set_member(conn, (user, group, is_in), None, &origin, now).await
            };
            settled(open.db.write(set).await)?;
        }
        let facts = json!({ "user": user, "groups": self.groups, "in": is_in });
        let words = if is_in { "is in" } else { "is not in any more:" };
        Ok(Report::new(format!("{user} {words} {}", self.groups.join(", ")), facts))
    }
}

/// `portcullis list-groups`.
pub fn list(config: Config) -> Result<Report, Failure> {
    installation::with(config, Role::Verb, async |open| {
        open.prepare().await?;
        let all = open.db.write_once(async |conn| group::counted(conn).await).await.map_err(Failure::refused)?;
        let line = |counted: &group::Counted| {
            format!(
                "{}  {} people, {} programs  {}",
                counted.group.name, counted.people, counted.programs, counted.group.description
            )
        };
        let fact = |counted: &group::Counted| {
            let Group { id, name, description, .. } = &counted.group;
            json!({ "id": id, "name": name, "description": description, "people": counted.people, "programs": counted.programs })
        };
        let words = all.iter().map(line).collect::<Vec<_>>().join("\n");
        Ok(Report::new(words, all.iter().map(fact).collect()))
    })
}

async fn describe(conn: &mut Connection, name: &str) -> QueryResult<Option<Value>> {
    let Some(found) = Group::named(conn, &[name.to_owned()]).await?.pop() else { return Ok(None) };
    let (people, programs) = (group::people(conn, found.id).await?, service_account::in_group(conn, found.id).await?);
    let policies = policies_for(conn, name).await?;
    let Group { id, name, description, .. } = found;
    Ok(Some(json!({
        "id": id, "name": name, "description": description, "people": people, "programs": programs, "policies": policies,
    })))
}

/// The names of the policies that are for a group.
async fn policies_for(conn: &mut Connection, group: &str) -> QueryResult<Vec<String>> {
    let all = policy::all(conn).await?;
    let is_for = |policy: &policy::Policy| policy.draft.groups.iter().any(|name| name == group);
    Ok(all.into_iter().filter(is_for).map(|policy| policy.draft.name).collect())
}

fn settled(outcome: Result<Changed, crate::db::Error>) -> Result<(), Failure> {
    match outcome.map_err(Failure::refused)? {
        Changed::Done => Ok(()),
        Changed::Refused(refusal) => Err(Failure::refused(refusal)),
    }
}
