//! The seam: oxide-auth's state machines over our tables. The only code that imports `oxide_auth`.
//!
//! `oxide_auth::code_grant` never does I/O: a machine is fed facts and says what it needs next. We drive the machines
//! themselves, inside the verb's one transaction, instead of implementing oxide's `Endpoint` and primitive traits: the verb
//! keeps its connection and its reasons, nothing is shared behind a lock, and nothing is lost in a `Result<_, ()>`.
//!
//! What the machines cannot do stands beside them, and why:
//!
//! | What | Why not oxide | Where |
//! |---|---|---|
//! | client authentication | a machine knows only a pass phrase | `oauth::client_request`, before; the machine is told the outcome |
//! | exact and loopback redirect matching (RFC 8252 §7.3) | it knows the name `localhost` only, and normalises | `types::RedirectUri` |
//! | a token request without `redirect_uri` (OAuth 2.1) | it demands one | a sentinel stands for "as it should be" |
//! | repeated `resource` (RFC 8707) | repeated parameters vanish | `http::params`, checked by the verbs |
//! | time | it reads the system's clock | the verbs judge expiry by ours; grants handed in are far from expiring |
//! | scope hierarchy | it compares sets | scopes are handed in with all they imply |
//! | single use, replay, rotation, grace | left to primitives | `grants::{redeem, rotate}`, by single SQL statements |
//! | device codes, exchange, assertions (RFC 8628, 8693, 7523) | it has no such grants | `grants::{device, exchange, workload, id_jag}` |
//! | error descriptions | it names members wrongly and has few codes | `oauth::error` |

mod authorization;
mod client_credentials;
mod redemption;
mod refresh;

pub use authorization::{Negotiated, negotiate};
pub use client_credentials::act;
pub use redemption::{Proved, Redemption};
pub use refresh::Refreshing;

use chrono::{DateTime, TimeDelta, Utc};
use oxide_auth::primitives::grant::{Extensions, Grant};
use url::Url;

use crate::types::Scope;

/// Why a machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The code or token is not this client's, or not for this redirect URI.
    InvalidGrant,
    /// More than was granted.
    InvalidScope,
    /// The request is malformed, or oxide was driven wrongly.
    InvalidRequest,
}

/// Stands for the redirect URI in oxide's eyes once ours has been compared byte for byte.
const SAME_REDIRECT: &str = "urn:portcullis:redirect-uri:as-it-should-be";
/// Stands for any other.
const OTHER_REDIRECT: &str = "urn:portcullis:redirect-uri:another";
/// The client was authenticated before the machine started.
const PRE_AUTHENTICATED: &[u8] = b"authenticated before";

fn sentinel(same: bool) -> &'static str {
    if same { SAME_REDIRECT } else { OTHER_REDIRECT }
}

/// A grant in oxide's shape. Its end is far away: the verbs have judged expiry by our own clock already.
fn oxide_grant(owner: &str, client: &str, scope: &Scope, extensions: Extensions) -> Option<Grant> {
    Some(Grant {
        owner_id: owner.to_owned(),
        client_id: client.to_owned(),
        scope: oxide_scope(scope)?,
        redirect_uri: SAME_REDIRECT.parse::<Url>().ok()?,
        until: far_away(),
        extensions,
    })
}

fn far_away() -> DateTime<Utc> {
    DateTime::<Utc>::MAX_UTC - TimeDelta::days(366)
}

/// A scope with all it implies, in oxide's shape.
fn oxide_scope(scope: &Scope) -> Option<oxide_auth::primitives::scope::Scope> {
    scope.expanded().to_string().parse().ok()
}
