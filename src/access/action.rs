//! What is attempted.

use crate::places::PlacePath;
pub use crate::types::Class;
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
    /// Do something at a registered server, as far as that is no matter of policies ([`visit`](super::visit)).
    AtServer {
        /// Names it, whatever it is called.
        id: ServerId,
        /// Its name.
        server: &'a str,
        /// Where it is.
        at: &'a PlacePath,
        /// What it does to the world.
        class: Class,
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
            Self::CallTool { class, .. } | Self::AtServer { class, .. } => (Thing::Tools, class.verb()),
            Self::Manage { thing, verb, .. } => (*thing, *verb),
        }
    }

    /// Where it happens, if it happens somewhere.
    pub fn place(&self) -> Option<&PlacePath> {
        match self {
            Self::Enter | Self::SeeTool { .. } | Self::CallTool { .. } => None,
            Self::SeeServer { at, .. } | Self::AtServer { at, .. } => Some(at),
            Self::Manage { at, .. } => *at,
        }
    }
}
