//! Somebody adds a passkey, removes one, or proves by one who they are.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::passkey::Passkey;
use super::session::Opening;
use super::sign_in::{Refusal, SignIn, started};
use super::totp::Totp;
use super::two_step::{fresh_codes, has_any};
use super::{Session, User, recovery_code, used_challenge};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::passkeys::{Made, Presented, Using};
use crate::crypto::{Passkeys, Random, RecoveryCode, RootKeys};
use crate::db::Connection;
use crate::types::{PasskeyId, UserId, Words};

/// As many passkeys as one person has.
const MOST: usize = 20;
/// As many characters as its name has.
pub const LONGEST_NAME: usize = 60;

/// A ceremony: it is completed once.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// Names it.
    pub id: Vec<u8>,
    /// When it is too late for it.
    pub until: DateTime<Utc>,
}

/// How adding a passkey ended.
#[derive(Clone, Debug)]
pub enum AddPasskey {
    /// It counts. With the first factor that is demanded of a person come recovery codes, for this one look.
    Added(Option<Vec<RecoveryCode>>),
    /// Nothing was added.
    Refused(AddRefusal),
}

/// Why a passkey was not added, in words for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddRefusal {
    /// No name.
    #[error("Give it a name of 1 to {LONGEST_NAME} characters.")]
    Name,
    /// The ceremony was completed before.
    #[error("This page was used already. Reload it and try again.")]
    Used,
    /// Somebody has that very key.
    #[error("That passkey is here already.")]
    Known,
    /// They have as many as anybody may have.
    #[error("You have {MOST} passkeys. Remove one that you no longer use first.")]
    Many,
}

/// Adds a passkey that was just made. Its authenticator has verified who is there, so the session that it was made in is one
/// of two factors from then on. With the first second factor every other session of the person ends, as by [`turn_on`].
///
/// [`turn_on`]: super::two_step::turn_on
pub async fn add_passkey(
    conn: &mut Connection,
    (keys, random): (&RootKeys, &Random),
    session: &Session,
    (ceremony, name, made, demanded): (&Ceremony, &str, Made, bool),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<AddPasskey> {
    let refused = |why| Ok(AddPasskey::Refused(why));
    let user = session.user_id;
    let Some(name) = judge_name(name) else { return refused(AddRefusal::Name) };
    User::hold(conn, user).await?;
    if Passkey::of_user(conn, user).await?.len() >= MOST {
        return refused(AddRefusal::Many);
    }
    if !used_challenge::use_up(conn, &ceremony.id, ceremony.until).await? {
        return refused(AddRefusal::Used);
    }
    let is_first = !has_any(conn, user).await?;
    let Made { credential_id, credential } = made;
    let id = PasskeyId::fresh();
    let passkey = Passkey { id, user_id: user, name, credential_id, credential, created_at: now, last_used_at: None };
    if !passkey.insert(conn).await? {
        return refused(AddRefusal::Known);
    }
    session.strengthen(conn, &["pop", "mfa"]).await?;
    let ended = if is_first { Session::end_all_but(conn, user, Some(session.id), now).await?.len() } else { 0 };
    let detail = json!({ "passkey": id, "sessions_ended": ended });
    audit::record(conn, Entry::new(Event::PasskeyAdded).user(user).detail(detail), origin, now).await?;
    if !(is_first && demanded) {
        return Ok(AddPasskey::Added(None));
    }
    let codes = fresh_codes(random);
    recovery_code::replace(conn, keys, user, &codes, now).await?;
    Ok(AddPasskey::Added(Some(codes)))
}

fn judge_name(name: &str) -> Option<String> {
    let trimmed = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&trimmed.chars().count()) && !trimmed.chars().any(char::is_control);
    fits.then(|| trimmed.to_owned())
}

/// How removing a passkey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovePasskey {
    /// It signs nobody in any more.
    Removed,
    /// They have no such passkey.
    Unknown,
    /// It is their last way to sign in, or the last second factor of somebody who must have one here.
    Last,
}

/// Removes a passkey, unless it is the last that its person can, or must, prove who they are by.
///
/// The person is held meanwhile, so of two who remove the last two at once one is refused.
pub async fn remove_passkey(
    conn: &mut Connection,
    (id, user): (PasskeyId, UserId),
    demanded: bool,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<RemovePasskey> {
    let Some(person) = User::hold(conn, user).await? else { return Ok(RemovePasskey::Unknown) };
    let theirs = Passkey::of_user(conn, user).await?;
    if theirs.iter().all(|passkey| passkey.id != id) {
        return Ok(RemovePasskey::Unknown);
    }
    let is_last = theirs.len() == 1;
    let is_last_factor = is_last && Totp::of(conn, user).await?.is_none();
    if (is_last && person.password_hash.is_none()) || (is_last_factor && demanded) {
        return Ok(RemovePasskey::Last);
    }
    Passkey::remove(conn, id).await?;
    if is_last_factor {
        recovery_code::remove_all(conn, user).await?;
    }
    let entry = Entry::new(Event::PasskeyRemoved).user(user).detail(json!({ "passkey": id }));
    audit::record(conn, entry, origin, now).await?;
    Ok(RemovePasskey::Removed)
}

/// Starts a session, or goes on with one, for whoever presents a passkey; only for `only`, if that is said.
///
/// The person is held meanwhile. A ceremony is completed once: one statement decides.
pub async fn sign_in_by_passkey(
    conn: &mut Connection,
    party: &Passkeys,
    (presented, state, ceremony): (&Presented, Using, &Ceremony),
    (opening, only): (&Opening, Option<UserId>),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<SignIn> {
    let user = presented.user().map(UserId);
    let known = match user {
        Some(user) => User::hold(conn, user).await?,
        None => None,
    };
    let why = match known {
        None => Refusal::Unknown,
        Some(user) if user.is_disabled() => Refusal::Disabled,
        Some(user) if only.is_some_and(|only| only != user.id) => Refusal::WrongPasskey,
        Some(user) if prove(conn, party, user.id, (presented, state, ceremony), now).await? => {
            let detail = json!({ "by": "passkey" });
            let session = started(conn, opening, (user.id, &by_passkey()), detail, origin, now).await?;
            return Ok(SignIn::Started(session));
        }
        Some(_) => Refusal::WrongPasskey,
    };
    let entry = Entry::new(Event::SignInRefused).detail(json!({ "why": why.name() }));
    // Only of somebody whom we know: the id is the presenter's word.
    let entry = if why == Refusal::Unknown { entry } else { user.into_iter().fold(entry, Entry::user) };
    audit::record(conn, entry, origin, now).await?;
    Ok(SignIn::Refused(why))
}

async fn prove(
    conn: &mut Connection,
    party: &Passkeys,
    user: UserId,
    (presented, state, ceremony): (&Presented, Using, &Ceremony),
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let Some(stored) = Passkey::presented(conn, user, presented.credential_id()).await? else { return Ok(false) };
    let Some(credential) = party.finish_using(state, presented, &stored.credential) else { return Ok(false) };
    Ok(used_challenge::use_up(conn, &ceremony.id, ceremony.until).await?
        && Passkey::note_use(conn, stored.id, &credential, now).await?)
}

/// How somebody who used a passkey proved who they are (RFC 8176 §2): by a key, which something else opens.
fn by_passkey() -> Words {
    ["pop", "mfa"].into_iter().collect()
}
