//! The database: one pool, short reads, and transactions.

use std::sync::Arc;
use std::time::Duration;

pub use diesel::QueryResult;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{
    AnsiTransactionManager as Transactions, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};

use connect::{ConnectError, Connector};
pub use latest::Latest;

pub mod changes;
pub mod connect;
pub mod embedded;
pub mod installation;
mod latest;
pub mod lock;
pub mod migrations;
pub mod months;
pub mod pooler;
pub mod search;
pub mod tls;

/// A connection, inside or outside a transaction.
pub type Connection = AsyncPgConnection;

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
    pooled: Arc<Connector>,
    direct: Arc<Connector>,
}

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be had in time.
    #[error("no database connection: {0}")]
    Unavailable(String),
    /// The URL or its certificates cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

impl Error {
    /// True when the same request may well succeed in a moment: nothing is wrong with it.
    pub fn is_passing(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as Query};
        match self {
            Self::Unavailable(_) => true,
            Self::Query(Query::DatabaseError(kind, what)) => match kind {
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::UnableToSendCommand => true,
                // 57P01, 57P02 and 40P01 (a server that stops or lost a process, a deadlock): only their words reach us.
                DatabaseErrorKind::Unknown => ["terminating connection", "deadlock detected"]
                    .iter()
                    .any(|words| what.message().starts_with(words)),
                _ => false,
            },
            Self::Query(Query::BrokenTransactionManager) => true,
            Self::Connect(_) | Self::Query(_) => false,
        }
    }

    /// True when PostgreSQL gave up because there was too much to look at in the time that was left (57014).
    pub fn is_too_much(&self) -> bool {
        use diesel::result::Error as Query;
        let words = "canceling statement due to statement timeout";
        matches!(self, Self::Query(Query::DatabaseError(_, what)) if what.message() == words)
    }
}

/// How long a request waits for a connection before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

impl Db {
    /// A pool of `size` connections to `url`; none is opened yet. `direct_url` reaches PostgreSQL past any pooler.
    pub fn new(url: &SecretString, direct_url: &SecretString, size: usize) -> Result<Self, Error> {
        let (pooled, direct) = (Connector::new(url)?, Arc::new(Connector::new(direct_url)?));
        let pooled = Arc::new(pooled);
        let mut manager = ManagerConfig::default();
        // A connection that has ended is known to have; asking each one before every use would double what a read costs.
        manager.recycling_method = RecyclingMethod::Fast;
        let for_pool = pooled.clone();
        manager.custom_setup = Box::new(move |_url| {
            let connector = for_pool.clone();
            async move { connector.establish().await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), manager);
        let pool =
            Pool::builder(manager).max_size(size).build().map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self { pool, pooled, direct })
    }

    /// A connection for single statements.
    pub async fn read(&self) -> Result<Object<AsyncPgConnection>, Error> {
        let connection = tokio::time::timeout(PATIENCE, self.pool.get()).await;
        connection
            .map_err(|_| Error::Unavailable("all are busy".to_owned()))?
            .map_err(|error| Error::Unavailable(error.to_string()))
    }

    /// Runs a verb in one transaction: all of it, or nothing when it answers `Err`.
    ///
    /// A request that is dropped half-way leaves its transaction open; the pool throws such a connection away.
    pub async fn write<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        let mut conn = self.read().await?;
        in_transaction(&mut conn, verb).await
    }

    /// The same past any pooler, for what changes the schema: it waits for nobody longer than a moment, since whoever comes
    /// after it waits behind it.
    pub async fn rebuild<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        let mut conn = self.direct().await?;
        let work = async |conn: &mut Connection| {
            conn.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
            verb(conn).await
        };
        in_transaction(&mut conn, work).await
    }

    /// A look at much, which ends after so long: [`Error::is_too_much`] then.
    pub async fn look<T>(
        &self,
        patience: Duration,
        verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let work = async |conn: &mut Connection| {
            let limit = format!("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {}", patience.as_millis());
            conn.batch_execute(&limit).await?;
            verb(conn).await
        };
        self.write(work).await
    }

    /// Runs a verb that is one statement: PostgreSQL makes that all or nothing by itself, in one round trip instead of three.
    pub async fn write_once<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<T, Error> {
        let mut conn = self.read().await?;
        Ok(verb(&mut conn).await?)
    }

    /// A connection of its own, past any pooler: for `LISTEN`, jobs and migrations.
    pub async fn direct(&self) -> Result<AsyncPgConnection, ConnectError> {
        self.direct.connect().await
    }

    /// What makes the connections of the pool: for [`Connector::check`] at start.
    pub fn pooled_connector(&self) -> &Connector {
        &self.pooled
    }

    /// What makes direct connections.
    pub fn connector(&self) -> &Connector {
        &self.direct
    }

    /// Closes every idle connection and refuses new ones.
    pub fn close(&self) {
        self.pool.close();
    }
}

async fn in_transaction<T>(
    conn: &mut Connection,
    verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>,
) -> Result<T, Error> {
    Transactions::begin_transaction(conn).await?;
    match verb(conn).await {
        Ok(value) => {
            Transactions::commit_transaction(conn).await?;
            Ok(value)
        }
        Err(error) => {
            Transactions::rollback_transaction(conn).await?;
            Err(error.into())
        }
    }
}
