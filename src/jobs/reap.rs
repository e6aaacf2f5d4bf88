//! JOB: forget clients that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::config::Lifetimes;
use crate::db::lock::{self, Lock};
use crate::db::{Connection, QueryResult};
use crate::grants;

const EVERY: Duration = Duration::from_secs(3600);
/// Clients forgotten in one transaction: a backlog is worked off over several.
const BATCH: i64 = 1000;

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        let (now, lifetimes) = (app.clock.now(), &app.config.lifetimes);
        match app.db.write(async |conn| reap(conn, lifetimes, now).await).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "forgot clients that nobody uses"),
            Err(error) => tracing::warn!(%error, "could not forget clients that nobody uses; will try again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets one batch; of several nodes that try at once, one does. Says how many clients went.
pub async fn reap(conn: &mut Connection, lifetimes: &Lifetimes, now: DateTime<Utc>) -> QueryResult<usize> {
    match lock::is_ours(conn, Lock::Reap).await? {
        true => grants::reap::reap(conn, lifetimes, now, BATCH).await,
        false => Ok(0),
    }
}
