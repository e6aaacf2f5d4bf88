//! What is attempted.

use crate::types::known_scopes as known;

/// One thing that a caller tries to do at an MCP server of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Come in: say hello, list, read resources and prompts. What every other action takes too.
    Enter,
    /// Find a tool in a list or a search.
    SeeTool {
        /// Its name.
        tool: &'a str,
    },
    /// Call a tool.
    CallTool {
        /// Its name.
        tool: &'a str,
        /// What calling it does to the world.
        class: Class,
    },
    /// Find a registered server in a list or a search.
    SeeServer {
        /// Its name.
        server: &'a str,
    },
    /// See how this gate is set up: servers, people, clients, keys, but no secrets.
    SeeSetup,
}

impl Action<'_> {
    /// The scope token that it takes.
    pub fn scope(&self) -> &'static str {
        match self {
            Self::Enter | Self::SeeTool { .. } | Self::SeeServer { .. } => known::MCP_READ,
            Self::CallTool { class, .. } => class.scope(),
            Self::SeeSetup => known::MGMT_READ,
        }
    }
}

/// What calling a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It looks.
    Read,
    /// It changes.
    Write,
    /// It destroys.
    Delete,
}

impl Class {
    /// The class of a tool with these annotations: one that says nothing changes things.
    ///
    /// Only a hint that is stated true counts, and a tool that calls itself both is taken at its worst word.
    pub fn of(read_only_hint: Option<bool>, destructive_hint: Option<bool>) -> Self {
        match (read_only_hint, destructive_hint) {
            (_, Some(true)) => Self::Delete,
            (Some(true), _) => Self::Read,
            _ => Self::Write,
        }
    }

    /// The scope token that a call takes.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Read => known::MCP_READ,
            Self::Write => known::MCP_WRITE,
            Self::Delete => known::MCP_DELETE,
        }
    }

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_harmless_only_when_it_says_so() {
        for (read_only, destructive, class) in [
            (None, None, Class::Write),
            (Some(false), None, Class::Write),
            (None, Some(false), Class::Write),
            (Some(true), None, Class::Read),
            (Some(true), Some(false), Class::Read),
            (None, Some(true), Class::Delete),
            (Some(true), Some(true), Class::Delete),
        ] {
            assert_eq!(Class::of(read_only, destructive), class, "{read_only:?} {destructive:?}");
        }
    }
}
