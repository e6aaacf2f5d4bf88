//! VERB: a client registers itself (RFC 7591).

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::Terms;
use super::client::{self, ClientOrigin, NewClient};
use super::client_metadata::{AuthMethod, Registration};
use crate::audit::{self, Entry, Event};
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;

/// A client that is now registered.
#[derive(Debug)]
pub struct Registered {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret, shown this once, unless it is public.
    pub secret: Option<PlainToken>,
    /// When it was registered: now, or when an identical public client was.
    pub issued_at: DateTime<Utc>,
}

/// Registers a client. Identical public registrations are one client, so one that registers at every start is one row.
pub async fn register(
    conn: &mut Connection,
    terms: &Terms<'_>,
    registration: &Registration,
) -> QueryResult<Registered> {
    let secret = match registration.auth_method {
        AuthMethod::None | AuthMethod::PrivateKeyJwt => None,
        AuthMethod::SecretBasic | AuthMethod::SecretPost => {
            Some(PlainToken::fresh(TokenKind::ClientSecret, terms.random))
        }
    };
    let id = Uuid::from_bytes(terms.random.bytes()).simple().to_string();
    let new = NewClient {
        secret: secret.as_ref().map(|secret| (terms.keys.hash(secret), terms.keys.version())),
        ..NewClient::of(id, ClientOrigin::Registered, registration, terms.origin)
    };
    if secret.is_some() {
        client::insert(conn, &new, terms.now).await?;
        record(conn, terms, &new.id, registration).await?;
        return Ok(Registered { client_id: new.id, secret, issued_at: terms.now });
    }
    let (client_id, issued_at) = client::insert_or_find_identical(conn, &new, terms.now).await?;
    if client_id == new.id {
        record(conn, terms, &client_id, registration).await?;
    }
    Ok(Registered { client_id, secret: None, issued_at })
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
