//! ERRANDS: register a server or say something else of it, and look at once how it is.

use super::discover_tools::{Way, discover};
use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::places::Actor;
use crate::types::{PlaceId, ServerId};
use crate::upstreams::note_tools::Noted;
use crate::upstreams::register::{Registration, Said, Terms, add_server, change_server, remove_server};
use crate::upstreams::server::{self, Registered};

/// Registers it. It is so on this node before the answer goes out, and its tools are known if it told them.
pub async fn add(
    app: &App,
    actor: Actor,
    origin: &Origin,
    place: PlaceId,
    said: &Said,
) -> Result<Registration, db::Error> {
    if let Err(refusal) = Way::of(app).foresee(actor, said) {
        return Ok(Registration::Refused(refusal));
    }
    let terms = terms(app, actor, origin);
    match app.arrange(async |conn| add_server(conn, &terms, place, said).await).await? {
        Registration::Done(server) => looked_at(app, *server).await,
        refused @ Registration::Refused(_) => Ok(refused),
    }
}

/// Says something else of it. A URL that is repeated is none that is entered.
pub async fn change(
    app: &App,
    actor: Actor,
    origin: &Origin,
    (before, place): (&Registered, Option<PlaceId>),
    mut said: Said,
) -> Result<Registration, db::Error> {
    said.url = said.url.filter(|url| url.trim() != before.url);
    said.command = said.command.filter(|command| Some(command.trim()) != before.command.as_deref());
    if let Err(refusal) = Way::of(app).foresee(actor, &said) {
        return Ok(Registration::Refused(refusal));
    }
    let terms = terms(app, actor, origin);
    let verb = async |conn: &mut db::Connection| change_server(conn, &terms, (before.id, place), &said).await;
    match app.arrange(verb).await? {
        Registration::Done(server) if is_spoken_to_otherwise(before, &server, &said) => looked_at(app, *server).await,
        outcome @ (Registration::Done(_) | Registration::Refused(_)) => Ok(outcome),
    }
}

/// Removes it. From now on, this node answers for it no more.
pub async fn remove(app: &App, actor: Actor, origin: &Origin, id: ServerId) -> Result<Registration, db::Error> {
    let terms = terms(app, actor, origin);
    app.arrange(async |conn| remove_server(conn, &terms, id).await).await
}

/// Looks how it is and which tools it has. What they do holds on this node before the answer goes out.
pub async fn refresh(app: &App, id: ServerId) -> Result<Option<Noted>, db::Error> {
    let noted = discover(&Way::of(app), id).await?;
    if noted.as_ref().is_some_and(|noted| noted.changed) {
        app.servers.reload(&app.db, &app.keys).await?;
    }
    Ok(noted)
}

/// On which terms somebody changes servers here.
pub fn terms<'a>(app: &'a App, actor: Actor, origin: &'a Origin) -> Terms<'a> {
    Terms { keys: &app.keys, actor, origin, now: app.clock.now() }
}

fn is_spoken_to_otherwise(before: &Registered, after: &Registered, said: &Said) -> bool {
    let spoken =
        |server: &Registered| (server.url.clone(), server.command.clone(), server.transport.clone(), server.enabled);
    said.auth.is_some() || spoken(before) != spoken(after)
}

/// The server as it is once somebody has looked. One that is switched off is left alone.
async fn looked_at(app: &App, server: Registered) -> Result<Registration, db::Error> {
    if !server.enabled {
        return Ok(Registration::Done(Box::new(server)));
    }
    refresh(app, server.id).await?;
    let mut conn = app.db.read().await?;
    let found = server::find(&mut conn, server.id).await?;
    Ok(Registration::Done(Box::new(found.unwrap_or(server))))
}
