//! The facts of a person on which decisions rest.

use crate::places::Memberships;
use crate::types::{Scope, UserId, known_scopes};

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
    pub email: Option<Email>,
    /// The groups they are in, sorted.
    pub groups: Vec<String>,
    /// The workspaces they are in, and as what.
    pub workspaces: Memberships,
    /// True for system administrators.
    pub is_admin: bool,
    /// True when they may no longer do anything.
    pub is_disabled: bool,
}

/// An email address, and whose word it is. None is verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The address.
    pub address: String,
    /// True when the person wrote it themselves, false when an administrator vouches for it.
    pub is_own: bool,
}

/// What somebody may do here at most, whatever they are granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Use servers.
    Use,
    /// Manage a workspace, too.
    Manage,
    /// Administer the installation.
    Administer,
}

impl Rights {
    /// What of `scope` they may use or hand on.
    pub fn within(self, scope: &Scope) -> Scope {
        scope.filtered(|token| match token {
            known_scopes::MGMT_READ | known_scopes::MGMT_WRITE => self >= Self::Manage,
            known_scopes::MGMT_ADMIN => self >= Self::Administer,
            _ => true,
        })
    }
}

impl Person {
    /// What they may do at most.
    pub fn rights(&self) -> Rights {
        match (self.is_admin, self.workspaces.manages_any()) {
            (true, _) => Rights::Administer,
            (false, true) => Rights::Manage,
            (false, false) => Rights::Use,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_manages_hands_on_management() {
        let asked: Scope = "mcp:read mgmt.write mgmt.admin".parse().unwrap();
        for (rights, handed_on) in [
            (Rights::Use, "mcp:read"),
            (Rights::Manage, "mcp:read mgmt.write"),
            (Rights::Administer, "mcp:read mgmt.admin mgmt.write"),
        ] {
            assert_eq!(rights.within(&asked).to_string(), handed_on);
        }
    }
}
