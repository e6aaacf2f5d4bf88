//! VERB: a refresh token buys an access token and its own successor (RFC 6749 §6, OAuth 2.1 §4.3.1).
//!
//! The successor is derived from the presented token, not drawn. Agents that share one refresh token and refresh at the same
//! moment therefore all get the same successor, from any node, and none of them is thrown out. That holds for a bounded
//! grace after the first use; after it, a second use means that somebody has a copy, and ends the family.
//! Under the FAPI 2.0 profile a token is its own successor, for whoever also holds its keys.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use futures_util::try_join;
use serde_json::json;

use super::client::{self, Client, Profile};
use super::grant::{self, EndReason, Grant};
use super::machine::{Refreshing, Stop};
use super::refresh_token::{self, RefreshToken, State};
use super::{Terms, revoke};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;
use crate::identity::Person;
use crate::types::Scope;

/// What a client presents.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The refresh token.
    pub token: &'a PlainToken,
    /// A narrower scope for the access token; the successor keeps the whole.
    pub scope: Option<&'a Scope>,
    /// If it comes it must be the one granted.
    pub resource: Option<&'a str>,
    /// The thumbprint of the key whose possession was proved (RFC 9449 §5).
    pub proof_key: Option<&'a str>,
}

/// How an attempt to refresh ended.
#[derive(Debug)]
pub enum Rotated {
    /// An access token may be signed for this grant with this scope.
    Refreshed {
        /// What was granted.
        grant: Box<Grant>,
        /// Whose it is, as they are now.
        person: Box<Person>,
        /// The scope of the new access token.
        scope: Scope,
        /// The successor: the same for everyone who presents the same token.
        successor: PlainToken,
    },
    /// Unknown, expired, ended, or another client's.
    Refused(&'static str),
    /// Wider than what was granted.
    WrongScope,
    /// Another resource than was granted.
    WrongResource,
    /// Presented after its grace. The family has now been ended.
    Replayed,
}

/// The first refresh token of a grant.
pub async fn begin_family(conn: &mut Connection, terms: &Terms<'_>, grant: &Grant) -> QueryResult<PlainToken> {
    let token = PlainToken::fresh(TokenKind::Refresh, terms.random);
    store(conn, terms, grant, &token).await?;
    Ok(token)
}

/// Presents a refresh token. Presenters of the same token take turns on its row.
pub async fn rotate(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    attempt: &Attempt<'_>,
) -> QueryResult<Rotated> {
    let hashes = terms.keys.hashes(attempt.token);
    let Some((token, grant)) = refresh_token::with_live_grant_locked(conn, &hashes, terms.now).await? else {
        return Ok(Rotated::Refused("The refresh token is unknown, expired or revoked"));
    };
    if token.client_id != client.id {
        return Ok(Rotated::Refused("The refresh token was issued to another client"));
    }
    let Some(person) = revoke::able(conn, grant.user_id).await? else {
        return Ok(Rotated::Refused("The person who allowed this may no longer sign in"));
    };
    // A request that could never have been the holder's own retry changes nothing.
    if attempt.resource.is_some_and(|resource| resource != grant.resource) {
        return Ok(Rotated::WrongResource);
    }
    let owner = grant.user_id.to_string();
    let due = Refreshing::begin(&client.id)
        .and_then(|begun| begun.recover(&owner, &token.client_id, &grant.scope, attempt.scope));
    let due = match due {
        Ok(due) => due,
        Err(Stop::InvalidScope) => return Ok(Rotated::WrongScope),
        Err(Stop::InvalidGrant | Stop::InvalidRequest) => {
            return Ok(Rotated::Refused("The refresh token is not yours"));
        }
    };
    match token.state(terms.now, terms.lifetimes.refresh_grace) {
        State::Usable => {}
        State::Expired => return Ok(Rotated::Refused("The refresh token is unknown, expired or revoked")),
        State::Replayed => return replayed(conn, terms, &token).await,
    }
    // Without the key it is of no use to anybody, so within its grace the family stays (RFC 9449 §5).
    if !grant::fits_key(grant.dpop_jkt.as_deref(), attempt.proof_key) {
        let why = "The refresh token is bound to a key; prove that you hold it";
        let entry = Entry::new(Event::RefreshRefused).user(grant.user_id).client(&client.id).grant(grant.id);
        audit::record(conn, entry.detail(json!({ "why": why })), terms.origin, terms.now).await?;
        return Ok(Rotated::Refused(why));
    }
    if due.issued().is_err() {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    let successor = match client.options.profile {
        Profile::Standard => terms.keys.refresh_successor(token.key_version, grant.id.0.as_bytes(), attempt.token),
        // It is bound to the client's key and to the key of its proofs, so a copy is worthless, and rotation could only lose it
        // (FAPI 2.0 Security Profile §5.3.2.1).
        Profile::Fapi2 => Some(attempt.token.clone()),
    };
    let Some(successor) = successor else {
        return Ok(Rotated::Refused("The refresh token is unknown, expired or revoked"));
    };
    if !client.was_used_lately(terms.now) {
        client::touch(conn, &client.id, terms.now).await?;
    }
    let key = attempt.proof_key.filter(|_| client.binds_refresh_tokens());
    let entry = Entry::new(Event::Refreshed).user(grant.user_id).client(&client.id).grant(grant.id);
    // None of these needs the outcome of another, so they share one round trip.
    let conn = &*conn;
    try_join!(
        renew(conn, terms, client, &grant, &token, &successor),
        grant::touch(conn, grant.id, terms.now),
        async {
            match key {
                Some(key) => grant::bind(conn, grant.id, key).await,
                None => Ok(()),
            }
        },
        audit::record(conn, entry, terms.origin, terms.now),
    )?;
    let scope = attempt.scope.cloned().unwrap_or_else(|| grant.scope.clone());
    Ok(Rotated::Refreshed { grant: Box::new(grant), person: Box::new(person), scope, successor })
}

/// Lets a token be followed by its successor, or go on as its own.
async fn renew(
    conn: &Connection,
    terms: &Terms<'_>,
    client: &Client,
    grant: &Grant,
    token: &RefreshToken,
    successor: &PlainToken,
) -> QueryResult<()> {
    match client.options.profile {
        Profile::Standard => {
            let used = refresh_token::mark_used(conn, &token.token_hash, terms.now);
            try_join!(used, store(conn, terms, grant, successor)).map(drop)
        }
        Profile::Fapi2 => refresh_token::prolong(conn, &token.token_hash, idle_end(terms, grant)).await,
    }
}

/// When a refresh token of today ends that nobody uses.
fn idle_end(terms: &Terms<'_>, grant: &Grant) -> DateTime<Utc> {
    grant.expires_at.min(terms.now + terms.lifetimes.refresh_idle)
}

async fn store(conn: &Connection, terms: &Terms<'_>, grant: &Grant, token: &PlainToken) -> QueryResult<()> {
    // It may be stored already, under the hash of a root key that was the newest then.
    let hashes = terms.keys.hashes(token);
    if hashes.len() > 1 && refresh_token::find(conn, &hashes).await?.is_some() {
        return Ok(());
    }
    let row = RefreshToken {
        token_hash: terms.keys.hash(token),
        key_version: terms.keys.version(),
        grant_id: grant.id,
        client_id: grant.client_id.clone(),
        created_at: terms.now,
        expires_at: idle_end(terms, grant),
        first_used_at: None,
    };
    refresh_token::insert_once(conn, &row).await
}

async fn replayed(conn: &mut Connection, terms: &Terms<'_>, token: &RefreshToken) -> QueryResult<Rotated> {
    audit::record(
        conn,
        Entry::new(Event::RefreshReplayed).client(&token.client_id).grant(token.grant_id),
        terms.origin,
        terms.now,
    )
    .await?;
    revoke::end_grant(conn, terms, token.grant_id, EndReason::RefreshReplayed).await?;
    Ok(Rotated::Replayed)
}
