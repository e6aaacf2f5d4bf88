//! Configuration: environment variables and an optional `portcullis.toml`, resolved once into plain structs.
//!
//! Nothing else reads settings from the environment; `PATH` alone is looked at where PostgreSQL's programs are found, and
//! `GATEWAY_URL` where `portcullis mcp` is told no URL.
//! [`Config`] holds what the program will do; where each setting came from is kept beside it, in [`Loaded`], for
//! `portcullis config`. The settings themselves are one table, [`SETTINGS`].

mod error;
mod load;
mod registration;
mod second_factor;
mod setting;
mod stdio;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;

pub use error::ConfigError;
pub use load::{ConfigFile, Effective, Loaded, Source};
pub use registration::{RegistrationConfig, RegistrationMode, StatementIssuer};
pub use second_factor::SecondFactorPolicy;
pub use setting::{SETTINGS, Setting};
pub use stdio::{StdioConfig, StdioLimits, StdioProgram};

use crate::types::{Algorithm, KeyTag, PublicUrl};

/// A length of time as settings and command lines write it, such as `7d` or `1h 30m`.
pub fn duration(text: &str) -> Option<TimeDelta> {
    value::Value::read(text)
}

/// Everything an operator can decide.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where we listen and what we are called.
    pub server: ServerConfig,
    /// Which PostgreSQL we use.
    pub database: DatabaseConfig,
    /// `PORTCULLIS_SECRET_KEY`; unset with the embedded database, which generates one.
    pub secret_key: Option<SecretString>,
    /// The first administrator.
    pub admin: AdminConfig,
    /// `PORTCULLIS_REQUIRE_SECOND_FACTOR`: who must prove who they are by more than a password.
    pub second_factor: SecondFactorPolicy,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// How tokens are signed.
    pub tokens: TokenConfig,
    /// Who may make clients known to us, and which.
    pub registration: RegistrationConfig,
    /// How we go out to URLs that others gave us.
    pub outbound: OutboundConfig,
    /// Servers that are programs of their own.
    pub stdio: StdioConfig,
    /// `PORTCULLIS_AUDIT`: when what hot paths decide is written down.
    pub audit: AuditMode,
    /// What we write to standard error.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, and a test reads it")]
        let public_url = "http://localhost:8080".parse().expect("a URL");
        Self {
            server: ServerConfig {
                bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
                public_url,
                allowed_origins: Vec::new(),
                trusted_proxies: Vec::new(),
                workers: None,
            },
            database: DatabaseConfig {
                url: None,
                direct_url: None,
                pool: 16,
                data_dir: PathBuf::from("./data"),
                postgres_bin: None,
            },
            secret_key: None,
            admin: AdminConfig { username: "admin".to_owned(), password: None },
            second_factor: SecondFactorPolicy::default(),
            lifetimes: Lifetimes::default(),
            tokens: TokenConfig {
                access_token_algorithm: Algorithm::Es256,
                gateway_audience: None,
                require_dpop_nonce: false,
                api_key_tag: KeyTag::default(),
            },
            registration: RegistrationConfig::default(),
            outbound: OutboundConfig::default(),
            stdio: StdioConfig::default(),
            audit: AuditMode::Batched,
            log: LogConfig { filter: "info".to_owned(), json: false },
        }
    }
}

/// Where we listen and what we are called.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `PORTCULLIS_BIND`, default `127.0.0.1:8080`.
    pub bind: SocketAddr,
    /// `PORTCULLIS_PUBLIC_URL`, default `http://localhost:8080`.
    pub public_url: PublicUrl,
    /// `PORTCULLIS_ALLOWED_ORIGINS`: origins besides our own and loopback from which a browser may use MCP.
    pub allowed_origins: Vec<String>,
    /// `PORTCULLIS_TRUSTED_PROXIES`: networks whose `X-Forwarded-For` counts, for the client's address alone.
    pub trusted_proxies: Vec<IpNet>,
    /// `PORTCULLIS_WORKERS`: HTTP worker threads; unset means one for each core.
    pub workers: Option<usize>,
}

/// Which PostgreSQL we use.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`; unset means the embedded default under `data_dir`.
    pub url: Option<SecretString>,
    /// `PORTCULLIS_DATABASE_DIRECT_URL`: past a pooler, for LISTEN, jobs and migrations; default the same as `url`.
    pub direct_url: Option<SecretString>,
    /// `PORTCULLIS_DATABASE_POOL`: connections kept, default 16.
    pub pool: usize,
    /// `PORTCULLIS_DATA_DIR`, default `./data`: embedded database and generated secrets.
    pub data_dir: PathBuf,
    /// `PORTCULLIS_POSTGRES_BIN`: the directory with `postgres` and `initdb`, when they are not where we look.
    pub postgres_bin: Option<PathBuf>,
}

/// The first administrator.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// `PORTCULLIS_ADMIN_USERNAME`, default `admin`.
    pub username: String,
    /// `PORTCULLIS_ADMIN_PASSWORD`; unset means that a one-time set-up link is printed.
    pub password: Option<SecretString>,
}

/// How long things live. One home for all durations, each with its reason.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    /// An authorization code: long enough for a redirect (ASVS 10.4.3, level 3: a minute).
    pub code: TimeDelta,
    /// An access token: an hour, as clients expect; a cut reaches every node in two seconds all the same.
    pub access_token: TimeDelta,
    /// An unused refresh token: a month away from the keyboard does not disconnect anyone.
    pub refresh_idle: TimeDelta,
    /// A grant, whatever its refresh tokens do: people confirm once a year what programs may do in their name.
    pub grant: TimeDelta,
    /// In which parallel presenters of one refresh token all get its successor: agents refresh in bursts of a minute.
    pub refresh_grace: TimeDelta,
    /// An idle browser session.
    pub session_idle: TimeDelta,
    /// A browser session, whatever happens.
    pub session: TimeDelta,
    /// How long ago people may have proved who they are when they do what an intruder would: enough for a coffee.
    pub confirm_after: TimeDelta,
    /// A consent page waiting for its answer.
    pub pending_request: TimeDelta,
    /// A one-time set-up link.
    pub setup_link: TimeDelta,
    /// The longest that a person makes an access token for their own use: a working day, and it is no credential to keep.
    pub own_token: TimeDelta,
    /// The longest that a personal access token is good; without one it need not expire.
    pub personal_token: Option<TimeDelta>,
    /// A client that registered itself or was looked up, before anybody has allowed it anything: a week to try it out.
    pub unused_client: TimeDelta,
    /// The same, once it was used: longer than a grant, so that nobody who is connected is forgotten.
    pub idle_client: TimeDelta,
    /// An event of the audit trail; `None` is forever. Auditors ask for a year (PCI DSS 10.5.1): with a month more, a whole one
    /// can be looked back on, however long it takes them to come.
    pub audit_events: Option<TimeDelta>,
    /// How long a key is published before it signs, and beyond the last token it signed.
    pub key_overlap: TimeDelta,
    /// How long a key signs before the next one takes over by itself.
    pub signing_key: TimeDelta,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code: TimeDelta::seconds(60),
            access_token: TimeDelta::hours(1),
            refresh_idle: TimeDelta::days(30),
            grant: TimeDelta::days(365),
            refresh_grace: TimeDelta::seconds(120),
            session_idle: TimeDelta::days(7),
            session: TimeDelta::days(30),
            confirm_after: TimeDelta::minutes(15),
            pending_request: TimeDelta::minutes(30),
            setup_link: TimeDelta::hours(24),
            own_token: TimeDelta::hours(8),
            personal_token: None,
            unused_client: TimeDelta::days(7),
            idle_client: TimeDelta::days(400),
            audit_events: Some(TimeDelta::days(400)),
            key_overlap: TimeDelta::hours(1),
            signing_key: TimeDelta::days(90),
        }
    }
}

/// How tokens are signed.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// `PORTCULLIS_ACCESS_TOKEN_ALGORITHM`: `ES256` (default), `RS256` or `EdDSA`.
    pub access_token_algorithm: Algorithm,
    /// `PORTCULLIS_GATEWAY_AUDIENCE`: the audience that opens every door; the public URL when there is none.
    pub gateway_audience: Option<String>,
    /// `PORTCULLIS_REQUIRE_DPOP_NONCE`: DPoP proofs must carry a nonce of ours. Off by default: it costs a round trip.
    pub require_dpop_nonce: bool,
    /// `PORTCULLIS_API_KEY_TAG`: what new API keys begin with, default `pcl`.
    pub api_key_tag: KeyTag,
}

/// How we go out to URLs that others gave us.
#[derive(Clone, Debug)]
pub struct OutboundConfig {
    /// `PORTCULLIS_ALLOW_LOOPBACK_CLIENTS`: fetch client metadata documents from loopback too (the draft's exception for
    /// servers that are on loopback themselves). Off by default.
    pub allow_loopback_clients: bool,
    /// `PORTCULLIS_EXTRA_CA_FILE`: PEM certificates to trust besides the system's.
    pub extra_ca_file: Option<PathBuf>,
    /// `PORTCULLIS_UPSTREAM_TIMEOUT`: how long a server behind the gate may take to begin an answer, default two minutes.
    pub upstream_timeout: TimeDelta,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self { allow_loopback_clients: false, extra_ca_file: None, upstream_timeout: TimeDelta::minutes(2) }
    }
}

/// When an event of a hot path is written down: a token for a program, a call. Changes never wait for a batch: each is recorded
/// in its own transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditMode {
    /// In batches, a fifth of a second later at most; a crash loses that much.
    Batched,
    /// Before the answer begins.
    Strict,
}

impl AuditMode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Strict => "strict",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Batched, Self::Strict].into_iter().find(|mode| mode.name() == name)
    }
}

/// What we write to standard error.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `PORTCULLIS_LOG`, default `info`.
    pub filter: String,
    /// `PORTCULLIS_LOG_FORMAT=json` for machines.
    pub json: bool,
}
