//! The names that people sign in with.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;

/// A name to sign in with, folded to lower case.
///
/// ASCII only: two names that look alike are the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Username(String);

/// Why a text cannot be a user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameRefusal {
    /// Nothing there.
    #[error("a user name cannot be empty")]
    Empty,
    /// More than 128 characters.
    #[error("a user name has at most 128 characters")]
    TooLong,
    /// It does not begin with a letter or a digit.
    #[error("the user name {0:?} must begin with a letter or a digit")]
    Start(String),
    /// A character that it may not have.
    #[error("the user name {name:?} cannot contain {character:?}: use letters a to z, digits and . _ - + @")]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
}

/// What the column allows.
const LONGEST: usize = 128;

impl Username {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = UsernameRefusal;

    fn from_str(text: &str) -> Result<Self, UsernameRefusal> {
        // Phones add a space after a completed word.
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(UsernameRefusal::TooLong);
        }
        let first = text.chars().next().ok_or(UsernameRefusal::Empty)?;
        let allowed = |c: &char| c.is_ascii_alphanumeric() || ['.', '_', '-', '+', '@'].contains(c);
        if let Some(character) = text.chars().find(|c| !allowed(c)) {
            return Err(UsernameRefusal::Character { name: text.to_owned(), character });
        }
        if !first.is_ascii_alphanumeric() {
            return Err(UsernameRefusal::Start(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ToSql<Text, Pg> for Username {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.0, out)
    }
}

impl FromSql<Text, Pg> for Username {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Pg>>::from_sql(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_and_trimmed() {
        for (text, name) in
            [("Alice", "alice"), (" bob@Example.COM ", "bob@example.com"), ("0-day_x.y+z", "0-day_x.y+z")]
        {
            assert_eq!(text.parse::<Username>().unwrap().as_str(), name);
        }
    }

    /// Homographs, log injection, and names that read as an option or a path.
    #[test]
    fn a_name_that_could_mislead_is_refused_with_its_reason() {
        use UsernameRefusal::{Character, Empty, Start, TooLong};
        let character = |name: &str, character| Character { name: name.to_owned(), character };
        for (text, refusal) in [
            ("", Empty),
            ("  \t", Empty),
            (&"a".repeat(129), TooLong),
            ("-rf", Start("-rf".to_owned())),
            ("..", Start("..".to_owned())),
            ("аlice", character("аlice", 'а')),
            ("a b", character("a b", ' ')),
            ("a\nb", character("a\nb", '\n')),
            ("a/b", character("a/b", '/')),
            ("a\u{202e}b", character("a\u{202e}b", '\u{202e}')),
        ] {
            assert_eq!(text.parse::<Username>(), Err(refusal), "{text:?}");
        }
    }
}
