//! Names as rules write them.

use std::fmt;

use serde::{Serialize, Serializer};

/// Which names are meant: one, those of a form, or all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `*` or `all`: every name. It is written as it was.
    All(&'static str),
    /// With `*` within: whatever stands there, nothing too.
    Some(String),
    /// Just this one, byte by byte: names are never brought into another form.
    One(String),
}

impl Pattern {
    /// Every name.
    pub const ALL: Self = Self::All("*");

    /// As it is written.
    pub fn new(written: &str) -> Self {
        match written {
            "*" => Self::All("*"),
            "all" => Self::All("all"),
            some if some.contains('*') => Self::Some(some.to_owned()),
            one => Self::One(one.to_owned()),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All(written) => written,
            Self::Some(written) | Self::One(written) => written,
        }
    }

    /// True when every name is meant.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All(_))
    }

    /// True when this name is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::All(_) => true,
            Self::One(only) => only == name,
            Self::Some(form) => has_form(form, name),
        }
    }
}

/// True when one of them means this name.
pub fn any_matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// True when one of them means every name.
pub fn any_is_all(patterns: &[Pattern]) -> bool {
    patterns.iter().any(Pattern::is_all)
}

/// What stands between the stars must follow one another; with stars alone the first place that fits is as good as any, so this
/// looks at each byte once.
fn has_form(form: &str, name: &str) -> bool {
    let mut parts = form.split('*');
    let (Some(first), Some(last)) = (parts.next(), parts.next_back()) else { return form == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_one_name_those_of_a_form_or_all() {
        for (pattern, names, others) in [
            ("*", &["", "a", "all", "*"][..], &[][..]),
            ("all", &["", "a", "all"], &[]),
            ("get", &["get"], &["", "Get", "get ", "gets", "get\u{200b}", "\u{ff47}et"]),
            ("get_*", &["get_", "get_a", "get_a*"], &["get", "xget_", "Get_a"]),
            ("*_get", &["_get", "a_get", "_get_get"], &["_get_", "get"]),
            ("a*b*c", &["abc", "axbxc", "abbc", "abcbc"], &["ac", "ab", "bc", "acb", "abcd"]),
            ("a*a", &["aa", "aba"], &["a", ""]),
            ("**", &["", "a"], &[]),
            ("", &[""], &["a"]),
            ("notifications/*", &["notifications/initialized", "notifications/a/b"], &["notifications"]),
        ] {
            let pattern = Pattern::new(pattern);
            for name in names {
                assert!(pattern.matches(name), "{pattern} means {name:?}");
            }
            for other in others {
                assert!(!pattern.matches(other), "{pattern} does not mean {other:?}");
            }
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_was_read() {
        for written in ["*", "all", "a*", "a", ""] {
            assert_eq!(Pattern::new(written).to_string(), written);
        }
    }
}
