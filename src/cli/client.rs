//! `portcullis client-*`: the OAuth clients that an administrator vouches for, and what is done about any client.

use std::convert::Infallible;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::installation::{self, Role};
use super::key_file;
use super::outcome::{Failure, Report};
use crate::access::scoping::WantedPermissions;
use crate::audit::Origin;
use crate::config::Config;
use crate::db::{Connection, Db, QueryResult};
use crate::grants::Terms;
use crate::grants::add_client::{self, Added, GRANTS, Plan, add_client};
use crate::grants::client::{self, Client, ClientOptions, ClientOrigin, Profile, Sort, State, Uris, Wanted, Whose};
use crate::grants::client_metadata::AuthMethod;
use crate::grants::register_client::{Narrowed, Registering, Registrar, register_client, scope_of};
use crate::grants::rotate_secret::{self, LONGEST_OVERLAP, RotateSecret as Rotated};
use crate::grants::{disable, remove_client};
use crate::places::{PlacePath, Reach, Tree};
use crate::types::{ClientSecretId, Permissions, RedirectUri, Scope, Words, known_scopes};

/// What the client is. What is not said is as a client that registers itself would have it.
#[derive(Debug, Args)]
pub struct Add {
    /// The name that people are shown
    #[arg(long)]
    name: String,
    /// Where answers may go; may be given several times
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = str::parse::<RedirectUri>)]
    redirect_uris: Vec<RedirectUri>,
    /// What it may do at the token endpoint, such as authorization_code or device_code; may be given
    /// several times. Without it: authorization_code and refresh_token if there is a redirect URI
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<String>,
    /// How it proves who it is: none, client_secret_basic, client_secret_post or private_key_jwt. Without it:
    /// private_key_jwt if it has keys, else client_secret_basic
    #[arg(long, value_name = "METHOD", value_parser = auth_method)]
    auth_method: Option<AuthMethod>,
    /// A file with its public keys, as a JSON Web Key Set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// The URL of its public keys
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// The most that it may ever be granted, separated by spaces, or given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = str::parse::<Scope>)]
    scopes: Vec<Scope>,
    /// The workspace whose managers may change and remove it; without it, that of the first --scope-place. With neither, it
    /// is the whole installation's
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// A place that its tokens are narrowed to, as workspace/project/folder; may be given several times
    #[arg(long = "scope-place", value_name = "PLACE")]
    scope_places: Vec<String>,
    /// What its tokens may do there: read, write, or permissions such as tools:read,servers:read
    #[arg(long, value_name = "PERMISSIONS", value_parser = str::parse::<WantedPermissions>)]
    permissions: Option<WantedPermissions>,
    /// Where a browser may go after logout; may be given several times
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// Where it is told that a session ended
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// Give it tokens only with DPoP
    #[arg(long)]
    dpop: bool,
    /// Take its authorization requests only when they are pushed
    #[arg(long)]
    par: bool,
    /// Hold it to the FAPI 2.0 Security Profile: private_key_jwt, DPoP and pushed requests
    #[arg(long)]
    fapi2: bool,
    /// Seconds for which its access tokens are good, where that differs from everybody's
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i32).range(60..=86_400))]
    token_lifetime: Option<i32>,
}

/// Which ones.
#[derive(Debug, Args)]
pub struct List {
    /// Also those that registered themselves
    #[arg(long, conflicts_with = "self_registered")]
    all: bool,
    /// Only those that registered themselves
    #[arg(long)]
    self_registered: bool,
    /// Of those, only the ones that nobody is connected to and that were not used for so many days
    #[arg(long, value_name = "DAYS", requires = "self_registered", value_parser = clap::value_parser!(i64).range(1..=3650))]
    unused_for: Option<i64>,
    /// Of those, only the ones with this in their name
    #[arg(long, value_name = "TEXT", requires = "self_registered")]
    search: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// Which client.
#[derive(Debug, Args)]
pub struct Named {
    /// Its client id
    client_id: String,
}

/// Whose secret is replaced.
#[derive(Debug, Args)]
pub struct RotateSecret {
    /// Its client id
    client_id: String,
    /// For how long the secret before stays good, such as 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = overlap)]
    overlap: TimeDelta,
}

/// `0`, or a number of minutes, hours or days: `90m`, `12h`, `7d`.
fn overlap(text: &str) -> Result<TimeDelta, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|last: char| last.is_ascii_alphabetic()).len());
    let number = digits.parse::<i64>().ok().filter(|number| (0..=100_000).contains(number));
    let length = number.and_then(|number| match unit {
        "m" => Some(TimeDelta::minutes(number)),
        "h" => Some(TimeDelta::hours(number)),
        "d" => Some(TimeDelta::days(number)),
        "" if number == 0 => Some(TimeDelta::zero()),
        _ => None,
    });
    let length = length.filter(|length| *length <= LONGEST_OVERLAP);
    length.ok_or_else(|| "it must be 0, or a time of at most 7 days such as 90m, 12h or 7d".to_owned())
}

/// A grant by its name on the wire, or by the last word of a long one.
fn grant(name: &str) -> Result<String, Infallible> {
    let is_meant = |grant: &&str| grant.rsplit(':').next() == Some(name);
    Ok(GRANTS.into_iter().find(is_meant).unwrap_or(name).to_owned())
}

fn auth_method(name: &str) -> Result<AuthMethod, String> {
    let names = || AuthMethod::ALL.map(AuthMethod::name).join(", ");
    AuthMethod::named(name).ok_or_else(|| format!("it must be one of {}", names()))
}

impl Add {
    /// Registers it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let jwks = self.jwks_file.as_deref().map(key_file::read).transpose()?;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let plan = self.plan(jwks);
            let origin = Origin::operator();
            let terms = open.terms(&origin);
            let (plan, owned) = self.owned(plan, &open.db).await?;
            let added = match &owned {
                None => open.db.write(async |conn| add_client(conn, &terms, plan.clone()).await).await,
                Some((registrar, narrowed)) => {
                    let id = Uuid::from_bytes(terms.random.bytes());
                    let verb = async |conn: &mut Connection| {
                        register_client(conn, &terms, registrar, plan.clone(), narrowed, id).await
                    };
                    open.db.write(verb).await.map(|registered| match registered {
                        Registering::Client { id, secret } => Added::Client { id, secret },
                        Registering::Already(id) => Added::Client { id, secret: None },
                        Registering::Refused(flaw) => Added::Refused(flaw),
                    })
                }
            };
            match added.map_err(Failure::refused)? {
                Added::Client { id, secret } => {
                    Ok(report(&plan, &id, secret.as_ref().map(|secret| secret.reveal().to_owned())))
                }
                Added::Refused(flaw) => Err(Failure::usage(flaw)),
            }
        })
    }

    /// The plan, and whose the client is and what it is narrowed to if that was said. The operator reaches every place.
    async fn owned(&self, plan: Plan, db: &Db) -> Result<(Plan, Option<(Registrar, Narrowed)>), Failure> {
        if self.workspace.is_none() && self.scope_places.is_empty() && self.permissions.is_none() {
            return Ok((plan, None));
        }
        let mut conn = db.read().await.map_err(Failure::refused)?;
        let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
        let path = |words: &String| {
            let place = tree.find(words).and_then(|place| tree.path(place.id));
            place.ok_or_else(|| Failure::usage(format!("there is no place {words:?}")))
        };
        let places: Vec<PlacePath> = self.scope_places.iter().map(path).collect::<Result<_, _>>()?;
        let workspace = match (&self.workspace, places.first()) {
            (Some(words), _) => path(words)?,
            (None, Some(first)) => first.clone(),
            (None, None) => return Err(Failure::usage("--permissions needs --workspace or --scope-place")),
        };
        let reach = match places.as_slice() {
            [] => Reach::of([workspace.workspace()]),
            places => Reach::of(places.iter().map(PlacePath::innermost)),
        };
        let permissions = match &self.permissions {
            None | Some(WantedPermissions::Read) => Permissions::read(),
            Some(WantedPermissions::Write) => Permissions::write(),
            Some(WantedPermissions::These(these)) => these.clone(),
        };
        let scope = if self.scopes.is_empty() { scope_of(&permissions) } else { plan.scope.clone() };
        let registrar = Registrar { workspace: workspace.workspace(), person: None, administers: true };
        let narrowed = Narrowed { reach, permissions: Some(permissions) };
        Ok((Plan { scope, ..plan }, Some((registrar, narrowed))))
    }

    fn plan(&self, jwks: Option<Value>) -> Plan {
        let by_key = jwks.is_some() || self.jwks_uri.is_some();
        let usual = if by_key { AuthMethod::PrivateKeyJwt } else { AuthMethod::SecretBasic };
        Plan {
            name: self.name.clone(),
            auth_method: self.auth_method.unwrap_or(usual),
            redirect_uris: self.redirect_uris.clone(),
            grant_types: self.grant_types(),
            scope: match self.scopes.as_slice() {
                [] => Scope::of(&known_scopes::SELF_REGISTERED),
                said => said.iter().fold(Scope::none(), |all, more| all.union(more)),
            },
            options: ClientOptions {
                jwks,
                jwks_uri: self.jwks_uri.clone(),
                post_logout_redirect_uris: Uris(self.post_logout_redirect_uris.clone()),
                backchannel_logout_uri: self.backchannel_logout_uri.clone(),
                dpop_bound_access_tokens: self.dpop,
                require_pushed_authorization_requests: self.par,
                profile: if self.fapi2 { Profile::Fapi2 } else { Profile::Standard },
                access_token_lifetime: self.token_lifetime,
                ..ClientOptions::default()
            },
        }
    }

    fn grant_types(&self) -> Words {
        match (self.grants.as_slice(), self.redirect_uris.as_slice()) {
            ([], []) => Words::default(),
            ([], _) => Words::from_iter(["authorization_code", "refresh_token"]),
            (said, _) => Words(said.to_vec()),
        }
    }
}

fn report(plan: &add_client::Plan, id: &str, secret: Option<String>) -> Report {
    let mut words = format!("Client ID: {id}\n");
    let mut facts = json!({
        "client_id": id,
        "name": plan.name,
        "grant_types": plan.grant_types,
        "token_endpoint_auth_method": plan.auth_method.name(),
        "scope": plan.scope,
    });
    if let Some(secret) = secret {
        words += &format!("Client Secret: {secret}\nThe secret is not shown again.\n");
        facts["client_secret"] = secret.into();
    }
    Report::new(words, facts)
}

impl List {
    /// Lists them.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let known = match self.self_registered {
                true => self.self_made(&mut conn, open.clock.now()).await,
                false if self.all => client::newest(&mut conn, &ClientOrigin::ALL, self.limit).await,
                false => client::newest(&mut conn, &ClientOrigin::REGISTERED_BY_SOMEBODY, self.limit).await,
            };
            let known = known.map_err(Failure::refused)?;
            let words: String = known.iter().map(line).collect();
            let facts: Vec<Value> = known.iter().map(facts).collect();
            Ok(Report::new(words, json!({ "items": facts })))
        })
    }
}

impl List {
    async fn self_made(&self, conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<Vec<Client>> {
        let state = self.unused_for.map_or(State::Any, |days| State::UnusedSince(now - TimeDelta::days(days)));
        let (whose, search, most) = (Whose::SelfMade, self.search.as_deref(), self.limit);
        let wanted = Wanted { whose, search, state, sort: Sort::Newest, after: None, skip: 0, most };
        Ok(wanted.page(conn, now).await?.into_iter().map(|known| known.client).collect())
    }
}

impl RotateSecret {
    /// Gives it another secret. A running server takes both while they overlap.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let Self { client_id, overlap } = self;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            let terms = open.terms(&origin);
            let replacement = ClientSecretId(Uuid::from_bytes(terms.random.bytes()));
            let verb = async |conn: &mut Connection| {
                rotate_secret::rotate_secret(conn, &terms, None, &client_id, overlap, replacement).await
            };
            match open.db.write(verb).await.map_err(Failure::refused)? {
                Rotated::Rotated { secret, replaced } => {
                    let words = format!(
                        "Client Secret: {}\nThe secret is not shown again. The one before is good until {}.\n",
                        secret.reveal(),
                        replaced.expires_at.format("%Y-%m-%d %H:%M:%S UTC"),
                    );
                    let facts = json!({
                        "client_id": client_id,
                        "client_secret": secret.reveal(),
                        "replaced_secret_expires_at": replaced.expires_at,
                    });
                    Ok(Report::new(words, facts))
                }
                Rotated::TooMany => {
                    Err(Failure::refused(format!("several replaced secrets of {client_id:?} are still good")))
                }
                Rotated::NoSecret => Err(Failure::refused(format!("the client {client_id:?} has no secret"))),
                Rotated::BadOverlap => Err(Failure::usage("the overlap must be at most 7 days")),
                Rotated::Gone | Rotated::Already => {
                    Err(Failure::refused(format!("there is no client {client_id:?} that somebody registered")))
                }
            }
        })
    }
}

fn line(client: &Client) -> String {
    let state = if client.disabled_at.is_some() { "  disabled" } else { "" };
    let since = client.created_at.format("%Y-%m-%d");
    let method = client.auth_method.name();
    format!("{}  {:?}  {method}  {}  since {since}{state}\n", client.id, client.name, client.grant_types.0.join(","))
}

fn facts(client: &Client) -> Value {
    json!({
        "client_id": client.id,
        "name": client.name,
        "origin": client.origin.name(),
        "token_endpoint_auth_method": client.auth_method.name(),
        "grant_types": client.grant_types,
        "redirect_uris": client.redirect_uris,
        "scope": client.scope,
        "profile": client.options.profile.name(),
        "created_at": client.created_at,
        "disabled": client.disabled_at.is_some(),
    })
}

impl Named {
    /// Cuts it off. A running server hears of it at once.
    pub fn disable(self, config: Config) -> Result<Report, Failure> {
        self.change(config, "disabled", async |conn, terms, id| disable::disable(conn, terms, None, id).await)
    }

    /// Lets it act again.
    pub fn enable(self, config: Config) -> Result<Report, Failure> {
        self.change(config, "enabled", async |conn, terms, id| disable::enable(conn, terms, None, id).await)
    }

    /// Removes it, and ends everything that it was granted.
    pub fn remove(self, config: Config) -> Result<Report, Failure> {
        self.change(config, "removed", async |conn, terms, id| {
            Ok(remove_client::remove_client(conn, terms, None, id, |_| true).await?.is_some())
        })
    }

    fn change(
        self,
        config: Config,
        state: &str,
        verb: impl AsyncFnOnce(&mut Connection, &Terms<'_>, &str) -> QueryResult<bool>,
    ) -> Result<Report, Failure> {
        let Self { client_id } = self;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            let terms = open.terms(&origin);
            let changed = open.db.write(async |conn| verb(conn, &terms, &client_id).await).await;
            match changed.map_err(Failure::refused)? {
                true => {
                    Ok(Report::new(format!("{state} {client_id}"), json!({ "client_id": client_id, "state": state })))
                }
                false => Err(Failure::refused(format!("there is no client {client_id:?} that could be {state}"))),
            }
        })
    }
}
