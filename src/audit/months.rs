//! The trail by months: each has a part of its own before it begins, and goes with it when it is past its time.
//!
//! Nothing here stands between an event and the table: what no month takes is in the rest, and gets its month later.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Entry, Event, Origin, record};
use crate::db::lock::{self, Lock};
use crate::db::months::{self, Month, Part};
use crate::db::{Connection, QueryResult};

const TABLE: &str = "audit_events";
/// As many months are ready after the present one: an installation that stands still for that long comes back to them.
const AHEAD: usize = 2;

/// Makes the months that there should be now; of several nodes that try at once, one does. Says which it made.
pub async fn prepare(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<Vec<Month>> {
    if !lock::is_ours(conn, Lock::AuditMonths).await? {
        return Ok(Vec::new());
    }
    let parts = months::parts(conn, TABLE).await?;
    let strays = months::strays(conn, TABLE).await?;
    let missing = missing(&parts, &strays, now);
    for month in &missing {
        months::add(conn, TABLE, *month).await?;
    }
    Ok(missing)
}

/// Drops the oldest part that is past its time as a whole, and writes that down; `None` when there is none, or another node
/// is at it. One at a time: for so long, whoever writes an event waits.
pub async fn forget_one(
    conn: &mut Connection,
    retention: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> QueryResult<Option<Part>> {
    let Some(retention) = retention else { return Ok(None) };
    if !lock::is_ours(conn, Lock::AuditMonths).await? {
        return Ok(None);
    }
    let parts = months::parts(conn, TABLE).await?;
    let Some(part) = parts.into_iter().find(|part| is_past(*part, retention, now)) else { return Ok(None) };
    months::drop(conn, TABLE, part).await?;
    let detail = json!({ "part": part.name(TABLE), "until": part.end(), "kept_for_days": retention.num_days() });
    record(conn, Entry::new(Event::TrailForgotten).detail(detail), &Origin::default(), now).await?;
    Ok(Some(part))
}

/// The months without a part: the present one, those ahead, and those of which the rest has something.
fn missing(parts: &[Part], strays: &[Month], now: DateTime<Utc>) -> Vec<Month> {
    let coming = std::iter::successors(Some(Month::of(now)), |month| Some(month.next())).take(AHEAD + 1);
    let mut missing: Vec<Month> = coming.chain(strays.iter().copied()).collect();
    missing.retain(|month| !parts.iter().any(|part| part.takes(*month)));
    missing.sort();
    missing.dedup();
    missing
}

/// True when the youngest event that could be in it is older than that.
fn is_past(part: Part, retention: TimeDelta, now: DateTime<Utc>) -> bool {
    part.end().is_some_and(|end| end + retention <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_ready_before_it_begins() {
        let now = "2026-11-30T23:59:59Z".parse().unwrap();
        let expected = ["2026_11", "2026_12", "2027_01"].map(month);
        assert_eq!(missing(&[Part::Rest], &[], now), expected);
        let there = [Part::Until(month("2026_12")), Part::Of(month("2027_01")), Part::Rest];
        assert_eq!(missing(&there, &[], now), [month("2026_12")]);
        let strays = ["2024_02", "2026_11", "2027_01"].map(month);
        assert_eq!(missing(&there[2..], &strays, now), ["2024_02", "2026_11", "2026_12", "2027_01"].map(month));
    }

    #[test]
    fn a_month_goes_when_all_of_it_is_past_its_time() {
        let retention = TimeDelta::days(400);
        let end = month("2026_12").start();
        for part in [Part::Of(month("2026_11")), Part::Until(month("2026_12"))] {
            assert!(!is_past(part, retention, end + retention - TimeDelta::microseconds(1)));
            assert!(is_past(part, retention, end + retention));
        }
        assert!(!is_past(Part::Rest, TimeDelta::days(1), end + TimeDelta::days(36_500)));
    }
}
