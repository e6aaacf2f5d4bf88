//! The registered servers as one node holds them.

use std::sync::Arc;

use super::Server;
use crate::crypto::RootKeys;
use crate::db::{self, Connection, Db, Latest, QueryResult};
use crate::places::Tree;

/// The servers that are switched on, read anew when they change; listing them asks no database.
#[derive(Default)]
pub struct Catalogue(Latest<Vec<Server>>);

impl Catalogue {
    /// The servers that are switched on, by name.
    pub fn enabled(&self) -> Arc<Vec<Server>> {
        self.0.get_owned()
    }

    /// Reads them again.
    pub async fn reload(&self, db: &Db, keys: &RootKeys) -> Result<(), db::Error> {
        self.0.read(db, async |conn| Self::load(conn, keys).await).await
    }

    /// The servers that are switched on, by name, as they are in the database.
    pub async fn load(conn: &mut Connection, keys: &RootKeys) -> QueryResult<Vec<Server>> {
        let tree = Tree::load(conn).await?;
        Server::enabled(conn, &tree, keys).await
    }
}
