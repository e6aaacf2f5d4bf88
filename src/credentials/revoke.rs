//! VERB: an API key is ended, for good.

use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::api_key;
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::ApiKeyId;

/// Ends a key: `false` when it had been revoked before, or there is none. Run it by
/// [`App::cut`](crate::app::App::cut), so that it holds here at once.
pub async fn revoke(conn: &mut Connection, terms: &Terms<'_>, id: ApiKeyId) -> QueryResult<bool> {
    let Some(key) = api_key::revoke(conn, id, terms.person(), terms.now).await? else { return Ok(false) };
    let entry = Entry::new(Event::ApiKeyRevoked).subject(key.owner()).client(&key.prefix);
    let detail = json!({ "id": key.id, "name": key.name, "by": terms.actor() });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(true)
}
