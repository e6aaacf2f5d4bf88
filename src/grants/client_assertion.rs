//! VERB: a client proves who it is by a statement that it signed (RFC 7523 §2.2 and §3, OpenID Connect Core §9).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, Profile};
use super::sign::Audience;
use super::used_assertion::{self, AssertionKind};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::statement::{self, Header, KeySet, StatementAlgorithm};
use crate::db::Connection;
use crate::types::NumericDate;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: NumericDate,
    jti: String,
    #[serde(default)]
    nbf: Option<NumericDate>,
    #[serde(default)]
    iat: Option<NumericDate>,
}

/// A statement that is good, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    jti: String,
    until: DateTime<Utc>,
}

/// How far ahead a statement may say that it ends. Each is good once, so what is stolen from a log is worthless anyway; an hour
/// is what Authlib says, longest of the libraries.
fn longest(client: &Client) -> TimeDelta {
    match client.options.profile {
        Profile::Standard => TimeDelta::hours(1),
        Profile::Fapi2 => TimeDelta::minutes(5),
    }
}

/// Clocks that differ by this still agree.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// What a statement of a client may call itself: one that was made for something else proves nothing (RFC 8725 §3.11).
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// Whom a statement is about, before anything of it has been checked: only for finding out whose keys to check it with.
pub fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
    }
    statement::unverified::<Named>(assertion).map(|named| named.sub)
}

/// The algorithms by which a client may sign (FAPI 2.0 Security Profile §5.4.1).
fn algorithms(client: &Client) -> &'static [StatementAlgorithm] {
    match client.options.profile {
        Profile::Standard => &StatementAlgorithm::ALL,
        Profile::Fapi2 => &StatementAlgorithm::STRONG,
    }
}

/// Judges a statement but for its single use. `audiences` is us, under each of the names that a client may call us by.
pub fn judge(
    client: &Client,
    keys: &KeySet,
    assertion: &str,
    audiences: &[&str],
    now: DateTime<Utc>,
) -> Result<Statement, &'static str> {
    let typ = Header::of(assertion).and_then(|header| header.typ);
    if typ.is_some_and(|typ| !TYPES.contains(&typ.as_str())) {
        return Err("The client_assertion was made for something else");
    }
    let claims: Option<Claims> = keys.verify(assertion, algorithms(client));
    let claims = claims.ok_or("The client_assertion is not signed by a key of this client, or lacks a claim")?;
    if claims.iss != client.id || claims.sub != client.id {
        return Err("iss and sub of the client_assertion must both be the client_id");
    }
    let is_plain = matches!(claims.aud, Audience::One(_)) || client.options.profile == Profile::Standard;
    if !is_plain || !names_only(&claims.aud, audiences) {
        return Err("aud of the client_assertion must be this issuer alone");
    }
    let NumericDate(expires_at) = claims.exp;
    if expires_at + SKEW <= now {
        return Err("The client_assertion has expired");
    }
    if expires_at > now + longest(client) + SKEW {
        return Err("exp of the client_assertion is too far away; five minutes are enough");
    }
    let begun = [claims.nbf, claims.iat].into_iter().flatten().all(|NumericDate(from)| from <= now + SKEW);
    if !begun {
        return Err("The client_assertion is not valid yet; compare your clock");
    }
    if claims.jti.is_empty() {
        return Err("The client_assertion needs a jti");
    }
    Ok(Statement { jti: claims.jti, until: expires_at + SKEW })
}

/// One of ours and nobody else's: who gets a statement that is meant for two could use it with the other.
fn names_only(audience: &Audience, ours: &[&str]) -> bool {
    match audience {
        Audience::One(one) => ours.contains(&one.as_str()),
        Audience::Many(many) => matches!(many.as_slice(), [only] if ours.contains(&only.as_str())),
    }
}

/// Uses a good statement up: `false` when it was used before (RFC 7523 §3, `jti`).
pub async fn use_up(conn: &mut Connection, client: &Client, statement: &Statement) -> QueryResult<bool> {
    used_assertion::use_up(conn, AssertionKind::Client, &client.id, &statement.jti, statement.until).await
}

/// Notes that somebody who is not this client, or does not prove it as agreed, used its name.
pub async fn refused(
    conn: &mut Connection,
    client: &Client,
    why: &'static str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let entry = Entry::new(Event::ClientRefused).client(&client.id).detail(json!({ "why": why }));
    audit::record(conn, entry, origin, now).await
}
