//! Hearing what other nodes changed (`LISTEN`/`NOTIFY`), and knowing when we cannot hear.
//!
//! One connection of our own, past any pooler, listens for announcements and for a heartbeat that we send ourselves, through
//! the database and back. PostgreSQL delivers notifications in the order of their commits: once a beat is back, everything
//! announced before it was sent has been heard.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::pg::PgNotification;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::{Connection, Db};
use crate::crypto::Random;

/// Where changes are announced.
const CHANNEL: &str = "portcullis_changes";
/// How often the heart beats.
const BEAT: Duration = Duration::from_millis(500);
/// How old the last beat may be while memory can be trusted.
const FRESH: Duration = Duration::from_secs(2);
/// How long one beat may take to be accepted before the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many beats may be under way before we look for a better connection: a pooler, for one, accepts and loses them.
const UNANSWERED: usize = 10;
/// The first and the longest pause between attempts to connect again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How many changes a slow subscriber may be behind before it is told that it missed some.
const BACKLOG: usize = 1024;

/// Something that a node needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What [`announce`] said, somewhere.
    Announced(String),
    /// We may have missed announcements: look at everything again.
    Missed,
}

/// Hears changes until dropped.
pub struct Changes {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

/// One subscriber's view of the changes.
pub struct Subscription {
    changes: broadcast::Receiver<(u64, Change)>,
    up_to: u64,
}

/// What the listening task and its readers share.
struct Heard {
    changes: broadcast::Sender<(u64, Change)>,
    /// When the last beat that came back was sent. The process's monotonic clock: the wall clock may jump.
    beat: Mutex<Option<Instant>>,
    /// How many changes there were. It is counted before anybody is told.
    count: AtomicU64,
}

impl Changes {
    /// Starts to listen, in the background: fresh only once the first beat is back.
    pub fn listen(db: &Db, random: &Random) -> Self {
        let heard = Arc::new(Heard {
            changes: broadcast::Sender::new(BACKLOG),
            beat: Mutex::new(None),
            count: AtomicU64::new(0),
        });
        let heart = Heart::new(random);
        let task = tokio::spawn(keep_listening(db.clone(), random.clone(), heart, heard.clone()));
        Self { heard, task }
    }

    /// True while everything that was announced up to two seconds ago has been heard (`decisions.md` 3).
    ///
    /// The age of a beat counts from when it was sent, so a slow way back does not make memory look younger than it is.
    pub fn fresh(&self) -> bool {
        let beat = *self.heard.beat.lock().unwrap_or_else(PoisonError::into_inner);
        beat.is_some_and(|sent| sent.elapsed() < FRESH)
    }

    /// How many changes we heard of, each new connection being one. Memory that was filled under an earlier number has not yet
    /// caught up, however fresh we are.
    pub fn count(&self) -> u64 {
        self.heard.count.load(Ordering::SeqCst)
    }

    /// The changes from now on.
    pub fn subscribe(&self) -> Subscription {
        let changes = self.heard.changes.subscribe();
        Subscription { changes, up_to: self.count() }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Subscription {
    /// The next change; `None` once nobody listens any more.
    pub async fn next(&mut self) -> Option<Change> {
        match self.changes.recv().await {
            Ok((number, change)) => {
                self.up_to = self.up_to.max(number);
                Some(change)
            }
            // Those that are still in the queue will say how far we are.
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// How many changes this subscriber knows of, out of [`Changes::count`].
    pub fn up_to(&self) -> u64 {
        self.up_to
    }
}

/// Announces a change (at most 8000 bytes) to every node, when the surrounding transaction commits.
pub async fn announce(conn: &mut Connection, payload: &str) -> QueryResult<()> {
    // Imported here: its `load` would shadow that of atomics above.
    use diesel_async::RunQueryDsl;
    let query = diesel::sql_query("SELECT pg_notify($1, $2)").bind::<Text, _>(CHANNEL).bind::<Text, _>(payload);
    query.execute(conn).await.map(drop)
}

/// Our own heartbeat: the channel that only we hear, and when each beat under way was sent.
struct Heart {
    channel: String,
    next: u64,
    sent: VecDeque<(u64, Instant)>,
}

impl Heart {
    fn new(random: &Random) -> Self {
        let name = u128::from_le_bytes(random.bytes());
        Self { channel: format!("portcullis_beat_{name:032x}"), next: 0, sent: VecDeque::new() }
    }

    async fn beat(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        let number = self.next;
        self.next += 1;
        self.sent.push_back((number, Instant::now()));
        // The channel is hexadecimal and the number is a number: nothing to escape.
        conn.batch_execute(&format!("NOTIFY {}, '{number}'", self.channel)).await
    }

    /// When the beat that came back was sent; those before it are forgotten.
    fn back(&mut self, payload: &str) -> Option<Instant> {
        let number: u64 = payload.parse().ok()?;
        while let Some((sent, when)) = self.sent.pop_front() {
            if sent == number {
                return Some(when);
            }
        }
        None
    }
}

async fn keep_listening(db: Db, random: Random, mut heart: Heart, heard: Arc<Heard>) {
    let mut pause = PAUSES.0;
    loop {
        match listen_once(&db, &mut heart, &heard).await {
            Lost::AfterHearing => pause = PAUSES.0,
            Lost::Unreached(why) => tracing::warn!("cannot hear what other nodes change: {why}"),
        }
        // Nodes that lost the same server do not come back in step.
        let [jitter] = random.bytes::<1>();
        tokio::time::sleep(pause.mul_f64(0.5 + f64::from(jitter) / 256.0)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// How listening ended; it always does.
enum Lost {
    AfterHearing,
    Unreached(String),
}

async fn listen_once(db: &Db, heart: &mut Heart, heard: &Heard) -> Lost {
    let mut conn = match db.connector().connect().await {
        Ok(conn) => conn,
        Err(error) => return Lost::Unreached(error.to_string()),
    };
    if let Err(error) = conn.batch_execute(&format!("LISTEN {CHANNEL}; LISTEN {}", heart.channel)).await {
        return Lost::Unreached(error.to_string());
    }
    heard.tell(Change::Missed);
    let why = hear(&mut conn, heart, heard).await;
    tracing::warn!("stopped hearing what other nodes change: {why}");
    Lost::AfterHearing
}

/// Hears until the connection is lost, and says why.
async fn hear(conn: &mut AsyncPgConnection, heart: &mut Heart, heard: &Heard) -> String {
    heart.sent.clear();
    let mut ticks = tokio::time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let notification = tokio::select! {
            notification = next(conn) => notification,
            _ = ticks.tick() => match tokio::time::timeout(PATIENCE, heart.beat(conn)).await {
                Ok(Ok(())) if heart.sent.len() > UNANSWERED => return "our heartbeat does not come back".to_owned(),
                Ok(Ok(())) => continue,
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "the database does not answer".to_owned(),
            },
        };
        match notification {
            Some(Ok(notification)) => heard.note(heart, notification),
            Some(Err(error)) => return error.to_string(),
            None => return "the connection was closed".to_owned(),
        }
    }
}

/// The next notification; nothing is lost when this is dropped while it waits.
async fn next(conn: &mut AsyncPgConnection) -> Option<QueryResult<PgNotification>> {
    std::pin::pin!(conn.notifications_stream()).next().await
}

impl Heard {
    fn tell(&self, change: Change) {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        // Nobody subscribed is nobody to tell.
        let _receivers = self.changes.send((number, change));
    }

    fn note(&self, heart: &mut Heart, notification: PgNotification) {
        if notification.channel == CHANNEL {
            self.tell(Change::Announced(notification.payload));
        } else if let Some(sent) = heart.back(&notification.payload) {
            *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        }
    }
}
