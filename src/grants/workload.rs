//! VERB: a workload's own token buys an access token for the service account that a rule names (SEP-1933, RFC 7523 §2.1).

use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::assertion::Assertion;
use super::client::{self, Client};
use super::trust_rule::{self, TrustRule};
use super::used_assertion::{self, AssertionKind};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::identity::{ServiceAccount, service_account};
use crate::types::{Scope, SubjectId};

/// What a workload wants.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Its token, of which issuer, audience and times are good.
    pub assertion: &'a Assertion,
    /// The name of this one token.
    pub jti: &'a str,
    /// The client that authenticated as well, if one did.
    pub client: Option<&'a Client>,
    /// A narrower scope.
    pub scope: Option<Scope>,
    /// For which resource.
    pub resource: &'a str,
}

/// How it ended.
#[derive(Debug)]
pub enum Admitted {
    /// A token may be signed.
    Admitted {
        /// To whom it is issued.
        client: Box<Client>,
        /// In whose name.
        account: Box<ServiceAccount>,
        /// With this scope.
        scope: Scope,
    },
    /// No.
    Refused(&'static str),
    /// Not for this resource.
    WrongResource,
    /// Nothing of that scope.
    WrongScope,
}

/// Admits a workload. Its token is used up only when it buys something; a refusal changes nothing, and is for the caller to
/// record.
pub async fn admit(conn: &mut Connection, terms: &Terms<'_>, attempt: &Attempt<'_>) -> QueryResult<Admitted> {
    let Attempt { assertion, jti, resource, .. } = attempt;
    let known = &assertion.known;
    let rules = trust_rule::of_issuer(conn, &known.iss).await?;
    let Some(rule) = rules.into_iter().find(|rule| rule.matches.match_all(&assertion.all)) else {
        return Ok(Admitted::Refused("No rule here matches what the assertion says of the workload"));
    };
    let Some((client, account)) = able(conn, &rule).await? else {
        return Ok(Admitted::Refused("The service account of this workload may no longer act"));
    };
    if attempt.client.is_some_and(|authenticated| authenticated.id != client.id) {
        return Ok(Admitted::Refused("The workload acts through another client than the one that asks"));
    }
    if rule.resource.as_deref().is_some_and(|only| only != *resource) {
        return Ok(Admitted::WrongResource);
    }
    let scope = attempt.scope.as_ref().unwrap_or(&rule.scope).within(&rule.scope).within(&client.scope);
    if scope.is_empty() {
        return Ok(Admitted::WrongScope);
    }
    if !used_assertion::use_up(conn, AssertionKind::Grant, &known.iss, jti, assertion.dead_by()).await? {
        return Ok(Admitted::Refused("The assertion was used before"));
    }
    client::touch(conn, &client.id, terms.now).await?;
    let entry = Entry::new(Event::WorkloadAdmitted).subject(SubjectId::Service(account.id)).client(&client.id);
    let detail = json!({ "issuer": known.iss, "subject": known.sub, "rule": rule.id, "scope": scope });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(Admitted::Admitted { client: Box::new(client), account: Box::new(account), scope })
}

async fn able(conn: &mut Connection, rule: &TrustRule) -> QueryResult<Option<(Client, ServiceAccount)>> {
    let client = client::find(conn, &rule.client_id).await?.filter(|client| client.disabled_at.is_none());
    let account = service_account::find(conn, rule.service_account_id).await?.filter(|account| !account.is_disabled);
    Ok(client.zip(account))
}
