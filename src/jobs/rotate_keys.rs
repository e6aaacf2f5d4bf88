//! JOB: one signing key follows another on schedule.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::audit::Origin;
use crate::grants::rotate_keys::keep_schedule;

const EVERY: Duration = Duration::from_secs(600);

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = once(&app).await {
            tracing::warn!(%error, "the signing keys could not be looked after; will try again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Does what is due now.
pub async fn once(app: &App) -> Result<(), crate::grants::sign::SigningError> {
    let (algorithms, lifetimes) = (app.signing.algorithms(), &app.config.lifetimes);
    keep_schedule(&app.db, &app.keys, algorithms, lifetimes, &Origin::default(), app.clock.now()).await
}
