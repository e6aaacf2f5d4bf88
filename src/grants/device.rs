//! VERB: a device without a browser asks, a person answers elsewhere, and the device learns of it (RFC 8628).
//!
//! The short code is bound to the browser session that typed it first; no other answers for it, however it learnt the code.

use chrono::TimeDelta;
use diesel::QueryResult;
use serde_json::json;

use super::authorize::{Answer, Respondent, required};
use super::client::{self, Client};
use super::device_code::{self, DeviceCode};
use super::grant::{self, Grant, NewGrant};
use super::{Terms, revoke, rotate};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, TokenKind, UserCode};
use crate::db::Connection;
use crate::identity::Person;
use crate::types::{GrantId, Scope};

/// How long a person has to find a browser and type the code (RFC 8628 §3.2, §6.1).
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Seconds between polls, and by how many they grow after one that came too soon (RFC 8628 §3.5).
pub const INTERVAL: i32 = 5;

/// The two codes of a new request.
#[derive(Debug)]
pub struct Asked {
    /// For the device alone.
    pub device_code: PlainToken,
    /// For the person to type.
    pub user_code: UserCode,
}

/// Stores what a device asks for.
pub async fn ask(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    scope: Scope,
    resource: String,
) -> QueryResult<Asked> {
    let device_code = PlainToken::fresh(TokenKind::DeviceCode, terms.random);
    let mut user_code = UserCode::fresh(terms.random);
    let mut row = DeviceCode {
        code_hash: terms.keys.hash(&device_code),
        user_code_hash: user_code.hash(terms.keys),
        key_version: terms.keys.version(),
        client_id: client.id.clone(),
        metadata_hash: client.metadata_hash.clone(),
        scope,
        resource,
        address: terms.origin.address.clone(),
        created_at: terms.now,
        expires_at: terms.now + LIFETIME,
        poll_interval: INTERVAL,
        polled_at: None,
        session_id: None,
        user_id: None,
        decided_at: None,
        grant_id: None,
        spent_at: None,
    };
    // Of 2^34 codes one is hardly ever taken.
    while !device_code::insert(conn, &row).await? {
        user_code = UserCode::fresh(terms.random);
        row.user_code_hash = user_code.hash(terms.keys);
    }
    client::touch(conn, &client.id, terms.now).await?;
    let detail = json!({ "scope": row.scope, "resource": row.resource });
    audit::record(conn, Entry::new(Event::DeviceAsked).client(&client.id).detail(detail), terms.origin, terms.now)
        .await?;
    Ok(Asked { device_code, user_code })
}

/// What a person who typed a code is asked; `None` when no request waits under it for them.
pub async fn consider(
    conn: &mut Connection,
    terms: &Terms<'_>,
    user_code: &UserCode,
    who: &Respondent,
) -> QueryResult<Option<(DeviceCode, Client)>> {
    let hashes = user_code.hashes(terms.keys);
    let Some(code) = device_code::claim(conn, &hashes, who.session, terms.now).await? else { return Ok(None) };
    let client = client::find(conn, &code.client_id).await?;
    Ok(client.filter(|client| is_as_it_was(client, &code)).map(|client| (code, client)))
}

fn is_as_it_was(client: &Client, code: &DeviceCode) -> bool {
    client.disabled_at.is_none() && client.metadata_hash == code.metadata_hash
}

/// How an answer ended.
#[derive(Debug)]
pub enum Answered {
    /// The device gets its tokens at its next poll.
    Allowed(Box<Client>),
    /// It is told that the person refused.
    Denied(Box<Client>),
    /// Nothing waits under this code for this session: answered before, too late, or never shown to it.
    Gone,
    /// The client is no longer what the person was shown; it is told that it was refused.
    Changed,
}

/// Answers a device's request. One statement decides who answered; what is posted is only the code and the boxes.
pub async fn answer(
    conn: &mut Connection,
    terms: &Terms<'_>,
    user_code: &UserCode,
    who: &Respondent,
    answer: &Answer,
) -> QueryResult<Answered> {
    let hashes = user_code.hashes(terms.keys);
    let decided = device_code::decide(conn, &hashes, who.session, who.user, terms.now).await?;
    let Some(code) = decided else { return Ok(Answered::Gone) };
    let client = client::find(conn, &code.client_id).await?;
    let Some(client) = client.filter(|client| is_as_it_was(client, &code)) else { return Ok(Answered::Changed) };
    let Answer::Allow(ticked) = answer else {
        let entry = Entry::new(Event::ConsentDenied).user(who.user).client(&client.id);
        audit::record(conn, entry, terms.origin, terms.now).await?;
        return Ok(Answered::Denied(Box::new(client)));
    };
    let scope = code.scope.filtered(|token| required(&code.scope).has(token) || ticked.has(token));
    let grant = new_grant(terms, &code, who.rights.within(&scope), who);
    grant::insert(conn, &grant).await?;
    device_code::stand_for(conn, &code.code_hash, grant.id).await?;
    let entry = Entry::new(Event::ConsentGiven).user(who.user).client(&client.id).grant(grant.id);
    let detail = json!({ "scope": grant.scope, "resource": grant.resource, "device_address": code.address });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(Answered::Allowed(Box::new(client)))
}

/// Nothing of it is remembered as a consent: whoever holds a device must be asked each time (RFC 8628 §5.4).
fn new_grant(terms: &Terms<'_>, code: &DeviceCode, scope: Scope, who: &Respondent) -> Grant {
    let new = NewGrant {
        user: who.user,
        client_id: code.client_id.clone(),
        resource: code.resource.clone(),
        scope,
        session: Some(who.session),
        authenticated_at: who.authenticated_at,
        amr: who.amr.clone(),
        expires_at: terms.now + terms.lifetimes.grant,
    };
    new.begin(terms.now)
}

/// How a poll ended (RFC 8628 §3.5).
#[derive(Debug)]
pub enum Polled {
    /// The grant, and the first refresh token if the client uses them.
    Bought {
        /// Tokens may be signed for this.
        grant: Box<Grant>,
        /// Whose it is, as they are now.
        person: Box<Person>,
        /// The first of its family.
        refresh: Option<PlainToken>,
    },
    /// Nobody has answered yet.
    Pending,
    /// Nor that, and the device asks too often.
    TooSoon,
    /// The person refused, or took it back.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// Unknown, another client's, or spent.
    Refused(&'static str),
}

/// A device asks whether somebody answered; `proof_key` is the key that it has proved to hold. Pollers of the same code take turns on its row.
pub async fn poll(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    presented: &PlainToken,
    proof_key: Option<&str>,
) -> QueryResult<Polled> {
    let found = device_code::find_for_update(conn, &terms.keys.hashes(presented)).await?;
    let Some(code) = found.filter(|code| code.client_id == client.id) else {
        return Ok(Polled::Refused("The device code is unknown, or another client's"));
    };
    if code.spent_at.is_some() {
        return Ok(Polled::Refused("The device code was used before"));
    }
    if code.expires_at <= terms.now {
        return Ok(Polled::Expired);
    }
    match (code.decided_at, code.grant_id) {
        (None, _) => wait(conn, terms, &code).await,
        (Some(_), None) => Ok(Polled::Denied),
        (Some(_), Some(grant)) => redeem(conn, terms, client, &code, grant, proof_key).await,
    }
}

async fn wait(conn: &mut Connection, terms: &Terms<'_>, code: &DeviceCode) -> QueryResult<Polled> {
    let is_too_soon = code.is_too_soon(terms.now);
    let interval = if is_too_soon { code.poll_interval.saturating_add(INTERVAL) } else { code.poll_interval };
    device_code::polled(conn, &code.code_hash, interval, terms.now).await?;
    Ok(if is_too_soon { Polled::TooSoon } else { Polled::Pending })
}

async fn redeem(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    code: &DeviceCode,
    grant: GrantId,
    proof_key: Option<&str>,
) -> QueryResult<Polled> {
    let Some(grant) = grant::live_locked(conn, grant, terms.now).await? else { return Ok(Polled::Denied) };
    let Some(person) = revoke::able(conn, grant.user_id).await? else { return Ok(Polled::Denied) };
    if !device_code::spend(conn, &code.code_hash, terms.now).await? {
        return Ok(Polled::Refused("The device code was used before"));
    }
    grant::touch(conn, grant.id, terms.now).await?;
    // RFC 9449 §5: whoever refreshes holds the key that the device proved.
    if let Some(key) = proof_key.filter(|_| client.binds_refresh_tokens()) {
        grant::bind(conn, grant.id, key).await?;
    }
    let refresh = if client.refreshes() { Some(rotate::begin_family(conn, terms, &grant).await?) } else { None };
    let entry = Entry::new(Event::DeviceCodeRedeemed).user(grant.user_id).client(&client.id).grant(grant.id);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Polled::Bought { grant: Box::new(grant), person: Box::new(person), refresh })
}
