//! `portcullis workspace-create` and what else there is to do with workspaces, projects, folders, and who and what is in them.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::db::{Connection, QueryResult};
use crate::identity::membership::{self, Membership};
use crate::identity::{User, Username};
use crate::places::arrange::{self, Arranged, NewPlace};
use crate::places::{self, Actor, Kind, PlacePath, Tree, member};
use crate::types::PlaceId;
use crate::upstreams::move_server::{Moved, move_server};
use crate::upstreams::server;

/// A workspace, which needs an owner to be managed by others than administrators.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, a segment of paths and URLs
    name: String,
    /// What people call it [default: its name]
    #[arg(long)]
    title: Option<String>,
    /// The user name of its first owner
    #[arg(long, value_name = "USERNAME")]
    owner: Option<String>,
}

/// What a workspace is called from now on.
#[derive(Debug, Args)]
pub struct Rename {
    /// The workspace
    workspace: String,
    /// Its new name
    #[arg(long, required_unless_present = "title")]
    name: Option<String>,
    /// What people call it from now on
    #[arg(long)]
    title: Option<String>,
}

/// Which workspace.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name
    workspace: String,
}

/// Who, where, and as what.
#[derive(Debug, Args)]
pub struct MemberAdd {
    /// The workspace
    workspace: String,
    /// The user name
    username: String,
    /// What they are there
    #[arg(long, value_enum, default_value_t = RoleName::Member)]
    role: RoleName,
}

/// Who, and where.
#[derive(Debug, Args)]
pub struct MemberRemove {
    /// The workspace
    workspace: String,
    /// The user name
    username: String,
}

/// A project or folder.
#[derive(Debug, Args)]
pub struct CreateBelow {
    /// Its path: WORKSPACE/PROJECT, or WORKSPACE/PROJECT/FOLDER
    path: String,
    /// What people call it [default: its name]
    #[arg(long)]
    title: Option<String>,
}

/// Which server, and where it goes.
#[derive(Debug, Args)]
pub struct MoveServer {
    /// The name of the server
    server: String,
    /// WORKSPACE, WORKSPACE/PROJECT or WORKSPACE/PROJECT/FOLDER
    place: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Member,
    Admin,
    Owner,
}

impl From<RoleName> for places::Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Member => Self::Member,
            RoleName::Admin => Self::Admin,
            RoleName::Owner => Self::Owner,
        }
    }
}

impl Create {
    /// Makes it, with its owner or not at all.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, _| {
            let (origin, now) = (Origin::operator(), open.clock.now());
            let new = NewPlace { parent: None, name: self.name.clone(), title: self.title.clone() };
            let owner = match &self.owner {
                Some(name) => Some(known(open, name).await?),
                None => None,
            };
            let make = async |conn: &mut Connection| {
                let made = arrange::make(conn, Actor::Operator, new, &origin, now).await?;
                if let (Arranged::Done(place), Some(owner)) = (&made, &owner) {
                    let as_owner = (owner.username.as_str(), places::Role::Owner);
                    membership::add(conn, Actor::Operator, place.id, as_owner, &origin, now).await?;
                }
                Ok(made)
            };
            arranged(open.db.write(make).await, "made", &self.name)
        })
    }
}

impl Rename {
    /// Gives it another name or title.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let id = workspace(tree, &self.workspace)?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let wanted = (self.name.as_deref(), self.title.as_deref());
            let rename =
                async |conn: &mut Connection| arrange::rename(conn, Actor::Operator, id, wanted, &origin, now).await;
            let called = self.name.as_ref().unwrap_or(&self.workspace);
            arranged(open.db.write(rename).await, "renamed", called)
        })
    }
}

impl Named {
    /// Removes it, if nothing is in it.
    pub fn remove(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let id = workspace(tree, &self.workspace)?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let remove = async |conn: &mut Connection| arrange::remove(conn, Actor::Operator, id, &origin, now).await;
            arranged(open.db.write(remove).await, "removed", &self.workspace)
        })
    }
}

impl CreateBelow {
    /// Makes a project.
    pub fn project(self, config: Config) -> Result<Report, Failure> {
        self.run(config, Kind::Workspace, "WORKSPACE/PROJECT")
    }

    /// Makes a folder.
    pub fn folder(self, config: Config) -> Result<Report, Failure> {
        self.run(config, Kind::Project, "WORKSPACE/PROJECT/FOLDER")
    }

    fn run(self, config: Config, within: Kind, form: &str) -> Result<Report, Failure> {
        let path = &self.path;
        let form = || Failure::usage(format!("{path:?} must be {form}"));
        let (parent, name) = path.rsplit_once('/').ok_or_else(form)?;
        if parent.matches('/').count() != usize::from(within == Kind::Project) {
            return Err(form());
        }
        with_tree(config, async |open, tree| {
            let above = tree.find(parent).ok_or_else(|| nowhere(parent))?;
            let new = NewPlace { parent: Some(above.id), name: name.to_owned(), title: self.title.clone() };
            let (origin, now) = (Origin::operator(), open.clock.now());
            let make = async |conn: &mut Connection| arrange::make(conn, Actor::Operator, new, &origin, now).await;
            arranged(open.db.write(make).await, "made", path)
        })
    }
}

impl MemberAdd {
    /// Puts them in.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let id = workspace(tree, &self.workspace)?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let role = places::Role::from(self.role);
            let who = (self.username.as_str(), role);
            let add = async |conn: &mut Connection| membership::add(conn, Actor::Operator, id, who, &origin, now).await;
            settled(open.db.write(add).await)?;
            let Self { workspace, username, .. } = &self;
            let facts = json!({ "workspace": workspace, "username": username, "role": role.name() });
            Ok(Report::new(format!("{username} is {} of {workspace}", role.name()), facts))
        })
    }
}

impl MemberRemove {
    /// Takes them out.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let id = workspace(tree, &self.workspace)?;
            let user = known(open, &self.username).await?.id;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let remove =
                async |conn: &mut Connection| membership::remove(conn, Actor::Operator, id, user, &origin, now).await;
            settled(open.db.write(remove).await)?;
            let Self { workspace, username } = &self;
            let facts = json!({ "workspace": workspace, "username": username, "removed": true });
            Ok(Report::new(format!("{username} is not in {workspace} any more"), facts))
        })
    }
}

impl MoveServer {
    /// Moves it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        with_tree(config, async |open, tree| {
            let Self { server, place } = &self;
            let to = tree.find(place).ok_or_else(|| nowhere(place))?.id;
            let unknown = || Failure::refused(format!("there is no server with the name {server:?}"));
            let find = async |conn: &mut Connection| server::named(conn, server).await;
            let found = open.db.write_once(find).await.map_err(Failure::refused)?.ok_or_else(unknown)?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let go =
                async |conn: &mut Connection| move_server(conn, Actor::Operator, (found.id, to), &origin, now).await;
            match open.db.write(go).await.map_err(Failure::refused)? {
                Moved::Done(_) => {
                    let facts = json!({ "id": found.id, "name": server, "place": place });
                    Ok(Report::new(format!("{server} is in {place} now"), facts))
                }
                Moved::Refused(refusal) => Err(Failure::refused(refusal)),
            }
        })
    }
}

/// `portcullis workspace-list`: every workspace with its projects and folders.
pub fn list(config: Config) -> Result<Report, Failure> {
    with_tree(config, async |open, tree| {
        let mut lines = Vec::new();
        let mut facts = Vec::new();
        for id in in_order(tree) {
            let (Some(place), Some(path)) = (tree.get(id), tree.words(id)) else { continue };
            let count = async |conn: &mut Connection| member::count(conn, id).await;
            let members = match place.kind {
                Kind::Workspace => Some(open.db.write_once(count).await.map_err(Failure::refused)?),
                Kind::Project | Kind::Folder => None,
            };
            let said = members
                .map(|members| format!(", {members} {}", if members == 1 { "member" } else { "members" }))
                .unwrap_or_default();
            lines.push(format!("{path}  {}{said}", place.title));
            let mut fact = json!({ "id": id, "kind": place.kind.name(), "path": path, "title": place.title });
            if let Some(members) = members {
                fact["members"] = members.into();
            }
            facts.push(fact);
        }
        Ok(Report::new(lines.join("\n"), Value::Array(facts)))
    })
}

/// Every place by its path.
fn in_order(tree: &Tree) -> Vec<PlaceId> {
    let mut all: Vec<(Option<String>, PlaceId)> =
        tree.those(|_: &PlacePath| true).into_iter().map(|id| (tree.words(id), id)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, id)| id).collect()
}

/// Opens the installation, with every place in it.
pub(super) fn with_tree(
    config: Config,
    work: impl AsyncFnOnce(&Installation, &Tree) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    installation::with(config, Role::Verb, async |open| {
        open.prepare().await?;
        let tree = open.db.write_once(async |conn| Tree::load(conn).await).await.map_err(Failure::refused)?;
        work(&open, &tree).await
    })
}

/// Nothing is there.
pub(super) fn nowhere(path: &str) -> Failure {
    Failure::refused(format!("there is no place {path:?}"))
}

fn workspace(tree: &Tree, name: &str) -> Result<PlaceId, Failure> {
    let found = tree.find(name).filter(|place| place.kind == Kind::Workspace);
    found.map(|place| place.id).ok_or_else(|| Failure::refused(format!("there is no workspace with the name {name:?}")))
}

async fn known(open: &Installation, name: &str) -> Result<User, Failure> {
    let find = async |conn: &mut Connection| -> QueryResult<Option<User>> {
        match name.parse::<Username>() {
            Ok(name) => User::named(conn, &name).await,
            Err(_) => Ok(None),
        }
    };
    let found = open.db.write_once(find).await.map_err(Failure::refused)?;
    found.ok_or_else(|| Failure::refused(format!("there is nobody with the user name {name:?}")))
}

fn arranged(outcome: Result<Arranged, crate::db::Error>, done: &str, path: &str) -> Result<Report, Failure> {
    match outcome.map_err(Failure::refused)? {
        Arranged::Done(place) => {
            let facts = json!({ "id": place.id, "kind": place.kind.name(), "path": path, "title": place.title });
            Ok(Report::new(format!("{done} the {} {path}", place.kind.name()), facts))
        }
        Arranged::Refused(refusal) => Err(Failure::refused(refusal)),
    }
}

fn settled(outcome: Result<Membership, crate::db::Error>) -> Result<(), Failure> {
    match outcome.map_err(Failure::refused)? {
        Membership::Done => Ok(()),
        Membership::Refused(refusal) => Err(Failure::refused(refusal)),
    }
}
