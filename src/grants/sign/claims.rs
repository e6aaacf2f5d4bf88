//! What the tokens that we sign say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::grants::grant::Grant;
use crate::grants::logout_notice::LogoutNotice;
use crate::identity::Person;
use crate::types::{Acr, GrantId, Scope, SessionId, SubjectId, UserId, known_scopes};

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Us.
    pub iss: String,
    /// Whose right it is.
    pub sub: SubjectId,
    /// The resource.
    pub aud: Audience,
    /// Seconds since the epoch; negative or absurd numbers are just numbers here.
    pub exp: i64,
    /// Seconds since the epoch.
    pub iat: i64,
    /// Names this one token.
    pub jti: String,
    /// The client.
    pub client_id: String,
    /// What was granted (RFC 9068 §2.2.3).
    pub scope: Scope,
    /// The same as a list, as source systems read it.
    pub scopes: Vec<String>,
    /// Always `access`.
    pub token_use: String,
    /// The grant it was issued under; a program that acts for itself has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<GrantId>,
    /// When the person had last proved who they are (RFC 9068 §2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The key without which it opens nothing (RFC 7800 §3.1, RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// The client to which the first token was issued, when this one was exchanged for it by another: it may do no more than
    /// that client still may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_client_id: Option<String>,
    /// The person's groups, when the scope `groups` was granted. Nothing here decides on them: they may be out of date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
}

/// The key that a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The RFC 7638 thumbprint of its public key.
    pub jkt: String,
}

/// Who acts for somebody, and who acted before it (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The actor.
    pub sub: SubjectId,
    /// Its client.
    pub client_id: String,
    /// The actor before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

/// One audience or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// A single string.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Audience {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// True when `resource` is among them, byte for byte.
    pub fn has(&self, resource: &str) -> bool {
        self.all().iter().any(|one| one == resource)
    }
}

/// The claims of an ID token (OpenID Connect Core §2).
#[derive(Clone, Debug, Serialize)]
pub(super) struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: UserId,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    acr: &'static str,
    amr: &'a [String],
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(flatten)]
    about: PersonClaims,
}

impl<'a> IdTokenClaims<'a> {
    /// Those of a token that is signed now, for the client of its grant.
    pub(super) fn new(issuer: &'a str, token: IdToken<'a>, now: DateTime<Utc>, lifetime: TimeDelta) -> Self {
        let IdToken { grant, about, access_token, nonce } = token;
        Self {
            iss: issuer,
            sub: grant.user_id,
            aud: &grant.client_id,
            exp: (now + lifetime).timestamp(),
            iat: now.timestamp(),
            auth_time: grant.authenticated_at.timestamp(),
            acr: Acr::of(&grant.amr).name(),
            amr: &grant.amr.0,
            at_hash: at_hash(access_token),
            nonce,
            sid: grant.session_id.map(|session| session.to_string()),
            about,
        }
    }
}

/// The left half of the access token's SHA-256, since ID tokens are signed with RS256 (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let digest = Sha256::digest(access_token);
    URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

/// An ID token of ours that somebody brings back (OpenID Connect RP-Initiated Logout §2, `id_token_hint`). It may have
/// expired: it says who and where, and opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IdTokenHint {
    iss: String,
    /// The person.
    pub sub: UserId,
    /// The client.
    #[serde(rename = "aud")]
    pub client_id: String,
    sid: Option<String>,
}

impl IdTokenHint {
    /// True when this issuer signed it.
    pub(super) fn is_from(&self, issuer: &str) -> bool {
        self.iss == issuer
    }

    /// True when it was issued to this person in this browser session.
    pub fn is_of(&self, user: UserId, session: SessionId) -> bool {
        self.sub == user && self.sid.as_deref() == Some(&*session.to_string())
    }
}

/// The claims of a logout token (OpenID Connect Back-Channel Logout §2.4). A `nonce` is forbidden there, so that it can never
/// be taken for an ID token.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: UserId,
    aud: &'a str,
    exp: i64,
    iat: i64,
    jti: String,
    sid: String,
    events: Value,
}

/// How long a logout token is good: it is used where it arrives (§2.4: "preferably at most two minutes").
const LOGOUT_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(2);
/// The event that a logout token tells of (§2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl<'a> LogoutTokenClaims<'a> {
    /// Those of a token for one try to tell an app.
    pub(super) fn new(issuer: &'a str, notice: &'a LogoutNotice, now: DateTime<Utc>) -> Self {
        Self {
            iss: issuer,
            sub: notice.user_id,
            aud: &notice.client_id,
            exp: (now + LOGOUT_TOKEN_LIFETIME).timestamp(),
            iat: now.timestamp(),
            jti: uuid::Uuid::now_v7().to_string(),
            sid: notice.session_id.to_string(),
            events: json!({ LOGOUT_EVENT: {} }),
        }
    }
}

/// An ID token about to be signed.
#[derive(Clone, Debug)]
pub struct IdToken<'a> {
    /// What was granted, by whom and to whom.
    pub grant: &'a Grant,
    /// What it says of the person.
    pub about: PersonClaims,
    /// The access token that it goes with.
    pub access_token: &'a str,
    /// Handed back untouched.
    pub nonce: Option<&'a str>,
}

/// What an ID token and userinfo say of a person: what was granted and is known (OpenID Connect Core §5.1, §5.3, §5.4).
///
/// Nothing here verifies an email address. Of one that people wrote themselves `email_verified` says so, or an app that knows
/// people by their address would let in whoever writes somebody else's. For one that an administrator set nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PersonClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// The same as in the access token.
    pub groups: Option<Vec<String>>,
}

impl PersonClaims {
    /// The names of them all, as discovery lists them.
    pub const NAMES: [&str; 5] = ["email", "email_verified", "name", "preferred_username", "groups"];

    /// What `scope` opens of a person.
    pub fn of(person: &Person, scope: &Scope) -> Self {
        let (email, profile) = (scope.has(known_scopes::EMAIL), scope.has(known_scopes::PROFILE));
        let email = person.email.as_ref().filter(|_| email);
        Self {
            email: email.map(|email| email.address.clone()),
            email_verified: email.filter(|email| email.is_own).map(|_| false),
            name: profile.then(|| person.display_name.clone()),
            preferred_username: profile.then(|| person.username.clone()),
            groups: scope.has(known_scopes::GROUPS).then(|| person.groups.clone()),
        }
    }
}
