//! NOUN `credential_habits`: from where and how often keys and tokens are used, and what was last unusual about it.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use ipnet::IpNet;
use uuid::Uuid;

use super::uses::Use;
use crate::db::Connection;
use crate::schema::credential_habits as table;
use crate::types::{ApiKeyId, PersonalTokenId, Words};

/// Whose habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An API key's.
    Key(ApiKeyId),
    /// A personal access token's.
    Token(PersonalTokenId),
}

impl Whose {
    fn id(self) -> Uuid {
        match self {
            Self::Key(id) => id.0,
            Self::Token(id) => id.0,
        }
    }
}

/// What is usual for a credential.
#[derive(Clone, Debug, Default, PartialEq, Queryable, Selectable)]
#[diesel(table_name = table, check_for_backend(diesel::pg::Pg))]
pub struct Habit {
    networks: Words,
    usual_rate: f64,
    windows: i32,
    /// When something was last unusual.
    pub noticed_at: Option<DateTime<Utc>>,
    /// What that was, in words.
    pub notice: Option<String>,
}

/// What is unusual about the use of a credential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unusual {
    /// It was used elsewhere before, and never from here.
    Network(IpNet),
    /// It is used many times as often as it usually is.
    Burst {
        /// Calls a minute.
        rate: f64,
        /// What is usual.
        usual: f64,
    },
}

impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "used from a new network, {network}"),
            Self::Burst { rate, usual } => write!(f, "{rate:.0} calls a minute, where {usual:.1} are usual"),
        }
    }
}

/// Networks that are remembered of one credential; the newest stay.
const NETWORKS: usize = 64;
/// So many times the usual is a burst.
const BURST: f64 = 20.0;
/// Fewer calls a minute are never one.
const MANY: f64 = 120.0;
/// What is usual is known after so many windows.
const LEARNT: i32 = 10;
/// How much the latest window weighs.
const WEIGHT: f64 = 0.1;
/// One notice in this time is enough.
const QUIET: TimeDelta = TimeDelta::days(1);

impl Habit {
    /// Judges a window of uses, and learns from it.
    pub(super) fn judge(&mut self, used: &Use, window: TimeDelta) -> Option<Unusual> {
        let seconds = window.num_seconds().max(1);
        let rate = f64::from(used.calls) * 60.0 / f64::from(i32::try_from(seconds).unwrap_or(i32::MAX));
        let new: Vec<IpNet> =
            used.networks.iter().copied().filter(|one| !self.networks.has(&one.to_string())).collect();
        let unusual = match new.as_slice().first() {
            Some(network) if !self.networks.0.is_empty() => Some(Unusual::Network(*network)),
            _ if self.windows >= LEARNT && rate >= MANY && rate >= BURST * self.usual_rate => {
                Some(Unusual::Burst { rate, usual: self.usual_rate })
            }
            _ => None,
        };
        self.networks.0.extend(new.iter().map(ToString::to_string));
        let excess = self.networks.0.len().saturating_sub(NETWORKS);
        self.networks.0.drain(..excess);
        let first = self.windows == 0;
        self.usual_rate = if first { rate } else { self.usual_rate.mul_add(1.0 - WEIGHT, rate * WEIGHT) };
        self.windows = self.windows.saturating_add(1);
        unusual
    }

    /// True when something was unusual a while ago already, and that is enough.
    pub(super) fn was_noticed_lately(&self, now: DateTime<Utc>) -> bool {
        self.noticed_at.is_some_and(|at| now < at + QUIET)
    }
}

/// The habit of a credential, locked until the transaction is over; none of one that was never used.
pub(super) async fn find_for_update(conn: &mut Connection, whose: Whose) -> QueryResult<Option<Habit>> {
    table::table.find(whose.id()).select(Habit::as_select()).for_update().first(conn).await.optional()
}

/// Stores what is usual from now on.
pub(super) async fn store(conn: &mut Connection, whose: Whose, habit: &Habit) -> QueryResult<()> {
    let (key, token) = match whose {
        Whose::Key(id) => (Some(id), None),
        Whose::Token(id) => (None, Some(id)),
    };
    let learnt = (
        table::networks.eq(&habit.networks),
        table::usual_rate.eq(habit.usual_rate),
        table::windows.eq(habit.windows),
        table::noticed_at.eq(habit.noticed_at),
        table::notice.eq(&habit.notice),
    );
    diesel::insert_into(table::table)
        .values((
            table::credential_id.eq(whose.id()),
            table::api_key_id.eq(key),
            table::personal_token_id.eq(token),
            learnt,
        ))
        .on_conflict(table::credential_id)
        .do_update()
        .set(learnt)
        .execute(conn)
        .await
        .map(drop)
}

/// What was unusual about these credentials since then, by their ids.
pub async fn notices(
    conn: &mut Connection,
    ids: &BTreeSet<Uuid>,
    since: DateTime<Utc>,
) -> QueryResult<Vec<(Uuid, DateTime<Utc>, String)>> {
    table::table
        .filter(table::credential_id.eq_any(ids.iter().copied().collect::<Vec<_>>()))
        .filter(table::noticed_at.ge(since).assume_not_null())
        .select((table::credential_id, table::noticed_at.assume_not_null(), table::notice.assume_not_null()))
        .load(conn)
        .await
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn used(address: [u8; 4], calls: u32) -> Use {
        let address = IpAddr::from(address);
        let networks = BTreeSet::from([super::super::uses::network(address)]);
        Use { at: DateTime::UNIX_EPOCH, address, client: None, calls, networks }
    }

    #[test]
    fn a_new_network_is_unusual_only_after_another() {
        let (mut habit, minute) = (Habit::default(), TimeDelta::minutes(1));
        assert_eq!(habit.judge(&used([192, 0, 2, 7], 1), minute), None, "the first is the first");
        assert_eq!(habit.judge(&used([192, 0, 2, 200], 1), minute), None, "the same /24");
        let elsewhere = habit.judge(&used([203, 0, 113, 9], 1), minute);
        assert_eq!(elsewhere, Some(Unusual::Network("203.0.113.0/24".parse().unwrap())));
        assert_eq!(habit.judge(&used([203, 0, 113, 9], 1), minute), None, "it is known now");
    }

    #[test]
    fn a_burst_is_many_times_what_is_usual_and_many_calls() {
        let minute = TimeDelta::minutes(1);
        let usually = |calls| {
            let mut habit = Habit::default();
            for _ in 0..LEARNT {
                assert_eq!(habit.judge(&used([192, 0, 2, 7], calls), minute), None);
            }
            habit
        };
        let burst = |habit: &Habit, calls| habit.clone().judge(&used([192, 0, 2, 7], calls), minute).is_some();
        let (quiet, busy) = (usually(2), usually(100));
        assert!(!burst(&quiet, 100), "not many");
        assert!(burst(&quiet, 200));
        assert!(!burst(&busy, 1000), "not many times as many");
        assert!(burst(&busy, 2000));
        assert!(!burst(&Habit::default(), 100_000), "nothing is usual yet");
    }
}
