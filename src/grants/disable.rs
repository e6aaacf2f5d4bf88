//! VERB: a client may no longer do anything, or may again.

use diesel::QueryResult;

use super::{Terms, client};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::UserId;

/// Disables a client: `false` when it was disabled before, or there is none of that id.
///
/// Its tokens need no revocation: `access` looks at the client at every call, and a client that is disabled cannot
/// authenticate to redeem a code or to refresh. Run it by [`App::cut`](crate::app::App::cut), so that it holds here at once.
pub async fn disable(conn: &mut Connection, terms: &Terms<'_>, by: Option<UserId>, client: &str) -> QueryResult<bool> {
    if !client::set_disabled(conn, client, Some(terms.now)).await? {
        return Ok(false);
    }
    audit::record(conn, Entry::new(Event::ClientDisabled).client(client).by(by), terms.origin, terms.now).await?;
    Ok(true)
}

/// Lets a client act again: what was revoked or has ended in the meantime stays so.
pub async fn enable(conn: &mut Connection, terms: &Terms<'_>, by: Option<UserId>, client: &str) -> QueryResult<bool> {
    if !client::set_disabled(conn, client, None).await? {
        return Ok(false);
    }
    audit::record(conn, Entry::new(Event::ClientEnabled).client(client).by(by), terms.origin, terms.now).await?;
    Ok(true)
}
