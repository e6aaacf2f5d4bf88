//! Whether statements survive the way to the database: a pooler that lends servers by transaction may lose them.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::connect::{ConnectError, Connector};

/// A pooler with one server makes the second session wait for the first: nothing is lost there, nor learned here.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fails when prepared statements get lost on the way, with what to do about it.
pub async fn check(connector: &Connector) -> Result<(), ConnectError> {
    let (mut session, mut rival) = (connector.connect().await?, connector.connect().await?);
    let probing = tokio::time::timeout(PATIENCE, probe(&mut session, &mut rival));
    match probing.await {
        Ok(probed) => probed.map_err(|error| connector.failed(&error)),
        Err(_) => Ok(()),
    }
}

/// Uses a statement again after a rival has borrowed the server on which it was prepared.
async fn probe(session: &mut AsyncPgConnection, rival: &mut AsyncPgConnection) -> QueryResult<()> {
    prepared(session).await?;
    rival.batch_execute("BEGIN; SELECT 1").await?;
    let again = prepared(session).await;
    rival.batch_execute("ROLLBACK").await?;
    again
}

/// A statement that diesel prepares once in each session.
async fn prepared(session: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::select(1_i32.into_sql::<Integer>()).get_result::<i32>(session).await.map(drop)
}
