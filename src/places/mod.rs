//! Where servers live, and by which every credential is scoped: workspaces, their projects, and the folders of those.
//!
//! Nouns: [`place`], [`member`]. What a credential is narrowed to is its [`Reach`]; whether something lies within is judged
//! by [`Reach::covers`] and nowhere else.

pub mod member;
pub mod place;
mod reach;
mod tree;

pub use member::{Memberships, Role};
pub use place::{Kind, Place};
pub use reach::{PlacePath, Reach, StoredReach};
pub use tree::{Map, Tree};

/// What is announced when places are made, renamed or removed.
pub const CHANGED: &str = "places";
