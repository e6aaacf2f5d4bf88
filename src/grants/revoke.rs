//! VERB: end what was granted, at once and with everything it bought.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::client::Client;
use super::grant::{self, EndReason};
use super::revocation::{self, Revoked};
use super::{Terms, consent, refresh_token};
use crate::audit::{self, Entry, Event};
use crate::crypto::PlainToken;
use crate::db::Connection;
use crate::identity::Person;
use crate::identity::user::person;
use crate::types::{GrantId, UserId};

/// A person in whose name tokens may still be given.
pub(super) async fn able(conn: &mut Connection, user: UserId) -> QueryResult<Option<Person>> {
    Ok(person(conn, user).await?.filter(|person| !person.is_disabled))
}

/// Ends a grant: its access tokens are revoked, and its refresh tokens are refused from now on, since they are looked at
/// through it. `false` when it had ended before.
pub async fn end_grant(conn: &mut Connection, terms: &Terms<'_>, id: GrantId, reason: EndReason) -> QueryResult<bool> {
    let Some(grant) = grant::end(conn, id, reason, terms.now).await? else { return Ok(false) };
    revocation::insert(conn, &Revoked::Grant(id), terms.access_tokens_dead_by()).await?;
    let entry = Entry::new(Event::GrantEnded).user(grant.user_id).client(&grant.client_id).grant(id);
    audit::record(conn, entry.detail(json!({ "reason": reason.name() })), terms.origin, terms.now).await?;
    Ok(true)
}

/// Ends everything that a person granted to a client, and forgets that they ever agreed. Says how many grants ended.
pub async fn disconnect(conn: &mut Connection, terms: &Terms<'_>, user: UserId, client: &str) -> QueryResult<usize> {
    let grants = grant::of_user_to_client(conn, user, client).await?;
    for id in &grants {
        end_grant(conn, terms, *id, EndReason::Person).await?;
    }
    consent::forget(conn, user, client).await?;
    Ok(grants.len())
}

/// Ends everything that a person granted to anybody, and forgets that they ever agreed. Says how many apps that were.
pub async fn disconnect_all(conn: &mut Connection, terms: &Terms<'_>, user: UserId) -> QueryResult<usize> {
    let grants = grant::of_user(conn, user, terms.now).await?;
    let clients: BTreeSet<&str> = grants.iter().map(|grant| grant.client_id.as_str()).collect();
    for client in &clients {
        disconnect(conn, terms, user, client).await?;
    }
    Ok(clients.len())
}

/// Ends everything that was granted to a client, and forgets that anybody agreed. Says how many grants ended.
pub(super) async fn end_all_of_client(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &str,
    reason: EndReason,
) -> QueryResult<usize> {
    let grants = grant::of_client(conn, client).await?;
    for grant in &grants {
        end_grant(conn, terms, *grant, reason).await?;
    }
    consent::forget_all(conn, client).await?;
    Ok(grants.len())
}

/// Revokes a refresh token for the client that holds it: the whole grant ends (RFC 7009 §2.1). Another client's token is
/// left alone. Says whether anything ended.
pub async fn refresh_token(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    token: &PlainToken,
) -> QueryResult<bool> {
    let found = refresh_token::find(conn, &terms.keys.hashes(token)).await?;
    let Some(token) = found.filter(|token| token.client_id == client.id) else { return Ok(false) };
    end_grant(conn, terms, token.grant_id, EndReason::Client).await
}

/// Revokes one access token of the client that holds it, and nothing else.
pub async fn access_token(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    jti: &str,
    grant: Option<GrantId>,
    expires_at: DateTime<Utc>,
) -> QueryResult<()> {
    revocation::insert(conn, &Revoked::Token(jti.to_owned()), expires_at).await?;
    let entry = Entry::new(Event::TokenRevoked).client(&client.id).grant(grant).detail(json!({ "jti": jti }));
    audit::record(conn, entry, terms.origin, terms.now).await
}
