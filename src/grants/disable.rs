//! VERB: a client may no longer do anything, or may again.

use diesel::QueryResult;

use super::client_ownership::{ClientOwnership, Rank};
use super::{Terms, client};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::UserId;

/// Who disables or enables a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// The person; none for a program.
    pub person: Option<UserId>,
    /// What they are to the client.
    pub rank: Rank,
}

/// Disables a client: `false` when nothing changed, or there is none of that id. The operator on the machine is none of those
/// who need a rank.
///
/// Whoever disables what somebody of less rank has disabled keeps it so: from then on it takes their rank to enable it.
///
/// Its tokens need no revocation: `access` looks at the client at every call, and a client that is disabled cannot
/// authenticate to redeem a code or to refresh. Run it by [`App::cut`](crate::app::App::cut), so that it holds here at once.
pub async fn disable(conn: &mut Connection, terms: &Terms<'_>, by: Option<By>, client: &str) -> QueryResult<bool> {
    // Locked, so that of two who decide at once the second sees what the first did.
    if client::find_for_update(conn, client).await?.is_none() {
        return Ok(false);
    }
    let is_new = client::set_disabled(conn, client, Some(terms.now)).await?;
    let own = ClientOwnership::find(conn, client).await?;
    let rank = rank(by);
    let own = own.filter(|own| is_new || own.enabled_by() < rank);
    if !is_new && own.is_none() {
        return Ok(false);
    }
    if let Some(own) = own {
        ClientOwnership { disabled_as: Some(rank), ..own }.store(conn).await?;
    }
    let entry = Entry::new(Event::ClientDisabled).client(client).by(by.and_then(|by| by.person));
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(true)
}

/// Lets a client act again: what was revoked or has ended in the meantime stays so. `false` when nothing changed, also because
/// it takes more rank.
pub async fn enable(conn: &mut Connection, terms: &Terms<'_>, by: Option<By>, client: &str) -> QueryResult<bool> {
    if client::find_for_update(conn, client).await?.is_none() {
        return Ok(false);
    }
    let own = ClientOwnership::find(conn, client).await?;
    let is_withheld = own.as_ref().is_some_and(|own| own.enabled_by() > rank(by));
    if is_withheld || !client::set_disabled(conn, client, None).await? {
        return Ok(false);
    }
    if let Some(own) = own {
        ClientOwnership { disabled_as: None, ..own }.store(conn).await?;
    }
    let entry = Entry::new(Event::ClientEnabled).client(client).by(by.and_then(|by| by.person));
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(true)
}

fn rank(by: Option<By>) -> Rank {
    by.map_or(Rank::Administrator, |by| by.rank)
}
