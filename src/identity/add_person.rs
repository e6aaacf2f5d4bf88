//! Somebody becomes known.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::group::{self, Group};
use super::user::NewUser;
use super::{User, Username, UsernameRefusal};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::PasswordHash;
use crate::db::Connection;
use crate::places::{Role, member};
use crate::types::{DEFAULT_WORKSPACE, UserId};

/// What is said about a person who is to be added, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// The name to sign in with.
    pub username: String,
    /// The name to be shown by; the user name when there is none.
    pub display_name: Option<String>,
    /// The email address.
    pub email: Option<String>,
    /// The names of the groups to be in.
    pub groups: Vec<String>,
    /// True for a system administrator.
    pub is_admin: bool,
    /// The hash of a password that is [one they may have](super::NewPassword); without it they need a set-up link.
    pub password: Option<PasswordHash>,
}

/// How adding a person ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddPerson {
    /// They are known now.
    Added(User),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why a person cannot be added, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name to sign in with cannot be one.
    #[error(transparent)]
    Username(#[from] UsernameRefusal),
    /// Somebody else has it.
    #[error("there is already a person with the user name \"{0}\"")]
    Taken(Username),
    /// No display name.
    #[error("the display name {0:?} must have 1 to 128 characters and no line breaks")]
    DisplayName(String),
    /// No email address.
    #[error("{0:?} is not an email address")]
    Email(String),
    /// There is no such group.
    #[error("there is no group with the name {0:?}")]
    UnknownGroup(String),
}

/// Adds a person and puts them into their groups and into the workspace that everybody has: all of it or, when refused, nothing.
pub async fn add_person(
    conn: &mut Connection,
    wanted: NewPerson,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<AddPerson> {
    let (user, groups) = match judge(wanted, now) {
        Ok(judged) => judged,
        Err(refusal) => return Ok(AddPerson::Refused(refusal)),
    };
    let known = Group::named(conn, &groups).await?;
    if let Some(unknown) = groups.into_iter().find(|name| known.iter().all(|group| group.name != *name)) {
        return Ok(AddPerson::Refused(Refusal::UnknownGroup(unknown)));
    }
    let Some(added) = user.insert(conn).await? else {
        return Ok(AddPerson::Refused(Refusal::Taken(user.username)));
    };
    group::join(conn, added.id, &known).await?;
    let role = if added.is_admin { Role::Owner } else { Role::Member };
    member::join_named(conn, DEFAULT_WORKSPACE, added.id, role, now).await?;
    let groups: Vec<&str> = known.iter().map(|group| group.name.as_str()).collect();
    let detail = json!({ "username": added.username.as_str(), "is_admin": added.is_admin, "groups": groups });
    audit::record(conn, Entry::new(Event::PersonAdded).user(added.id).detail(detail), origin, now).await?;
    Ok(AddPerson::Added(added))
}

/// The row and the groups' names, or what is wrong with them.
fn judge(wanted: NewPerson, now: DateTime<Utc>) -> Result<(NewUser, Vec<String>), Refusal> {
    let username: Username = wanted.username.parse()?;
    let display_name = match wanted.display_name {
        Some(name) => display_name(&name)?,
        None => username.to_string(),
    };
    let user = NewUser {
        id: UserId::fresh(),
        display_name,
        username,
        email: wanted.email.map(email).transpose()?,
        password_changed_at: wanted.password.as_ref().map(|_| now),
        password_hash: wanted.password,
        is_admin: wanted.is_admin,
        created_at: now,
    };
    Ok((user, wanted.groups))
}

/// A name to be shown by, without what surrounds it.
pub(super) fn display_name(name: &str) -> Result<String, Refusal> {
    let trimmed = name.trim();
    let fits = (1..=128).contains(&trimmed.chars().count()) && !trimmed.chars().any(char::is_control);
    if fits { Ok(trimmed.to_owned()) } else { Err(Refusal::DisplayName(name.to_owned())) }
}

/// Nothing proves an address but a message that arrives; this only catches what is none at all.
pub(super) fn email(address: String) -> Result<String, Refusal> {
    let clean = !address.chars().any(|c| c.is_whitespace() || c.is_control()) && address.len() <= 254;
    match address.split_once('@') {
        Some((local, domain)) if clean && !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            Ok(address)
        }
        _ => Err(Refusal::Email(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn refusal(person: NewPerson) -> Option<String> {
        judge(person, Clock::system().now()).err().map(|refusal| refusal.to_string())
    }

    #[test]
    fn a_refusal_names_the_value_that_is_wrong() {
        let alice = NewPerson { username: "alice".to_owned(), ..NewPerson::default() };
        assert_eq!(refusal(alice.clone()), None);
        for (person, words) in [
            (NewPerson { username: "a b".to_owned(), ..alice.clone() }, "\"a b\" cannot contain ' '"),
            (NewPerson { email: Some("alice".to_owned()), ..alice.clone() }, "\"alice\" is not an email address"),
            (NewPerson { email: Some("a@b@c".to_owned()), ..alice.clone() }, "\"a@b@c\""),
            (NewPerson { display_name: Some("A\nB".to_owned()), ..alice.clone() }, "line breaks"),
            (NewPerson { display_name: Some("  ".to_owned()), ..alice }, "1 to 128"),
        ] {
            let refusal = refusal(person).expect("refused");
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
