//! Facts that are read from the database once and kept until somebody says that they changed.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::db;

/// Facts of one kind remembered at most; the least used go first.
pub(super) const REMEMBERED: u64 = 100_000;
/// However quiet it is, a fact is read again after this.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(15 * 60);

/// Facts by their key. What is not there is not remembered: somebody may be about to make it.
pub(super) struct Remembered<K, V> {
    facts: Cache<K, V>,
    /// Counts changes, so that what was read before a change is not remembered after it.
    changes: AtomicU64,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// So many facts at most.
    pub(super) fn of(most: u64) -> Self {
        let facts = Cache::builder().max_capacity(most).time_to_live(REMEMBERED_FOR).build();
        Self { facts, changes: AtomicU64::new(0) }
    }

    /// The fact of this key, from memory or by reading it.
    pub(super) async fn get<Q>(
        &self,
        key: &Q,
        read: impl AsyncFnOnce() -> Result<Option<V>, db::Error>,
    ) -> Result<Option<V>, db::Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.known(key) {
            Some(known) => Ok(Some(known)),
            None => self.read(key, read).await,
        }
    }

    /// The fact of this key, if it is in memory.
    pub(super) fn known<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.facts.get(key)
    }

    /// The fact of this key as it is in the database, to be remembered from now on.
    pub(super) async fn read<Q>(
        &self,
        key: &Q,
        read: impl AsyncFnOnce() -> Result<Option<V>, db::Error>,
    ) -> Result<Option<V>, db::Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let changes = self.changes.load(Ordering::SeqCst);
        let Some(fact) = read().await? else { return Ok(None) };
        self.facts.insert(key.to_owned(), fact.clone());
        if self.changes.load(Ordering::SeqCst) != changes {
            self.facts.invalidate(key);
        }
        Ok(Some(fact))
    }

    /// The fact of this key, if it is in memory.
    pub(super) fn remembered<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.facts.get(key)
    }

    /// Forgets one of them.
    pub(super) fn forget_one<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.facts.invalidate(key);
    }

    /// Forgets them all.
    pub(super) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.facts.invalidate_all();
    }
}

impl<K, V> Default for Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::of(REMEMBERED)
    }
}
