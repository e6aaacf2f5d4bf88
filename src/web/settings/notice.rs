//! What was unusual about the use of a key or token lately, as its list and its page tell.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::credentials::habit;
use crate::db::{Connection, QueryResult};
use crate::web::words::Moment;

/// For so long it is told.
const TOLD_FOR: TimeDelta = TimeDelta::days(7);

/// Something unusual about the use of a credential.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When.
    pub at: Moment,
    /// What.
    pub words: String,
}

impl Notice {
    /// What was unusual about these lately, by their ids.
    pub(super) async fn of(
        conn: &mut Connection,
        ids: impl IntoIterator<Item = Uuid>,
        now: DateTime<Utc>,
    ) -> QueryResult<HashMap<Uuid, Self>> {
        let ids: BTreeSet<Uuid> = ids.into_iter().collect();
        let found = habit::notices(conn, &ids, now - TOLD_FOR).await?;
        Ok(found.into_iter().map(|(id, at, words)| (id, Self { at: Moment::new(at, now), words })).collect())
    }

    /// One for samples.
    pub(super) fn sample(now: DateTime<Utc>) -> Self {
        Self {
            at: Moment::new(now - TimeDelta::hours(2), now),
            words: "used from a new network, 192.0.2.0/24".to_owned(),
        }
    }
}
