//! Events of hot paths on their way to the table: noted in memory, written together (`decisions` 25).
//!
//! Whoever notes an event goes on at once; in the strict mode, once it is committed. Where there is no room left, it waits for
//! some, and is told to come back when there is none in time: what was done is written down, or it is not done.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use super::{Entry, Origin, Row};
use crate::config::AuditMode;
use crate::db::{self, Db};

/// As many events wait to be written.
const ROOM: usize = 16_384;
/// As many are written by one statement, which may have 65,535 parameters.
const AT_ONCE: usize = 1024;
/// At most so often is a batch written.
const EVERY: Duration = Duration::from_millis(200);
/// How long an event waits for room, or for its commit, before whoever noted it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// The events that wait, on this node.
pub struct Batch {
    mode: AuditMode,
    room: Semaphore,
    waiting: Mutex<Vec<Waiting>>,
    arrived: Notify,
    /// What has been taken and is not yet known to be written. Held while it is written: one batch follows the other.
    writing: tokio::sync::Mutex<Vec<Waiting>>,
}

struct Waiting {
    row: Row,
    /// Who waits for the commit.
    committed: Option<oneshot::Sender<()>>,
}

impl Batch {
    /// Nothing waits yet.
    pub fn new(mode: AuditMode) -> Self {
        Self {
            mode,
            room: Semaphore::new(ROOM),
            waiting: Mutex::default(),
            arrived: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Notes an event. Whoever it is of gets an answer after that, and none of that kind when it fails.
    pub async fn note(&self, entry: Entry, origin: &Origin, now: DateTime<Utc>) -> Result<(), db::Error> {
        match self.room.try_acquire() {
            Ok(room) => room.forget(),
            Err(_) => match timeout(PATIENCE, self.room.acquire()).await {
                Ok(Ok(room)) => room.forget(),
                Ok(Err(_)) | Err(_) => return Err(missed("too many audit events wait to be written")),
            },
        }
        let (committed, commit) = match self.mode {
            AuditMode::Batched => (None, None),
            AuditMode::Strict => Some(oneshot::channel()).unzip(),
        };
        let row = Row::new(entry, origin, now);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { row, committed });
        self.arrived.notify_one();
        let Some(commit) = commit else { return Ok(()) };
        match timeout(PATIENCE, commit).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(missed("an audit event could not be written")),
        }
    }

    /// Waits until a batch is due. In the strict mode somebody waits for it already.
    pub async fn due(&self) {
        self.arrived.notified().await;
        match self.mode {
            AuditMode::Batched => sleep(EVERY).await,
            AuditMode::Strict => {}
        }
    }

    /// Writes what waits. What cannot be written now goes on waiting.
    pub async fn write(&self, db: &Db) -> Result<(), db::Error> {
        let mut batch = self.writing.lock().await;
        batch.append(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        while !batch.is_empty() {
            let most = batch.len().min(AT_ONCE);
            let rows: Vec<&Row> = batch.iter().take(most).map(|waiting| &waiting.row).collect();
            let unwritable = insert(db, &rows).await?;
            for (place, Waiting { committed, .. }) in batch.drain(..most).enumerate() {
                if let Some(committed) = committed.filter(|_| !unwritable.contains(&place)) {
                    // Who does not wait any more has been told to come back.
                    let _ = committed.send(());
                }
            }
            self.room.add_permits(most);
        }
        Ok(())
    }

    /// Writes the rest when the server stops. What the database does not take in time is at least in the log.
    pub async fn drain(&self, db: &Db, patience: Duration) {
        let why = match timeout(patience, self.write(db)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database does not answer in time".to_owned(),
        };
        let mut left = self.writing.lock().await;
        left.append(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for Waiting { row, .. } in left.drain(..) {
            tracing::error!(?row, why, "an audit event could not be written");
        }
    }
}

fn missed(why: &str) -> db::Error {
    db::Error::Unavailable(why.to_owned())
}

/// Writes rows by one statement. Where the database takes some of them alone, the others will never be written: they are put
/// into the log, and their places are returned. One that it had before, after an answer that got lost, stays as it is.
async fn insert(db: &Db, rows: &[&Row]) -> Result<Vec<usize>, db::Error> {
    let refused = match db.write_once(async |conn| super::insert_all(conn, rows).await).await {
        Ok(()) => return Ok(Vec::new()),
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => error,
    };
    let mut unwritable = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match db.write_once(async |conn| super::insert_all(conn, &[*row]).await).await {
            Ok(()) => {}
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => unwritable.push((place, error)),
        }
    }
    if unwritable.len() == rows.len() {
        return Err(refused);
    }
    for (place, error) in &unwritable {
        let row = rows.get(*place);
        tracing::error!(?row, %error, "an audit event could not be written");
    }
    Ok(unwritable.into_iter().map(|(place, _)| place).collect())
}
