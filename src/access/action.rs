//! What is attempted.

use crate::places::PlacePath;
use crate::types::{ServerId, Thing, Verb};

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
        /// Names it, whatever it is called.
        id: ServerId,
        /// Its name.
        server: &'a str,
        /// Where it is.
        at: &'a PlacePath,
    },
    /// Look at, change or remove something of ours.
    Manage {
        /// What kind of thing.
        thing: Thing,
        /// What is done to it.
        verb: Verb,
        /// Where it is; none where that is still to be asked, of each thing that is found.
        at: Option<&'a PlacePath>,
    },
}

impl Action<'_> {
    /// The scope token that it takes.
    pub fn scope(&self) -> &'static str {
        let (thing, verb) = self.permission();
        thing.scope(verb)
    }

    /// The permission that it takes.
    pub fn permission(&self) -> (Thing, Verb) {
        match self {
            Self::Enter | Self::SeeTool { .. } | Self::SeeServer { .. } => (Thing::Tools, Verb::Read),
            Self::CallTool { class, .. } => (Thing::Tools, class.verb()),
            Self::Manage { thing, verb, .. } => (*thing, *verb),
        }
    }

    /// Where it happens, if it happens somewhere.
    pub fn place(&self) -> Option<&PlacePath> {
        match self {
            Self::Enter | Self::SeeTool { .. } | Self::CallTool { .. } => None,
            Self::SeeServer { at, .. } => Some(at),
            Self::Manage { at, .. } => *at,
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
        Thing::Tools.scope(self.verb())
    }

    /// What a call does to the tools.
    pub fn verb(self) -> Verb {
        match self {
            Self::Read => Verb::Read,
            Self::Write => Verb::Write,
            Self::Delete => Verb::Delete,
        }
    }

    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        self.verb().name()
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
