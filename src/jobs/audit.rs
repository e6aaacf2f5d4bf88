//! JOB: write down the events of hot paths (`decisions` 25).

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

/// How long to wait before what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        app.audit.due().await;
        while let Err(error) = app.audit.write(&app.db).await {
            tracing::warn!(%error, "audit events cannot be written yet");
            tokio::time::sleep(AGAIN).await;
        }
    }
}
