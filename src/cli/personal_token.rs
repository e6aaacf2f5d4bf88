//! `portcullis token-*`: personal access tokens, and what is in a token file.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::api_key::overlap;
use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use super::token_file;
use crate::access::make_token::{self, Wanted, WantedServer};
use crate::access::scoping::Maker;
use crate::access::{Subject, scoping};
use crate::audit::Origin;
use crate::config::{self, Config};
use crate::credentials::personal_token::{self, Listing};
use crate::credentials::personal_tokens::{self, NewToken};
use crate::credentials::replace::Overlap;
use crate::credentials::{PersonalToken, Sort};
use crate::crypto::{PlainToken, jwt};
use crate::db::Connection;
use crate::grants::sign::Signing;
use crate::identity::Person;
use crate::identity::user::{User, person};
use crate::places::Tree;
use crate::types::{DEFAULT_WORKSPACE, PersonalTokenId};
use crate::upstreams::{Server, server};

/// A token for somebody. It is shown once.
#[derive(Debug, Args)]
pub struct Create {
    /// The person for whom it acts
    #[arg(long, value_name = "USERNAME")]
    user: String,
    /// What to call it
    #[arg(long)]
    name: String,
    /// What it may do: OAuth scopes, with commas or spaces between
    #[arg(long, default_value = "mcp:read")]
    scopes: String,
    /// Where it works: WORKSPACE, WORKSPACE/PROJECT or WORKSPACE/PROJECT/FOLDER; can be given several times
    #[arg(long, value_name = "PLACE", default_value = DEFAULT_WORKSPACE)]
    scope: Vec<String>,
    /// The one server that it is for, if it is for one
    #[arg(long)]
    server: Option<String>,
    /// How long it is good, such as 90d; without this it does not expire
    #[arg(long, value_parser = lifetime)]
    expires: Option<TimeDelta>,
}

/// Which tokens.
#[derive(Debug, Args)]
pub struct List {
    /// Only those of this person
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// Which token to end.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Its id, as the list shows it
    id: PersonalTokenId,
}

/// Which token, and how long it goes on.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Its id, as the list shows it
    id: PersonalTokenId,
    /// How long it goes on beside its successor: 0d to 7d
    #[arg(long, default_value = "1d", value_parser = overlap)]
    overlap: Overlap,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A file with a token in it: bare, or as {"access_token": …}
    file: PathBuf,
}

fn lifetime(text: &str) -> Result<TimeDelta, String> {
    config::duration(text).ok_or_else(|| "it must be a length of time such as 90d".to_owned())
}

impl Create {
    /// Makes it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let owner = named(&mut conn, &self.user).await?;
            let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
            let servers = Server::enabled(&mut conn, &tree, &open.keys).await.map_err(Failure::refused)?;
            drop(conn);
            let (config, now) = (&open.config, open.clock.now());
            let issuer = config.server.public_url.issuer();
            let here = make_token::Installation {
                tree: &tree,
                most: config.lifetimes.personal_token,
                audience: config.tokens.gateway_audience.as_deref().unwrap_or(issuer),
                random: &open.random,
                now,
            };
            let wanted = Wanted {
                id: PersonalTokenId::fresh(),
                owner: owner.id,
                name: self.name,
                scope: self.scopes.replace(',', " "),
                places: self.scope,
                server: self
                    .server
                    .map(|written| WantedServer { found: server::enabled_as(&servers, &written), written }),
                lifetime: self.expires,
            };
            let subject = Subject::Person(owner.into());
            let new = make_token::judge(&Maker::in_person(&subject), wanted, &here).map_err(Failure::refused)?;
            let token = signed(&open, &new).await?;
            let origin = Origin::operator();
            let terms = open.credential_terms(&origin);
            let made = open.db.write(async |conn| personal_tokens::issue(conn, &terms, &new, &token).await).await;
            if !made.map_err(Failure::refused)?.map_err(Failure::refused)? {
                return Err(Failure::refused("the token could not be stored; try again"));
            }
            Ok(shown_once(&new, &token, &tree))
        })
    }
}

impl Rotate {
    /// Makes its successor, under the rules of a new one. A running server hears of it at once.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let old = personal_token::find(&mut conn, self.id).await.map_err(Failure::refused)?;
            let old = old.ok_or_else(|| Failure::refused(format!("there is no token with the id {}", self.id)))?;
            let owner = person(&mut conn, old.user_id).await.map_err(Failure::refused)?;
            let owner = owner.ok_or_else(|| Failure::refused("whose token it is, is not here any more"))?;
            let tree = Tree::load(&mut conn).await.map_err(Failure::refused)?;
            drop(conn);
            let owner = Subject::Person(owner.into());
            make_token::judge_again(&Maker::in_person(&owner), &old, &tree).map_err(Failure::refused)?;
            let most = open.config.lifetimes.personal_token;
            let new = NewToken::like(&old, most, &open.random, open.clock.now());
            let token = signed(&open, &new).await?;
            let origin = Origin::operator();
            let terms = open.credential_terms(&origin);
            let verb = async |conn: &mut Connection| {
                personal_tokens::rotate(conn, &terms, old.id, self.overlap, (&new, &token)).await
            };
            match open.db.write(verb).await.map_err(Failure::refused)?.map_err(Failure::refused)? {
                true => Ok(shown_once(&new, &token, &tree)),
                false => Err(Failure::refused(format!("{} works no more, or has a successor already", old.id))),
            }
        })
    }
}

impl List {
    /// Lists them, newest first.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let mut conn = open.db.read().await.map_err(Failure::refused)?;
            let owner = match &self.user {
                Some(name) => Some(named(&mut conn, name).await?.id),
                None => None,
            };
            let listing = Listing {
                owner,
                states: Vec::new(),
                search: String::new(),
                sort: Sort::Created,
                offset: 0,
                limit: self.limit,
            };
            let now = open.clock.now();
            let tokens = personal_token::list(&mut conn, &listing, now).await.map_err(Failure::refused)?;
            let words: String = tokens.iter().map(|token| line(token, now)).collect();
            let facts: Vec<Value> = tokens.iter().map(|token| facts(token, now)).collect();
            Ok(Report::new(words, json!({ "items": facts })))
        })
    }
}

impl Revoke {
    /// Ends it. A running server hears of it at once.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, id) = (Origin::operator(), self.id);
            let terms = open.credential_terms(&origin);
            let done = open.db.write(async |conn| personal_tokens::revoke(conn, &terms, id).await).await;
            match done.map_err(Failure::refused)? {
                true => Ok(Report::new(format!("revoked {id}"), json!({ "revoked": id }))),
                false => Err(Failure::refused(format!("no token that still stands has the id {id}"))),
            }
        })
    }
}

impl Inspect {
    /// Shows what the token says of itself. Nothing of it is checked.
    pub fn run(self) -> Result<Report, Failure> {
        let token = token_file::read(&self.file)?;
        let named = || Failure::refused(format!("{}: the token in it is no JWT", self.file.display()));
        let (header, claims) = jwt::unverified(&token).ok_or_else(named)?;
        let shown = |part: &Value| serde_json::to_string_pretty(part).map_err(Failure::refused);
        let words = format!("{}\n{}\nNothing of this was checked.", shown(&header)?, shown(&claims)?);
        Ok(Report::new(words, json!({ "header": header, "claims": claims })))
    }
}

async fn signed(open: &Installation, new: &NewToken) -> Result<PlainToken, Failure> {
    let (in_use, issuer) = (open.config.tokens.access_token_algorithm, open.config.server.public_url.issuer());
    let signing = Signing::start(&open.db, &open.keys, in_use, open.clock.now()).await.map_err(Failure::refused)?;
    make_token::sign(&signing, issuer, new).map_err(Failure::refused)
}

fn shown_once(new: &NewToken, token: &PlainToken, tree: &Tree) -> Report {
    let until = new.expires_at.map_or("it does not expire".to_owned(), |end| format!("good until {}", minute(end)));
    let words = format!("{}\n{until}, and shown this once; its id is {}", token.reveal(), new.id);
    let facts = json!({
        "id": new.id, "name": new.name, "access_token": token.reveal(), "client_id": new.client_id,
        "jti": new.jti, "scopes": new.scope.tokens().collect::<Vec<_>>(),
        "scope": scoping::paths(&new.reach, tree), "mcp_server_id": new.server, "expires_at": new.expires_at,
    });
    Report::new(words, without_nulls(facts))
}

async fn named(conn: &mut Connection, name: &str) -> Result<Person, Failure> {
    let nobody = || Failure::refused(format!("there is nobody with the user name {name:?}"));
    let username = name.parse().map_err(|_| nobody())?;
    let user = User::named(conn, &username).await.map_err(Failure::refused)?.ok_or_else(nobody)?;
    person(conn, user.id).await.map_err(Failure::refused)?.ok_or_else(nobody)
}

fn minute(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

fn line(token: &PersonalToken, now: DateTime<Utc>) -> String {
    let until = token.stops_at().map_or("never expires".to_owned(), |end| format!("until {}", minute(end)));
    let used = token.last_used_at.map_or("never used".to_owned(), |at| format!("last used {}", minute(at)));
    format!("{}  {:?}  {}  {}  {until}  {used}\n", token.id, token.name.as_str(), token.state(now).name(), token.scope)
}

fn facts(token: &PersonalToken, now: DateTime<Utc>) -> Value {
    without_nulls(json!({
        "id": token.id, "name": token.name, "user_id": token.user_id, "client_id": token.client_id, "jti": token.jti,
        "scopes": token.scope.tokens().collect::<Vec<_>>(), "mcp_server_id": token.server_id,
        "state": token.state(now).name(), "created_at": token.created_at, "expires_at": token.stops_at(),
        "last_used_at": token.last_used_at, "last_used_address": token.last_used_address,
        "last_used_client": token.last_used_client,
    }))
}

/// What is not there is left out.
fn without_nulls(mut facts: Value) -> Value {
    if let Value::Object(members) = &mut facts {
        members.retain(|_, value| !value.is_null());
    }
    facts
}
