//! A table in parts, one for each month of the column `at`: which parts there are, and how one comes and goes.
//!
//! A part says by its name what it holds: `events_2026_12` that month, `events_until_2026_12` everything before it, and
//! `events_rest` what no other takes. Months are those of UTC.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use diesel::QueryResult;
use diesel::sql_types::{Date, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::Connection;

/// A month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

/// A part of such a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything before this month: what there was when the table was divided.
    Until(Month),
    /// One month.
    Of(Month),
    /// What no other takes.
    Rest,
}

impl Month {
    /// The one in which that moment is.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self::starting(at.date_naive())
    }

    fn starting(date: NaiveDate) -> Self {
        Self(date.with_day(1).unwrap_or(date))
    }

    /// The one after it.
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// When it begins.
    pub fn start(self) -> DateTime<Utc> {
        self.0.and_time(NaiveTime::MIN).and_utc()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y_%m"))
    }
}

impl FromStr for Month {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        NaiveDate::parse_from_str(&format!("{text}_01"), "%Y_%m_%d").map(Self)
    }
}

impl Part {
    /// The part of `table` that is called this; `None` for what this program did not name.
    fn called(name: &str, table: &str) -> Option<Self> {
        let name = name.strip_prefix(table)?.strip_prefix('_')?;
        match name.strip_prefix("until_") {
            Some(month) => month.parse().ok().map(Self::Until),
            None if name == "rest" => Some(Self::Rest),
            None => name.parse().ok().map(Self::Of),
        }
    }

    /// What it is called.
    pub fn name(self, table: &str) -> String {
        match self {
            Self::Until(month) => format!("{table}_until_{month}"),
            Self::Of(month) => format!("{table}_{month}"),
            Self::Rest => format!("{table}_rest"),
        }
    }

    /// Until when it holds anything; never to be told of the rest.
    pub fn end(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Until(month) => Some(month.start()),
            Self::Of(month) => Some(month.next().start()),
            Self::Rest => None,
        }
    }

    /// True when what happens in that month goes there.
    pub fn takes(self, month: Month) -> bool {
        match self {
            Self::Until(bound) => month < bound,
            Self::Of(own) => month == own,
            Self::Rest => false,
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Day {
    #[diesel(sql_type = Date)]
    day: NaiveDate,
}

/// The parts of a table, in order.
pub async fn parts(conn: &mut Connection, table: &str) -> QueryResult<Vec<Part>> {
    let query = "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = $1::regclass";
    let names: Vec<Name> = diesel::sql_query(query).bind::<Text, _>(table).load(conn).await?;
    let mut parts: Vec<Part> = names.iter().filter_map(|found| Part::called(&found.name, table)).collect();
    parts.sort();
    Ok(parts)
}

/// Months of which the rest holds something, at most a year of them; clocks that are a century wrong are left alone.
pub async fn strays(conn: &mut Connection, table: &str) -> QueryResult<Vec<Month>> {
    let query = format!(
        "SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS day FROM {}
         WHERE at >= '2000-01-01' AND at < '2100-01-01' ORDER BY day LIMIT 12",
        Part::Rest.name(table)
    );
    let days: Vec<Day> = diesel::sql_query(query).load(conn).await?;
    Ok(days.into_iter().map(|found| Month::starting(found.day)).collect())
}

/// Gives a month a part of its own, with what the rest took of it meanwhile. Whoever writes waits so long: at the table itself,
/// since a row that had been meant for the rest already would not fit there any more.
pub async fn add(conn: &mut Connection, table: &str, month: Month) -> QueryResult<()> {
    let (part, rest) = (Part::Of(month).name(table), Part::Rest.name(table));
    let (from, to) = (month.start().to_rfc3339(), month.next().start().to_rfc3339());
    conn.batch_execute(&format!(
        "LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE;
         LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
         WITH strays AS (DELETE FROM {rest} WHERE at >= '{from}' AND at < '{to}' RETURNING *)
         INSERT INTO {part} SELECT * FROM strays;
         ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ('{from}') TO ('{to}')"
    ))
    .await
}

/// Drops a part with everything in it: one act, however much that is.
pub async fn drop(conn: &mut Connection, table: &str, part: Part) -> QueryResult<()> {
    conn.batch_execute(&format!("DROP TABLE {}", part.name(table))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_called_after_what_it_holds() {
        let month: Month = "2026_12".parse().unwrap();
        for (part, name) in [
            (Part::Of(month), "events_2026_12"),
            (Part::Until(month), "events_until_2026_12"),
            (Part::Rest, "events_rest"),
        ] {
            assert_eq!(part.name("events"), name);
            assert_eq!(Part::called(name, "events"), Some(part));
        }
        for other in ["events", "events_", "events_2026", "events_2026_13", "eventually_rest", "events_of_mine"] {
            assert_eq!(Part::called(other, "events"), None, "{other}");
        }
    }

    #[test]
    fn months_follow_each_other_over_the_end_of_a_year() {
        let december: Month = "2026_12".parse().unwrap();
        let january = december.next();
        assert_eq!(january.to_string(), "2027_01");
        assert_eq!(Part::Of(december).end(), Some(january.start()));
        assert_eq!(Part::Until(december).end(), Some(december.start()));
        assert!(Part::Until(january).takes(december) && !Part::Until(december).takes(december));
        let last = january.start() - chrono::TimeDelta::microseconds(1);
        assert_eq!((Month::of(last), Month::of(january.start())), (december, january));
    }
}
