//! VERB: the operator trusts issuers, and says which of their workloads are whom.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::client;
use super::trust_rule::{self, Matches, TrustRule};
use super::trusted_issuer::{self, IssuerKind, TrustedIssuer};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::identity::service_account;
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
    /// The issuer is not trusted, or not for workloads.
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
    if issuer.is_none_or(|issuer| issuer.kind != IssuerKind::Workload) {
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
