//! VERB: an authorization code buys tokens, once (RFC 6749 §4.1.3, RFC 7636 §4.6).

use diesel::QueryResult;
use serde_json::json;

use super::authorization_code::{self, AuthorizationCode};
use super::client::{self, Client};
use super::grant::{self, EndReason, Grant};
use super::machine::{Redemption, Stop};
use super::rotate;
use super::{Terms, revoke};
use crate::audit::{self, Entry, Event};
use crate::crypto::PlainToken;
use crate::db::Connection;
use crate::identity::Person;

/// What a client presents with its code.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The code.
    pub code: &'a PlainToken,
    /// RFC 7636 §4.5.
    pub verifier: &'a str,
    /// OAuth 2.1 has dropped it; when it comes it must be right.
    pub redirect_uri: Option<&'a str>,
    /// RFC 8707 §2.2: if it comes it must be the one granted.
    pub resource: Option<&'a str>,
    /// The thumbprint of the key whose possession was proved (RFC 9449 §5).
    pub proof_key: Option<&'a str>,
}

/// How an attempt to redeem a code ended.
#[derive(Debug)]
pub enum Redeemed {
    /// The grant it stood for, the first refresh token if the client uses them, and the nonce for an ID token.
    Bought {
        /// Tokens may be signed for this.
        grant: Box<Grant>,
        /// Whose it is, as they are now.
        person: Box<Person>,
        /// The first of its family.
        refresh: Option<PlainToken>,
        /// To be repeated in the ID token.
        nonce: Option<String>,
    },
    /// Unknown, expired, another client's, or without proof of possession.
    Refused(&'static str),
    /// For another resource than was granted; the code is still good.
    WrongResource,
    /// Spent before. Everything it bought has now been revoked (RFC 6749 §4.1.2).
    Replayed,
}

/// Redeems a code. Checks come first; then one UPDATE spends it.
pub async fn redeem(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    attempt: &Attempt<'_>,
) -> QueryResult<Redeemed> {
    let Some(code) = authorization_code::find_for_update(conn, &terms.keys.hashes(attempt.code)).await? else {
        return Ok(Redeemed::Refused("The code is unknown or has expired"));
    };
    if code.client_id != client.id {
        return Ok(Redeemed::Refused("The code was issued to another client"));
    }
    if code.spent_at.is_some() {
        return replayed(conn, terms, &code).await;
    }
    if !code.is_good(terms.now) {
        return Ok(Redeemed::Refused("The code has expired"));
    }
    let Some(grant) = grant::live_locked(conn, code.grant_id, terms.now).await? else {
        return Ok(Redeemed::Refused("What the code stood for has been withdrawn"));
    };
    let Some(person) = revoke::able(conn, grant.user_id).await? else {
        return Ok(Redeemed::Refused("The person who allowed this may no longer sign in"));
    };
    if attempt.resource.is_some_and(|resource| resource != grant.resource) {
        return Ok(Redeemed::WrongResource);
    }
    // RFC 9449 §10: a request may name the key that its code is for.
    if !grant::fits_key(code.dpop_jkt.as_deref(), attempt.proof_key) {
        return refused(
            conn,
            terms,
            &code,
            "The code is for another key; prove that you hold the one it was asked with",
        )
        .await;
    }
    let proved = match prove(client, &code, &grant, attempt) {
        Ok(proved) => proved,
        Err(why) => return refused(conn, terms, &code, why).await,
    };
    if !authorization_code::spend(conn, &code.code_hash, terms.now).await? {
        return replayed(conn, terms, &code).await;
    }
    if proved.issued().is_err() {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    grant::touch(conn, grant.id, terms.now).await?;
    if !client.was_used_lately(terms.now) {
        client::touch(conn, &client.id, terms.now).await?;
    }
    if let Some(key) = attempt.proof_key.filter(|_| client.binds_refresh_tokens()) {
        grant::bind(conn, grant.id, key).await?;
    }
    let refresh = if client.refreshes() { Some(rotate::begin_family(conn, terms, &grant).await?) } else { None };
    let entry = Entry::new(Event::CodeRedeemed).user(grant.user_id).client(&client.id).grant(grant.id);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Redeemed::Bought { grant: Box::new(grant), person: Box::new(person), refresh, nonce: code.nonce })
}

/// Takes the code through oxide-auth's machine up to the point where only spending is left.
fn prove(
    client: &Client,
    code: &AuthorizationCode,
    grant: &Grant,
    attempt: &Attempt<'_>,
) -> Result<super::machine::Proved, &'static str> {
    // OAuth 2.1 §4.1.3: absent is fine, different is not.
    let same_redirect = attempt.redirect_uri.is_none_or(|uri| uri == code.redirect_uri);
    let owner = grant.user_id.to_string();
    Redemption::begin(&client.id)
        .and_then(|begun| begun.recover(&owner, &code.client_id, same_redirect, &grant.scope, &code.code_challenge))
        .map_err(|_| "The redirect_uri is not the one the code was sent to")?
        .prove(attempt.verifier)
        .map_err(|stop| match stop {
            Stop::InvalidGrant => "The code_verifier does not fit the code_challenge",
            Stop::InvalidScope | Stop::InvalidRequest => "The code cannot be redeemed",
        })
}

/// Commits only a count: the honest client, who has the right verifier, can still redeem.
async fn refused(
    conn: &mut Connection,
    terms: &Terms<'_>,
    code: &AuthorizationCode,
    why: &'static str,
) -> QueryResult<Redeemed> {
    authorization_code::count_failed_try(conn, &code.code_hash).await?;
    let entry = Entry::new(Event::CodeRefused).client(&code.client_id).grant(code.grant_id);
    audit::record(conn, entry.detail(json!({ "why": why })), terms.origin, terms.now).await?;
    Ok(Redeemed::Refused(why))
}

async fn replayed(conn: &mut Connection, terms: &Terms<'_>, code: &AuthorizationCode) -> QueryResult<Redeemed> {
    audit::record(
        conn,
        Entry::new(Event::CodeReplayed).client(&code.client_id).grant(code.grant_id),
        terms.origin,
        terms.now,
    )
    .await?;
    revoke::end_grant(conn, terms, code.grant_id, EndReason::CodeReplayed).await?;
    Ok(Redeemed::Replayed)
}
