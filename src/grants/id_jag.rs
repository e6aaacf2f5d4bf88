//! VERB: a person's identity provider lets a client in for them (Identity Assertion JWT Authorization Grant, MCP enterprise-
//! managed authorization).
//!
//! The provider asked instead of us, so there is no consent page. That is why only clients get in that somebody vouches for,
//! that prove who they are, and that the provider named.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::assertion::Assertion;
use super::client::{self, Client, ClientOrigin};
use super::grant::{self, Grant, NewGrant};
use super::trusted_issuer::TrustedIssuer;
use super::used_assertion::{self, AssertionKind};
use super::{Terms, provision, revoke};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::identity::{Person, Rights};
use crate::types::{Scope, UserId, Words, known_scopes};

/// What a client wants.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Who signed it.
    pub issuer: &'a TrustedIssuer,
    /// The statement, of which issuer, audience and times are good.
    pub assertion: &'a Assertion,
    /// The name of this one statement.
    pub jti: &'a str,
    /// What is asked for.
    pub scope: Option<Scope>,
    /// For which resource.
    pub resource: String,
}

/// How it ended.
#[derive(Debug)]
pub enum LetIn {
    /// Tokens may be signed.
    Granted {
        /// For this.
        grant: Box<Grant>,
        /// Whose it is.
        person: Box<Person>,
    },
    /// No.
    Refused(&'static str),
    /// Nothing of that scope.
    WrongScope,
}

/// True for clients that a provider can let in: those that somebody vouches for, and that prove who they are.
pub fn may_be_let_in(client: &Client) -> bool {
    let is_vouched_for = matches!(client.origin, ClientOrigin::Administrator | ClientOrigin::MetadataDocument);
    is_vouched_for && !client.is_public()
}

/// Lets a client in. The statement is used up in the same transaction, so of fifty at once one is first; a refusal is for the
/// caller to record.
pub async fn let_in(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    attempt: &Attempt<'_>,
) -> QueryResult<LetIn> {
    let known = &attempt.assertion.known;
    if known.client_id.as_deref() != Some(client.id.as_str()) {
        return Ok(LetIn::Refused("The assertion is for another client"));
    }
    let linked = provision::linked(conn, attempt.issuer, &known.sub).await?;
    if linked.is_none() && !attempt.issuer.provision {
        return Ok(LetIn::Refused(
            "Nobody here is linked to the person in the assertion; an administrator can link them",
        ));
    }
    let person = match linked {
        Some(user) => match revoke::able(conn, user).await? {
            Some(person) => Some(person),
            None => return Ok(LetIn::Refused("The person in the assertion may no longer sign in")),
        },
        None => None,
    };
    let allowed = granted(client, known.scope.as_ref(), attempt.scope.as_ref());
    // Somebody who is about to be added has no rights beyond everybody's.
    let rights = person.as_ref().map_or(Rights::Use, Person::rights);
    let scope = rights.within(&allowed);
    if scope.is_empty() {
        return Ok(LetIn::WrongScope);
    }
    if !used_assertion::use_up(conn, AssertionKind::Grant, &known.iss, attempt.jti, attempt.assertion.dead_by()).await?
    {
        return Ok(LetIn::Refused("The assertion was used before"));
    }
    // Nobody is added for a statement that buys nothing.
    let added = match person {
        Some(person) => Some(person),
        None => {
            let account = (known.sub.as_str(), &attempt.assertion.all);
            provision::provision(conn, terms, attempt.issuer, account).await?
        }
    };
    let Some(person) = added else { return Ok(LetIn::Refused("The person in the assertion cannot be added here")) };
    let grant = new_grant(terms, client, attempt, person.id, scope);
    grant::insert(conn, &grant).await?;
    client::touch(conn, &client.id, terms.now).await?;
    let entry = Entry::new(Event::IdentityAsserted).user(person.id).client(&client.id).grant(grant.id);
    let detail = json!({ "issuer": known.iss, "scope": grant.scope, "resource": grant.resource });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(LetIn::Granted { grant: Box::new(grant), person: Box::new(person) })
}

/// What the provider gave ∩ what is asked ∩ what the client may have; managing this server is not the provider's to give
/// unless it says so.
fn granted(client: &Client, given: Option<&Scope>, asked: Option<&Scope>) -> Scope {
    let usual = || Scope::of(&[known_scopes::MCP_READ, known_scopes::MCP_WRITE]);
    let asked = asked.or(given).cloned().unwrap_or_else(usual).within(&client.scope);
    match given {
        Some(given) => asked.within(given),
        None => asked.within(&Scope::of(&known_scopes::SELF_REGISTERED)),
    }
}

/// It has no refresh tokens: the client comes back with a new statement, and the provider decides anew.
fn new_grant(terms: &Terms<'_>, client: &Client, attempt: &Attempt<'_>, user: UserId, scope: Scope) -> Grant {
    let known = &attempt.assertion.known;
    let authenticated_at = known.auth_time.or(known.iat).map_or(terms.now, |time| time.0);
    let new = NewGrant {
        user,
        client_id: client.id.clone(),
        resource: attempt.resource.clone(),
        scope,
        session: None,
        authenticated_at: sensible(authenticated_at, terms.now),
        amr: Words::default(),
        expires_at: terms.access_tokens_dead_by(),
    };
    new.begin(terms.now)
}

/// Nobody signs in tomorrow, or before there were computers.
fn sensible(at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    at.clamp(DateTime::UNIX_EPOCH.min(now), now)
}
