//! VERB: the operator trusts issuers, and says which of their people and workloads are whom.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::accepted_tokens::{self, AcceptedTokens};
use super::client;
use super::trust_rule::{self, Matches, TrustRule};
use super::trusted_issuer::{self, IssuerKind, TrustedIssuer};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::identity::{User, Username, linked_account, service_account};
use crate::types::{Scope, SubjectId};

/// Trusts an issuer: `false` when it is trusted already.
pub async fn add(conn: &mut Connection, issuer: &TrustedIssuer, origin: &Origin) -> QueryResult<bool> {
    if !trusted_issuer::insert(conn, issuer).await? {
        return Ok(false);
    }
    let detail = json!({ "issuer": issuer.issuer, "kind": issuer.kind.name(), "provision": issuer.provision });
    audit::record(conn, Entry::new(Event::IssuerTrusted).detail(detail), origin, issuer.created_at).await?;
    Ok(true)
}

/// Trusts it no more: `false` when nobody did.
pub async fn remove(conn: &mut Connection, issuer: &str, origin: &Origin, now: DateTime<Utc>) -> QueryResult<bool> {
    if !trusted_issuer::remove(conn, issuer).await? {
        return Ok(false);
    }
    audit::record(conn, Entry::new(Event::IssuerRemoved).detail(json!({ "issuer": issuer })), origin, now).await?;
    Ok(true)
}

/// How linking an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// Its assertions let clients in for that person from now on.
    Linked,
    /// The issuer is not trusted, or not to say anything of people.
    NoSuchIssuer,
    /// Nobody has that name.
    NoSuchPerson,
    /// It is linked already, to whomever.
    Taken,
}

/// Says that the account which an issuer calls `subject` belongs to the person of that name.
pub async fn link(
    conn: &mut Connection,
    (issuer, subject): (&str, &str),
    username: &Username,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Linked> {
    let trusted = trusted_issuer::trusted(conn, issuer).await?;
    if trusted.is_none_or(|issuer| !issuer.kind.knows_people()) {
        return Ok(Linked::NoSuchIssuer);
    }
    let Some(person) = User::named(conn, username).await? else { return Ok(Linked::NoSuchPerson) };
    if !linked_account::insert(conn, issuer, subject, person.id, now).await? {
        return Ok(Linked::Taken);
    }
    let entry = Entry::new(Event::AccountLinked).user(person.id);
    let detail = json!({ "issuer": issuer, "subject": subject });
    audit::record(conn, entry.detail(detail), origin, now).await?;
    Ok(Linked::Linked)
}

/// Takes that back: `false` when the account was not linked. What it bought meanwhile ends by itself, or when its person ends it.
pub async fn unlink(
    conn: &mut Connection,
    (issuer, subject): (&str, &str),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let Some(user) = linked_account::remove(conn, issuer, subject).await? else { return Ok(false) };
    let entry = Entry::new(Event::AccountUnlinked).user(user);
    let detail = json!({ "issuer": issuer, "subject": subject });
    audit::record(conn, entry.detail(detail), origin, now).await?;
    Ok(true)
}

/// Accepts access tokens of an issuer, instead of those that were accepted before: `false` when it is not trusted, or for
/// workloads, whose statements buy tokens instead.
pub async fn accept_tokens(conn: &mut Connection, accepted: &AcceptedTokens, origin: &Origin) -> QueryResult<bool> {
    let issuer = trusted_issuer::trusted(conn, &accepted.issuer).await?;
    if issuer.is_none_or(|issuer| !issuer.kind.knows_people()) {
        return Ok(false);
    }
    accepted_tokens::put(conn, accepted).await?;
    let detail = json!({
        "issuer": accepted.issuer, "audiences": accepted.audiences, "client_ids": accepted.client_ids,
        "scope": accepted.scope, "groups_claim": accepted.groups_claim,
    });
    audit::record(conn, Entry::new(Event::TokensAccepted).detail(detail), origin, accepted.accepted_at).await?;
    Ok(true)
}

/// A rule about to be made.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// Whose workloads.
    pub issuer: String,
    /// Which of them.
    pub matches: Matches,
    /// The name of the service account that they act as.
    pub service_account: String,
    /// The most that they get.
    pub scope: Scope,
    /// The only resource that they may ask for, if it is said.
    pub resource: Option<String>,
}

/// How making a rule ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAdded {
    /// It holds from now on.
    Added(Uuid),
    /// The issuer is not trusted, or for people alone.
    NoSuchIssuer,
    /// Nobody has that name.
    NoSuchAccount,
    /// The account has no client that its tokens could be issued to.
    NoClient,
}

/// Makes a rule.
pub async fn add_rule(
    conn: &mut Connection,
    new: NewRule,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<RuleAdded> {
    let issuer = trusted_issuer::trusted(conn, &new.issuer).await?;
    if issuer.is_none_or(|issuer| issuer.kind == IssuerKind::IdJag) {
        return Ok(RuleAdded::NoSuchIssuer);
    }
    let Some(account) = service_account::named(conn, &new.service_account).await? else {
        return Ok(RuleAdded::NoSuchAccount);
    };
    let Some(client_id) = client::of_service_account(conn, account).await? else { return Ok(RuleAdded::NoClient) };
    let NewRule { issuer, matches, scope, resource, .. } = new;
    let entry = Entry::new(Event::TrustRuleAdded).subject(SubjectId::Service(account)).client(&client_id);
    let detail = json!({ "issuer": issuer, "matches": matches.to_string(), "scope": scope });
    let id = Uuid::now_v7();
    let rule =
        TrustRule { id, issuer, matches, service_account_id: account, client_id, scope, resource, created_at: now };
    trust_rule::insert(conn, &rule).await?;
    audit::record(conn, entry.detail(detail), origin, now).await?;
    Ok(RuleAdded::Added(id))
}
