//! Times as tokens say them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

/// Seconds since the epoch, perhaps with a fraction (RFC 7519 §2). A number that is no time at all does not parse: hostile
/// numbers end here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(pub DateTime<Utc>);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let seconds = number.as_i64().or_else(|| whole_seconds(number.as_f64()?));
        let time = seconds
            .filter(|seconds| PLAUSIBLE.contains(seconds))
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        time.map(Self).ok_or_else(|| serde::de::Error::custom("a number that is no time"))
    }
}

/// The years 0 to 9999: a margin for clocks can be added to any of them.
const PLAUSIBLE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

fn whole_seconds(number: f64) -> Option<i64> {
    const BEYOND: f64 = 1e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was looked at, and fractions of a second do not matter"
    )]
    (number.abs() < BEYOND).then(|| number.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_numbers_are_no_times_and_nothing_panics() {
        let read = |text: &str| serde_json::from_str::<NumericDate>(text).ok().map(|date| date.0.timestamp());
        assert_eq!(read("1800000000"), Some(1_800_000_000));
        assert_eq!(read("1800000000.9"), Some(1_800_000_000));
        assert_eq!(read("-1"), Some(-1));
        for hostile in [
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1e300",
            "-1e300",
            "1e999",
            "\"1\"",
            "8210266876799",
            "253402300800",
            "-62167219201",
            "null",
            "[]",
            "true",
        ] {
            assert_eq!(read(hostile), None, "{hostile}");
        }
    }
}
