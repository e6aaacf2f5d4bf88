//! The policies as one node holds them, compiled for the question that every call asks.

use std::borrow::Cow;

use super::principal::Subject;
use super::visit::Visit;

/// What the policies of a caller's groups say, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policies {}

/// What they say about a visit, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<'p> {
    /// A rule allows it and none denies it.
    Allows(Cow<'p, str>),
    /// A rule denies it, or none allows it; and why, for the caller.
    Denies(Cow<'p, str>, &'static str),
}

impl Policies {
    /// May they, by their groups? Whoever administers the installation may; of everybody else it is a matter of rules.
    pub fn word(&self, subject: &Subject, _: &Visit<'_>) -> Word<'_> {
        match subject.is_admin() {
            true => Word::Allows("administrator".into()),
            false => Word::Denies("no rule".into(), "no policy of the caller's groups allows this"),
        }
    }
}
