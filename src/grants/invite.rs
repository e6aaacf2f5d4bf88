//! VERB: an operator lets somebody register clients (RFC 7591 §3, initial access tokens), or no longer.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::initial_access_token::{self, InitialAccessToken};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::{PlainToken, Random, RootKeys, TokenKind};
use crate::db::Connection;
use crate::types::InitialAccessTokenId;

/// What is to be handed out.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What to call it.
    pub label: String,
    /// How many registrations it is good for; as many as wanted when there is none.
    pub uses: Option<i32>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Makes an initial access token, shown this once; `None` when the label is taken.
pub async fn invite(
    conn: &mut Connection,
    makers: (&RootKeys, &Random),
    invitation: &Invitation,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Option<PlainToken>> {
    let (keys, random) = makers;
    let token = PlainToken::fresh(TokenKind::InitialAccess, random);
    let row = InitialAccessToken {
        id: InitialAccessTokenId::fresh(),
        label: invitation.label.clone(),
        token_hash: keys.hash(&token),
        key_version: keys.version(),
        created_at: now,
        expires_at: invitation.expires_at,
        uses_left: invitation.uses,
        revoked_at: None,
    };
    if !initial_access_token::insert(conn, &row).await? {
        return Ok(None);
    }
    let detail = json!({ "label": row.label, "expires_at": row.expires_at });
    audit::record(conn, Entry::new(Event::RegistrationTokenMade).detail(detail), origin, now).await?;
    Ok(Some(token))
}

/// Withdraws the token with this label; `false` when none stands. Clients that it registered stay.
pub async fn withdraw(conn: &mut Connection, label: &str, origin: &Origin, now: DateTime<Utc>) -> QueryResult<bool> {
    let withdrawn = initial_access_token::revoke(conn, label, now).await?;
    if withdrawn {
        let entry = Entry::new(Event::RegistrationTokenRevoked).detail(json!({ "label": label }));
        audit::record(conn, entry, origin, now).await?;
    }
    Ok(withdrawn)
}
