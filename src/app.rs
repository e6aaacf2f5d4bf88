//! What a request may reach, and the installation that it belongs to.

use std::sync::Arc;

use crate::access::shifts::Shifts;
use crate::access::{Access, Policies};
use crate::audit::{self, Origin};
use crate::clock::Clock;
use crate::config::Config;
use crate::credentials;
use crate::crypto::key_sets::KeySets;
use crate::crypto::{Passkeys, Passwords, Random, RootKeys};
use crate::db::changes::Changes;
use crate::db::{self, Connection, Db};

use crate::grants::Terms;
use crate::grants::accepted_tokens::TokenIssuers;
use crate::grants::client_names::ClientNames;
use crate::grants::sign::{Signing, SigningError};
use crate::grants::timeline::Timeline;
use crate::net::{Net, NetSetupError};
use crate::places::{self, Tree};
use crate::types::{ApiKeyId, PersonalTokenId, SubjectId};
use crate::upstreams::{Catalogue, Server};

/// Everything a request may reach; shared by all workers.
pub struct App {
    /// What the operator decided.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The root keys.
    pub keys: Arc<RootKeys>,
    /// The hands that hash passwords.
    pub passwords: Passwords,
    /// The relying party of passkeys; none where the public URL has an address for a host.
    pub passkeys: Option<Passkeys>,
    /// The signing keys.
    pub signing: Signing,
    /// What this node remembers.
    pub access: Access,
    /// The servers behind us.
    pub servers: Catalogue,
    /// Where they are.
    pub places: places::Map,
    /// What clients call themselves.
    pub client_names: ClientNames,
    /// Changes that other nodes made.
    pub changes: Changes,
    /// Who wants to know when what callers may use is otherwise.
    pub shifts: Shifts,
    /// The way out.
    pub net: Net,
    /// Other people's public keys.
    pub key_sets: KeySets,
    /// What hot paths decided, on its way to the audit trail.
    pub audit: audit::Batch,
    /// What happened on the way to connections.
    pub timeline: Timeline,
    /// When API keys were last used.
    pub key_uses: credentials::Uses<ApiKeyId>,
    /// When personal access tokens were last used.
    pub token_uses: credentials::Uses<PersonalTokenId>,
}

/// Why an installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The signing keys cannot be read or made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The way out cannot be set up.
    #[error(transparent)]
    Net(#[from] NetSetupError),
}

/// What an installation is opened with.
pub struct Parts {
    /// What the operator decided.
    pub config: Config,
    /// The database, migrated.
    pub db: Db,
    /// The root keys.
    pub keys: Arc<RootKeys>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

impl App {
    /// Opens an installation: reads what is remembered, makes the signing keys that are missing, listens for changes.
    pub async fn open(parts: Parts) -> Result<Self, OpenError> {
        let Parts { config, db, keys, clock, random } = parts;
        let signing = Signing::start(&db, &keys, config.tokens.access_token_algorithm, clock.now()).await?;
        let net = Net::new(&config.outbound)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let app = Self {
            changes: Changes::listen(&db, &random),
            shifts: Shifts::default(),
            passwords: Passwords::new(cores, random.clone()),
            passkeys: Passkeys::at(&config.server.public_url),
            access: Access::default(),
            servers: Catalogue::default(),
            places: places::Map::default(),
            client_names: ClientNames::default(),
            audit: audit::Batch::new(config.audit),
            config,
            db,
            clock,
            random,
            keys,
            signing,
            net,
            key_sets: KeySets::default(),
            timeline: Timeline::default(),
            key_uses: credentials::Uses::default(),
            token_uses: credentials::Uses::default(),
        };
        app.access.reload_revocations(&app.db, app.clock.now()).await?;
        app.places.reload(&app.db).await?;
        app.servers.reload(&app.db, &app.keys).await?;
        app.access.reload_policies(&app.db).await?;
        app.access.reload_token_issuers(&app.db).await?;
        Ok(app)
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        self.config.server.public_url.issuer()
    }

    /// The absolute URL of one of our paths.
    pub fn at(&self, path: &str) -> String {
        self.config.server.public_url.at(path)
    }

    /// The audience that opens every door of ours (`decisions` 8).
    pub fn gateway_audience(&self) -> &str {
        self.config.tokens.gateway_audience.as_deref().unwrap_or(self.issuer())
    }

    /// The terms on which tokens are given to a request that comes from there, now.
    pub fn terms<'a>(&'a self, origin: &'a Origin) -> Terms<'a> {
        let Self { keys, random, config, clock, .. } = self;
        let (lifetimes, trusted_hosts) = (&config.lifetimes, config.registration.trusted_hosts.as_slice());
        Terms { keys, random, lifetimes, trusted_hosts, origin, now: clock.now() }
    }

    /// The terms on which credentials are made and ended by a request of this subject that comes from there, now.
    pub fn credential_terms<'a>(&'a self, origin: &'a Origin, by: SubjectId) -> credentials::Terms<'a> {
        let Self { keys, random, config, clock, .. } = self;
        let tag = &config.tokens.api_key_tag;
        credentials::Terms { keys, random, tag, origin, by: Some(by), now: clock.now() }
    }

    /// Every place, as things are: from memory where that can be trusted (`decisions` 3).
    pub async fn tree(&self) -> Result<Arc<Tree>, db::Error> {
        if self.access.is_current(&self.changes) {
            return Ok(self.places.tree());
        }
        let mut conn = self.db.read().await?;
        Ok(Arc::new(Tree::load(&mut conn).await?))
    }

    /// The servers that are switched on, as things are: from memory where that can be trusted (`decisions` 3).
    pub async fn enabled_servers(&self) -> Result<Arc<Vec<Server>>, db::Error> {
        if self.access.is_current(&self.changes) {
            return Ok(self.servers.enabled());
        }
        let mut conn = self.db.read().await?;
        Ok(Arc::new(Catalogue::load(&mut conn, &self.keys).await?))
    }

    /// The policies, as things are: from memory where that can be trusted (`decisions` 3).
    pub async fn policies(&self) -> Result<Arc<Policies>, db::Error> {
        if self.access.is_current(&self.changes) {
            return Ok(self.access.policies());
        }
        let mut conn = self.db.read().await?;
        Ok(Arc::new(Policies::load(&mut conn).await?))
    }

    /// The issuers whose access tokens are accepted, as things are: from memory where that can be trusted (`decisions` 3).
    pub async fn token_issuers(&self) -> Result<Arc<TokenIssuers>, db::Error> {
        if self.access.is_current(&self.changes) {
            return Ok(self.access.token_issuers());
        }
        let mut conn = self.db.read().await?;
        Ok(Arc::new(TokenIssuers::load(&mut conn).await?))
    }

    /// Runs a verb that changes policies. On this node they hold before the answer goes out; the others hear of it.
    pub async fn rule<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> db::QueryResult<T>) -> Result<T, db::Error> {
        let outcome = self.db.write(verb).await?;
        self.access.forget_subjects();
        self.access.reload_policies(&self.db).await?;
        Ok(outcome)
    }

    /// Runs a verb that changes where things are. On this node it is so before the answer goes out; the others hear of it.
    pub async fn arrange<T>(
        &self,
        verb: impl AsyncFnOnce(&mut Connection) -> db::QueryResult<T>,
    ) -> Result<T, db::Error> {
        let outcome = self.db.write(verb).await?;
        self.access.forget_subjects();
        self.places.reload(&self.db).await?;
        self.servers.reload(&self.db, &self.keys).await?;
        self.access.reload_policies(&self.db).await?;
        Ok(outcome)
    }

    /// Runs a verb that may cut somebody off. On this node the cut holds before the answer goes out; the others hear of it.
    pub async fn cut<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> db::QueryResult<T>) -> Result<T, db::Error> {
        let outcome = self.db.write(verb).await?;
        self.access.forget_subjects();
        self.access.forget_clients();
        self.access.forget_keys();
        self.access.reload_revocations(&self.db, self.clock.now()).await?;
        Ok(outcome)
    }
}
