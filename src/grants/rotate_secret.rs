//! VERB: a client gets another secret, and the one before stays good for a while.

use chrono::TimeDelta;
use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::client::{self, ClientOrigin};
use super::client_secret::{self, ReplacedSecret};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;
use crate::types::{ClientSecretId, UserId};

/// The longest that a replaced secret is good.
pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(7);
/// As many replaced secrets of one client are good at the same time.
pub const MOST_REPLACED: usize = 5;

/// How it went.
#[derive(Debug)]
pub enum RotateSecret {
    /// There is a new one.
    Rotated {
        /// The new one, shown this once.
        secret: PlainToken,
        /// The one before.
        replaced: ReplacedSecret,
    },
    /// This very replacement was made before.
    Already,
    /// The overlap is no time, or longer than [`LONGEST_OVERLAP`].
    BadOverlap,
    /// [`MOST_REPLACED`] are good already: one has to end first.
    TooMany,
    /// The client proves who it is by something else.
    NoSecret,
    /// There is none of that id that anybody registered.
    Gone,
}

/// Gives a client another secret; the one before is good for `overlap` from now. `replacement` names what is done, so that a
/// form that is sent twice does it once.
///
/// Run it by [`App::cut`](crate::app::App::cut): without an overlap, the old one is worthless here at once.
pub async fn rotate_secret(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    id: &str,
    overlap: TimeDelta,
    replacement: ClientSecretId,
) -> QueryResult<RotateSecret> {
    if overlap < TimeDelta::zero() || overlap > LONGEST_OVERLAP {
        return Ok(RotateSecret::BadOverlap);
    }
    // Locked, so that of several at once each replaces the one before it, and none is lost.
    let Some((client, stored)) = client::find_for_update(conn, id).await? else { return Ok(RotateSecret::Gone) };
    if !ClientOrigin::REGISTERED_BY_SOMEBODY.contains(&client.origin) {
        return Ok(RotateSecret::Gone);
    }
    let Some(stored) = stored else { return Ok(RotateSecret::NoSecret) };
    if client_secret::good(conn, id, terms.now).await?.len() >= MOST_REPLACED && overlap > TimeDelta::zero() {
        return Ok(RotateSecret::TooMany);
    }
    let made_at = client_secret::last_replaced(conn, id).await?.unwrap_or(client.created_at);
    let (replaced_at, expires_at) = (terms.now, terms.now + overlap);
    let replaced = ReplacedSecret { id: replacement, made_at, replaced_at, expires_at };
    if !client_secret::insert(conn, id, &stored, &replaced).await? {
        return Ok(RotateSecret::Already);
    }
    let secret = PlainToken::fresh(TokenKind::ClientSecret, terms.random);
    let hashed = (terms.keys.hash(&secret), terms.keys.version());
    if !client::set_secret(conn, id, &hashed).await? {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    let detail = json!({ "name": client.name, "overlap_seconds": overlap.num_seconds() });
    let entry = Entry::new(Event::ClientSecretRotated).client(id).by(by).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(RotateSecret::Rotated { secret, replaced })
}

/// Ends a replaced secret before its time: `false` when it has ended, or is none of this client's.
pub async fn end_replaced_secret(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    client: &str,
    id: ClientSecretId,
) -> QueryResult<bool> {
    if !client_secret::end(conn, client, id, terms.now).await? {
        return Ok(false);
    }
    let entry = Entry::new(Event::ClientSecretRevoked).client(client).by(by).detail(json!({ "secret": id }));
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(true)
}
