//! Who calls, by which credential, with which scope and for which audience.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::identity::Person;
use crate::types::{GrantId, Scope};

/// A caller whose credential was good a moment ago.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person in whose name the call is made: current facts, not what a token once said.
    pub person: Arc<Person>,
    /// By what the call is made.
    pub credential: Credential,
    /// What was granted, before policy narrows it.
    pub scope: Scope,
    /// The audience that opened this door.
    pub audience: String,
}

/// By what a call is made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A JWT access token (RFC 9068).
    AccessToken(AccessTokenCredential),
}

/// The facts of an access token that outlive its verification.
#[derive(Clone, Debug)]
pub struct AccessTokenCredential {
    /// `jti`: names this one token.
    pub id: String,
    /// The grant that it was issued under.
    pub grant: GrantId,
    /// The client that it was issued to.
    pub client_id: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it stops by itself.
    pub expires_at: DateTime<Utc>,
}
