//! May this caller do this?
//!
//! The warm path asks no database: a token's signature is remembered, and everything that could cut it off (revocations,
//! disabled people and clients, servers) is held in memory and kept current by [`changes`](crate::db::changes). A node that cannot hear
//! of changes asks the database instead, and one that cannot ask answers "try again", never "no" and never "yes".

pub mod action;
pub mod admit_foreign;
pub mod admit_key;
pub mod admit_token;
pub mod authenticate;
pub mod explanation;
pub mod foreign_token;
pub mod key_making;
pub mod make_token;
pub mod manage;
pub mod policies;
pub mod policy;
pub mod principal;
mod remembered;
pub mod scoping;
mod seen_proofs;
pub mod shifts;
pub mod snapshot;
pub mod visit;

pub use authenticate::Authenticated;
pub use policies::Policies;
pub use principal::{Narrowing, Principal, Subject};
pub use snapshot::Access;
