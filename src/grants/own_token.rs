//! VERB: a person makes an access token for their own use (*Get JWT Token*).
//!
//! It rests on a grant to a client that is a part of this program, so it is listed, ended and cut off as whatever else a person
//! allowed: by themselves, with their account, or with that client. Signing out ends no grant, and not this one either.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::authorize::Respondent;
use super::grant::{self, EndReason, Grant};
use super::sign::{AccessTokenClaims, Audience, PersonClaims};
use super::{Terms, client, revoke};
use crate::audit::{self, Entry, Event};
use crate::db::{Connection, lock};
use crate::identity::Person;
use crate::types::{GrantId, Scope, SubjectId, UserId, known_scopes};

/// The client of these tokens.
pub const CLIENT: &str = "portcullis-web";

/// The most of these tokens of one person that work at the same time.
pub const MOST: usize = 50;

/// What a person wants of a token.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The grant that it will rest on, drawn when the form was shown: a form that is sent twice makes one token.
    pub id: GrantId,
    /// What it may do; never more than the person.
    pub scope: Scope,
    /// What it opens.
    pub audience: String,
    /// How long it is good; cut to what the operator allows.
    pub lifetime: TimeDelta,
}

/// How it went.
#[derive(Debug)]
pub enum Made {
    /// One token may be signed for this.
    Grant(Box<Grant>),
    /// The form was sent before; what it made was shown then.
    Before,
    /// An administrator has cut this client off.
    SwitchedOff,
    /// There are [`MOST`] already that work.
    Full,
}

/// What a person may put into such a token: what they may do themselves, and always which groups they are in.
pub fn offered(person: &Person) -> Scope {
    use known_scopes::{GROUPS, MCP_DELETE, MCP_READ, MCP_WRITE, MGMT_ADMIN, MGMT_READ, MGMT_WRITE};
    person.rights().within(&Scope::of(&[GROUPS, MCP_READ, MCP_WRITE, MCP_DELETE, MGMT_READ, MGMT_WRITE, MGMT_ADMIN]))
}

/// Makes the grant of a token.
pub async fn make(
    conn: &mut Connection,
    terms: &Terms<'_>,
    person: &Person,
    who: &Respondent,
    wish: Wish,
) -> QueryResult<Made> {
    if client::ceiling(conn, CLIENT).await?.is_none() {
        return Ok(Made::SwitchedOff);
    }
    lock::one_at_a_time(conn, &format!("tokens of their own of {}", who.user)).await?;
    if of_user(conn, who.user, terms.now).await?.len() >= MOST {
        return Ok(Made::Full);
    }
    let groups = Scope::of(&[known_scopes::GROUPS]);
    let lifetime = wish.lifetime.min(terms.lifetimes.own_token);
    let grant = Grant {
        id: wish.id,
        user_id: who.user,
        client_id: CLIENT.to_owned(),
        resource: wish.audience,
        scope: wish.scope.within(&offered(person)).union(&groups),
        session_id: Some(who.session),
        authenticated_at: who.authenticated_at,
        amr: who.amr.clone(),
        created_at: terms.now,
        last_used_at: terms.now,
        expires_at: terms.now + lifetime,
        ended_at: None,
        end_reason: None,
        dpop_jkt: None,
    };
    if !grant::insert_once(conn, &grant).await? {
        return Ok(Made::Before);
    }
    let detail = json!({ "scope": grant.scope, "resource": grant.resource, "expires_at": grant.expires_at });
    let entry = Entry::new(Event::OwnTokenMade).user(who.user).client(CLIENT).grant(grant.id).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Made::Grant(Box::new(grant)))
}

/// The claims of the one token of such a grant.
pub fn claims(issuer: &str, grant: &Grant, person: &Person) -> AccessTokenClaims {
    AccessTokenClaims {
        iss: issuer.to_owned(),
        sub: SubjectId::Person(person.id),
        aud: Audience::One(grant.resource.clone()),
        exp: grant.expires_at.timestamp(),
        iat: grant.created_at.timestamp(),
        jti: Uuid::now_v7().to_string(),
        client_id: grant.client_id.clone(),
        scopes: grant.scope.tokens().map(str::to_owned).collect(),
        scope: grant.scope.clone(),
        token_use: "access".to_owned(),
        grant_id: Some(grant.id),
        auth_time: Some(grant.authenticated_at.timestamp()),
        amr: grant.amr.0.clone(),
        cnf: None,
        act: None,
        first_client_id: None,
        groups: PersonClaims::of(person, &grant.scope).groups,
    }
}

/// The tokens of this kind that a person has made and that still work, the newest first.
pub async fn of_user(conn: &mut Connection, user: UserId, now: DateTime<Utc>) -> QueryResult<Vec<Grant>> {
    grant::live_to_client(conn, user, CLIENT, now, i64::try_from(MOST).unwrap_or(i64::MAX)).await
}

/// Ends one at once: `false` when this person has none of that id that works.
pub async fn end(conn: &mut Connection, terms: &Terms<'_>, user: UserId, id: GrantId) -> QueryResult<bool> {
    let grant = grant::live(conn, id, terms.now).await?;
    match grant.is_some_and(|grant| grant.user_id == user && grant.client_id == CLIENT) {
        true => revoke::end_grant(conn, terms, id, EndReason::Person).await,
        false => Ok(false),
    }
}
