//! Why nothing was changed at a server.

/// Why not, in a sentence that names what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such server, or none that this actor manages.
    #[error("there is no such server")]
    NoServer,
    /// No such place, or none that this actor manages.
    #[error("there is no such place, or it is not yours to put servers into")]
    NoPlace,
    /// Another has that name, wherever it is.
    #[error("there is already a server called {0:?}; their names are unique in the whole installation")]
    Taken(String),
    /// The server has no such tool.
    #[error("the server has no tool called {0:?}")]
    NoTool(String),
    /// Nothing waits for a decision.
    #[error("the tool {0:?} has no class that waits to be approved")]
    NothingProposed(String),
    /// Something that was said is wrong.
    #[error(transparent)]
    Flaw(#[from] Flaw),
}

/// What is wrong with what was said about a server. Neither a password nor the value of a header is repeated in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Flaw {
    /// What it was said as: a member of the API, a field of the page.
    pub field: &'static str,
    words: String,
}

impl Flaw {
    /// So it is.
    pub fn new(field: &'static str, words: impl Into<String>) -> Self {
        Self { field, words: words.into() }
    }
}

impl Refusal {
    /// The field that it is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoServer | Self::Taken(_) => "name",
            Self::NoPlace => "place",
            Self::NoTool(_) | Self::NothingProposed(_) => "tool",
            Self::Flaw(flaw) => flaw.field,
        }
    }
}
