//! VERB: sign tokens with the installation's keys, and keep those keys in order.

mod claims;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::logout_notice::LogoutNotice;
use super::signing_key::{self, StoredKey};
use crate::crypto::jwt::{self, KeyError, NewKey, SigningKey, TokenType, VerifyingKeys};
use crate::crypto::{Label, RootKeys, Unsealable};
use crate::db::{self, Db};
use crate::types::Algorithm;
pub use claims::{AccessTokenClaims, Actor, Audience, Confirmation, IdToken, IdTokenHint, PersonClaims};
use claims::{IdTokenClaims, LogoutTokenClaims};

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
        let claims = IdTokenClaims::new(issuer, token, now, lifetime);
        self.sign(ID_TOKEN_ALGORITHM, TokenType::IdToken, &claims)
    }

    /// The ID token of ours that somebody brings back, whatever its age. A token of another kind is none.
    pub fn verify_id_token_hint(&self, token: &str, issuer: &str) -> Option<IdTokenHint> {
        let hint: IdTokenHint = self.keys.load().verifying.verify(TokenType::IdToken, token)?;
        hint.is_from(issuer).then_some(hint)
    }

    /// Signs a logout token, for one try to tell an app.
    pub fn logout_token(
        &self,
        issuer: &str,
        notice: &LogoutNotice,
        now: DateTime<Utc>,
    ) -> Result<String, SigningError> {
        let claims = LogoutTokenClaims::new(issuer, notice, now);
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

/// Makes a key away from the request threads: RSA takes a while.
pub(super) async fn make(algorithm: Algorithm) -> Result<NewKey, SigningError> {
    match tokio::task::spawn_blocking(move || jwt::generate(algorithm)).await {
        Ok(key) => Ok(key?),
        Err(_) => Err(SigningError::Crashed(algorithm.name())),
    }
}
