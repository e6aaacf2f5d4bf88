//! Other people's public keys, as they were fetched.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use super::statement::{Header, KeySet};

/// Key sets that were fetched, by their URL.
pub struct KeySets(Cache<String, Kept>);

#[derive(Clone)]
struct Kept {
    keys: Arc<KeySet>,
    fetched_at: DateTime<Utc>,
    fresh_until: DateTime<Utc>,
}

/// Keys that do not have what was asked for are fetched anew, but not more often than this.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(60);

impl Default for KeySets {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(24 * 60 * 60)).build())
    }
}

impl KeySets {
    /// The keys at `url`, unless they have to be fetched for a statement with this header: they are not known, no longer
    /// fresh, or lack the key that it names and have not just been fetched.
    pub fn get(&self, url: &str, header: &Header, now: DateTime<Utc>) -> Option<Arc<KeySet>> {
        let kept = self.0.get(url)?;
        let was_just_fetched = now - kept.fetched_at < AGAIN_AFTER;
        let is_enough = now < kept.fresh_until && (kept.keys.could_verify(header) || was_just_fetched);
        is_enough.then_some(kept.keys)
    }

    /// Keeps what was fetched from `url` now.
    pub fn keep(&self, url: &str, keys: KeySet, now: DateTime<Utc>, fresh_for: Duration) -> Arc<KeySet> {
        let keys = Arc::new(keys);
        let fresh_for = TimeDelta::from_std(fresh_for).unwrap_or(AGAIN_AFTER);
        let kept = Kept { keys: Arc::clone(&keys), fetched_at: now, fresh_until: now + fresh_for };
        self.0.insert(url.to_owned(), kept);
        keys
    }
}
