//! The tools that registered servers have (table `server_tools`).

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::server_tools;
use crate::types::{Class, ServerId};

/// The class of every tool of every server: what an administrator says, or else what its annotations do.
pub(super) async fn classes(conn: &mut Connection) -> QueryResult<HashMap<ServerId, HashMap<String, Class>>> {
    let columns = (server_tools::server_id, server_tools::name, server_tools::class, server_tools::chosen_class);
    let rows: Vec<(ServerId, String, String, Option<String>)> = server_tools::table.select(columns).load(conn).await?;
    let mut classes: HashMap<ServerId, HashMap<String, Class>> = HashMap::new();
    for (server, tool, class, chosen) in rows {
        // The table has no other words than these.
        let class = chosen.unwrap_or(class).parse().unwrap_or(Class::Delete);
        classes.entry(server).or_default().insert(tool, class);
    }
    Ok(classes)
}
