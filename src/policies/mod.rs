//! Policies: what a group may do at which servers behind us.
//!
//! A policy is a named list of [rules](rule) and the groups that it is for. Nouns: [`policy`]. Verbs: [`save`]. What the rules
//! mean to a caller is decided in [`access`](crate::access::policies), from a compiled copy of them; the [`dialect`]s of other
//! systems come in and go out here.

pub mod condition;
pub mod dialect;
pub mod draft;
pub mod import;
pub mod lint;
pub mod pattern;
pub mod policy;
pub mod reading;
pub mod rule;
pub mod save;
pub mod seeds;

/// What is announced when policies change.
pub const CHANGED: &str = "policies";

/// Whose group everybody is in, whoever calls.
pub const EVERYONE: &str = "everyone";

/// What comes before the name of a workspace in the name of the group that its members and its keys are in.
pub const WORKSPACE: &str = "workspace:";

pub use condition::{Condition, Facts};
pub use dialect::Dialect;
pub use draft::Draft;
pub use pattern::Pattern;
pub use policy::Policy;
pub use reading::{Fault, Reading};
pub use rule::{Effect, Listing, Rule};
