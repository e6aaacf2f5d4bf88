//! Other people's public keys, as they were fetched.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::statement::{Header, KeySet};

/// Key sets that were fetched, by their URL.
pub struct KeySets {
    kept: Cache<String, Kept>,
    /// What could not be had a moment ago, and why: nobody makes us ask for it again and again.
    missing: Cache<String, (DateTime<Utc>, Arc<str>)>,
    /// Who fetches them: those who come meanwhile wait for what comes back, and ask nobody.
    turns: Cache<String, Arc<Mutex<()>>>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<KeySet>,
    fetched_at: DateTime<Utc>,
    fresh_until: DateTime<Utc>,
}

/// Keys that do not have what was asked for are fetched anew, but not more often than this.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(60);

/// What could not be had is asked for again after this.
const AGAIN_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(30);

impl Default for KeySets {
    fn default() -> Self {
        let kept = Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(24 * 60 * 60)).build();
        let missing = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        let turns = Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(10 * 60)).build();
        Self { kept, missing, turns }
    }
}

impl KeySets {
    /// The keys at `url`, unless they have to be fetched for a statement with this header: they are not known, no longer
    /// fresh, or lack the key that it names and have not just been fetched.
    pub fn get(&self, url: &str, header: &Header, now: DateTime<Utc>) -> Option<Arc<KeySet>> {
        let kept = self.kept.get(url)?;
        let was_just_fetched = now - kept.fetched_at < AGAIN_AFTER;
        let is_enough = now < kept.fresh_until && (kept.keys.could_verify(header) || was_just_fetched);
        is_enough.then_some(kept.keys)
    }

    /// The turn to fetch the keys at `url`.
    pub fn turn(&self, url: &str) -> Arc<Mutex<()>> {
        self.turns.get_with_by_ref(url, Arc::default)
    }

    /// Keeps what was fetched from `url` now.
    pub fn keep(&self, url: &str, keys: KeySet, now: DateTime<Utc>, fresh_for: Duration) -> Arc<KeySet> {
        let keys = Arc::new(keys);
        let fresh_for = TimeDelta::from_std(fresh_for).unwrap_or(AGAIN_AFTER);
        let kept = Kept { keys: Arc::clone(&keys), fetched_at: now, fresh_until: now + fresh_for };
        self.missing.invalidate(url);
        self.kept.insert(url.to_owned(), kept);
        keys
    }

    /// Why the keys at `url` could not be had within the last few seconds, if that was tried.
    pub fn why_missing(&self, url: &str, now: DateTime<Utc>) -> Option<Arc<str>> {
        self.missing.get(url).filter(|(tried_at, _)| now - tried_at < AGAIN_AFTER_FAILURE).map(|(_, why)| why)
    }

    /// Notes that the keys at `url` could not be had.
    pub fn note_missing(&self, url: &str, why: &str, now: DateTime<Utc>) {
        self.missing.insert(url.to_owned(), (now, why.into()));
    }
}
