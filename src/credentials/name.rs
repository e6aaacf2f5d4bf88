//! What somebody calls a credential of theirs.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::Serialize;

/// A name such as "Claude Desktop – MacBook": one line in any script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[serde(transparent)]
pub struct CredentialName(String);

/// The text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialNameError {
    /// Nothing but white space.
    #[error("give it a name, such as what will use it and where")]
    Empty,
    /// Longer than [`CredentialName::LONGEST`].
    #[error("the name is longer than 128 characters")]
    TooLong,
    /// A line break, a NUL or the like.
    #[error("the name has a line break or another control character in it")]
    Control,
}

impl CredentialName {
    /// Characters that a name has at most.
    pub const LONGEST: usize = 128;

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CredentialName {
    type Err = CredentialNameError;

    fn from_str(text: &str) -> Result<Self, CredentialNameError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(CredentialNameError::Empty);
        }
        if name.chars().count() > Self::LONGEST {
            return Err(CredentialNameError::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(CredentialNameError::Control);
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ToSql<Text, Pg> for CredentialName {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<Text, Pg> for CredentialName {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Pg>>::from_sql(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_in_any_script() {
        for (given, kept) in [
            ("CI/CD Pipeline", "CI/CD Pipeline"),
            (" Claude Desktop – MacBook ", "Claude Desktop – MacBook"),
            ("鍵 🔑", "鍵 🔑"),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ] {
            assert_eq!(given.parse::<CredentialName>().unwrap().as_str(), kept);
        }
        assert!("ж".repeat(128).parse::<CredentialName>().is_ok());
        for (bad, why) in [
            ("", CredentialNameError::Empty),
            (" \u{3000} ", CredentialNameError::Empty),
            (&"ж".repeat(129), CredentialNameError::TooLong),
            ("two\nlines", CredentialNameError::Control),
            ("nul\0", CredentialNameError::Control),
            ("\u{1b}[31m", CredentialNameError::Control),
        ] {
            assert_eq!(bad.parse::<CredentialName>(), Err(why), "{bad:?}");
        }
    }
}
