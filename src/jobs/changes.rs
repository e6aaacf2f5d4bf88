//! JOB: read again what changed elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::app::App;
use crate::db::changes::Change;
use crate::grants::{client, revocation, signing_key};
use crate::{credentials, identity, places, upstreams};

/// How long to wait before what could not be read is tried again.
const AGAIN: Duration = Duration::from_millis(250);
/// Everything that can change.
const TOPICS: [&str; 7] = [
    revocation::CHANGED,
    identity::CHANGED,
    client::CHANGED,
    credentials::CHANGED,
    signing_key::CHANGED,
    places::CHANGED,
    upstreams::CHANGED,
];

/// Listens until the listener is dropped. What cannot be read now is tried again, and holds up nothing else.
pub async fn run(app: Arc<App>) {
    let mut changes = app.changes.subscribe();
    let mut due = Due::default();
    // Whatever changed between the first reading and the subscription.
    due.note(&app, &Change::Missed);
    loop {
        due.read(&app).await;
        let next = match due.topics.is_empty() {
            true => changes.next().await,
            false => match timeout(AGAIN, changes.next()).await {
                Ok(next) => next,
                Err(_) => continue,
            },
        };
        let Some(change) = next else { return };
        due.note(&app, &change);
    }
}

/// What is still to be read.
#[derive(Default)]
struct Due {
    topics: BTreeSet<&'static str>,
    /// The listening connection that everything is read for, once it has been.
    connection: Option<u64>,
}

impl Due {
    fn note(&mut self, app: &App, change: &Change) {
        match change {
            Change::Announced(topic) => self.topics.extend(TOPICS.into_iter().find(|known| known == topic)),
            Change::Missed => {
                self.connection = Some(app.changes.connections());
                self.topics.extend(TOPICS);
            }
        }
        if self.topics.contains(revocation::CHANGED) {
            app.access.fall_behind();
        }
    }

    async fn read(&mut self, app: &App) {
        for topic in self.topics.clone() {
            match read(app, topic).await {
                Ok(()) => drop(self.topics.remove(topic)),
                Err(error) => tracing::warn!(error, topic, "a change could not be read yet"),
            }
        }
        // A key may have been withdrawn because somebody else has it: what it signed is good no more.
        let decisive = [
            revocation::CHANGED,
            identity::CHANGED,
            client::CHANGED,
            credentials::CHANGED,
            signing_key::CHANGED,
            places::CHANGED,
            upstreams::CHANGED,
        ];
        if decisive.iter().all(|topic| !self.topics.contains(topic))
            && let Some(connection) = self.connection.take()
        {
            app.access.caught_up(connection);
        }
    }
}

async fn read(app: &App, topic: &str) -> Result<(), String> {
    let now = app.clock.now();
    match topic {
        revocation::CHANGED => app.access.reload_revocations(&app.db, now).await.map_err(|error| error.to_string()),
        signing_key::CHANGED => {
            app.signing.reload(&app.db, &app.keys, now).await.map_err(|error| error.to_string())?;
            app.access.forget_tokens();
            Ok(())
        }
        places::CHANGED => {
            app.places.reload(&app.db).await.map_err(|error| error.to_string())?;
            // Workspaces act, too, by keys of their own.
            app.access.forget_subjects();
            app.servers.reload(&app.db).await.map_err(|error| error.to_string())
        }
        upstreams::CHANGED => app.servers.reload(&app.db).await.map_err(|error| error.to_string()),
        client::CHANGED => {
            app.access.forget_clients();
            Ok(())
        }
        credentials::CHANGED => {
            app.access.forget_keys();
            Ok(())
        }
        _ => {
            app.access.forget_subjects();
            Ok(())
        }
    }
}
