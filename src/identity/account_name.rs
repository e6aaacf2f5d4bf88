//! The names of programs that act for themselves.

use std::fmt;
use std::str::FromStr;

/// The name of a service account, which for an M2M account is its `client_id` too: it fits into a form, an HTTP Basic header, a
/// file name and a log line as it is, and never looks like a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName(String);

/// The text cannot name a service account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} must have 1 to 128 letters a to z, digits and . _ - and begin with a letter or a digit")]
pub struct AccountNameRefusal(String);

impl AccountName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = AccountNameRefusal;

    fn from_str(text: &str) -> Result<Self, AccountNameRefusal> {
        let fits = (1..=128).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(AccountNameRefusal(text.to_owned())) }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_or_refused() {
        for good in ["my-ai-agent", "agent-sre-agent-m2m", "a", "7.x_Y", &"a".repeat(128)] {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in
            ["", " a", "-a", ".", "../a", "a b", "a:b", "a/b", "https://a.example/c", "ä", "a\n", &"a".repeat(129)]
        {
            assert_eq!(bad.parse::<AccountName>(), Err(AccountNameRefusal(bad.to_owned())), "{bad:?}");
        }
    }
}
