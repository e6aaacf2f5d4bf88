//! VERB: a client registers itself (RFC 7591).

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::Terms;
use super::client::{self, ClientOrigin, NewClient};
use super::client_metadata::{AuthMethod, Registration};
use super::{initial_access_token, registration_token};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;
use crate::types::InitialAccessTokenId;

/// How a registration ended.
#[derive(Debug)]
pub enum Register {
    /// It is known now.
    Registered(Registered),
    /// Its initial access token was used up or withdrawn meanwhile.
    NotInvited,
}

/// A client that is now registered.
#[derive(Debug)]
pub struct Registered {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret, shown this once, unless it is public or signs.
    pub secret: Option<PlainToken>,
    /// What lets it manage its registration, shown this once. A public client has none: it is one with all that registered
    /// the same, and nobody of them may change the others (`decisions` 14).
    pub registration_token: Option<PlainToken>,
    /// When it was registered: now, or when an identical public client was.
    pub issued_at: DateTime<Utc>,
}

/// Registers a client. Identical public registrations are one client, so one that registers at every start is one row.
pub async fn register(
    conn: &mut Connection,
    terms: &Terms<'_>,
    registration: &Registration,
    invited_by: Option<InitialAccessTokenId>,
) -> QueryResult<Register> {
    if let Some(token) = invited_by
        && !initial_access_token::spend(conn, token, terms.now).await?
    {
        return Ok(Register::NotInvited);
    }
    let secret = secret(terms, registration.auth_method);
    let id = Uuid::from_bytes(terms.random.bytes()).simple().to_string();
    let new = NewClient {
        secret: secret.as_ref().map(|secret| (terms.keys.hash(secret), terms.keys.version())),
        ..NewClient::of(id, ClientOrigin::Registered, registration, terms.origin)
    };
    if registration.auth_method == AuthMethod::None {
        let (client_id, issued_at) = client::insert_or_find_identical(conn, &new, terms.now).await?;
        if client_id == new.id {
            record(conn, terms, &client_id, registration).await?;
        }
        let known = Registered { client_id, secret: None, registration_token: None, issued_at };
        return Ok(Register::Registered(known));
    }
    client::insert(conn, &new, terms.now).await?;
    let token = PlainToken::fresh(TokenKind::Registration, terms.random);
    registration_token::insert(conn, &new.id, (&terms.keys.hash(&token), terms.keys.version()), terms.now).await?;
    record(conn, terms, &new.id, registration).await?;
    let registration_token = Some(token);
    Ok(Register::Registered(Registered { client_id: new.id, secret, registration_token, issued_at: terms.now }))
}

/// Remembers that a registration or its change was refused for want of proof.
pub async fn note_refusal(conn: &mut Connection, terms: &Terms<'_>, why: &str) -> QueryResult<()> {
    let entry = Entry::new(Event::RegistrationRefused).detail(json!({ "why": why }));
    audit::record(conn, entry, terms.origin, terms.now).await
}

/// A fresh secret for a client that proves itself by one.
pub(super) fn secret(terms: &Terms<'_>, method: AuthMethod) -> Option<PlainToken> {
    match method {
        AuthMethod::None | AuthMethod::PrivateKeyJwt => None,
        AuthMethod::SecretBasic | AuthMethod::SecretPost => {
            Some(PlainToken::fresh(TokenKind::ClientSecret, terms.random))
        }
    }
}

async fn record(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client_id: &str,
    registration: &Registration,
) -> QueryResult<()> {
    let detail = json!({ "name": registration.name, "redirect_uris": registration.redirect_uris.len() });
    audit::record(conn, Entry::new(Event::ClientRegistered).client(client_id).detail(detail), terms.origin, terms.now)
        .await
}
