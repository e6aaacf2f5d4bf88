//! VERB: one signing key follows another, at once or on schedule, and none is lost when the root key changes.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::LONGEST_ACCESS_TOKEN;
use super::sign::{SigningError, make};
use super::signing_key::{self, StoredKey};
use crate::audit::{self, Entry, Event, Origin};
use crate::config::Lifetimes;
use crate::crypto::{Label, RootKeys};
use crate::db::{self, Connection, Db};
use crate::types::Algorithm;

/// How long a key that has stopped signing is still published: until the last token it can have signed has expired, and a
/// while longer.
fn kept_for(lifetimes: &Lifetimes) -> TimeDelta {
    LONGEST_ACCESS_TOKEN + lifetimes.key_overlap
}

/// What becomes of the keys before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// What they signed stays good until it expires.
    Trusted,
    /// Somebody else may have them: whatever they signed is worth nothing any more. Refresh tokens stay good.
    Leaked,
}

/// Makes a new key the active one of `algorithm`, now. Says its `kid`.
pub async fn rotate_now(
    db: &Db,
    roots: &RootKeys,
    algorithm: Algorithm,
    old: Old,
    lifetimes: &Lifetimes,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<String, SigningError> {
    let key = make(algorithm).await?;
    let sealed = roots.seal(Label::SigningKey, &key.private_jwk)?;
    let verb = async |conn: &mut Connection| {
        for key in signing_key::published(conn, now).await?.iter().filter(|key| key.algorithm() == Some(algorithm)) {
            match old {
                Old::Trusted => drop(signing_key::retire(conn, &key.kid, now, now + kept_for(lifetimes)).await?),
                Old::Leaked => signing_key::withdraw(conn, &key.kid, now).await?,
            }
        }
        signing_key::insert_if_none(conn, algorithm, &key, &sealed, Some(now), now).await?;
        took_over(conn, algorithm, &key.kid, origin, now).await
    };
    db.write(verb).await?;
    Ok(key.kid)
}

/// What the schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Nothing,
    /// Publish the next key.
    Prepare,
    /// Let the next key sign.
    Promote {
        old: &'a str,
        next: &'a str,
    },
}

/// Of one algorithm's keys: the next one is published `key_overlap` before it signs.
fn due<'a>(keys: &'a [StoredKey], algorithm: Algorithm, lifetimes: &Lifetimes, now: DateTime<Utc>) -> Step<'a> {
    let mut own = keys.iter().filter(|key| key.algorithm() == Some(algorithm));
    let Some(active) = own.clone().find(|key| key.is_active()) else { return Step::Nothing };
    let signs_until = active.signs_from.unwrap_or(active.created_at) + lifetimes.signing_key;
    match own.find(|key| key.is_next()) {
        Some(next) if now >= signs_until && now >= next.created_at + lifetimes.key_overlap => {
            Step::Promote { old: &active.kid, next: &next.kid }
        }
        None if now >= signs_until - lifetimes.key_overlap => Step::Prepare,
        Some(_) | None => Step::Nothing,
    }
}

/// Does what is due now. Nodes may do this together: of each step one of them does it.
pub async fn keep_schedule(
    db: &Db,
    roots: &RootKeys,
    algorithms: impl IntoIterator<Item = Algorithm>,
    lifetimes: &Lifetimes,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<(), SigningError> {
    let keys = {
        let mut conn = db.read().await?;
        signing_key::published(&mut conn, now).await.map_err(db::Error::from)?
    };
    for key in keys.iter().filter(|key| key.is_to_be_resealed(roots)) {
        let sealed = roots.seal(Label::SigningKey, &key.private_jwk(roots)?)?;
        db.write(async |conn| signing_key::reseal(conn, key, &sealed).await).await?;
    }
    for algorithm in algorithms {
        match due(&keys, algorithm, lifetimes, now) {
            Step::Nothing => {}
            Step::Prepare => prepare(db, roots, algorithm, now).await?,
            Step::Promote { old, next } => {
                let until = now + kept_for(lifetimes);
                db.write(async |conn| promote(conn, algorithm, old, until, next, origin, now).await).await?;
            }
        }
    }
    Ok(())
}

async fn prepare(db: &Db, roots: &RootKeys, algorithm: Algorithm, now: DateTime<Utc>) -> Result<(), SigningError> {
    let key = make(algorithm).await?;
    let sealed = roots.seal(Label::SigningKey, &key.private_jwk)?;
    let verb = async |conn: &mut Connection| {
        signing_key::insert_if_none(conn, algorithm, &key, &sealed, None, now).await?;
        db::changes::announce(conn, signing_key::CHANGED).await
    };
    Ok(db.write(verb).await?)
}

async fn promote(
    conn: &mut Connection,
    algorithm: Algorithm,
    old: &str,
    old_until: DateTime<Utc>,
    next: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    // By its name: a key that another node has just promoted is not retired by us.
    if !signing_key::retire(conn, old, now, old_until).await? {
        return Ok(());
    }
    signing_key::promote(conn, next, now).await?;
    took_over(conn, algorithm, next, origin, now).await
}

async fn took_over(
    conn: &mut Connection,
    algorithm: Algorithm,
    kid: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let entry = Entry::new(Event::SigningKeyRotated).detail(json!({ "algorithm": algorithm.name(), "kid": kid }));
    audit::record(conn, entry, origin, now).await?;
    db::changes::announce(conn, signing_key::CHANGED).await
}
