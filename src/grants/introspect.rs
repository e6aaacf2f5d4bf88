//! What stands behind a refresh token, for the client that holds it (RFC 7662 §2.2). Changes nothing.

use diesel::QueryResult;

use super::client::Client;
use super::grant::{self, Grant};
use super::refresh_token::{self, RefreshToken, State};
use super::{Terms, revoke};
use crate::crypto::PlainToken;
use crate::db::Connection;
use crate::identity::Person;

/// A refresh token that would buy tokens now.
#[derive(Debug)]
pub struct Live {
    /// It.
    pub token: RefreshToken,
    /// What it refreshes.
    pub grant: Grant,
    /// Whose it is, as they are now.
    pub person: Person,
}

/// The refresh token, if it would buy this client tokens now. One in its grace would.
pub async fn refresh_token(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    token: &PlainToken,
) -> QueryResult<Option<Live>> {
    let found = refresh_token::find(conn, &terms.keys.hashes(token)).await?;
    let Some(token) = found.filter(|token| token.client_id == client.id) else { return Ok(None) };
    if token.state(terms.now, terms.lifetimes.refresh_grace) != State::Usable {
        return Ok(None);
    }
    let Some(grant) = grant::live(conn, token.grant_id, terms.now).await? else { return Ok(None) };
    let person = revoke::able(conn, grant.user_id).await?;
    Ok(person.map(|person| Live { token, grant, person }))
}
