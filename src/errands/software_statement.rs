//! ERRAND: is a software statement what somebody says whom the operator trusts? (RFC 7591 §2.3)

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::key_set;
use crate::app::App;
use crate::crypto::statement::{self, Header, StatementAlgorithm};
use crate::grants::client_metadata::SoftwareStatement;
use crate::net::Purpose;
use crate::types::NumericDate;

/// How a look at a software statement ended.
#[derive(Debug)]
pub enum Checked {
    /// It is good.
    Good(SoftwareStatement),
    /// Nobody whom the operator trusts said it.
    Unapproved,
    /// Malformed, expired, or not signed by whom it names.
    Invalid,
    /// The keys of its issuer cannot be read right now.
    NoKeys,
}

/// What decides about a statement.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    exp: Option<NumericDate>,
    #[serde(default)]
    nbf: Option<NumericDate>,
}

/// How far clocks may be apart.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// Checks a statement that came with a registration.
pub async fn check(app: &App, text: &str) -> Checked {
    let (Some(header), Some(claims)) = (Header::of(text), statement::unverified::<Claims>(text)) else {
        return Checked::Invalid;
    };
    let issuers = &app.config.registration.statement_issuers;
    let Some(issuer) = issuers.iter().find(|trusted| trusted.issuer == claims.iss) else { return Checked::Unapproved };
    let keys = match key_set::fetch(app, Purpose::AdministratorKeys, &issuer.jwks_uri, &header).await {
        Ok(keys) => keys,
        Err(why) => {
            tracing::warn!(why, issuer = issuer.issuer, "the keys of a software statement's issuer cannot be read");
            return Checked::NoKeys;
        }
    };
    match keys.verify::<Map<String, Value>>(text, &StatementAlgorithm::ALL) {
        Some(said) if is_in_time(&claims, app.clock.now()) => {
            Checked::Good(SoftwareStatement { text: text.to_owned(), claims: said })
        }
        _ => Checked::Invalid,
    }
}

fn is_in_time(claims: &Claims, now: DateTime<Utc>) -> bool {
    claims.exp.is_none_or(|until| now - SKEW < until.0) && claims.nbf.is_none_or(|from| from.0 <= now + SKEW)
}
