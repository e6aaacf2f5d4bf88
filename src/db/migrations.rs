//! The schema's history, embedded in the binary and run past any pooler.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Db;
use super::connect::ConnectError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Names the lock under which a schema changes: several nodes that start at once do it once. ("portcull" in ASCII.)
const LOCK: i64 = 0x706f_7274_6375_6c6c;

/// Why the schema is not what this program needs.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A later program has been here: what it changed we cannot know.
    #[error(
        "a newer portcullis has changed this database (migration {0}): run that version, or restore a backup from before"
    )]
    Newer(String),
    /// A statement failed; the migration it belongs to has left nothing behind.
    #[error("the database schema could not be brought up to date: {0}")]
    Failed(String),
}

/// The migrations that this database still needs, oldest first.
pub async fn pending(db: &Db) -> Result<Vec<String>, MigrationError> {
    on_direct_connection(db, |conn| {
        let pending = known_pending(conn)?;
        Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
    })
    .await
}

/// Brings the schema up to date, each migration in a transaction of its own, and tells what it ran.
pub async fn run(db: &Db) -> Result<Vec<String>, MigrationError> {
    on_direct_connection(db, |conn| {
        let mut done = Vec::new();
        for migration in known_pending(conn)? {
            conn.run_migration(&*migration).map_err(failed)?;
            done.push(migration.name().to_string());
        }
        Ok(done)
    })
    .await
}

/// What diesel's migrations run on: they are synchronous.
type Blocking = AsyncConnectionWrapper<AsyncPgConnection>;

/// Does `work` alone in the whole installation, on a blocking thread: that works on every flavour of runtime.
async fn on_direct_connection<T: Send + 'static>(
    db: &Db,
    work: impl FnOnce(&mut Blocking) -> Result<T, MigrationError> + Send + 'static,
) -> Result<T, MigrationError> {
    let conn = db.connector().connect().await?;
    let working = tokio::task::spawn_blocking(move || {
        let mut conn = Blocking::from(conn);
        // The lock goes with the connection, which ends here however the work ends.
        conn.batch_execute(&format!("SET lock_timeout = '2min'; SELECT pg_advisory_lock({LOCK})")).map_err(failed)?;
        work(&mut conn)
    });
    working.await.map_err(failed)?
}

/// The pending migrations; an error when the database knows one that we do not.
fn known_pending(conn: &mut Blocking) -> Result<Vec<Box<dyn Migration<Pg>>>, MigrationError> {
    let applied: BTreeSet<String> =
        conn.applied_migrations().map_err(failed)?.iter().map(ToString::to_string).collect();
    let ours: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().map_err(failed)?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut pending = Vec::new();
    for migration in ours {
        let version = migration.name().version().to_string();
        if !applied.contains(&version) {
            pending.push(migration);
        }
        known.insert(version);
    }
    if let Some(newer) = applied.difference(&known).last() {
        return Err(MigrationError::Newer(newer.clone()));
    }
    pending.sort_by_key(|migration| migration.name().version().to_string());
    Ok(pending)
}

fn failed(error: impl ToString) -> MigrationError {
    MigrationError::Failed(error.to_string())
}
