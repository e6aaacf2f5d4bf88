//! The registered servers as one node holds them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Server;
use crate::db::{self, Db};
use crate::places::Tree;

/// The servers that are switched on, read anew when they change; listing them asks no database.
#[derive(Default)]
pub struct Catalogue(ArcSwap<Vec<Server>>);

impl Catalogue {
    /// The servers that are switched on, by name.
    pub fn enabled(&self) -> Arc<Vec<Server>> {
        self.0.load_full()
    }

    /// Reads them again.
    pub async fn reload(&self, db: &Db) -> Result<(), db::Error> {
        let mut conn = db.read().await?;
        let tree = Tree::load(&mut conn).await?;
        self.0.store(Arc::new(Server::enabled(&mut conn, &tree).await?));
        Ok(())
    }
}
