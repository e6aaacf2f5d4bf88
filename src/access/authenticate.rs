//! VERB: any presented token → who calls.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::principal::{AccessTokenCredential, Credential, Principal};
use super::snapshot::Access;
use crate::db::{self, Db};
use crate::grants::authorize::within_rights;
use crate::grants::revocation::{Revocable, Revocations};
use crate::grants::sign::{AccessTokenClaims, Signing};

/// How it ended.
#[derive(Debug)]
pub enum Authenticated {
    /// A good token for this door.
    Caller(Arc<Principal>),
    /// Not, or no longer, good for this door; the words are safe to show.
    Refused(&'static str),
}

/// The door at which a token is presented.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// We: the only issuer that is believed.
    pub issuer: &'a str,
    /// The audience that opens it (RFC 8707 §2, `decisions` 8).
    pub audience: &'a str,
    /// True while this node hears of changes; otherwise it asks the database.
    pub hears_changes: bool,
}

/// Nodes whose clocks differ by this still agree on what has been issued.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

impl Access {
    /// Judges an access token: type, signature, issuer, audience, time, revocation, and whether its person may still act.
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
        let credential = match judge(&claims, door, now) {
            Ok(credential) => credential,
            Err(why) => return Ok(Authenticated::Refused(why)),
        };
        let revocable = Revocable { token: &credential.id, grant: credential.grant };
        if self.is_revoked(db, &revocable, door.hears_changes, now).await? {
            return Ok(Authenticated::Refused("The token was revoked"));
        }
        let person = if door.hears_changes {
            self.person(db, claims.sub).await?
        } else {
            self.person_from_database(db, claims.sub).await?
        };
        let Some(person) = person.filter(|person| !person.is_disabled) else {
            return Ok(Authenticated::Refused("The person this token acts for may no longer sign in"));
        };
        let scope = within_rights(&claims.scope, person.is_admin);
        let audience = door.audience.to_owned();
        let credential = Credential::AccessToken(credential);
        Ok(Authenticated::Caller(Arc::new(Principal { person, credential, scope, audience })))
    }

    /// The claims, from memory or by checking the signature.
    fn verified_claims(&self, signing: &Signing, token: &str) -> Option<Arc<AccessTokenClaims>> {
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
            return Ok(self.revocations.load().kill(token));
        }
        let mut conn = db.read().await?;
        Ok(Revocations::load(&mut conn, now).await?.kill(token))
    }
}

/// What the claims themselves say, whatever was remembered of the signature (RFC 9068 §4).
fn judge(
    claims: &AccessTokenClaims,
    door: Door<'_>,
    now: DateTime<Utc>,
) -> Result<AccessTokenCredential, &'static str> {
    if claims.iss != door.issuer || claims.token_use != "access" {
        return Err("The token is not one of ours");
    }
    if !claims.aud.has(door.audience) {
        return Err("The token was issued for another resource");
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
    })
}
