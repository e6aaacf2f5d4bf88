//! How often a credential may be used.

use std::num::NonZeroU32;

/// Calls a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(NonZeroU32);

/// The number is none that limits anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate limit is a number of calls a minute, from 1 to 100000")]
pub struct RateError;

impl Rate {
    /// As many calls a minute.
    pub fn new(calls: i64) -> Result<Self, RateError> {
        let calls = u32::try_from(calls).ok().filter(|calls| (1..=100_000).contains(calls));
        calls.and_then(NonZeroU32::new).map(Self).ok_or(RateError)
    }

    /// How many.
    pub fn a_minute(self) -> u32 {
        self.0.get()
    }

    /// As a column holds it.
    pub(super) fn stored(self) -> i32 {
        i32::try_from(self.0.get()).unwrap_or(i32::MAX)
    }
}
