//! JOB: read again what changed elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::app::App;
use crate::db;
use crate::db::changes::Change;
use crate::grants::{client, revocation, signing_key, trusted_issuer};
use crate::{credentials, identity, places, policies, upstreams};

/// How long to wait before what could not be read is tried again.
const AGAIN: Duration = Duration::from_millis(250);
/// Everything that can change.
const TOPICS: [&str; 9] = [
    revocation::CHANGED,
    identity::CHANGED,
    client::CHANGED,
    credentials::CHANGED,
    signing_key::CHANGED,
    places::CHANGED,
    upstreams::CHANGED,
    policies::CHANGED,
    trusted_issuer::CHANGED,
];

/// What decides which tools somebody may use.
const SHIFTS: [&str; 5] = [identity::CHANGED, client::CHANGED, places::CHANGED, upstreams::CHANGED, policies::CHANGED];

/// Listens until the listener is dropped. From the moment that a change is heard until whatever it is about has been forgotten
/// or read again, memory is not trusted ([`Access::is_current`](crate::access::Access::is_current)). What cannot be read now
/// is tried again, and holds up nothing else.
pub async fn run(app: Arc<App>) {
    let mut changes = app.changes.subscribe();
    let (mut due, mut readings) = (Due::default(), FuturesUnordered::new());
    // Whatever changed between the first reading and the subscription.
    let mut shifts = due.note(&app, &Change::Missed);
    loop {
        readings.extend(due.begin().map(|topic| read_at_last(&app, topic)));
        if due.is_nothing() {
            app.access.caught_up(changes.up_to());
            if std::mem::take(&mut shifts) {
                app.shifts.note();
            }
        }
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => shifts |= due.note(&app, &change),
                None => return,
            },
            Some(topic) = readings.next() => due.end(topic),
        }
    }
}

/// What is still to be read.
#[derive(Default)]
struct Due {
    /// What changed, and nobody began to read it since.
    waiting: BTreeSet<&'static str>,
    /// What is being read. What changes meanwhile is read once more.
    under_way: BTreeSet<&'static str>,
}

impl Due {
    /// True when somebody may be able to use other tools once it has been read.
    fn note(&mut self, app: &App, change: &Change) -> bool {
        let mut shifts = false;
        for topic in TOPICS {
            let is_changed = match change {
                Change::Announced(announced) => announced == topic,
                Change::Missed => true,
            };
            if is_changed {
                forget(app, topic);
                self.waiting.insert(topic);
                shifts |= SHIFTS.contains(&topic);
            }
        }
        shifts
    }

    /// What can be read now; each topic by one at a time.
    fn begin(&mut self) -> impl Iterator<Item = &'static str> + use<> {
        let begun = &self.waiting - &self.under_way;
        self.waiting = &self.waiting & &self.under_way;
        self.under_way.extend(&begun);
        begun.into_iter()
    }

    fn end(&mut self, topic: &str) {
        self.under_way.remove(topic);
    }

    fn is_nothing(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }
}

/// Forgets what is read one by one, whenever somebody asks for it.
fn forget(app: &App, topic: &str) {
    match topic {
        // Whoever makes a workspace owns it, and whoever was in one that is gone is in it no more; workspaces act, too.
        identity::CHANGED | places::CHANGED => app.access.forget_subjects(),
        client::CHANGED => app.access.forget_clients(),
        credentials::CHANGED => app.access.forget_keys(),
        _ => {}
    }
}

/// Tries until it has been read.
async fn read_at_last(app: &App, topic: &'static str) -> &'static str {
    while let Err(error) = read(app, topic).await {
        tracing::warn!(error, topic, "a change could not be read yet");
        tokio::time::sleep(AGAIN).await;
    }
    topic
}

/// Reads what is remembered as a whole.
async fn read(app: &App, topic: &str) -> Result<(), String> {
    let now = app.clock.now();
    let in_words = |error: db::Error| error.to_string();
    match topic {
        revocation::CHANGED => app.access.reload_revocations(&app.db, now).await.map_err(in_words),
        signing_key::CHANGED => {
            app.signing.reload(&app.db, &app.keys, now).await.map_err(|error| error.to_string())?;
            // A key may have been withdrawn because somebody else has it: what it signed is good no more.
            app.access.forget_tokens();
            Ok(())
        }
        places::CHANGED => {
            app.places.reload(&app.db).await.map_err(in_words)?;
            app.servers.reload(&app.db, &app.keys).await.map_err(in_words)?;
            // Policies may be for the members of a workspace, by its name.
            app.access.reload_policies(&app.db).await.map_err(in_words)
        }
        policies::CHANGED => app.access.reload_policies(&app.db).await.map_err(in_words),
        trusted_issuer::CHANGED => app.access.reload_token_issuers(&app.db).await.map_err(in_words),
        upstreams::CHANGED => app.servers.reload(&app.db, &app.keys).await.map_err(in_words),
        _ => Ok(()),
    }
}
