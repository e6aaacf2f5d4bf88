//! What the access token of another issuer says, and what must hold of it before anybody asks whose it is.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::authenticate::{Audiences, CLOCK_SKEW};
use crate::crypto::statement::Header;
use crate::grants::accepted_tokens::TokenIssuer;
use crate::grants::assertion::LONGEST_SUBJECT;
use crate::grants::sign::Audience;
use crate::grants::trust_rule::find_claim;
use crate::types::{NumericDate, Scope, known_scopes};

/// As many groups of one token count, and no longer names.
const MOST_GROUPS: usize = 500;
/// The longest name of a group, in bytes.
const LONGEST_GROUP: usize = 256;

/// An access token that a trusted issuer signed, and that was not made for something else.
#[derive(Clone, Debug)]
pub struct ForeignToken {
    /// Under which [acceptance](crate::grants::accepted_tokens::AcceptedTokens::id) it was verified.
    pub acceptance: Uuid,
    /// Its issuer, and whom it calls so.
    pub account: (String, String),
    /// To which client it was issued.
    pub client_id: Option<String>,
    /// What it names itself.
    pub id: Option<String>,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// When it stops.
    pub expires_at: DateTime<Utc>,
    /// The groups that it says, where the operator counts them; sorted.
    pub groups: Vec<String>,
    /// All that it says.
    pub claims: Value,
    begins_at: DateTime<Utc>,
    audiences: Vec<String>,
}

/// The claims that we know.
#[derive(Deserialize)]
struct Known {
    iss: String,
    sub: String,
    aud: Option<Audience>,
    exp: NumericDate,
    iat: NumericDate,
    nbf: Option<NumericDate>,
    jti: Option<String>,
    client_id: Option<String>,
    azp: Option<String>,
    appid: Option<String>,
    /// Cognito: `access` or `id`.
    token_use: Option<String>,
    /// Keycloak: `Bearer`, `ID`, `Refresh`, `Offline`, `DPoP`.
    typ: Option<String>,
}

/// What access tokens carry in no form of theirs: marks of ID tokens (OpenID Connect Core §2, §3.3.2.11), of logout tokens and
/// security events (RFC 8417 §2.2), and of tokens that take a proof of a key (RFC 7800 §3.1).
const MARKS_OF_OTHERS: [&str; 5] = ["at_hash", "c_hash", "s_hash", "events", "cnf"];

impl ForeignToken {
    /// Reads a token whose signature was good. What is, or might be, a statement of another kind is refused (RFC 8725 §3.11).
    pub fn read(header: &Header, claims: Value, from: &TokenIssuer) -> Result<Self, &'static str> {
        let malformed = "The token does not say what an access token says: iss, sub, exp and iat";
        let known: Known = serde_json::from_value(claims.clone()).map_err(|_| malformed)?;
        let is_name = |text: &str| !text.is_empty() && text.len() <= LONGEST_SUBJECT && !text.contains('\0');
        if known.iss != from.issuer.issuer || !is_name(&known.sub) {
            return Err(malformed);
        }
        if !is_access_token(header, &known, &claims) {
            return Err("This is not an access token; ID tokens and others open nothing here");
        }
        let groups = from.accepted.groups_claim.as_deref().map(|name| groups(&claims, name));
        let Known { iss, sub, aud, exp, iat, nbf, jti, client_id, azp, appid, .. } = known;
        Ok(Self {
            acceptance: from.accepted.id,
            account: (iss, sub),
            client_id: client_id.or(azp).or(appid).filter(|client| is_name(client)),
            id: jti,
            issued_at: iat.0,
            expires_at: exp.0,
            groups: groups.unwrap_or_default(),
            claims,
            begins_at: nbf.map_or(iat.0, |nbf| nbf.0.max(iat.0)),
            audiences: aud.map(|aud| aud.all().to_vec()).unwrap_or_default(),
        })
    }

    /// The audience by which it opens this door now, or why it does not.
    pub fn judge(
        &self,
        from: &TokenIssuer,
        audiences: Audiences<'_>,
        now: DateTime<Utc>,
    ) -> Result<String, &'static str> {
        if now >= self.expires_at {
            return Err("The token has expired");
        }
        if self.begins_at > now + CLOCK_SKEW {
            return Err("The token is not valid yet");
        }
        let accepted = &from.accepted;
        let client = self.client_id.as_deref();
        if !accepted.client_ids.0.is_empty() && !client.is_some_and(|client| accepted.client_ids.has(client)) {
            return Err("The token was issued to a client that is not accepted here");
        }
        let opens = |one: &&String| match accepted.audiences.0.is_empty() {
            true => audiences.admit_one(one),
            false => accepted.audiences.has(one),
        };
        match (self.audiences.iter().find(opens), client) {
            (Some(audience), _) => Ok(audience.clone()),
            // Cognito's have no audience; there the client stands for it, if the operator named it.
            (None, Some(client)) if self.audiences.is_empty() && accepted.client_ids.has(client) => {
                Ok(client.to_owned())
            }
            (None, _) => Err("The token was issued for another resource"),
        }
    }

    /// What of `most` it gets: where it names scopes of ours, not more than those.
    pub fn scope_of(&self, most: &Scope) -> Scope {
        let ours = [known_scopes::MCP_READ, known_scopes::MCP_WRITE, known_scopes::MCP_DELETE];
        let words = ["scope", "scp", "scopes"].iter().flat_map(|name| words(&self.claims[*name]));
        // Cognito puts the name of the resource in front.
        let named: Vec<&str> = words.map(|word| word.rsplit('/').next().unwrap_or(word)).collect();
        let named: Vec<&str> = ours.into_iter().filter(|scope| named.contains(scope)).collect();
        if named.is_empty() { most.clone() } else { Scope::of(&named).within(most) }
    }

    /// True when it is about a program that acts for itself (RFC 9068 §2.2), as far as that can be told.
    pub fn is_of_program(&self, username_claim: Option<&str>) -> bool {
        self.client_id.as_ref() == Some(&self.account.1)
            || username_claim.is_some_and(|claim| !self.claims[claim].is_string())
    }
}

/// Cognito and Keycloak say in a claim what a token is, RFC 9068 says it in the header. Where nobody says it, it must have
/// something of an access token and nothing of an ID token.
fn is_access_token(header: &Header, known: &Known, claims: &Value) -> bool {
    let is_other = MARKS_OF_OTHERS.iter().any(|mark| claims.get(mark).is_some());
    let is_said_in_header = header.is("at+jwt");
    let is_plain = is_said_in_header || header.typ.is_none() || header.is("jwt");
    let agrees = |said: &Option<String>, word: &str| said.as_ref().is_none_or(|said| said.eq_ignore_ascii_case(word));
    if is_other || !is_plain || !agrees(&known.token_use, "access") || !agrees(&known.typ, "bearer") {
        return false;
    }
    if is_said_in_header || known.token_use.is_some() || known.typ.is_some() {
        return true;
    }
    let is_audience = |client: &String| known.aud.as_ref().is_some_and(|aud| aud.all().contains(client));
    let is_for_another = known.azp.as_ref().is_some_and(|client| !is_audience(client));
    let has_scope = ["scope", "scp"].iter().any(|name| claims.get(name).is_some());
    claims.get("nonce").is_none() && (has_scope || is_for_another || known.client_id.is_some() || known.appid.is_some())
}

/// The words of a claim that is a list of them, or a text with spaces between.
fn words(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// The groups in the claim of that name. A text is one group: names may have spaces.
fn groups(claims: &Value, name: &str) -> Vec<String> {
    let read = |claim: &Value| match claim {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let mut groups = find_claim(claims, name, read).unwrap_or_default();
    groups.retain(|group| !group.is_empty() && group.len() <= LONGEST_GROUP);
    groups.truncate(MOST_GROUPS);
    groups.sort_unstable();
    groups.dedup();
    groups
}
