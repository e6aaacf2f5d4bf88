//! JOB: let the audit trail have a part for each month, and drop those that are past their time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::audit::months;
use crate::db::{self, Db};

const EVERY: Duration = Duration::from_secs(3600);
/// How soon it is tried again when something was in the way.
const AGAIN: Duration = Duration::from_secs(60);

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        let (now, retention) = (app.clock.now(), app.config.lifetimes.audit_events);
        let pause = match once(&app.db, retention, now).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "the months of the audit trail could not be looked after; will try again");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Does what is due now.
pub async fn once(db: &Db, retention: Option<TimeDelta>, now: DateTime<Utc>) -> Result<(), db::Error> {
    let made = db.rebuild(async |conn| months::prepare(conn, now).await).await?;
    if !made.is_empty() {
        tracing::debug!(?made, "made months of the audit trail");
    }
    while let Some(part) = db.rebuild(async |conn| months::forget_one(conn, retention, now).await).await? {
        tracing::info!(?part, "dropped a part of the audit trail that is past its time");
    }
    Ok(())
}
