//! The facts of a person on which decisions rest.

use crate::types::UserId;

/// Current facts of a person, as every decision reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Stable, never reused: the `sub` of every token.
    pub id: UserId,
    /// The name they sign in with.
    pub username: String,
    /// The name they are shown by.
    pub display_name: String,
    /// Their email address, if we know it.
    pub email: Option<String>,
    /// The groups they are in, sorted.
    pub groups: Vec<String>,
    /// True for system administrators.
    pub is_admin: bool,
    /// True when they may no longer do anything.
    pub is_disabled: bool,
}
