//! A group comes into being.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::Group;
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;

/// How adding a group ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddGroup {
    /// It exists now.
    Added(Group),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why a group cannot be added, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be a name.
    #[error("the group name {0:?} must have 1 to 128 characters, without commas, line breaks and spaces at its ends")]
    Name(String),
    /// There is one.
    #[error("there is already a group with the name {0:?}")]
    Taken(String),
}

/// Adds a group. Names are free otherwise: an identity provider may name groups by a number or in any language.
pub async fn add_group(
    conn: &mut Connection,
    name: &str,
    description: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<AddGroup> {
    if !may_be_called(name) {
        return Ok(AddGroup::Refused(Refusal::Name(name.to_owned())));
    }
    let Some(group) = Group::insert(conn, name, description.trim(), now).await? else {
        return Ok(AddGroup::Refused(Refusal::Taken(name.to_owned())));
    };
    let detail = json!({ "name": group.name });
    audit::record(conn, Entry::new(Event::GroupAdded).detail(detail), origin, now).await?;
    Ok(AddGroup::Added(group))
}

fn may_be_called(name: &str) -> bool {
    (1..=128).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(|character| character == ',' || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_listed_with_others_and_shown() {
        for good in ["public-mcp-users", "16c7e67e-e8ae-498c-ba2e-0593c0159e43", "Entwicklung Süd", "a"] {
            assert!(may_be_called(good), "{good}");
        }
        for bad in ["", " ", "a ", "a,b", "a\nb", "a\0b", &"a".repeat(129)] {
            assert!(!may_be_called(bad), "{bad:?}");
        }
    }
}
