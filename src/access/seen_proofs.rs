//! Which proofs of possession this node has seen at its doors (RFC 9449 §11.1).

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// Proofs remembered at most: some ten megabytes. Only good proofs with good tokens get here.
const REMEMBERED: u64 = 100_000;
/// Longer than a proof can be good: from five minutes before its `iat` to five minutes after.
const REMEMBERED_FOR: Duration = Duration::from_secs(11 * 60);

/// Proofs that were seen, by a hash of key and `jti`.
pub(super) struct SeenProofs(Cache<[u8; 32], ()>);

impl SeenProofs {
    /// True the first time; of several at once, one is first.
    pub(super) fn first_sight(&self, key: &str, id: &str) -> bool {
        // A thumbprint has one length, so the two never run into each other.
        let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(id).finalize().into();
        self.0.entry(digest).or_insert(()).is_fresh()
    }
}

impl Default for SeenProofs {
    fn default() -> Self {
        // The newest are always let in: those are the ones that could still be repeated.
        let eviction = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).eviction_policy(eviction).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_new_once_for_its_key() {
        let seen = SeenProofs::default();
        assert!(seen.first_sight("key", "a"));
        assert!(!seen.first_sight("key", "a"));
        assert!(seen.first_sight("key", "b"));
        assert!(seen.first_sight("yek", "a"));
    }
}
