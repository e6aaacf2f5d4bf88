//! `portcullis api-key-*`: the secrets that people hand to programs.

use chrono::TimeDelta;
use clap::Args;
use serde_json::{Value, json};

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::access::scoping::{self, Maker, Purpose, Scoping, Wanted, WantedPermissions};
use crate::access::{Subject, key_making};
use crate::audit::Origin;
use crate::config::{self, Config};
use crate::credentials::issue::{Issued, NewKey, issue};
use crate::credentials::replace::{Overlap, rotate};
use crate::credentials::revoke::revoke;
use crate::credentials::{ApiKey, CredentialName, Listing, Rate, Seen, Sort, State, Terms, api_key, list as listed};
use crate::db::{Connection, QueryResult};
use crate::identity::{User, Username, service_account};
use crate::places::{Tree, place};
use crate::types::{ApiKeyId, Networks, SubjectId};

/// A key. It is shown once.
#[derive(Debug, Args)]
pub struct Create {
    /// What to call it: what will use it, and where
    #[arg(long, value_parser = str::parse::<CredentialName>)]
    name: CredentialName,
    /// The person whose it is
    #[arg(long, value_name = "USERNAME", required_unless_present_any = ["workspace", "m2m"], conflicts_with_all = ["workspace", "m2m"])]
    owner: Option<String>,
    /// The workspace whose own it is
    #[arg(long, conflicts_with = "m2m")]
    workspace: Option<String>,
    /// The M2M account whose it is
    #[arg(long, value_name = "NAME")]
    m2m: Option<String>,
    /// Where it works: workspace, workspace/project or workspace/project/folder; may be given several times
    #[arg(long, value_name = "PLACE", required = true)]
    scope: Vec<String>,
    /// What it may do: read, write, or a list such as tools:read,tools:write
    #[arg(long, default_value = "read", value_parser = str::parse::<WantedPermissions>)]
    permissions: WantedPermissions,
    /// How long it works, such as 7d, or never
    #[arg(long, default_value = "90d", value_parser = lifetime)]
    expires: Lifetime,
    /// Addresses and networks from which it may be used, with commas between
    #[arg(long, value_name = "NETWORKS", default_value = "", hide_default_value = true, value_parser = str::parse::<Networks>)]
    networks: Networks,
    /// How many calls a minute it may make
    #[arg(long, value_name = "CALLS", value_parser = rate)]
    rate: Option<Rate>,
}

/// Which ones.
#[derive(Debug, Args)]
pub struct List {
    /// Of this workspace alone
    #[arg(long)]
    workspace: Option<String>,
    /// In this state alone: active, expired or revoked
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// With words that begin like these
    #[arg(long, default_value = "", hide_default_value = true)]
    search: String,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// Which key.
#[derive(Debug, Args)]
pub struct Named {
    /// Its id, or the part of it that stays visible
    key: String,
}

/// Which key, and how long it lives on.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Its id, or the part of it that stays visible
    key: String,
    /// How long it lives on beside its successor: 0d to 7d
    #[arg(long, default_value = "1d", value_parser = overlap)]
    overlap: Overlap,
}

/// How long a key works.
#[derive(Clone, Copy, Debug)]
struct Lifetime(Option<TimeDelta>);

fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let span = config::duration(text).filter(|span| *span > TimeDelta::zero() && *span <= TimeDelta::days(3653));
    span.map(|span| Lifetime(Some(span))).ok_or_else(|| "it must be never, or a length of time such as 90d".to_owned())
}

/// A length of time for which an old credential goes on beside its successor.
pub(super) fn overlap(text: &str) -> Result<Overlap, String> {
    let span = config::duration(text).ok_or_else(|| "it must be a length of time such as 2d".to_owned())?;
    Overlap::new(span).map_err(|why| why.to_string())
}

fn rate(text: &str) -> Result<Rate, String> {
    let calls = text.parse().map_err(|_| "it must be a number".to_owned())?;
    Rate::new(calls).map_err(|why| why.to_string())
}

fn state(text: &str) -> Result<State, String> {
    State::named(text).ok_or_else(|| "it must be active, expired or revoked".to_owned())
}

impl Create {
    /// Makes it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
            let owner = self.owner(&mut conn).await?;
            drop(conn);
            let new = self.judged(&owner, &tree, &open)?;
            let issued = on_terms(&open, async |terms| {
                open.db.write(async |conn| issue(conn, terms, ApiKeyId::fresh(), &new).await).await
            });
            match issued.await.map_err(Failure::refused)?.map_err(Failure::refused)? {
                Some(issued) => Ok(shown_once(&issued, &tree, &open)),
                None => Err(Failure::refused("a fresh id was taken; try again")),
            }
        })
    }

    async fn owner(&self, conn: &mut Connection) -> Result<Subject, Failure> {
        let found = match self.owner_id(conn).await.map_err(Failure::refused)? {
            Some(id) => Subject::find(conn, id).await.map_err(Failure::refused)?,
            None => None,
        };
        let said = [("person", &self.owner), ("workspace", &self.workspace), ("M2M account", &self.m2m)];
        let said = said.into_iter().find_map(|(kind, name)| name.as_ref().map(|name| format!("{kind} {name:?}")));
        found.ok_or_else(|| Failure::refused(format!("there is no {}", said.unwrap_or_else(|| "owner".to_owned()))))
    }

    async fn owner_id(&self, conn: &mut Connection) -> QueryResult<Option<SubjectId>> {
        if let Some(name) = &self.owner {
            let Ok(username) = name.parse::<Username>() else { return Ok(None) };
            return Ok(User::named(conn, &username).await?.map(|user| SubjectId::Person(user.id)));
        }
        if let Some(name) = &self.workspace {
            return Ok(place::workspace(conn, name).await?.map(|place| SubjectId::Workspace(place.id)));
        }
        match &self.m2m {
            Some(name) => Ok(service_account::named(conn, name).await?.map(SubjectId::Service)),
            None => Ok(None),
        }
    }

    /// What the operator makes for somebody is judged as if they made it themselves.
    fn judged(&self, owner: &Subject, tree: &Tree, open: &Installation) -> Result<NewKey, Failure> {
        let maker = Maker::in_person(owner);
        let wanted = Wanted { scope: self.scope.clone(), permissions: self.permissions.clone() };
        let scoping = scoping::judge(&maker, Purpose::Standing, &wanted, tree).map_err(Failure::refused)?;
        let workspace = key_making::home(&scoping.reach, None, tree);
        let workspace = workspace.ok_or_else(|| Failure::refused(scoping::Refusal::NoPlace))?;
        key_making::judge(&maker, owner, workspace, &scoping, tree).map_err(Failure::refused)?;
        let Scoping { reach, permissions } = scoping;
        Ok(NewKey {
            name: self.name.clone(),
            workspace,
            owner: owner.id(),
            reach,
            permissions,
            expires_at: self.expires.0.map(|span| open.clock.now() + span),
            networks: self.networks.clone(),
            rate: self.rate,
        })
    }
}

impl List {
    /// Lists them, the newest first.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
            let workspace = match &self.workspace {
                None => None,
                Some(name) => match tree.find(name) {
                    Some(place) => Some(place.id),
                    None => return Err(Failure::refused(format!("there is no workspace with the name {name:?}"))),
                },
            };
            let listing = Listing {
                seen: Seen::All,
                workspace,
                states: self.state.into_iter().collect(),
                search: self.search,
                sort: Sort::Created,
                after: None,
                limit: self.limit,
            };
            let keys = listed(&mut conn, &listing, open.clock.now()).await.map_err(Failure::refused)?;
            let lines = keys.iter().map(|key| line(key, &open));
            let words = lines.collect::<String>();
            let facts: Vec<Value> = keys.iter().map(|key| facts(key, &tree, &open)).collect();
            Ok(Report::new(words, json!({ "items": facts })))
        })
    }
}

impl Named {
    /// Revokes it.
    pub fn revoke(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let key = find(&open, &self.key).await?;
            let done =
                on_terms(&open, async |terms| open.db.write(async |conn| revoke(conn, terms, key.id).await).await);
            match done.await.map_err(Failure::refused)? {
                true => Ok(Report::new(
                    format!("{} ({}) opens nothing any more", key.prefix, key.name),
                    json!({ "revoked": key.id }),
                )),
                false => Err(Failure::refused(format!("{} was revoked before", key.prefix))),
            }
        })
    }
}

impl Rotate {
    /// Makes its successor.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let key = find(&open, &self.key).await?;
            let rotated = on_terms(&open, async |terms| {
                open.db.write(async |conn| rotate(conn, terms, key.id, self.overlap).await).await
            });
            let rotated = rotated.await.map_err(Failure::refused)?.map_err(Failure::refused)?;
            let issued = rotated
                .ok_or_else(|| Failure::refused(format!("{} works no more, or has a successor already", key.prefix)))?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
            Ok(shown_once(&issued, &tree, &open))
        })
    }
}

/// The key of that id or visible part.
async fn find(open: &Installation, said: &str) -> Result<ApiKey, Failure> {
    let mut conn = open.db.read().await.map_err(Failure::refused)?;
    let mut found = match said.parse::<ApiKeyId>() {
        Ok(id) => api_key::find(&mut conn, id).await.map(|found| found.into_iter().collect()),
        Err(_) => api_key::with_prefix(&mut conn, said).await,
    }
    .map_err(Failure::refused)?;
    match (found.pop(), found.is_empty()) {
        (Some(key), true) => Ok(key),
        (Some(_), false) => Err(Failure::refused(format!("{said:?} begins several keys; give the id of one"))),
        (None, _) => Err(Failure::refused(format!("there is no API key {said:?}"))),
    }
}

async fn on_terms<T>(open: &Installation, work: impl AsyncFnOnce(&Terms<'_>) -> T) -> T {
    let (keys, random, tag) = (&*open.keys, &open.random, &open.config.tokens.api_key_tag);
    let terms = Terms { keys, random, tag, origin: &Origin::operator(), by: None, now: open.clock.now() };
    work(&terms).await
}

fn shown_once(issued: &Issued, tree: &Tree, open: &Installation) -> Report {
    let Issued { key, secret } = issued;
    let until = key.stops_at().map_or("for ever".to_owned(), |end| end.format("until %Y-%m-%d %H:%M UTC").to_string());
    let words = format!("{}\ngood {until}, and shown this once", secret.reveal());
    let mut facts = facts(key, tree, open);
    facts["key"] = secret.reveal().into();
    Report::new(words, facts)
}

fn line(key: &ApiKey, open: &Installation) -> String {
    let state = key.state(open.clock.now()).name();
    let until = key.stops_at().map_or("never".to_owned(), |end| end.format("%Y-%m-%d %H:%M UTC").to_string());
    let used = key.last_used_at.map_or("never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
    format!("{}  {state}  ends {until}  used {used}  {}\n", key.prefix, key.name)
}

fn facts(key: &ApiKey, tree: &Tree, open: &Installation) -> Value {
    let mut facts = json!({
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "owner": key.owner().to_string(),
        "workspace": tree.words(key.workspace_id).unwrap_or_default(),
        "scope": scoping::paths(&key.reach, tree).unwrap_or_default(),
        "permissions": key.permissions,
        "state": key.state(open.clock.now()).name(),
        "created_at": key.created_at,
    });
    for (member, at) in [
        ("expires_at", key.expires_at),
        ("ends_at", key.ends_at),
        ("revoked_at", key.revoked_at),
        ("last_used_at", key.last_used_at),
    ] {
        if let Some(at) = at {
            facts[member] = json!(at);
        }
    }
    facts
}
