//! What a signed statement that is to buy a token says, and what must hold of every such statement (RFC 7523 §3).

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::sign::Audience;
use super::trusted_issuer::{IssuerKind, TrustedIssuer};
use crate::types::{NumericDate, Scope};

/// The claims that we know, and all of them.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Those that we know.
    pub known: Known,
    /// All of them, for rules to look at.
    pub all: Value,
}

/// The claims that we know.
#[derive(Clone, Debug, Deserialize)]
pub struct Known {
    /// Who signed it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// To whom it is addressed.
    pub aud: Audience,
    /// When it ends.
    pub exp: NumericDate,
    /// When it was made.
    pub iat: Option<NumericDate>,
    /// When it begins.
    pub nbf: Option<NumericDate>,
    /// Names this one statement.
    pub jti: Option<String>,
    /// For which client (ID-JAG §3).
    pub client_id: Option<String>,
    /// For which resource (ID-JAG §3).
    pub resource: Option<Audience>,
    /// The most that it buys (ID-JAG §3).
    pub scope: Option<Scope>,
    /// When its person had last proved who they are.
    pub auth_time: Option<NumericDate>,
}

/// The longest `sub` of a statement, in bytes.
pub const LONGEST_SUBJECT: usize = 1024;

/// Clocks of others may differ from ours by this.
pub const SKEW: TimeDelta = TimeDelta::seconds(30);

impl IssuerKind {
    /// The longest that a statement of this kind may be good for: it is remembered for that long.
    fn longest(self) -> TimeDelta {
        match self {
            Self::IdJag => TimeDelta::hours(1),
            Self::Workload => TimeDelta::hours(24),
            // It is trusted for no statement that buys a token.
            Self::AccessTokens => TimeDelta::zero(),
        }
    }
}

impl Assertion {
    /// Reads the claims of a statement whose signature was good.
    pub fn read(all: Value) -> Option<Self> {
        let known: Known = serde_json::from_value(all.clone()).ok()?;
        // PostgreSQL takes no NUL in a text, and no identifier has one.
        let is_clean = ![&known.iss, &known.sub].into_iter().any(|text| text.contains('\0') || text.is_empty());
        (is_clean && known.sub.len() <= LONGEST_SUBJECT).then_some(Self { known, all })
    }

    /// When it has expired by itself, with the skew that is allowed for clocks.
    pub fn dead_by(&self) -> DateTime<Utc> {
        self.known.exp.0 + SKEW
    }

    /// What must hold of every statement: issuer, audience, times, and a name for this one. The name, if all is well.
    pub fn judge(&self, issuer: &TrustedIssuer, audiences: &[&str], now: DateTime<Utc>) -> Result<&str, &'static str> {
        let Known { iss, aud, exp, iat, nbf, jti, .. } = &self.known;
        if *iss != issuer.issuer {
            return Err("The assertion is another issuer's");
        }
        if !is_addressed(aud, issuer.kind, audiences) {
            return Err("The assertion is not addressed to this server (aud)");
        }
        if now >= exp.0 + SKEW {
            return Err("The assertion has expired");
        }
        if iat.iter().chain(nbf).any(|begin| begin.0 > now + SKEW) {
            return Err("The assertion is not valid yet");
        }
        let made_at = match (iat, issuer.kind) {
            (Some(iat), _) => iat.0,
            (None, IssuerKind::Workload) => now,
            (None, IssuerKind::IdJag | IssuerKind::AccessTokens) => {
                return Err("The assertion does not say when it was made (iat)");
            }
        };
        if exp.0.signed_duration_since(made_at) > issuer.kind.longest() + SKEW {
            return Err("The assertion is good for too long: ask its issuer for a shorter one");
        }
        jti.as_deref()
            .filter(|jti| !jti.is_empty())
            .ok_or("The assertion has no jti, so nobody could tell whether it was used before")
    }
}

/// An ID-JAG is for us alone; a workload's token may be for others as well.
fn is_addressed(aud: &Audience, kind: IssuerKind, audiences: &[&str]) -> bool {
    let is_ours = |one: &String| audiences.contains(&one.as_str());
    match (aud, kind) {
        (Audience::One(one), _) => is_ours(one),
        (Audience::Many(many), IssuerKind::IdJag) => matches!(many.as_slice(), [one] if is_ours(one)),
        (Audience::Many(many), IssuerKind::Workload) => many.iter().any(is_ours),
        (Audience::Many(_), IssuerKind::AccessTokens) => false,
    }
}
