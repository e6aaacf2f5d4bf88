//! VERB: somebody whom a trusted issuer knows and nobody here does becomes known.

use diesel::QueryResult;
use serde_json::Value;

use super::trusted_issuer::{self, TrustedIssuer};
use super::{Terms, revoke};
use crate::db::Connection;
use crate::identity::add_person::{AddPerson, NewPerson, add_person};
use crate::identity::{Person, linked_account};
use crate::types::UserId;

/// The person to whom the account is linked. Where somebody new would be added, those who come at once for the same account
/// take turns from here on.
pub async fn linked(conn: &mut Connection, issuer: &TrustedIssuer, subject: &str) -> QueryResult<Option<UserId>> {
    let found = linked_account::find(conn, &issuer.issuer, subject).await?;
    if found.is_some() || !issuer.provision {
        return Ok(found);
    }
    trusted_issuer::hold(conn, &issuer.issuer).await?;
    linked_account::find(conn, &issuer.issuer, subject).await
}

/// Adds the person of an account that nobody knows, without a password, while its issuer is held and still trusted.
///
/// Never somebody who is here already, whatever the names or addresses are (K4).
pub async fn provision(
    conn: &mut Connection,
    terms: &Terms<'_>,
    issuer: &TrustedIssuer,
    (subject, claims): (&str, &Value),
) -> QueryResult<Option<Person>> {
    if trusted_issuer::hold(conn, &issuer.issuer).await?.is_none() {
        return Ok(None);
    }
    let claim = issuer.username_claim.as_ref().and_then(|name| claims.get(name));
    let suggested = claim.and_then(Value::as_str).map(str::to_owned);
    let drawn = u64::from_be_bytes(terms.random.bytes());
    for username in suggested.into_iter().chain([format!("person-{drawn:016x}")]) {
        let person = NewPerson { username, ..NewPerson::default() };
        if let AddPerson::Added(user) = add_person(conn, person, terms.origin, terms.now).await? {
            linked_account::insert(conn, &issuer.issuer, subject, user.id, terms.now).await?;
            return revoke::able(conn, user.id).await;
        }
    }
    Ok(None)
}

/// The same, unless somebody else was first.
pub async fn meet(
    conn: &mut Connection,
    terms: &Terms<'_>,
    issuer: &TrustedIssuer,
    (subject, claims): (&str, &Value),
) -> QueryResult<bool> {
    if linked(conn, issuer, subject).await?.is_some() {
        return Ok(true);
    }
    Ok(provision(conn, terms, issuer, (subject, claims)).await?.is_some())
}
