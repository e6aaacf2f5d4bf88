//! Time, as an argument: the system's in production, a test's own in tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where the time comes from. Cheap to clone; every clone shows the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Microseconds that a test added to the system's time.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that runs like the system's and that [`advance`](Self::advance) moves.
    pub fn adjustable() -> Self {
        Self(Source::Shifted(Arc::default()))
    }

    /// The current time, in whole microseconds as PostgreSQL keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
        let now = Utc::now();
        let shift = match &self.0 {
            Source::System => 0,
            Source::Shifted(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(now.timestamp_micros() + shift).unwrap_or(now)
    }

    /// Moves an adjustable clock; a system clock stays what it is.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Shifted(micros) = &self.0 {
            micros.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}
