//! Who calls, by which credential, with which scope and for which audience.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::grants::authorize::within_rights;
use crate::identity::{Person, ServiceAccount};
use crate::types::{GrantId, Scope, SubjectId};

/// A caller whose credential was good a moment ago.
#[derive(Clone, Debug)]
pub struct Principal {
    /// In whose name the call is made: current facts, not what a token once said.
    pub subject: Subject,
    /// By what the call is made.
    pub credential: Credential,
    /// What was granted, before policy narrows it.
    pub scope: Scope,
    /// The audience that opened this door.
    pub audience: String,
}

/// In whose name a call is made.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A person's.
    Person(Arc<Person>),
    /// A program's own.
    Service(Arc<ServiceAccount>),
}

impl Subject {
    /// The `sub` of its tokens.
    pub fn id(&self) -> SubjectId {
        match self {
            Self::Person(person) => SubjectId::Person(person.id),
            Self::Service(account) => SubjectId::Service(account.id),
        }
    }

    /// `person` or `service_account`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Service(_) => "service_account",
        }
    }

    /// The name that it signs in or authenticates with.
    pub fn name(&self) -> &str {
        match self {
            Self::Person(person) => &person.username,
            Self::Service(account) => &account.name,
        }
    }

    /// The name that it is shown by.
    pub fn display_name(&self) -> &str {
        match self {
            Self::Person(person) => &person.display_name,
            Self::Service(account) => &account.name,
        }
    }

    /// The groups that it is in, sorted.
    pub fn groups(&self) -> &[String] {
        match self {
            Self::Person(person) => &person.groups,
            Self::Service(account) => &account.groups,
        }
    }

    /// True for system administrators, who are people.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Person(person) if person.is_admin)
    }

    /// True when it may no longer do anything.
    pub fn is_disabled(&self) -> bool {
        match self {
            Self::Person(person) => person.is_disabled,
            Self::Service(account) => account.is_disabled,
        }
    }

    /// What of `scope` it may use: a person manages only as an administrator, a program what its client may.
    pub fn within_rights(&self, scope: &Scope) -> Scope {
        match self {
            Self::Person(person) => within_rights(scope, person.is_admin),
            Self::Service(_) => scope.clone(),
        }
    }
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
    /// The grant that it was issued under; a program that acts for itself has none.
    pub grant: Option<GrantId>,
    /// The client that it was issued to.
    pub client_id: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it stops by itself.
    pub expires_at: DateTime<Utc>,
    /// The thumbprint of the key without which it opens nothing (RFC 9449 §6.1).
    pub key: Option<String>,
}
