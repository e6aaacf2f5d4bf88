//! VERB: an API key is made, and shown this once.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::{Value, json};

use super::api_key::{self, ApiKey};
use super::limit::{self, Full};
use super::{CredentialName, Rate, Terms};
use crate::audit::{self, Entry, Event};
use crate::crypto::PlainToken;
use crate::db::Connection;
use crate::places::Reach;
use crate::types::{ApiKeyId, Networks, Permissions, PlaceId, SubjectId};

/// A key that somebody may make: its narrowing has been judged.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What to call it.
    pub name: CredentialName,
    /// Where it is managed.
    pub workspace: PlaceId,
    /// Whose it is.
    pub owner: SubjectId,
    /// The places that it is narrowed to.
    pub reach: Reach,
    /// What it may do there.
    pub permissions: Permissions,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it may be used.
    pub networks: Networks,
    /// How often it may be used.
    pub rate: Option<Rate>,
}

/// A key that was made just now.
#[derive(Debug)]
pub struct Issued {
    /// The key.
    pub key: ApiKey,
    /// Its secret, which nobody can show again.
    pub secret: PlainToken,
}

/// Makes a key under this id, unless its owner has as many as there can be: `None` when there is one already, as when a page is
/// loaded again that made it.
pub async fn issue(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: ApiKeyId,
    new: &NewKey,
) -> QueryResult<Result<Option<Issued>, Full>> {
    if let Err(full) = limit::key(conn, new.owner, None, terms.now).await? {
        return Ok(Err(full));
    }
    let Some(issued) = insert(conn, terms, id, new).await? else { return Ok(Ok(None)) };
    let entry = Entry::new(Event::ApiKeyMade).subject(new.owner).client(&issued.key.prefix);
    audit::record(conn, entry.detail(facts(terms, &issued.key)), terms.origin, terms.now).await?;
    Ok(Ok(Some(issued)))
}

/// Stores a key under this id, unless there is one.
pub(super) async fn insert(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: ApiKeyId,
    new: &NewKey,
) -> QueryResult<Option<Issued>> {
    let secret = PlainToken::api_key(terms.tag, terms.random);
    let stored = (&terms.keys.hash(&secret), terms.keys.version(), secret.visible());
    let key = api_key::insert(conn, id, new, stored, (terms.person(), terms.now)).await?;
    Ok(key.map(|key| Issued { key, secret }))
}

/// What the audit trail keeps of a key.
pub(super) fn facts(terms: &Terms<'_>, key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "by": terms.actor(),
        "owner": key.owner().to_string(),
        "workspace": key.workspace_id,
        "reach": key.reach,
        "permissions": key.permissions,
        "expires_at": key.expires_at,
    })
}
