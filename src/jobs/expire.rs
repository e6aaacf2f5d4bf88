//! JOB: forget what is past its time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::db::lock::{self, Lock};
use crate::db::{Connection, QueryResult};
use crate::grants::{
    authorization_code, device_code, flow_step, grant, initial_access_token, logout_notice, pending_request,
    pushed_request, refresh_token, revocation, signing_key, used_assertion,
};
use crate::identity::session::{FAMILIAR_FOR, Session};
use crate::identity::{setup_link, used_challenge};

const EVERY: Duration = Duration::from_secs(600);
/// How long spent codes, used refresh tokens and ended grants are kept, so that a replay is still noticed and a person can
/// be told what happened.
const MEMORY: TimeDelta = TimeDelta::days(7);
/// Sessions forgotten in one run: each takes its pending requests along, so a backlog is worked off over several.
const BATCH: i64 = 1000;

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    loop {
        let now = app.clock.now();
        match app.db.write(async |conn| expire(conn, now).await).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "forgot what was past its time"),
            Err(error) => tracing::warn!(%error, "could not forget what is past its time; will try again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets it all in one transaction; of several nodes that try at once, one does. Says how many rows went.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    if !lock::is_ours(conn, Lock::Expire).await? {
        return Ok(0);
    }
    let before = now - MEMORY;
    Ok(authorization_code::expire(conn, before).await?
        + device_code::expire(conn, before).await?
        + refresh_token::expire(conn, before).await?
        + grant::expire(conn, before).await?
        + pending_request::expire(conn, now).await?
        + pushed_request::expire(conn, now).await?
        + revocation::expire(conn, now).await?
        + signing_key::expire(conn, now).await?
        + used_assertion::expire(conn, now).await?
        + initial_access_token::expire(conn, before).await?
        + logout_notice::expire(conn, before).await?
        + flow_step::expire(conn, now - flow_step::KEPT_FOR).await?
        + Session::expire(conn, now - FAMILIAR_FOR, BATCH).await?
        + setup_link::expire(conn, before).await?
        + used_challenge::expire(conn, now).await?)
}
