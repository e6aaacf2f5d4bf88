//! What a node remembers: revocations, people and verified tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use moka::sync::Cache;

use crate::db::changes::Changes;
use crate::db::{self, Db};
use crate::grants::revocation::Revocations;
use crate::grants::sign::AccessTokenClaims;
use crate::identity::{self, Person};
use crate::types::UserId;

/// What a node remembers. Everything in it can be thrown away; nothing in it outlives a change for long.
pub struct Access {
    pub(super) revocations: ArcSwap<Revocations>,
    people: Cache<UserId, Arc<Person>>,
    /// By the SHA-256 of the token: its signature and type were good, everything else is judged at every call.
    pub(super) verified: Cache<[u8; 32], Arc<AccessTokenClaims>>,
    /// True from the moment we hear that revocations changed until they have been read again.
    behind: AtomicBool,
    reading: tokio::sync::Mutex<()>,
    /// The listening connection since which everything has been read: what was announced between two is heard by nobody.
    read_since: AtomicU64,
    /// Counts changes to people, so that facts read before a change are not remembered after it.
    people_changes: AtomicU64,
}

/// Tokens and people remembered at most; the least used go first.
const REMEMBERED: u64 = 100_000;
/// However quiet a token or person is kept, it is read again after this.
const REMEMBERED_FOR: Duration = Duration::from_secs(15 * 60);

impl Default for Access {
    fn default() -> Self {
        Self {
            revocations: ArcSwap::default(),
            people: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            verified: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            behind: AtomicBool::new(false),
            reading: tokio::sync::Mutex::default(),
            read_since: AtomicU64::new(0),
            people_changes: AtomicU64::new(0),
        }
    }
}

impl Access {
    /// True while memory can be trusted: changes are heard, and nothing that was or may have been announced is still to be
    /// read (`decisions` 3).
    pub fn is_current(&self, changes: &Changes) -> bool {
        changes.fresh()
            && changes.connections() == self.read_since.load(Ordering::SeqCst)
            && !self.behind.load(Ordering::SeqCst)
    }

    /// Notes that everything has been read again since this listening connection began.
    pub fn caught_up(&self, connection: u64) {
        self.read_since.store(connection, Ordering::SeqCst);
    }

    /// Notes that revocations have changed; until they are read again, memory is not to be trusted.
    pub fn fall_behind(&self) {
        self.behind.store(true, Ordering::SeqCst);
    }

    /// Reads the revocations again.
    pub async fn reload_revocations(&self, db: &Db, now: DateTime<Utc>) -> Result<(), db::Error> {
        // One after the other, so that what was read earlier never replaces what was read later.
        let _turn = self.reading.lock().await;
        let mut conn = db.read().await?;
        // Whatever falls behind from here on is not in what we read.
        let was_behind = self.behind.swap(false, Ordering::SeqCst);
        match Revocations::load(&mut conn, now).await {
            Ok(revocations) => self.revocations.store(Arc::new(revocations)),
            Err(error) => {
                self.behind.fetch_or(was_behind, Ordering::SeqCst);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Forgets what is known of every person.
    pub fn forget_people(&self) {
        self.people_changes.fetch_add(1, Ordering::SeqCst);
        self.people.invalidate_all();
    }

    /// Forgets which signatures were good, after the keys changed.
    pub fn forget_tokens(&self) {
        self.verified.invalidate_all();
    }

    /// Current facts of a person, from memory where they are known.
    pub async fn person(&self, db: &Db, id: UserId) -> Result<Option<Arc<Person>>, db::Error> {
        if let Some(known) = self.people.get(&id) {
            return Ok(Some(known));
        }
        let changes = self.people_changes.load(Ordering::SeqCst);
        let Some(person) = self.person_from_database(db, id).await? else { return Ok(None) };
        self.people.insert(id, Arc::clone(&person));
        if self.people_changes.load(Ordering::SeqCst) != changes {
            self.people.invalidate(&id);
        }
        Ok(Some(person))
    }

    /// Current facts of a person, from the database.
    pub(super) async fn person_from_database(&self, db: &Db, id: UserId) -> Result<Option<Arc<Person>>, db::Error> {
        let mut conn = db.read().await?;
        Ok(identity::user::person(&mut conn, id).await?.map(Arc::new))
    }
}
