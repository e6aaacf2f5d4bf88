//! The installation that a verb works on: its database, its root keys, and the settings of both.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::runtime::Runtime;

use super::outcome::Failure;
use crate::audit::Origin;
use crate::clock::Clock;
use crate::config::Config;
use crate::credentials;
use crate::crypto::{Random, RootKeys};
use crate::db::connect::ConnectError;
use crate::db::embedded::{self, Embedded, EmbeddedError, EmbeddedSettings};
use crate::db::installation::{self, Claim};
use crate::db::{Db, migrations, pooler};
use crate::grants::Terms;
use crate::policies::save::By;
use crate::policies::seeds;

/// An installation, opened.
pub struct Installation {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The root keys.
    pub keys: Arc<RootKeys>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// True when the database is our own private one.
    pub is_embedded: bool,
}

/// Who wants the private database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `serve`: alone on its data directory.
    Server,
    /// Any other verb: beside a running server, too.
    Verb,
}

/// Opens the installation, hands it to `work`, and closes it again, stopping a database that was started for this.
pub fn with<F: Future<Output = Result<T, Failure>>, T>(
    config: Config,
    role: Role,
    work: impl FnOnce(Arc<Installation>) -> F,
) -> Result<T, Failure> {
    let random = Random::system();
    let keys = root_keys(&config, &random)?;
    let mut private = match &config.database.url {
        Some(_) => None,
        None => Some(start_private(&config, role, &random)?),
    };
    let lost = private.as_mut().map(Embedded::lost);
    let url = config.database.url.as_ref().or(private.as_ref().map(Embedded::url));
    let url = url.cloned().unwrap_or_else(|| SecretString::from(""));
    let direct = config.database.direct_url.clone().unwrap_or_else(|| url.clone());
    // Migrations block the thread they run on, so this runtime needs more than one.
    let runtime = Runtime::new().map_err(Failure::refused)?;
    let outcome = runtime.block_on(async {
        let db = Db::new(&url, &direct, config.database.pool).map_err(Failure::refused)?;
        let keys = Arc::new(keys);
        let is_embedded = private.is_some();
        let open = Installation { config, db: db.clone(), keys, clock: Clock::system(), random, is_embedded };
        let outcome = tokio::select! {
            outcome = work(Arc::new(open)) => outcome,
            why = lost_for_good(lost) => Err(Failure::refused(why)),
        };
        db.close();
        outcome
    });
    drop(runtime);
    if let Some(private) = &mut private {
        private.stop();
    }
    outcome
}

impl Installation {
    /// The terms on which the verbs of clients and tokens run, now.
    pub fn terms<'a>(&'a self, origin: &'a Origin) -> Terms<'a> {
        let Self { keys, random, config, clock, .. } = self;
        let (lifetimes, trusted_hosts) = (&config.lifetimes, config.registration.trusted_hosts.as_slice());
        Terms { keys, random, lifetimes, trusted_hosts, origin, now: clock.now() }
    }

    /// The terms on which the operator makes and ends keys and tokens, now.
    pub fn credential_terms<'a>(&'a self, origin: &'a Origin) -> credentials::Terms<'a> {
        let Self { keys, random, config, clock, .. } = self;
        credentials::Terms { keys, random, tag: &config.tokens.api_key_tag, origin, by: None, now: clock.now() }
    }

    /// Makes sure that the database answers, and is not too old.
    pub async fn check(&self) -> Result<(), Failure> {
        let database = &self.config.database;
        let (pooled, direct) = (self.db.pooled_connector(), self.db.connector());
        let named = |name| move |error| Failure::refused(unusable(name, &error));
        let url = named(database.url.as_ref().map(|_| "DATABASE_URL"));
        pooled.check().await.map_err(&url)?;
        if database.url.is_some() {
            pooler::check(pooled).await.map_err(url)?;
        }
        if database.direct_url.is_some() {
            direct.check().await.map_err(named(Some("PORTCULLIS_DATABASE_DIRECT_URL")))?;
        }
        Ok(())
    }

    /// Makes sure that the server is new enough, the schema is ours, and the root key is the right one.
    pub async fn prepare(&self) -> Result<Vec<String>, Failure> {
        self.check().await?;
        let done = migrations::run(&self.db).await.map_err(Failure::refused)?;
        let claim = self.db.write(async |conn| installation::claim(conn, &self.keys, self.clock.now()).await).await;
        match claim.map_err(Failure::refused)? {
            Claim::Ours => {
                self.plant().await?;
                Ok(done)
            }
            Claim::AnotherKey => Err(Failure::refused(
                "this database was made under another PORTCULLIS_SECRET_KEY: set that one (or put it behind the new one in \
                 the list)",
            )),
        }
    }
}

impl Installation {
    /// The groups and policies that every installation begins with.
    async fn plant(&self) -> Result<(), Failure> {
        let origin = Origin::operator();
        let by = By { user: None, origin: &origin, now: self.clock.now() };
        let planted = self.db.write(async |conn| seeds::plant(conn, by).await).await;
        planted.map(drop).map_err(Failure::refused)
    }
}

/// Why the database cannot be used: the one of a setting, or the private one.
fn unusable(setting: Option<&str>, error: &ConnectError) -> String {
    match (setting, error) {
        (None, _) => format!("the private PostgreSQL cannot be used: {error}"),
        (Some(name), ConnectError::Unreachable { .. }) => {
            format!("{name} cannot be used: {error}: start the server there, or correct {name}")
        }
        (Some(name), _) => format!("{name} cannot be used: {error}"),
    }
}

fn root_keys(config: &Config, random: &Random) -> Result<RootKeys, Failure> {
    let (list, name) = match &config.secret_key {
        Some(list) => (list.clone(), "PORTCULLIS_SECRET_KEY".to_owned()),
        None => {
            let dir = &config.database.data_dir;
            let key = embedded::root_key(dir, random).map_err(Failure::refused)?;
            (key, format!("the key in {}", dir.display()))
        }
    };
    RootKeys::parse(&list).map_err(|error| Failure::usage(format!("{name} cannot be used: {error}")))
}

/// Ends when the private database, if there is one, is given up.
async fn lost_for_good(lost: Option<impl Future<Output = EmbeddedError>>) -> EmbeddedError {
    match lost {
        Some(lost) => lost.await,
        None => std::future::pending().await,
    }
}

fn start_private(config: &Config, role: Role, random: &Random) -> Result<Embedded, Failure> {
    let settings = EmbeddedSettings {
        data_dir: config.database.data_dir.clone(),
        postgres_bin: config.database.postgres_bin.clone(),
        search_path: std::env::var_os("PATH"),
        fsync: true,
        random: random.clone(),
    };
    let started = match role {
        Role::Server => Embedded::serve(&settings),
        Role::Verb => Embedded::attach_or_start(&settings),
    };
    started.map_err(Failure::refused)
}
