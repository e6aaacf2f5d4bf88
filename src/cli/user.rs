//! `portcullis user-create-human`: somebody becomes known. `portcullis user-reset-factors`: somebody has lost their telephone.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::crypto::{PasswordHash, Passwords, PlainToken};
use crate::db::{Connection, QueryResult};
use crate::http::urls;
use crate::identity::add_person::{AddPerson, NewPerson, add_person};
use crate::identity::{NewPassword, User, Username, set_up, two_step};

/// Who it is. Without a password they get a one-time link to choose one.
#[derive(Debug, Args)]
pub struct CreateHuman {
    /// The name to sign in with
    #[arg(long)]
    username: String,
    /// Their email address
    #[arg(long)]
    email: Option<String>,
    /// Their first name
    #[arg(long)]
    first_name: Option<String>,
    /// Their last name
    #[arg(long)]
    last_name: Option<String>,
    /// The name to be shown by, instead of first and last name
    #[arg(long, conflicts_with_all = ["first_name", "last_name"])]
    name: Option<String>,
    /// The groups to be in, separated by commas, or given several times
    #[arg(long, visible_alias = "group", value_delimiter = ',')]
    groups: Vec<String>,
    /// Make them a system administrator
    #[arg(long)]
    admin: bool,
    /// The first password; other users of this machine can see it while this runs
    #[arg(long, conflicts_with = "password_file")]
    password: Option<String>,
    /// A file with the first password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl CreateHuman {
    /// Adds them.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let password = self.password()?;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let hash = match password {
                Some(password) => Some(hash(&open, password, &self.username, "the password").await?),
                None => None,
            };
            let (user, link) = add(&open, self.person(hash)).await?;
            Ok(report(&open, &user, link.as_ref()))
        })
    }

    fn password(&self) -> Result<Option<SecretString>, Failure> {
        let Some(path) = &self.password_file else { return Ok(self.password.clone().map(SecretString::from)) };
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("--password-file {} cannot be read: {error}", path.display())))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
    }

    fn person(&self, password: Option<PasswordHash>) -> NewPerson {
        let full: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        NewPerson {
            username: self.username.clone(),
            display_name: self.name.clone().or_else(|| (!full.is_empty()).then(|| full.join(" "))),
            email: self.email.clone(),
            groups: self.groups.iter().map(|group| group.trim().to_owned()).filter(|group| !group.is_empty()).collect(),
            is_admin: self.admin,
            password,
        }
    }
}

/// Whose second factors are forgotten: authenticator app, passkeys and recovery codes.
#[derive(Debug, Args)]
pub struct ResetFactors {
    /// The name they sign in with
    #[arg(long)]
    username: String,
}

impl ResetFactors {
    /// Forgets them.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let username: Username = self.username.parse().map_err(Failure::usage)?;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let now = open.clock.now();
            let reset = open.db.write(async |conn| match User::named(conn, &username).await? {
                Some(user) => two_step::reset(conn, user.id, &Origin::operator(), now).await.map(Some),
                None => Ok(None),
            });
            let reset = reset.await.map_err(Failure::refused)?;
            let reset = reset.ok_or_else(|| Failure::refused(format!("nobody is called \"{username}\"")))?;
            let words = format!(
                "{username} signs in by the password alone now; forgotten: {}, {}; {} ended",
                if reset.authenticator { "an authenticator app" } else { "no authenticator app" },
                counted(reset.passkeys, "passkey"),
                counted(reset.sessions, "session"),
            );
            let facts = json!({
                "username": username.as_str(), "authenticator": reset.authenticator, "passkeys": reset.passkeys,
                "sessions_ended": reset.sessions,
            });
            Ok(Report::new(words, facts))
        })
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Hashes a password that `username` may have; `name` is what to call it in a refusal.
pub(super) async fn hash(
    open: &Installation,
    password: SecretString,
    username: &str,
    name: &str,
) -> Result<PasswordHash, Failure> {
    let username: Username = username.parse().map_err(Failure::usage)?;
    let password = NewPassword::choose(password, &username)
        .map_err(|refusal| Failure::usage(format!("{name} cannot be used: {refusal}")))?;
    let hashed = Passwords::new(1, open.random.clone()).hash(password.into_secret()).await;
    hashed.map_err(|_| Failure::refused(format!("{name} could not be hashed")))
}

/// Adds a person, and makes a set-up link for one who has no password: both or neither.
pub(super) async fn add(open: &Installation, person: NewPerson) -> Result<(User, Option<PlainToken>), Failure> {
    let now = open.clock.now();
    let added = open.db.write(async |conn| {
        let user = match add_person(conn, person, &Origin::operator(), now).await? {
            AddPerson::Added(user) => user,
            AddPerson::Refused(refusal) => return Ok(Err(Failure::refused(refusal))),
        };
        let link = match user.password_hash {
            Some(_) => None,
            None => set_up_link(conn, open, &user).await?,
        };
        Ok(Ok((user, link)))
    });
    added.await.map_err(Failure::refused)?
}

/// A fresh set-up link for somebody; none for who is disabled.
pub(super) async fn set_up_link(
    conn: &mut Connection,
    open: &Installation,
    user: &User,
) -> QueryResult<Option<PlainToken>> {
    let (now, lifetime) = (open.clock.now(), open.config.lifetimes.setup_link);
    let makers = (&*open.keys, &open.random);
    match set_up::issue(conn, makers, user.id, lifetime, &Origin::operator(), now).await? {
        set_up::Issue::Link(link) => Ok(Some(link)),
        set_up::Issue::Refused => Ok(None),
    }
}

fn report(open: &Installation, user: &User, link: Option<&PlainToken>) -> Report {
    let link = link.map(|link| urls::setup_link(&open.config.server.public_url, link));
    let words = match &link {
        Some(link) => format!("added {}; by this link they choose a password, once: {link}", user.username),
        None => format!("added {}", user.username),
    };
    let mut facts = json!({ "id": user.id, "username": user.username.as_str(), "admin": user.is_admin });
    if let Some(link) = link {
        facts["setup_link"] = link.into();
    }
    Report::new(words, facts)
}
