//! What calling a tool does to the world.

use std::str::FromStr;

use super::permissions::{Thing, Verb};

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
    /// All three, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

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

/// A word that is no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no class: a tool's class is read, write or delete")]
pub struct ClassError(String);

impl FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, ClassError> {
        Self::ALL.into_iter().find(|class| class.name() == text).ok_or_else(|| ClassError(text.to_owned()))
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

    #[test]
    fn a_class_is_read_by_its_name_alone() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        assert!("Read".parse::<Class>().is_err());
    }
}
