//! VERB: a client reads, changes or removes its own registration (RFC 7592).

use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::client::{self, Client};
use super::client_metadata::{AuthMethod, MetadataError, Registration, Update};
use super::grant::EndReason;
use super::{register, registration_token, revoke};
use crate::audit::{self, Entry, Event};
use crate::crypto::{HashedToken, KeyVersion, PlainToken, TokenKind};
use crate::db::Connection;

/// How a change ended.
#[derive(Debug)]
pub enum Changed {
    /// The client is that now.
    Now(Box<NowIs>),
    /// The token is not, or no longer, that of a client that may change anything.
    NotYours,
    /// The token is good; what it asks for is not.
    Refused(MetadataError),
}

/// What a client is after a change.
#[derive(Debug)]
pub struct NowIs {
    /// The client.
    pub client: Client,
    /// A new secret, shown this once, if it proves itself by one and did not before.
    pub secret: Option<PlainToken>,
    /// What lets it manage its registration from now on, shown this once; the old one has stopped.
    pub registration_token: PlainToken,
}

/// The client of that id, if the token is its own and nobody has disabled it.
pub async fn find(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: &str,
    token: &PlainToken,
) -> QueryResult<Option<Client>> {
    let Some(client) = client::find(conn, id).await?.filter(|client| client.disabled_at.is_none()) else {
        return Ok(None);
    };
    Ok(registration_token::is_of(conn, id, &terms.keys.hashes(token)).await?.then_some(client))
}

/// Lets a client be what it says from now on, in place of what it was (RFC 7592 §2.2).
///
/// What people agreed to is asked again, as its fingerprint changes. What it holds already ends when it is no longer the
/// program that they let in: other keys or another way to prove itself, other grants, other places for the answer.
pub async fn change(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: &str,
    token: &PlainToken,
    update: &Update,
) -> QueryResult<Changed> {
    let Some((before, secret)) = client::find_for_update(conn, id).await? else { return Ok(Changed::NotYours) };
    let presented = terms.keys.hashes(token);
    if before.disabled_at.is_some() || !registration_token::is_of(conn, id, &presented).await? {
        return Ok(Changed::NotYours);
    }
    let after = &update.registration;
    if after.auth_method == AuthMethod::None {
        return Ok(Changed::Refused(MetadataError::BecomesPublic));
    }
    if update.client_secret.as_ref().is_some_and(|sent| !is_secret(terms, &before, sent)) {
        return Ok(Changed::Refused(MetadataError::WrongSecret));
    }
    let next = PlainToken::fresh(TokenKind::Registration, terms.random);
    let (next_hash, version) = (terms.keys.hash(&next), terms.keys.version());
    if !registration_token::rotate(conn, id, &presented, (&next_hash, version), terms.now).await? {
        return Ok(Changed::NotYours);
    }
    let (fresh, stored) = secret_after(terms, secret, after.auth_method);
    if !client::replace(conn, id, after, stored.as_ref()).await? {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    let ends = is_another(&before, after);
    let ended = if ends { revoke::end_all_of_client(conn, terms, id, EndReason::ClientChanged).await? } else { 0 };
    let detail = json!({ "name": after.name, "grants_ended": ended });
    audit::record(conn, Entry::new(Event::ClientChanged).client(id).detail(detail), terms.origin, terms.now).await?;
    let now_is = client::find(conn, id).await?.ok_or(diesel::result::Error::RollbackTransaction)?;
    Ok(Changed::Now(Box::new(NowIs { client: now_is, secret: fresh, registration_token: next })))
}

/// Removes a client and ends everything that it was granted: `false` when the token is not its own (RFC 7592 §2.3).
pub async fn remove(conn: &mut Connection, terms: &Terms<'_>, id: &str, token: &PlainToken) -> QueryResult<bool> {
    let Some((client, _)) = client::find_for_update(conn, id).await? else { return Ok(false) };
    if client.disabled_at.is_some() || !registration_token::spend(conn, id, &terms.keys.hashes(token)).await? {
        return Ok(false);
    }
    let ended = revoke::end_all_of_client(conn, terms, id, EndReason::ClientChanged).await?;
    client::remove(conn, id).await?;
    let detail = json!({ "name": client.name, "grants_ended": ended });
    audit::record(conn, Entry::new(Event::ClientRemoved).client(id).detail(detail), terms.origin, terms.now).await?;
    Ok(true)
}

/// Compared by its keyed hash, in constant time.
fn is_secret(terms: &Terms<'_>, client: &Client, sent: &str) -> bool {
    let sent = PlainToken::parse(TokenKind::ClientSecret, sent);
    let (Some(stored), Some(sent)) = (&client.secret_hash, sent) else { return false };
    terms.keys.hashes(&sent).iter().any(|hash| hash.matches(stored))
}

/// What is shown of the secret, and what is stored: it stays while the client proves itself by one.
fn secret_after(
    terms: &Terms<'_>,
    stored: Option<(HashedToken, KeyVersion)>,
    method: AuthMethod,
) -> (Option<PlainToken>, Option<(HashedToken, KeyVersion)>) {
    match (register::secret(terms, method), stored) {
        (None, _) => (None, None),
        (Some(_), Some(stored)) => (None, Some(stored)),
        (Some(fresh), None) => {
            let stored = (terms.keys.hash(&fresh), terms.keys.version());
            (Some(fresh), Some(stored))
        }
    }
}

/// True when whoever holds the client's tokens need no longer be the program that people let in.
fn is_another(before: &Client, after: &Registration) -> bool {
    let keys = |options: &client::ClientOptions| (options.jwks.clone(), options.jwks_uri.clone());
    before.auth_method != after.auth_method
        || before.grant_types != after.grant_types
        || before.redirect_uris != after.redirect_uris
        || keys(&before.options) != keys(&after.options)
}
