//! VERB: judge and keep what a client metadata document says (Client ID Metadata Document draft).

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::client::{self, Client, ClientOrigin, NewClient};
use super::client_metadata::Registration;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::ClientIdUrl;

/// Keeps a document that was fetched from `url` and judged good. `None` when a client of another origin has this id.
pub async fn adopt(
    conn: &mut Connection,
    url: &ClientIdUrl,
    registration: &Registration,
    fresh_until: DateTime<Utc>,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Option<Client>> {
    let new = NewClient {
        fresh_until: Some(fresh_until),
        ..NewClient::of(url.as_str().to_owned(), ClientOrigin::MetadataDocument, registration, origin)
    };
    let before = client::find(conn, &new.id).await?;
    if !client::adopt(conn, &new, now).await? {
        return Ok(None);
    }
    if before.is_none_or(|before| before.metadata_hash != new.metadata_hash) {
        let detail = json!({ "name": new.name, "redirect_uris": new.redirect_uris });
        audit::record(conn, Entry::new(Event::ClientAdopted).client(&new.id).detail(detail), origin, now).await?;
    }
    client::find(conn, &new.id).await
}
