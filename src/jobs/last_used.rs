//! JOB: write down when API keys and personal access tokens were last used.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::app::App;
use crate::credentials::habit::Whose;
use crate::credentials::{Use, api_key, personal_token, watch};
use crate::db;

const EVERY: Duration = Duration::from_secs(30);

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = write(&app).await {
            tracing::warn!(%error, "could not write down when keys were last used; will try again");
        }
    }
}

/// Writes down what was noted since the last time, and looks at it; what cannot be written is kept for the next.
pub async fn write(app: &App) -> Result<(), db::Error> {
    let uses = app.key_uses.take();
    if !uses.is_empty() {
        let written = app.db.write_once(async |conn| api_key::note_uses(conn, &uses).await).await;
        written.map(drop).inspect_err(|_| app.key_uses.put_back(uses.clone()))?;
        watch(app, uses.iter().map(|(id, used)| (Whose::Key(*id), used))).await?;
    }
    let uses = app.token_uses.take();
    if !uses.is_empty() {
        let written = app.db.write_once(async |conn| personal_token::note_uses(conn, &uses).await).await;
        written.map(drop).inspect_err(|_| app.token_uses.put_back(uses.clone()))?;
        watch(app, uses.iter().map(|(id, used)| (Whose::Token(*id), used))).await?;
    }
    Ok(())
}

async fn watch(app: &App, uses: impl Iterator<Item = (Whose, &Use)>) -> Result<(), db::Error> {
    let (window, now) = (TimeDelta::from_std(EVERY).unwrap_or_default(), app.clock.now());
    for (whose, used) in uses {
        app.db.write(async |conn| watch::watch(conn, whose, used, window, now).await).await?;
    }
    Ok(())
}
