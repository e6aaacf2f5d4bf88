//! What a fetch brings home.

use std::time::Duration;

/// A complete answer with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `Content-Type`, if there was exactly one.
    pub content_type: Option<String>,
    /// Every `Cache-Control`, joined by commas (RFC 9111 §5.2).
    pub cache_control: Option<String>,
    /// The body as it came, never decompressed.
    pub body: Vec<u8>,
}

/// Shorter lives are prolonged to this: whoever forbids caching does not get a fetch for each request.
const FRESH_AT_LEAST: Duration = Duration::from_secs(60);
/// Longer lives are cut to this: a withdrawn document or key is noticed within a day.
const FRESH_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// The life of an answer that says nothing.
const FRESH_BY_DEFAULT: Duration = Duration::from_secs(60 * 60);

impl Fetched {
    /// True when the content type is JSON: `application/json` or `application/…+json`, whatever its parameters.
    pub fn is_json(&self) -> bool {
        let full = self.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let essence = full.split(';').next().unwrap_or_default().trim();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    /// How long the answer may be used without asking again: what `Cache-Control` says, from a minute to a day. Of several
    /// directives the shortest counts, and one that cannot be read means as short as possible (RFC 9111 §4.2.1).
    pub fn fresh_for(&self) -> Duration {
        let Some(header) = &self.cache_control else { return FRESH_BY_DEFAULT };
        header
            .split(',')
            .filter_map(lifetime)
            .min()
            .map_or(FRESH_BY_DEFAULT, |life| life.clamp(FRESH_AT_LEAST, FRESH_AT_MOST))
    }
}

/// What one directive says about the lifetime.
fn lifetime(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-store" | "no-cache" => Some(Duration::ZERO),
        "max-age" => Some(Duration::from_secs(seconds(value.trim().trim_matches('"')))),
        _ => None,
    }
}

/// Digits only; a number beyond all measure is the largest there is (RFC 9111 §1.2.2).
fn seconds(value: &str) -> u64 {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { value.parse().unwrap_or(u64::MAX) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(content_type: &str, cache_control: Option<&str>) -> Fetched {
        Fetched {
            content_type: Some(content_type.to_owned()),
            cache_control: cache_control.map(str::to_owned),
            body: Vec::new(),
        }
    }

    #[test]
    fn json_is_told_from_everything_else() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "application/client-metadata+json"] {
            assert!(fetched(yes, None).is_json(), "{yes}");
        }
        for no in ["", "text/html", "text/json", "application/jsonp", "application/javascript", "text/plain+json"] {
            assert!(!fetched(no, None).is_json(), "{no}");
        }
    }

    #[test]
    fn a_lifetime_is_clamped_whatever_the_answer_says() {
        for (header, seconds) in [
            (None, 3600),
            (Some("public"), 3600),
            (Some("max-age=0"), 60),
            (Some("no-store"), 60),
            (Some("max-age=600, no-cache"), 60),
            (Some("max-age=600"), 600),
            (Some("Max-Age=\"600\", max-age=300"), 300),
            (Some("max-age=315360000"), 86400),
            (Some("max-age=99999999999999999999999"), 86400),
            (Some("max-age=-1"), 60),
            (Some("max-age=soon"), 60),
        ] {
            assert_eq!(fetched("", header).fresh_for().as_secs(), seconds, "{header:?}");
        }
    }
}
