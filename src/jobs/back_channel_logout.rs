//! JOB: tell apps that a session ended (OpenID Connect Back-Channel Logout 1.0).

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::timeout;

use crate::app::App;
use crate::db;
use crate::db::changes::{Change, Subscription};
use crate::errands;
use crate::grants::log_out;
use crate::identity::session;

/// For whoever did not hear of it, and for what is tried again.
const EVERY: Duration = Duration::from_secs(5);
/// Sessions that are looked at in one transaction.
const SESSIONS: i64 = 100;
/// Notices that one node has in its hands at a time, and how many of them at once.
const NOTICES: i64 = 32;
const AT_ONCE: usize = 8;

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    let mut changes = app.changes.subscribe();
    loop {
        if let Err(error) = work(&app).await {
            tracing::warn!(%error, "apps could not be told of the end of sessions; will try again");
        }
        // However it ends: an announcement is only a reason to look sooner.
        let _sooner = timeout(EVERY, ended(&mut changes)).await;
    }
}

/// Tells whoever is to be told now, and says how many notices were worked off.
pub async fn work(app: &App) -> Result<usize, db::Error> {
    let now = app.clock.now();
    while app.db.write(async |conn| log_out::note(conn, SESSIONS, now).await).await? > 0 {}
    let mut tried = 0;
    loop {
        let due = app.db.write(async |conn| log_out::claim(conn, NOTICES, now).await).await?;
        if due.is_empty() {
            return Ok(tried);
        }
        tried += due.len();
        let telling = stream::iter(due).map(async |notice| errands::logout_notice::tell(app, &notice).await);
        let outcomes: Vec<_> = telling.buffer_unordered(AT_ONCE).collect().await;
        outcomes.into_iter().collect::<Result<(), _>>()?;
    }
}

/// Waits until a session ended somewhere; for ever once nobody listens any more.
async fn ended(changes: &mut Subscription) {
    loop {
        match changes.next().await {
            Some(Change::Announced(topic)) if topic == session::ENDED => return,
            Some(Change::Announced(_) | Change::Missed) => {}
            None => std::future::pending().await,
        }
    }
}
