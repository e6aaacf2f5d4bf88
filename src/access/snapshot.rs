//! What a node remembers: revocations, verified tokens, and current facts of people, service accounts and clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use moka::sync::Cache;

use super::foreign_token::ForeignToken;
use super::policies::Policies;
use super::principal::Subject;
use super::remembered::{REMEMBERED, REMEMBERED_FOR, Remembered};
use super::seen_proofs::SeenProofs;
use crate::credentials::{ApiKey, PersonalToken, api_key, personal_token};
use crate::crypto::HashedToken;
use crate::db::changes::Changes;
use crate::db::{self, Db, Latest};
use crate::grants::accepted_tokens::TokenIssuers;
use crate::grants::client::{self, Ceiling, Client};
use crate::grants::revocation::Revocations;
use crate::grants::sign::AccessTokenClaims;
use crate::identity::ServiceAccount;
use crate::types::{ServiceAccountId, SubjectId, UserId};

/// Clients remembered at most: what one says of itself may be long.
const CLIENTS: u64 = 10_000;
/// Tokens of other issuers remembered at most, for the same reason.
const FOREIGN_TOKENS: u64 = 10_000;

/// What a node remembers. Everything in it can be thrown away; nothing in it outlives a change for long.
pub struct Access {
    pub(super) revocations: Latest<Revocations>,
    subjects: Remembered<SubjectId, Subject>,
    /// The ceiling of every client that may act.
    ceilings: Remembered<String, Arc<Ceiling>>,
    /// The clients that come here themselves.
    clients: Remembered<String, Arc<Client>>,
    /// By the SHA-256 of the token: its signature and type were good, everything else is judged at every call.
    pub(super) verified: Cache<[u8; 32], Arc<AccessTokenClaims>>,
    proofs: SeenProofs,
    /// API keys by their newest hash, whatever became of them: how they stand is judged at every call.
    keys: Remembered<HashedToken, Arc<ApiKey>>,
    /// Personal access tokens, in the same way.
    tokens: Remembered<HashedToken, Arc<PersonalToken>>,
    /// Secrets that have the form of a key or such a token and are none. They are drawn at random, so none of them ever becomes one.
    unknown_keys: Cache<HashedToken, ()>,
    /// Those that were good lately, whatever has been forgotten since: who has one is no stranger.
    seen_keys: Cache<HashedToken, ()>,
    policies: Latest<Policies>,
    /// The issuers whose access tokens are accepted.
    token_issuers: Latest<TokenIssuers>,
    /// Their tokens by the SHA-256, in the same way as ours.
    pub(super) foreign: Cache<[u8; 32], Arc<ForeignToken>>,
    /// Whose an account at another issuer is, if it is anybody's.
    pub(super) linked: Remembered<(String, String), Option<UserId>>,
    /// Of how many changes that this node heard of everything has been read again.
    read_up_to: AtomicU64,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            revocations: Latest::default(),
            subjects: Remembered::default(),
            ceilings: Remembered::default(),
            clients: Remembered::of(CLIENTS),
            verified: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            proofs: SeenProofs::default(),
            keys: Remembered::default(),
            tokens: Remembered::default(),
            unknown_keys: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            seen_keys: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            policies: Latest::default(),
            token_issuers: Latest::default(),
            foreign: Cache::builder().max_capacity(FOREIGN_TOKENS).time_to_live(REMEMBERED_FOR).build(),
            linked: Remembered::default(),
            read_up_to: AtomicU64::new(0),
        }
    }
}

impl Access {
    /// True while memory can be trusted: changes are heard, and nothing that was or may have been announced is still to be
    /// read, whatever it is about (`decisions` 3).
    pub fn is_current(&self, changes: &Changes) -> bool {
        changes.fresh() && changes.count() == self.read_up_to.load(Ordering::SeqCst)
    }

    /// Notes that whatever so many [`changes`](Changes::count) were about has been read again or forgotten.
    pub fn caught_up(&self, changes: u64) {
        self.read_up_to.store(changes, Ordering::SeqCst);
    }

    /// Reads the revocations again.
    pub async fn reload_revocations(&self, db: &Db, now: DateTime<Utc>) -> Result<(), db::Error> {
        self.revocations.read(db, async |conn| Revocations::load(conn, now).await).await
    }

    /// Reads the policies again.
    pub async fn reload_policies(&self, db: &Db) -> Result<(), db::Error> {
        self.policies.read(db, Policies::load).await
    }

    /// The policies as they were read last.
    pub fn policies(&self) -> Arc<Policies> {
        self.policies.get_owned()
    }

    /// Reads again whose access tokens are accepted.
    pub async fn reload_token_issuers(&self, db: &Db) -> Result<(), db::Error> {
        self.token_issuers.read(db, TokenIssuers::load).await
    }

    /// The issuers whose access tokens are accepted, as they were read last.
    pub fn token_issuers(&self) -> Arc<TokenIssuers> {
        self.token_issuers.get_owned()
    }

    /// Forgets what is known of every person and service account, and who is whose.
    pub fn forget_subjects(&self) {
        self.linked.forget();
        self.subjects.forget();
    }

    /// Forgets what is known of every client.
    pub fn forget_clients(&self) {
        self.ceilings.forget();
        self.clients.forget();
    }

    /// Forgets what is known of every API key and personal access token.
    pub fn forget_keys(&self) {
        self.keys.forget();
        self.tokens.forget();
        self.unknown_keys.invalidate_all();
    }

    /// Notes once an hour that a client is in use.
    pub async fn note_use(&self, db: &Db, client: &Client, now: DateTime<Utc>) -> Result<(), db::Error> {
        if !client.was_used_lately(now) {
            db.write_once(async |conn| client::touch(conn, &client.id, now).await).await?;
            self.forget_client(&client.id);
        }
        Ok(())
    }

    /// Forgets what is known of one client, after this node has changed it.
    pub fn forget_client(&self, id: &str) {
        self.ceilings.forget_one(id);
        self.clients.forget_one(id);
    }

    /// Forgets which signatures were good, after the keys changed.
    pub fn forget_tokens(&self) {
        self.verified.invalidate_all();
    }

    /// True when this node sees the proof of possession that this key named `id` for the first time.
    pub fn first_sight(&self, key: &str, id: &str) -> bool {
        self.proofs.first_sight(key, id)
    }

    /// Current facts of whoever a token is about: from memory where that can be trusted.
    pub(super) async fn subject(
        &self,
        db: &Db,
        id: SubjectId,
        hears_changes: bool,
    ) -> Result<Option<Subject>, db::Error> {
        let read = async || subject(db, id).await;
        if hears_changes { self.subjects.get(&id, read).await } else { read().await }
    }

    /// Current facts of a service account: from memory where that can be trusted.
    pub async fn service_account(
        &self,
        db: &Db,
        id: ServiceAccountId,
        hears_changes: bool,
    ) -> Result<Option<Arc<ServiceAccount>>, db::Error> {
        Ok(match self.subject(db, SubjectId::Service(id), hears_changes).await? {
            Some(Subject::Service(account)) => Some(account),
            Some(Subject::Person(_) | Subject::Workspace(_)) | None => None,
        })
    }

    /// What is remembered of a presented API key, by its newest hash: the key, that there is none, or nothing yet.
    pub fn remembered_key(&self, hash: &HashedToken, hears_changes: bool) -> Option<Option<Arc<ApiKey>>> {
        if self.unknown_keys.contains_key(hash) {
            return Some(None);
        }
        hears_changes.then(|| self.keys.remembered(hash)).flatten().map(Some)
    }

    /// True when this API key or personal access token was good lately, by its newest hash.
    pub fn has_seen_key(&self, hash: &HashedToken) -> bool {
        self.seen_keys.contains_key(hash)
    }

    /// Asks the database for a presented API key, by all its hashes, the newest first.
    pub async fn look_up_key(
        &self,
        db: &Db,
        hashes: &[HashedToken],
        hears_changes: bool,
    ) -> Result<Option<Arc<ApiKey>>, db::Error> {
        let Some(newest) = hashes.first() else { return Ok(None) };
        let read = async || {
            let mut conn = db.read().await?;
            Ok(api_key::presented(&mut conn, hashes).await?.map(Arc::new))
        };
        let found = if hears_changes { self.keys.get(newest, read).await? } else { read().await? };
        let told_apart = if found.is_some() { &self.seen_keys } else { &self.unknown_keys };
        told_apart.insert(newest.clone(), ());
        Ok(found)
    }

    /// What is remembered of a presented personal access token, in the same way.
    pub fn remembered_token(&self, hash: &HashedToken, hears_changes: bool) -> Option<Option<Arc<PersonalToken>>> {
        if self.unknown_keys.contains_key(hash) {
            return Some(None);
        }
        hears_changes.then(|| self.tokens.remembered(hash)).flatten().map(Some)
    }

    /// Asks the database for a presented personal access token, by all its hashes, the newest first.
    pub async fn look_up_token(
        &self,
        db: &Db,
        hashes: &[HashedToken],
        hears_changes: bool,
    ) -> Result<Option<Arc<PersonalToken>>, db::Error> {
        let Some(newest) = hashes.first() else { return Ok(None) };
        let read = async || {
            let mut conn = db.read().await?;
            Ok(personal_token::presented(&mut conn, hashes).await?.map(Arc::new))
        };
        let found = if hears_changes { self.tokens.get(newest, read).await? } else { read().await? };
        let told_apart = if found.is_some() { &self.seen_keys } else { &self.unknown_keys };
        told_apart.insert(newest.clone(), ());
        Ok(found)
    }

    /// The ceiling of a client, unless it is disabled or gone: from memory where that can be trusted.
    pub(super) async fn client_ceiling(
        &self,
        db: &Db,
        id: &str,
        hears_changes: bool,
    ) -> Result<Option<Arc<Ceiling>>, db::Error> {
        let read = async || {
            let mut conn = db.read().await?;
            Ok(client::ceiling(&mut conn, id).await?.map(Arc::new))
        };
        if hears_changes { self.ceilings.get(id, read).await } else { read().await }
    }

    /// A client that may act, if it is in a memory that can be trusted: who it is here may be a moment ago.
    pub fn known_client(&self, id: &str, hears_changes: bool) -> Option<Arc<Client>> {
        self.clients.known(id).filter(|client| hears_changes && client.disabled_at.is_none())
    }

    /// A client that may act, as it is in the database now.
    pub async fn read_client(&self, db: &Db, id: &str, hears_changes: bool) -> Result<Option<Arc<Client>>, db::Error> {
        let read = async || {
            let mut conn = db.read().await?;
            Ok(client::find(&mut conn, id).await?.map(Arc::new))
        };
        let found = if hears_changes { self.clients.read(id, read).await? } else { read().await? };
        Ok(found.filter(|client| client.disabled_at.is_none()))
    }
}

async fn subject(db: &Db, id: SubjectId) -> Result<Option<Subject>, db::Error> {
    let mut conn = db.read().await?;
    Ok(Subject::find(&mut conn, id).await?)
}
