//! Secrets that people make in settings and hand to programs.
//!
//! Nouns: [`api_key`], [`personal_token`], [`habit`]. Verbs: [`issue`], [`revoke`](mod@revoke), [`replace`], [`personal_tokens`],
//! [`watch`](mod@watch). Who may make, see and end which is decided by
//! [`access`](crate::access), before anything here runs; that a revoked key never comes back is the database's own rule.

pub mod api_key;
mod api_key_list;
pub mod habit;
pub mod issue;
pub mod limit;
mod name;
pub mod personal_token;
pub mod personal_tokens;
mod rate;
pub mod replace;
pub mod revoke;
pub mod uses;
pub mod watch;

use chrono::{DateTime, Utc};

use crate::audit::Origin;
use crate::crypto::{Random, RootKeys};
use crate::types::{KeyTag, SubjectId, UserId};

pub use api_key::{ApiKey, State};
pub use api_key_list::{After, Listing, Seen, Sort, list};
pub use issue::{Issued, NewKey};
pub use name::{CredentialName, CredentialNameError};
pub use personal_token::PersonalToken;
pub use rate::{Rate, RateError};
pub use uses::{Use, Uses};

/// What is announced when keys are cut off, or are to end sooner than was said.
pub const CHANGED: &str = "credentials";

/// On what terms credentials are made and ended.
pub struct Terms<'a> {
    /// The root keys.
    pub keys: &'a RootKeys,
    /// Randomness.
    pub random: &'a Random,
    /// What new API keys begin with.
    pub tag: &'a KeyTag,
    /// Where the request came from, for the audit trail.
    pub origin: &'a Origin,
    /// Who asks; nobody in particular on the command line.
    pub by: Option<SubjectId>,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

impl Terms<'_> {
    /// The person who asks, if it is a person.
    fn person(&self) -> Option<UserId> {
        match self.by {
            Some(SubjectId::Person(user)) => Some(user),
            Some(SubjectId::Service(_) | SubjectId::Workspace(_)) | None => None,
        }
    }

    /// Who asks, as the audit trail names them.
    fn actor(&self) -> String {
        self.by.map_or_else(|| "operator".to_owned(), |by| by.to_string())
    }
}
