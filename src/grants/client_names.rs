//! What clients call themselves, remembered for those who ask at every call.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::client;
use crate::db::Db;

/// Names of clients by id, and which ids have none. For showing only: nothing decides on them.
pub struct ClientNames(Cache<String, Option<Arc<str>>>);

impl Default for ClientNames {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(300)).build())
    }
}

impl ClientNames {
    /// The name of a client, or none when there is no way to tell right now.
    pub async fn of(&self, db: &Db, id: &str) -> Option<Arc<str>> {
        if let Some(known) = self.0.get(id) {
            return known;
        }
        let mut conn = db.read().await.ok()?;
        let name: Option<Arc<str>> = client::find(&mut conn, id).await.ok()?.map(|client| client.name.into());
        self.0.insert(id.to_owned(), name.clone());
        name
    }
}
