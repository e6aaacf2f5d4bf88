//! What is in a place, counted: as long as there is anything, the place stays.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::{api_keys, client_ownerships, places, servers, service_accounts};
use crate::types::PlaceId;

/// How many things are in a place, with what is in the places below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(Vec<(i64, &'static str, &'static str)>);

impl Contents {
    /// Counts them.
    pub async fn of(conn: &mut Connection, place: PlaceId) -> QueryResult<Self> {
        let children: Vec<PlaceId> = below(conn, &[place]).await?;
        let grandchildren: Vec<PlaceId> = below(conn, &children).await?;
        let inside: Vec<PlaceId> = [place].into_iter().chain(children.clone()).chain(grandchildren.clone()).collect();
        let places = i64::try_from(children.len() + grandchildren.len()).unwrap_or(i64::MAX);
        let servers = servers::table.filter(servers::place_id.eq_any(&inside)).count().get_result(conn).await?;
        let accounts = service_accounts::table.filter(service_accounts::workspace_id.eq(place));
        let accounts = accounts.count().get_result(conn).await?;
        let clients = client_ownerships::table.filter(client_ownerships::workspace_id.eq(place));
        let clients = clients.count().get_result(conn).await?;
        let keys = api_keys::table.filter(api_keys::workspace_id.eq(place).and(api_keys::revoked_at.is_null()));
        let keys = keys.count().get_result(conn).await?;
        Ok(Self(vec![
            (servers, "server", "servers"),
            (places, "project or folder", "projects and folders"),
            (accounts, "M2M account", "M2M accounts"),
            (clients, "OAuth client", "OAuth clients"),
            (keys, "API key", "API keys"),
        ]))
    }

    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(count, ..)| *count == 0)
    }

    /// "2 servers and 1 OAuth client".
    pub fn words(&self) -> String {
        let some = self.0.iter().filter(|(count, ..)| *count > 0);
        let words: Vec<String> =
            some.map(|(count, one, more)| format!("{count} {}", if *count == 1 { one } else { more })).collect();
        match words.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [before @ .., last] => format!("{} and {last}", before.join(", ")),
        }
    }
}

async fn below(conn: &mut Connection, parents: &[PlaceId]) -> QueryResult<Vec<PlaceId>> {
    let parents: Vec<Option<PlaceId>> = parents.iter().copied().map(Some).collect();
    places::table.filter(places::parent_id.eq_any(parents)).select(places::id).load(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_counted_in_words() {
        let contents = |servers, places, accounts| {
            Contents(vec![
                (servers, "server", "servers"),
                (places, "project", "projects"),
                (accounts, "account", "accounts"),
            ])
        };
        for (found, words) in [
            (contents(0, 0, 0), "nothing"),
            (contents(1, 0, 0), "1 server"),
            (contents(0, 2, 1), "2 projects and 1 account"),
            (contents(3, 2, 1), "3 servers, 2 projects and 1 account"),
        ] {
            assert_eq!((found.words().as_str(), found.is_empty()), (words, words == "nothing"));
        }
    }
}
