//! VERB: sign tokens with the installation's keys, and keep those keys in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::grant::Grant;
use super::logout_notice::LogoutNotice;
use super::signing_key::{self, StoredKey};
use crate::crypto::jwt::{self, KeyError, NewKey, SigningKey, TokenType, VerifyingKeys};
use crate::crypto::{Label, RootKeys, Unsealable};
use crate::db::{self, Db};
use crate::identity::Person;
use crate::types::{Algorithm, GrantId, Scope, SessionId, SubjectId, UserId, known_scopes};

/// The keys of this installation as one node holds them; swapped whole when they change.
pub struct Signing {
    keys: ArcSwap<KeySet>,
    /// Held while keys are read: one reading after the other, and when the last one ended.
    reading: tokio::sync::Mutex<Option<Instant>>,
    access_token_algorithm: Algorithm,
}

/// Whoever sends tokens with invented keys costs the database no more than this.
const BETWEEN_READINGS: Duration = Duration::from_millis(100);

/// One state of the keys.
#[derive(Default)]
struct KeySet {
    active: BTreeMap<Algorithm, SigningKey>,
    verifying: VerifyingKeys,
    jwks: Arc<Value>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// A key is broken.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key was sealed with a root key that is not configured.
    #[error("the signing keys in this database were sealed with another PORTCULLIS_SECRET_KEY")]
    Sealed(#[from] Unsealable),
    /// There is no active key for this algorithm.
    #[error("there is no active {0} signing key; make one with `portcullis key rotate`")]
    NoKey(&'static str),
    /// The thread that was to make a key came to grief.
    #[error("a new {0} signing key could not be made; the thread that made it crashed")]
    Crashed(&'static str),
}

/// The algorithm of ID tokens: every OpenID Connect verifier knows it (Core §15.1).
pub const ID_TOKEN_ALGORITHM: Algorithm = Algorithm::Rs256;

/// The `acr` of every ID token: people prove who they are by a password, in one step (OpenID Connect Core §2 wants a URI;
/// what exactly was used is in `amr`).
pub const ACR: &str = "urn:portcullis:acr:password";

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
struct IdTokenClaims<'a> {
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
    /// True when it was issued to this person in this browser session.
    pub fn is_of(&self, user: UserId, session: SessionId) -> bool {
        self.sub == user && self.sid.as_deref() == Some(&*session.to_string())
    }
}

/// The claims of a logout token (OpenID Connect Back-Channel Logout §2.4). A `nonce` is forbidden there, so that it can never
/// be taken for an ID token.
#[derive(Clone, Debug, Serialize)]
struct LogoutTokenClaims<'a> {
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
/// Whether an email address is really theirs we do not check, so `email_verified` is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PersonClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
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
    pub const NAMES: [&str; 4] = ["email", "name", "preferred_username", "groups"];

    /// What `scope` opens of a person.
    pub fn of(person: &Person, scope: &Scope) -> Self {
        let (email, profile) = (scope.has(known_scopes::EMAIL), scope.has(known_scopes::PROFILE));
        Self {
            email: person.email.clone().filter(|_| email),
            name: profile.then(|| person.display_name.clone()),
            preferred_username: profile.then(|| person.username.clone()),
            groups: scope.has(known_scopes::GROUPS).then(|| person.groups.clone()),
        }
    }
}

impl Signing {
    /// Loads the keys, making those that are missing.
    pub async fn start(
        db: &Db,
        roots: &RootKeys,
        access_token_algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Result<Self, SigningError> {
        let signing = Self { keys: ArcSwap::default(), reading: tokio::sync::Mutex::default(), access_token_algorithm };
        for algorithm in signing.algorithms() {
            signing.ensure(db, roots, algorithm, now).await?;
        }
        signing.reload(db, roots, now).await?;
        Ok(signing)
    }

    async fn ensure(
        &self,
        db: &Db,
        roots: &RootKeys,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Result<(), SigningError> {
        let mut conn = db.read().await?;
        let keys = signing_key::published(&mut conn, now).await.map_err(db::Error::from)?;
        if keys.iter().any(|key| key.is_active() && key.algorithm() == Some(algorithm)) {
            return Ok(());
        }
        let key = make(algorithm).await?;
        let sealed = roots.seal(Label::SigningKey, &key.private_jwk)?;
        drop(conn);
        db.write(async |conn| {
            signing_key::insert_if_none(conn, algorithm, &key, &sealed, Some(now), now).await?;
            db::changes::announce(conn, signing_key::CHANGED).await
        })
        .await?;
        Ok(())
    }

    /// Reads the keys again, after somebody changed them.
    pub async fn reload(&self, db: &Db, roots: &RootKeys, now: DateTime<Utc>) -> Result<(), SigningError> {
        let mut last = self.reading.lock().await;
        self.read(db, roots, now).await?;
        *last = Some(Instant::now());
        Ok(())
    }

    /// For a token that names a key we do not have: another node may have made one a moment ago. Reads the keys again and
    /// says whether the key is there now; at most ten times a second, for everybody who waits together.
    pub async fn look_for_key_of(
        &self,
        token: &str,
        db: &Db,
        roots: &RootKeys,
        now: DateTime<Utc>,
    ) -> Result<bool, SigningError> {
        let Some(kid) = jwt::kid_of(token) else { return Ok(false) };
        if self.keys.load().verifying.has(&kid) {
            return Ok(false);
        }
        let since = Instant::now();
        let mut last = self.reading.lock().await;
        if last.is_none_or(|last| last < since) {
            if let Some(last) = *last {
                tokio::time::sleep_until(last + BETWEEN_READINGS).await;
            }
            self.read(db, roots, now).await?;
            *last = Some(Instant::now());
        }
        Ok(self.keys.load().verifying.has(&kid))
    }

    async fn read(&self, db: &Db, roots: &RootKeys, now: DateTime<Utc>) -> Result<(), SigningError> {
        let mut conn = db.read().await?;
        let stored = signing_key::published(&mut conn, now).await.map_err(db::Error::from)?;
        self.keys.store(Arc::new(KeySet::read(&stored, roots)?));
        Ok(())
    }

    /// The algorithms that we sign with: each has an active key.
    pub fn algorithms(&self) -> BTreeSet<Algorithm> {
        BTreeSet::from([self.access_token_algorithm, ID_TOKEN_ALGORITHM])
    }

    /// The published keys (RFC 7517 §5).
    pub fn jwks(&self) -> Arc<Value> {
        Arc::clone(&self.keys.load().jwks)
    }

    /// The algorithms in use for ID tokens.
    pub fn id_token_algorithms(&self) -> Vec<&'static str> {
        vec![ID_TOKEN_ALGORITHM.name()]
    }

    /// The claims of an access token that we signed; everything but the signature and the type is the caller's to judge.
    pub fn verify_access_token(&self, token: &str) -> Option<AccessTokenClaims> {
        self.keys.load().verifying.verify(TokenType::AccessToken, token)
    }

    /// Signs an access token.
    pub fn access_token(&self, claims: &AccessTokenClaims) -> Result<String, SigningError> {
        self.sign(self.access_token_algorithm, TokenType::AccessToken, claims)
    }

    /// Signs the claims of a personal access token. Nothing is good for having this signature.
    pub fn personal_token(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        self.sign(self.access_token_algorithm, TokenType::PersonalToken, claims)
    }

    /// Signs an ID token for the client of its grant.
    pub fn id_token(
        &self,
        issuer: &str,
        token: IdToken<'_>,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<String, SigningError> {
        let IdToken { grant, about, access_token, nonce } = token;
        let claims = IdTokenClaims {
            iss: issuer,
            sub: grant.user_id,
            aud: &grant.client_id,
            exp: (now + lifetime).timestamp(),
            iat: now.timestamp(),
            auth_time: grant.authenticated_at.timestamp(),
            acr: ACR,
            amr: &grant.amr.0,
            at_hash: at_hash(access_token),
            nonce,
            sid: grant.session_id.map(|session| session.to_string()),
            about,
        };
        self.sign(ID_TOKEN_ALGORITHM, TokenType::IdToken, &claims)
    }

    /// The ID token of ours that somebody brings back, whatever its age. A token of another kind is none.
    pub fn verify_id_token_hint(&self, token: &str, issuer: &str) -> Option<IdTokenHint> {
        let hint: IdTokenHint = self.keys.load().verifying.verify(TokenType::IdToken, token)?;
        (hint.iss == issuer).then_some(hint)
    }

    /// Signs a logout token, for one try to tell an app.
    pub fn logout_token(
        &self,
        issuer: &str,
        notice: &LogoutNotice,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        let claims = LogoutTokenClaims {
            iss: issuer,
            sub: notice.user_id,
            aud: &notice.client_id,
            exp: (now + LOGOUT_TOKEN_LIFETIME).timestamp(),
            iat: now.timestamp(),
            jti: uuid::Uuid::now_v7().to_string(),
            sid: notice.session_id.to_string(),
            events: json!({ LOGOUT_EVENT: {} }),
        };
        self.sign(ID_TOKEN_ALGORITHM, TokenType::LogoutToken, &claims)
    }

    fn sign<C: Serialize>(&self, algorithm: Algorithm, typ: TokenType, claims: &C) -> Result<String, SigningError> {
        let keys = self.keys.load();
        let key = keys.active.get(&algorithm).ok_or(SigningError::NoKey(algorithm.name()))?;
        Ok(key.sign(typ, claims)?)
    }
}

impl KeySet {
    fn read(stored: &[StoredKey], roots: &RootKeys) -> Result<Self, SigningError> {
        let mut set = Self::default();
        let mut published = Vec::new();
        for key in stored {
            let Some(algorithm) = key.algorithm() else { continue };
            set.verifying.add(&key.kid, algorithm, &key.public_jwk)?;
            published.push(key.public_jwk.clone());
            if key.is_active() {
                set.active.insert(algorithm, SigningKey::new(&key.kid, algorithm, &key.private_jwk(roots)?)?);
            }
        }
        set.jwks = Arc::new(json!({ "keys": published }));
        Ok(set)
    }
}

/// The left half of the access token's SHA-256, since ID tokens are signed with RS256 (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let digest = Sha256::digest(access_token);
    URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

/// Makes a key away from the request threads: RSA takes a while.
pub(super) async fn make(algorithm: Algorithm) -> Result<NewKey, SigningError> {
    match tokio::task::spawn_blocking(move || jwt::generate(algorithm)).await {
        Ok(key) => Ok(key?),
        Err(_) => Err(SigningError::Crashed(algorithm.name())),
    }
}
