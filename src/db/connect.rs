//! Connections to PostgreSQL: in bounded time, with the TLS that the URL asks for, and with errors an operator can act on.

use std::error::Error as _;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;

/// The oldest server that we work with, as `server_version_num` says it.
const OLDEST: u32 = 130_000;
/// How long one address may take to answer.
const ADDRESS: Duration = Duration::from_secs(4);
/// How long a connection may take in all (name, addresses, TLS, password) unless the URL's `connect_timeout` says so.
const TOTAL: Duration = Duration::from_secs(10);
/// How long a silent network is believed before a connection counts as lost.
const SILENCE: Duration = Duration::from_secs(15);

/// Makes connections to one URL.
pub struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    patience: Duration,
    /// Where that is, without any secret.
    place: String,
}

/// Why there is no connection to PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error("the database URL cannot be used: {0}")]
    Url(String),
    /// The certificates to check the server against cannot be read.
    #[error("the certificates for the database cannot be used: {0}")]
    Roots(String),
    /// Nobody answers there.
    #[error("the database at {place} does not answer: {why}")]
    Unreachable {
        /// Host and port, or the directory of the socket.
        place: String,
        /// What happened.
        why: String,
    },
    /// TLS failed: none offered, or a certificate that proves nothing.
    #[error("no secure connection to the database: {0}")]
    Tls(String),
    /// The password or the role is wrong, or the server does not let us in from here.
    #[error("the database refuses the role or its password: {0}")]
    Refused(String),
    /// The server is there, the database is not.
    #[error("the database in the URL does not exist on that server: create it first ({0})")]
    Missing(String),
    /// A pooler in between mixes up sessions.
    #[error(
        "a pooler in between loses prepared statements ({0}): PgBouncer keeps them from 1.21 on with max_prepared_statements \
         above 0, or in pool_mode=session"
    )]
    LosesStatements(String),
    /// The server is too old.
    #[error("the database server is PostgreSQL {0}, and 13 is the oldest that works: use a newer one")]
    TooOld(u32),
}

impl Connector {
    /// Reads `url`; nothing is opened yet.
    pub fn new(url: &SecretString) -> Result<Self, ConnectError> {
        let asked = tls::Asked::read(url.expose_secret()).map_err(ConnectError::Url)?;
        let mut config: Config = asked.url.parse().map_err(|error| ConnectError::Url(whole(&error)))?;
        // As libpq does: a Unix socket needs no TLS.
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && config.get_hostaddrs().is_empty() {
            config.ssl_mode(SslMode::Disable);
        }
        let patience = config.get_connect_timeout().copied().unwrap_or(TOTAL);
        config.connect_timeout(patience.min(ADDRESS));
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        config.keepalives_idle(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("portcullis");
        }
        let tls = tls::client(&asked).map_err(ConnectError::Roots)?;
        let place = place(&config);
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), patience, place })
    }

    /// A new connection; it can hear notifications.
    pub async fn connect(&self) -> Result<AsyncPgConnection, ConnectError> {
        let opening = async {
            let opened = self.config.connect(self.tls.clone()).await;
            let (client, connection) = opened.map_err(|error| self.refused(&error))?;
            let connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await;
            connection.map_err(|error| self.unreachable(error.to_string()))
        };
        let timed = tokio::time::timeout(self.patience, opening).await;
        timed.unwrap_or_else(|_| Err(self.unreachable(format!("nothing came back in {} s", self.patience.as_secs()))))
    }

    /// The same, as Diesel's pool wants it.
    pub(super) async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        self.connect().await.map_err(|error| ConnectionError::BadConnection(error.to_string()))
    }

    /// Why a statement failed that cannot be at fault itself.
    pub(super) fn failed(&self, error: &diesel::result::Error) -> ConnectError {
        match error.to_string() {
            said if said.contains("prepared statement") => ConnectError::LosesStatements(said),
            said => self.unreachable(said),
        }
    }

    fn unreachable(&self, why: String) -> ConnectError {
        ConnectError::Unreachable { place: self.place.clone(), why }
    }

    fn refused(&self, error: &tokio_postgres::Error) -> ConnectError {
        let said = whole(error);
        match error.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                ConnectError::Refused(said)
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => ConnectError::Missing(said),
            None if said.starts_with("error performing TLS handshake") => ConnectError::Tls(said),
            _ => self.unreachable(said),
        }
    }

    /// Connects once and looks at the server: for a clear answer at start.
    pub async fn check(&self) -> Result<(), ConnectError> {
        let mut connection = self.connect().await?;
        let query = diesel::sql_query("SELECT current_setting('server_version_num')::int AS version");
        let server: Server = query.get_result(&mut connection).await.map_err(|error| self.failed(&error))?;
        match u32::try_from(server.version) {
            Ok(version) if version >= OLDEST => Ok(()),
            version => Err(ConnectError::TooOld(version.unwrap_or_default() / 10_000)),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Server {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    version: i32,
}

/// Where `config` connects to.
fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(dir) => dir.display().to_string(),
    });
    let addresses = config.get_hostaddrs().iter().enumerate().map(|(index, ip)| format!("{ip}:{}", port(index)));
    let places: Vec<_> = if config.get_hosts().is_empty() { addresses.collect() } else { hosts.collect() };
    places.join(", ")
}

/// The message with those of its causes.
fn whole(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
