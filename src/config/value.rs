//! How values of settings are read from text, and shown.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use url::{Origin, Url};

use crate::types::PublicUrl;

/// What a secret looks like to everyone.
const MASK: &str = "********";

/// A type whose text form is the same in every setting.
pub(super) trait Value: Sized {
    /// Reads it; `None` when the text is not one.
    fn read(text: &str) -> Option<Self>;
    /// Shows it so that it can be read again, or masked; `None` when there is nothing.
    fn show(&self) -> Option<String>;
}

impl Value for SocketAddr {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for PublicUrl {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for bool {
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for usize {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|count| (1..=1000).contains(count))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Option<Self> {
        (!text.contains('\0')).then(|| Self::from(text))
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for SecretString {
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn show(&self) -> Option<String> {
        Some(MASK.to_owned())
    }
}

impl Value for Vec<IpNet> {
    fn read(text: &str) -> Option<Self> {
        words(text).map(|word| word.parse().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))).collect()
    }

    fn show(&self) -> Option<String> {
        joined(self)
    }
}

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Option<Self> {
        T::read(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

impl Value for TimeDelta {
    /// `90s`, `1h 30m`, `30 days`: numbers, each with its unit.
    fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut total = 0_i64;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let tail = tail.trim_start();
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            total = number.parse::<i64>().ok()?.checked_mul(seconds_in(unit)?)?.checked_add(total)?;
            rest = tail.trim_start();
        }
        (!text.trim().is_empty()).then(|| Self::try_seconds(total)).flatten()
    }

    fn show(&self) -> Option<String> {
        let mut rest = self.num_seconds();
        let mut shown = String::new();
        for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
            if rest >= seconds {
                shown += &format!("{}{unit}", rest / seconds);
                rest %= seconds;
            }
        }
        Some(if shown.is_empty() { "0s".to_owned() } else { shown })
    }
}

fn seconds_in(unit: &str) -> Option<i64> {
    match unit {
        "s" | "sec" | "second" | "seconds" => Some(1),
        "m" | "min" | "minute" | "minutes" => Some(60),
        "h" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "week" | "weeks" => Some(7 * 86_400),
        _ => None,
    }
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty())
}

/// A list as it is written; nothing for an empty one.
pub(super) fn joined<T: ToString>(list: &[T]) -> Option<String> {
    (!list.is_empty()).then(|| list.iter().map(T::to_string).collect::<Vec<_>>().join(","))
}

/// Web origins, each in the form in which a browser sends it.
pub(super) fn origins(text: &str) -> Option<Vec<String>> {
    words(text).map(origin).collect()
}

fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
    if more || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    match url.origin() {
        origin @ Origin::Tuple(..) => Some(origin.ascii_serialization()),
        // Editors' own schemes have no origin of the standard's kind; their webviews send scheme and host.
        Origin::Opaque(_) => Some(format!("{}://{host}", url.scheme())),
    }
}

/// A username; folding is left to those who own people.
pub(super) fn username(text: &str) -> Option<String> {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (plain && (1..=128).contains(&text.chars().count())).then(|| text.to_owned())
}

/// A URL of a PostgreSQL; what is behind it shows when we connect.
pub(super) fn database_url(text: &str) -> Option<SecretString> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "postgres" | "postgresql") && !url.cannot_be_a_base()).then(|| text.into())
}

/// A database URL whose password is masked, wherever in it it stands.
pub(super) fn masked_url(secret: &SecretString) -> String {
    let Ok(mut url) = Url::parse(secret.expose_secret()) else { return MASK.to_owned() };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    if url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("password")) {
        url.set_query(Some(MASK));
    }
    url.into()
}

/// A log filter. A lone word must be a level: elsewhere a misspelt one would silence everything but a module of that name.
pub(super) fn log_filter(text: &str) -> Option<String> {
    let lone = |directive: &str| !directive.contains(['=', '[', ':']);
    let known = text.split(',').map(str::trim).all(|part| !lone(part) || part.parse::<LevelFilter>().is_ok());
    // Reading a filter panics on some text beyond ASCII (tracing-subscriber 0.3.23), and no target of ours has any.
    (text.is_ascii() && known && EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [("90s", 90), ("1h30m", 5400), ("1 hour 30 minutes", 5400), ("2w", 1_209_600), ("0s", 0)]
        {
            assert_eq!(TimeDelta::read(text), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in ["", " ", "90", "h", "1y", "-1s", "1.5h", "99999999999999999999s", "9223372036854775807d"] {
            assert_eq!(TimeDelta::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_as_itself(seconds in 0..1_000_000_000_i64) {
            let duration = TimeDelta::seconds(seconds);
            prop_assert_eq!(TimeDelta::read(&duration.show().unwrap()), Some(duration));
        }

        #[test]
        fn no_text_makes_reading_fail_otherwise_than_by_refusing(text in ".*") {
            let _ = (TimeDelta::read(&text), origins(&text), database_url(&text), log_filter(&text), Vec::<IpNet>::read(&text));
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        assert_eq!(
            origins("https://App.example:443/, vscode-webview://abc").unwrap(),
            ["https://app.example", "vscode-webview://abc"]
        );
        for text in ["*", "app.example", "https://app.example/path", "https://user@app.example", "null"] {
            assert_eq!(origins(text), None, "{text}");
        }
    }

    #[test]
    fn a_database_password_is_masked_wherever_it_stands() {
        for text in ["postgres://me:hunter2@db/app", "postgresql://db/app?user=me&password=hunter2"] {
            let shown = masked_url(&database_url(text).unwrap());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(masked_url(&"postgres://me:x@db/app".into()), "postgres://me:********@db/app");
    }

    #[test]
    fn a_misspelt_level_is_refused_instead_of_silencing_the_log() {
        assert!(log_filter("inof").is_none());
        assert!(log_filter("info,portcullis=debug,hyper=off").is_some());
        assert!(log_filter("portcullis=loud").is_none());
    }
}
