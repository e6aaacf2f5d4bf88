//! VERBS: a personal access token is made, and shown this once; another takes its place; it ends, for good.
//!
//! Whoever signs it asks for its [claims](NewToken::claims) first. It is good because its row is, under the hash of every letter of
//! it: a signature alone opens nothing, so a stolen signing key makes none, and a new signing key breaks none.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::limit::{self, Full};
use super::personal_token::{self, PersonalToken};
use super::replace::Overlap;
use super::{CredentialName, Terms};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, Random};
use crate::db::Connection;
use crate::places::Reach;
use crate::types::{PersonalTokenId, Scope, ServerId, UserId};

/// A token that somebody may make: its narrowing has been judged.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Names it here.
    pub id: PersonalTokenId,
    /// What to call it.
    pub name: CredentialName,
    /// For whom it acts.
    pub owner: UserId,
    /// Its `jti`.
    pub jti: String,
    /// Its `client_id`.
    pub client_id: String,
    /// What it opens.
    pub audience: String,
    /// What it may do.
    pub scope: Scope,
    /// The places that it is narrowed to.
    pub reach: Reach,
    /// The one server that it is for, if it is for one.
    pub server: Option<ServerId>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The claims of a personal access token, as its readers know them.
#[derive(Clone, Debug, Serialize)]
pub struct PersonalTokenClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    client_id: &'a str,
    scope: &'a Scope,
    scopes: Vec<&'a str>,
    token_use: &'static str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp_server_id: Option<ServerId>,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    jti: &'a str,
}

/// A name that nobody can guess: `pat_` and 128 random bits.
pub fn drawn(random: &Random) -> String {
    format!("pat_{}", Uuid::from_bytes(random.bytes()).simple())
}

impl NewToken {
    /// What is to be signed.
    pub fn claims<'a>(&'a self, issuer: &'a str) -> PersonalTokenClaims<'a> {
        PersonalTokenClaims {
            iss: issuer,
            aud: &self.audience,
            sub: self.owner,
            client_id: &self.client_id,
            scope: &self.scope,
            scopes: self.scope.tokens().collect(),
            token_use: "access",
            token_type: "pat",
            mcp_server_id: self.server,
            iat: self.created_at.timestamp(),
            exp: self.expires_at.map(|end| end.timestamp()),
            jti: &self.jti,
        }
    }

    /// The successor of a token: the same settings, counted from now, and good for no longer than is allowed by now.
    pub fn like(old: &PersonalToken, most: Option<TimeDelta>, random: &Random, now: DateTime<Utc>) -> Self {
        let lifetime = old.expires_at.map(|end| end - old.created_at);
        let lifetime = lifetime.into_iter().chain(most).min();
        Self {
            id: PersonalTokenId::fresh(),
            name: old.name.clone(),
            owner: old.user_id,
            jti: drawn(random),
            client_id: drawn(random),
            audience: old.audience.clone(),
            scope: old.scope.clone(),
            reach: old.reach.clone(),
            server: old.server_id,
            created_at: now,
            expires_at: lifetime.map(|lifetime| now + lifetime),
        }
    }
}

/// Stores a token that was just signed, unless its owner has as many as there can be: `false` when the form was sent before,
/// and this one is worthless.
pub async fn issue(
    conn: &mut Connection,
    terms: &Terms<'_>,
    new: &NewToken,
    signed: &PlainToken,
) -> QueryResult<Result<bool, Full>> {
    if let Err(full) = limit::personal_token(conn, new.owner, None, terms.now).await? {
        return Ok(Err(full));
    }
    if !personal_token::insert(conn, new, (&terms.keys.hash(signed), terms.keys.version())).await? {
        return Ok(Ok(false));
    }
    let entry = Entry::new(Event::PersonalTokenMade).user(new.owner).client(&new.client_id);
    audit::record(conn, entry.detail(facts(terms, new)), terms.origin, terms.now).await?;
    Ok(Ok(true))
}

/// Lets a token that was just signed take the place of one that works, which lives on for the overlap: `false` when that
/// works no more or has a successor already, and this one is worthless. Run it by [`App::cut`](crate::app::App::cut).
pub async fn rotate(
    conn: &mut Connection,
    terms: &Terms<'_>,
    old: PersonalTokenId,
    overlap: Overlap,
    (new, signed): (&NewToken, &PlainToken),
) -> QueryResult<Result<bool, Full>> {
    let ends = overlap.length().is_zero().then_some(old);
    if let Err(full) = limit::personal_token(conn, new.owner, ends, terms.now).await? {
        return Ok(Err(full));
    }
    let handed_over = personal_token::hand_over(conn, old, new.id, terms.now + overlap.length(), terms.now).await?;
    let Some(old) = handed_over else { return Ok(Ok(false)) };
    if !personal_token::insert(conn, new, (&terms.keys.hash(signed), terms.keys.version())).await? {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    let mut detail = facts(terms, new);
    detail["replaces"] = old.id.to_string().into();
    detail["old_ends_at"] = json!(old.ends_at);
    let entry = Entry::new(Event::PersonalTokenReplaced).user(old.user_id).client(&old.client_id);
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(Ok(true))
}

/// Ends a token: `false` when it had been revoked before, or there is none. Run it by
/// [`App::cut`](crate::app::App::cut), so that it holds here at once.
pub async fn revoke(conn: &mut Connection, terms: &Terms<'_>, id: PersonalTokenId) -> QueryResult<bool> {
    let Some(token) = personal_token::revoke(conn, id, terms.person(), terms.now).await? else { return Ok(false) };
    let entry = Entry::new(Event::PersonalTokenRevoked).user(token.user_id).client(&token.client_id);
    let detail = json!({ "id": token.id, "name": token.name, "by": terms.actor() });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(true)
}

/// What the audit trail keeps of a token.
fn facts(terms: &Terms<'_>, new: &NewToken) -> Value {
    json!({
        "id": new.id,
        "name": new.name,
        "by": terms.actor(),
        "jti": new.jti,
        "audience": new.audience,
        "scope": new.scope,
        "reach": new.reach,
        "server": new.server,
        "expires_at": new.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lifetime that the operator has limited since holds for successors, too.
    #[test]
    fn a_successor_is_good_for_as_long_as_its_predecessor_and_for_no_longer_than_is_allowed_by_now() {
        let made = DateTime::UNIX_EPOCH;
        let old = |days: Option<i64>| PersonalToken {
            id: PersonalTokenId::fresh(),
            user_id: UserId::fresh(),
            name: "CI".parse().unwrap(),
            jti: String::new(),
            client_id: String::new(),
            audience: String::new(),
            scope: Scope::none(),
            reach: Reach::Everywhere,
            server_id: None,
            created_at: made,
            expires_at: days.map(|days| made + TimeDelta::days(days)),
            ends_at: None,
            revoked_at: None,
            replaced_by: None,
            last_used_at: None,
            last_used_address: None,
            last_used_client: None,
        };
        let now = made + TimeDelta::days(5);
        for (lifetime, most, expected) in [
            (None, None, None),
            (Some(90), None, Some(90)),
            (None, Some(30), Some(30)),
            (Some(90), Some(30), Some(30)),
            (Some(7), Some(30), Some(7)),
        ] {
            let next = NewToken::like(&old(lifetime), most.map(TimeDelta::days), &Random::system(), now);
            assert_eq!(next.expires_at, expected.map(|days| now + TimeDelta::days(days)), "{lifetime:?} {most:?}");
        }
    }
}
