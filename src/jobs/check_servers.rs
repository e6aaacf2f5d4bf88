//! JOB: look how the registered servers are, and which tools they have.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::app::App;
use crate::db;
use crate::errands::register_server;
use crate::upstreams::server;

/// How often somebody asks which are due. Each is due every five minutes, and whichever node comes first has it.
const EVERY: Duration = Duration::from_secs(30);
/// Servers that one node has in its hands at a time, and how many of them at once.
const SERVERS: i64 = 32;
const AT_ONCE: usize = 8;

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        // Nodes that were started together do not come in step.
        let [jitter] = app.random.bytes::<1>();
        tokio::time::sleep(EVERY.mul_f64(0.5 + f64::from(jitter) / 256.0)).await;
        if let Err(error) = work(&app).await {
            tracing::warn!(%error, "could not look at the registered servers; will try again");
        }
    }
}

/// Looks at those that are due, and says how many they were.
pub async fn work(app: &App) -> Result<usize, db::Error> {
    let mut looked_at = 0;
    loop {
        let now = app.clock.now();
        let due = app.db.write(async |conn| server::claim_due(conn, SERVERS, now).await).await?;
        if due.is_empty() {
            return Ok(looked_at);
        }
        looked_at += due.len();
        let looking = stream::iter(due).map(async |id| register_server::refresh(app, id).await.map(drop));
        let outcomes: Vec<_> = looking.buffer_unordered(AT_ONCE).collect().await;
        outcomes.into_iter().collect::<Result<(), _>>()?;
    }
}
