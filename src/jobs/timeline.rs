//! JOB: write down the steps of authorization attempts (`decisions` 46).

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

const EVERY: Duration = Duration::from_secs(1);

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.timeline.write(&app.db).await {
            tracing::warn!(%error, "steps of authorization attempts could not be written and are lost");
        }
    }
}
