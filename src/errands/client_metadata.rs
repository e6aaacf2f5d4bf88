//! ERRAND: find out about a client whose id is a URL (Client ID Metadata Document draft).
//!
//! `grants` says "unknown or stale" → `net` fetches, with no transaction open → `grants::adopt` keeps what was judged good.

use chrono::TimeDelta;

use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::grants::adopt;
use crate::grants::client::{self, Client, ClientOrigin};
use crate::grants::client_metadata::{ClientMetadata, MAX_DOCUMENT, Policy};
use crate::grants::flow_step::{FlowOutcome, FlowStage, FlowStep};
use crate::net::Purpose;
use crate::types::ClientIdUrl;

/// What is known of a client.
#[derive(Debug)]
pub enum Lookup {
    /// This.
    Known(Box<Client>),
    /// Nothing, and nobody to ask.
    Unknown,
    /// Its document would have to be fetched, which is not done for strangers (`decisions` 18).
    NotFetched,
    /// Its document could not be fetched or is no good. The words are for its developer.
    Refused(String),
}

/// How long a document is believed, whatever its headers say: long enough to be polite, short enough to follow changes.
const FRESHNESS: (TimeDelta, TimeDelta) = (TimeDelta::minutes(5), TimeDelta::hours(24));

/// The client of that id. `may_fetch` allows one request to its document, if it is a URL and not fresh in the table.
pub async fn look_up(app: &App, client_id: &str, may_fetch: bool, origin: &Origin) -> Result<Lookup, db::Error> {
    let known = {
        let mut conn = app.db.read().await?;
        client::find(&mut conn, client_id).await?
    };
    let now = app.clock.now();
    match known {
        Some(client) if client.disabled_at.is_some() => return Ok(Lookup::Unknown),
        Some(client) if client.origin != ClientOrigin::MetadataDocument => return Ok(Lookup::Known(Box::new(client))),
        Some(client) if client.fresh_until.is_some_and(|until| now < until) => {
            return Ok(Lookup::Known(Box::new(client)));
        }
        None if !ClientIdUrl::is_meant_by(client_id) => return Ok(Lookup::Unknown),
        Some(_) | None => {}
    }
    match ClientIdUrl::parse(client_id, app.config.outbound.allow_loopback_clients) {
        Err(error) => Ok(Lookup::Refused(error.to_string())),
        Ok(_) if !may_fetch => Ok(Lookup::NotFetched),
        Ok(url) => noted(app, client_id, origin, fetch(app, &url, origin).await),
    }
}

/// For the timeline: the document was of use, or was not.
fn noted(
    app: &App,
    client_id: &str,
    origin: &Origin,
    looked_up: Result<Lookup, db::Error>,
) -> Result<Lookup, db::Error> {
    let outcome = match &looked_up {
        Ok(Lookup::Refused(why)) => FlowOutcome::Refused(why.clone()),
        Ok(_) => FlowOutcome::Done,
        Err(_) => return looked_up,
    };
    let about = (&*app.keys, Some(client_id), None);
    let stage = FlowStage::MetadataDocument;
    app.timeline.note(FlowStep::new((stage, outcome), about, origin.clone(), app.clock.now()));
    looked_up
}

async fn fetch(app: &App, url: &ClientIdUrl, origin: &Origin) -> Result<Lookup, db::Error> {
    let fetched = match app.net.get(Purpose::ClientDocument, url.as_str(), MAX_DOCUMENT).await {
        Ok(fetched) if fetched.is_json() => fetched,
        Ok(_) => return Ok(Lookup::Refused("the document is not application/json".to_owned())),
        Err(error) => return Ok(Lookup::Refused(error.to_string())),
    };
    // An invalid document is never kept (draft §6.6): the next request fetches again, within the budget of its host.
    let registration = match ClientMetadata::from_document(url, &fetched.body, &Policy::of(&app.config)) {
        Ok(registration) => registration,
        Err(error) => return Ok(Lookup::Refused(error.to_string())),
    };
    let now = app.clock.now();
    let (shortest, longest) = FRESHNESS;
    let fresh_for = TimeDelta::from_std(fetched.fresh_for()).unwrap_or(longest).clamp(shortest, longest);
    let adopted =
        app.db.write(async |conn| adopt::adopt(conn, url, &registration, now + fresh_for, origin, now).await).await?;
    app.access.forget_client(url.as_str());
    Ok(match adopted {
        Some(client) if client.disabled_at.is_none() => Lookup::Known(Box::new(client)),
        Some(_) | None => Lookup::Unknown,
    })
}
