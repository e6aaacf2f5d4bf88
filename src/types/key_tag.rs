//! The tag in front of every API key, by which people and secret scanners tell whose it is.

use std::fmt;
use std::str::FromStr;

/// A tag: a lower-case letter, then 1 to 15 lower-case letters or digits. `pcl` and one letter more is the beginning of other
/// secrets of ours and no tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTag(String);

/// The text is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tag has 2 to 16 lower-case letters and digits, begins with a letter, and is not pcl and one letter")]
pub struct KeyTagError;

impl KeyTag {
    /// The tag itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for KeyTag {
    fn default() -> Self {
        Self("pcl".to_owned())
    }
}

impl FromStr for KeyTag {
    type Err = KeyTagError;

    fn from_str(text: &str) -> Result<Self, KeyTagError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (2..=16).contains(&text.len())
            && text.bytes().all(is_plain)
            && text.starts_with(|first: char| first.is_ascii_lowercase());
        let is_another_kind = text.len() == 4 && text.starts_with("pcl");
        if fits && !is_another_kind { Ok(Self(text.to_owned())) } else { Err(KeyTagError) }
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_plain_and_nobody_elses() {
        for good in ["pcl", "sta", "acme", "ab", "a1", "pclkeys", "a123456789012345"] {
            assert_eq!(good.parse::<KeyTag>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "1a", "Acme", "a_b", "a-b", "a.b", "ä1", "pclr", "pclx", "a1234567890123456"] {
            assert_eq!(bad.parse::<KeyTag>(), Err(KeyTagError), "{bad:?}");
        }
    }
}
