//! `portcullis user-create-m2m` and what else there is to do with M2M accounts.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::installation::{self, Installation, Role};
use super::key_file;
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::crypto::PlainToken;
use crate::grants::Terms;
use crate::grants::m2m_account::{self, Account, AddAccount, NewAccount, NewProof, USUAL_SCOPE};
use crate::types::{DEFAULT_WORKSPACE, Scope};

/// A program that acts for itself. Its secret is shown once.
#[derive(Debug, Args)]
pub struct CreateM2m {
    /// Its name, which is its client id too
    #[arg(long)]
    name: String,
    /// The groups to be in, separated by commas, or given several times
    #[arg(long, visible_alias = "group", value_delimiter = ',', required = true)]
    groups: Vec<String>,
    /// The workspace to belong to
    #[arg(long, default_value = DEFAULT_WORKSPACE)]
    workspace: String,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// The most that it may ever have [default: groups mcp:read mcp:write mgmt.read]
    #[arg(long)]
    scope: Option<String>,
    /// How it sends its secret: in the form, or by HTTP Basic
    #[arg(long, value_enum, default_value_t = SecretMethod::ClientSecretPost)]
    auth_method: SecretMethod,
    /// A file with its public keys (a JSON Web Key Set): it signs instead of having a secret
    #[arg(long, value_name = "FILE", conflicts_with_all = ["auth_method", "jwks_uri"])]
    jwks_file: Option<PathBuf>,
    /// Where its public keys are published: it signs instead of having a secret
    #[arg(long, value_name = "URL", conflicts_with = "auth_method")]
    jwks_uri: Option<String>,
    /// Let it exchange tokens: its own for narrower ones, and those of others to act for them
    #[arg(long)]
    token_exchange: bool,
    /// For how many seconds its access tokens are good, if not as long as everybody's
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<u32>,
    /// Keep its credentials in agent-NAME.json in this directory, for nobody else to read
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".oauth-tokens")]
    save: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SecretMethod {
    #[value(name = "client_secret_post")]
    ClientSecretPost,
    #[value(name = "client_secret_basic")]
    ClientSecretBasic,
}

/// Which account.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name
    #[arg(long)]
    name: String,
}

impl CreateM2m {
    /// Adds it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let wanted = self.account()?;
        let name = wanted.name.clone();
        let saved = self.save.as_deref().map(|dir| Saved::begin(dir, &name)).transpose()?;
        let added = installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            let terms = open.terms(&origin);
            match open.db.write(async |conn| m2m_account::add(conn, &terms, wanted).await).await {
                Ok(AddAccount::Added(account)) => {
                    let issuer = open.config.server.public_url.issuer().to_owned();
                    Ok((account, issuer))
                }
                Ok(AddAccount::Refused(refusal)) => Err(Failure::refused(refusal)),
                Err(error) => Err(Failure::refused(error)),
            }
        });
        match (added, saved) {
            (Ok((account, issuer)), saved) => {
                let saved = saved.map(|saved| saved.keep(&credentials(&account, &issuer))).transpose();
                // What was written down nowhere is still to be shown: it cannot be had again.
                saved.inspect_err(|_| report(&account).write(false))?;
                Ok(report(&account))
            }
            (Err(failure), Some(saved)) => {
                saved.forget();
                Err(failure)
            }
            (Err(failure), None) => Err(failure),
        }
    }

    fn account(&self) -> Result<NewAccount, Failure> {
        let scope = match &self.scope {
            Some(text) => text.parse().map_err(|error| Failure::usage(format!("--scope {text:?}: {error}")))?,
            None => Scope::of(&USUAL_SCOPE),
        };
        let groups = self.groups.iter().map(|group| group.trim().to_owned()).filter(|group| !group.is_empty());
        Ok(NewAccount {
            name: self.name.clone(),
            description: self.description.clone(),
            workspace: self.workspace.clone(),
            groups: groups.collect(),
            scope,
            proof: self.proof()?,
            exchanges: self.token_exchange,
            access_token_lifetime: self.token_lifetime.map(|seconds| TimeDelta::seconds(seconds.into())),
        })
    }

    fn proof(&self) -> Result<NewProof, Failure> {
        if let Some(url) = &self.jwks_uri {
            return Ok(NewProof::KeysAt(url.clone()));
        }
        let Some(path) = &self.jwks_file else {
            return Ok(match self.auth_method {
                SecretMethod::ClientSecretPost => NewProof::SecretPost,
                SecretMethod::ClientSecretBasic => NewProof::SecretBasic,
            });
        };
        key_file::read(path).map(NewProof::Keys)
    }
}

impl Named {
    /// Gives it another secret.
    pub fn rotate(self, config: Config) -> Result<Report, Failure> {
        let secret = self.with_account(config, async |open, terms, name| {
            open.db.write(async |conn| m2m_account::rotate_secret(conn, terms, name).await).await
        })?;
        let secret = secret.ok_or_else(|| {
            Failure::refused(format!("there is no M2M account with the name {:?} that has a secret", self.name))
        })?;
        let words = format!("Client ID: {}\n{}", self.name, secret_lines(&secret));
        Ok(Report::new(words, json!({ "client_id": self.name, "client_secret": secret.reveal() })))
    }

    /// Removes it.
    pub fn remove(self, config: Config) -> Result<Report, Failure> {
        let removed = self.with_account(config, async |open, terms, name| {
            open.db.write(async |conn| m2m_account::remove(conn, terms, name).await).await
        })?;
        if !removed {
            return Err(Failure::refused(format!("there is no M2M account with the name {:?}", self.name)));
        }
        Ok(Report::new(format!("removed {}", self.name), json!({ "client_id": self.name, "removed": true })))
    }

    fn with_account<T>(
        &self,
        config: Config,
        work: impl AsyncFnOnce(&Installation, &Terms<'_>, &str) -> Result<T, crate::db::Error>,
    ) -> Result<T, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let origin = Origin::operator();
            work(&open, &open.terms(&origin), &self.name).await.map_err(Failure::refused)
        })
    }
}

/// The lines of the systems that accounts come from, word for word.
fn report(account: &Account) -> Report {
    let secret = account.secret.as_ref().map(secret_lines).unwrap_or_default();
    let words = match secret.split_once('\n') {
        Some((line, warning)) => {
            format!("Client ID: {}\n{line}\nGroups: {}\n{warning}", account.client_id, account.groups.join(", "))
        }
        None => format!("Client ID: {}\nGroups: {}", account.client_id, account.groups.join(", ")),
    };
    Report::new(words, facts(account))
}

fn secret_lines(secret: &PlainToken) -> String {
    format!(
        "Client Secret: {}\nIMPORTANT: Save the client secret securely - it cannot be retrieved later.",
        secret.reveal()
    )
}

fn facts(account: &Account) -> Value {
    let mut facts = json!({
        "client_id": account.client_id.as_str(),
        "groups": account.groups,
        "scope": account.scope,
    });
    if let Some(secret) = &account.secret {
        facts["client_secret"] = secret.reveal().into();
    }
    facts
}

/// What an agent reads to get tokens.
fn credentials(account: &Account, issuer: &str) -> Value {
    let mut credentials = json!({
        "client_id": account.client_id.as_str(),
        "auth_provider": "local",
        "issuer": issuer,
    });
    if let Some(secret) = &account.secret {
        credentials["client_secret"] = secret.reveal().into();
    }
    credentials
}

/// A file for credentials, made before there are any: a secret that cannot be written would be lost.
struct Saved {
    path: PathBuf,
    file: File,
}

impl Saved {
    fn begin(dir: &Path, name: &str) -> Result<Self, Failure> {
        // A name that could lead elsewhere is no name of an account; it is refused with its reason below.
        let plain =
            name.replace(|character: char| !character.is_ascii_alphanumeric() && !"._-".contains(character), "_");
        let path = dir.join(format!("agent-{plain}.json"));
        let made = fs::create_dir_all(dir)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path));
        match made {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(Failure::refused(format!("{} cannot be made: {error}", path.display()))),
        }
    }

    fn keep(mut self, credentials: &Value) -> Result<(), Failure> {
        let written = writeln!(self.file, "{credentials:#}").and_then(|()| self.file.sync_all());
        written.map_err(|error| Failure::refused(format!("{} cannot be written: {error}", self.path.display())))
    }

    fn forget(self) {
        let _ = fs::remove_file(self.path);
    }
}
