//! Where servers live, and by which every credential is scoped: workspaces, their projects, and the folders of those.
//!
//! Nouns: [`place`], [`member`]. Verbs: [`arrange`]; who is in a workspace is `identity::membership`. What a credential is narrowed to is its [`Reach`]; whether something lies within is judged
//! by [`Reach::covers`] and nowhere else.

mod actor;
pub mod arrange;
mod contents;
pub mod member;
pub mod place;
mod reach;
mod tree;

pub use actor::Actor;
pub use contents::Contents;
pub use member::{Memberships, Role};
pub use place::{Kind, Place};
pub use reach::{PlacePath, Reach, StoredReach};
pub use tree::{Map, Tree};

/// What is announced when places are made, renamed or removed.
pub const CHANGED: &str = "places";
