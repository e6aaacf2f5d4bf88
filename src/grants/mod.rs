//! What was granted to whom, and every token that comes of it.
//!
//! Nouns own tables: [`client`], [`client_ownership`], [`client_secret`], [`client_logo`], [`grant`], [`consent`], [`pending_request`], [`pushed_request`], [`authorization_code`],
//! [`device_code`], [`refresh_token`], [`revocation`], [`signing_key`], [`used_assertion`], [`registration_token`],
//! [`initial_access_token`], [`logout_notice`], [`trusted_issuer`], [`trust_rule`], [`accepted_tokens`], [`flow_step`]. Verbs own transactions.
//! [`machine`] is the seam to oxide-auth.

pub mod accepted_tokens;
pub mod act_for_itself;
pub mod add_client;
pub mod adopt;
pub mod assertion;
pub mod authorization_code;
pub mod authorize;
pub mod change_client;
pub mod client;
pub mod client_assertion;
pub mod client_logo;
pub mod client_metadata;
pub mod client_name;
pub mod client_names;
pub mod client_ownership;
pub mod client_secret;
pub mod consent;
pub mod device;
pub mod device_code;
pub mod disable;
pub mod exchange;
pub mod flow_step;
pub mod grant;
pub mod id_jag;
pub mod initial_access_token;
pub mod introspect;
pub mod invite;
pub mod known_clients;
pub mod log_out;
pub mod logout_notice;
pub mod m2m_account;
pub mod machine;
pub mod manage;
pub mod own_token;
pub mod pending_request;
pub mod provision;
pub mod push;
pub mod pushed_request;
pub mod reap;
pub mod redeem;
pub mod refresh_token;
pub mod refuse;
pub mod register;
pub mod register_client;
pub mod registration_token;
pub mod remove_client;
pub mod revocation;
pub mod revoke;
pub mod rotate;
pub mod rotate_keys;
pub mod rotate_secret;
pub mod sign;
pub mod signing_key;
pub mod timeline;
pub mod trust;
pub mod trust_rule;
pub mod trusted_issuer;
pub mod used_assertion;
pub mod wishes;
pub mod workload;

use chrono::{DateTime, TimeDelta, Utc};

use crate::audit::Origin;
use crate::config::Lifetimes;
use crate::crypto::{Random, RootKeys};

/// The longest that any access token can be good, whatever the settings and its client say.
pub const LONGEST_ACCESS_TOKEN: TimeDelta = TimeDelta::hours(24);

/// On what terms tokens are given: what every verb here needs to know of the installation and of the request.
pub struct Terms<'a> {
    /// The root keys.
    pub keys: &'a RootKeys,
    /// Randomness.
    pub random: &'a Random,
    /// How long things live.
    pub lifetimes: &'a Lifetimes,
    /// Hosts of client metadata documents that the operator trusts, besides the well-known ones.
    pub trusted_hosts: &'a [String],
    /// Where the request came from, for the audit trail.
    pub origin: &'a Origin,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

impl Terms<'_> {
    /// When every access token issued until now has expired by itself, with a margin for rounding.
    pub fn access_tokens_dead_by(&self) -> DateTime<Utc> {
        self.now + LONGEST_ACCESS_TOKEN + TimeDelta::minutes(1)
    }
}
