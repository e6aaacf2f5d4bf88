//! VERB: any presented token → who calls.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::principal::{AccessTokenCredential, Credential, Narrowing, Principal, Subject};
use super::snapshot::Access;
use crate::crypto::jwt;
use crate::db::{self, Db};
use crate::grants::revocation::{Revocable, Revocations};
use crate::grants::sign::{AccessTokenClaims, Actor, Audience, Signing};
use crate::grants::signing_key;
use crate::types::{Scope, SubjectId};

/// How it ended.
#[derive(Debug)]
pub enum Authenticated {
    /// A good token for this door.
    Caller(Arc<Principal>),
    /// Not, or no longer, good for this door; the words are safe to show.
    Refused(&'static str),
}

/// A good token, wherever it is for, and current facts of it.
#[derive(Debug)]
pub struct Inspected {
    /// What we signed.
    pub claims: Arc<AccessTokenClaims>,
    /// For whom it stands, as they are now.
    pub subject: Subject,
    /// What of its scope is still in force.
    pub scope: Scope,
}

/// The door at which a token is presented.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// We: the only issuer that is believed.
    pub issuer: &'a str,
    /// The audiences that open it.
    pub audiences: Audiences<'a>,
    /// True while this node hears of changes; otherwise it asks the database.
    pub hears_changes: bool,
}

/// Which audiences open a door (RFC 8707 §2, `decisions` 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audiences<'a> {
    /// Its own and the gateway's.
    Own([&'a str; 2]),
    /// Any of ours: userinfo asks for whom a token is, not for what.
    Any,
}

impl Audiences<'_> {
    /// True when this audience opens the door.
    pub(super) fn admit_one(&self, audience: &str) -> bool {
        match self {
            Self::Own(own) => own.contains(&audience),
            Self::Any => true,
        }
    }

    /// True for the audience of this very door.
    pub(super) fn is_own(&self, audience: &str) -> bool {
        matches!(self, Self::Own([own, _]) if *own == audience)
    }

    /// The audience of a token that opens the door, if one does.
    fn admit<'t>(&self, audience: &'t Audience) -> Option<&'t str> {
        audience.all().iter().map(String::as_str).find(|one| self.admit_one(one))
    }
}

/// Nodes whose clocks differ by this still agree on what has been issued.
pub(super) const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

impl Access {
    /// Judges an access token: type, signature, issuer, audience, time, revocation, and whether its client and whoever it is
    /// about may still act.
    pub async fn authenticate(
        &self,
        db: &Db,
        signing: &Signing,
        token: &str,
        door: Door<'_>,
        now: DateTime<Utc>,
    ) -> Result<Authenticated, db::Error> {
        let Some(claims) = self.verified_claims(signing, token) else {
            return Ok(Authenticated::Refused("The token is not one of ours"));
        };
        if !door.hears_changes && !is_key_published(db, token, now).await? {
            return Ok(Authenticated::Refused("The token is not one of ours"));
        }
        let credential = match judge(&claims, door.issuer, now) {
            Ok(credential) => credential,
            Err(why) => return Ok(Authenticated::Refused(why)),
        };
        let Some(audience) = door.audiences.admit(&claims.aud) else {
            return Ok(Authenticated::Refused("The token was issued for another resource"));
        };
        let (subject, scope, narrowing) = match self.standing(db, &claims, &credential, door.hears_changes, now).await?
        {
            Ok(standing) => standing,
            Err(why) => return Ok(Authenticated::Refused(why)),
        };
        let (audience, credential) = (audience.to_owned(), Credential::AccessToken(credential));
        Ok(Authenticated::Caller(Arc::new(Principal { subject, credential, scope, audience, narrowing })))
    }

    /// Judges the access token of these [`verified_claims`](Self::verified_claims) in the same way, whichever door it is for:
    /// `None` unless it would open that door now.
    pub async fn inspect(
        &self,
        db: &Db,
        claims: Arc<AccessTokenClaims>,
        issuer: &str,
        hears_changes: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Inspected>, db::Error> {
        let Ok(credential) = judge(&claims, issuer, now) else { return Ok(None) };
        let standing = self.standing(db, &claims, &credential, hears_changes, now).await?;
        Ok(standing.ok().map(|(subject, scope, _)| Inspected { claims, subject, scope }))
    }

    /// For whom a token stands now, with which scope and narrowed to what, or why it no longer stands: revocation, and whether its client and
    /// whoever it is about may still act.
    async fn standing(
        &self,
        db: &Db,
        claims: &AccessTokenClaims,
        credential: &AccessTokenCredential,
        hears_changes: bool,
        now: DateTime<Utc>,
    ) -> Result<Result<(Subject, Scope, Narrowing), &'static str>, db::Error> {
        let revocable = Revocable { token: &credential.id, grant: credential.grant };
        if self.is_revoked(db, &revocable, hears_changes, now).await? {
            return Ok(Err("The token was revoked"));
        }
        let Some(mut ceiling) = self.client_ceiling(db, &credential.client_id, hears_changes).await? else {
            return Ok(Err("The client of this token may no longer act"));
        };
        if let Some(first) = &claims.first_client_id {
            let Some(first) = self.client_ceiling(db, first, hears_changes).await? else {
                return Ok(Err("The client to which the first of these tokens was issued may no longer act"));
            };
            ceiling = Arc::new(ceiling.within(&first));
        }
        let subject = self.subject(db, claims.sub, hears_changes).await?;
        let Some(subject) = subject.filter(|subject| !subject.is_disabled()) else {
            return Ok(Err("Whoever this token acts for may no longer do anything"));
        };
        let mut acting = claims.act.as_ref();
        while let Some(Actor { sub, client_id, act }) = acting {
            let actor = self.subject(db, *sub, hears_changes).await?;
            let theirs = self.client_ceiling(db, client_id, hears_changes).await?;
            let able = theirs.filter(|_| actor.is_some_and(|actor| !actor.is_disabled()));
            let Some(theirs) = able else {
                return Ok(Err("Somebody who acts by this token may no longer do anything"));
            };
            ceiling = Arc::new(ceiling.within(&theirs));
            acting = act.as_deref();
        }
        // No ceiling has the names of policies, and without them the token would open more than it was made for (`decisions` 10).
        let within = claims.scope.within(&ceiling.scope).union(&claims.scope.policies());
        let scope = subject.within_rights(&within);
        let (reach, permissions) = (ceiling.reach.clone(), ceiling.permissions.clone());
        Ok(Ok((subject, scope, Narrowing { reach, permissions, server: None })))
    }

    /// The claims of a token that we signed, from memory or by checking the signature. They say nothing of revocation and time.
    pub fn verified_claims(&self, signing: &Signing, token: &str) -> Option<Arc<AccessTokenClaims>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.verified.get(&digest) {
            return Some(known);
        }
        let claims = Arc::new(signing.verify_access_token(token)?);
        self.verified.insert(digest, Arc::clone(&claims));
        Some(claims)
    }

    async fn is_revoked(
        &self,
        db: &Db,
        token: &Revocable<'_>,
        hears_changes: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, db::Error> {
        if hears_changes {
            return Ok(self.revocations.get().kill(token));
        }
        let mut conn = db.read().await?;
        Ok(Revocations::load(&mut conn, now).await?.kill(token))
    }
}

/// False when the key of this token has been withdrawn: for a node that might not have heard of it.
pub async fn is_key_published(db: &Db, token: &str, now: DateTime<Utc>) -> Result<bool, db::Error> {
    let Some(kid) = jwt::kid_of(token) else { return Ok(false) };
    let mut conn = db.read().await?;
    Ok(signing_key::is_published(&mut conn, &kid, now).await?)
}

/// What the claims themselves say, whatever was remembered of the signature (RFC 9068 §4).
fn judge(claims: &AccessTokenClaims, issuer: &str, now: DateTime<Utc>) -> Result<AccessTokenCredential, &'static str> {
    if claims.iss != issuer || claims.token_use != "access" {
        return Err("The token is not one of ours");
    }
    // What a program does for a person, that person allowed; nothing of it outlives the grant.
    if matches!(claims.sub, SubjectId::Person(_)) && claims.grant_id.is_none() {
        return Err("The token is not one of ours");
    }
    // Numbers that are no time at all are simply not good tokens.
    let (Some(expires_at), Some(issued_at)) =
        (DateTime::from_timestamp(claims.exp, 0), DateTime::from_timestamp(claims.iat, 0))
    else {
        return Err("The token is not one of ours");
    };
    if now >= expires_at {
        return Err("The token has expired");
    }
    if issued_at > now + CLOCK_SKEW {
        return Err("The token is not valid yet");
    }
    Ok(AccessTokenCredential {
        id: claims.jti.clone(),
        grant: claims.grant_id,
        client_id: claims.client_id.clone(),
        issued_at,
        expires_at,
        key: claims.cnf.as_ref().map(|confirmation| confirmation.jkt.clone()),
    })
}
