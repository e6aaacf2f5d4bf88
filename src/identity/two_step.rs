//! Somebody turns two-step sign-in on or off, makes new recovery codes, or has lost all of it.

use std::iter::repeat_with;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::passkey::Passkey;
use super::recovery_code::{self, HOW_MANY};
use super::totp::Totp;
use super::{Session, User, code_budget};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::{Label, Random, RecoveryCode, RootKeys, TotpSecret};
use crate::db::Connection;
use crate::types::UserId;

/// How turning two-step sign-in on ended.
#[derive(Clone, Debug)]
pub enum TurnOn {
    /// It is on. These are the recovery codes, for this one look.
    On(Vec<RecoveryCode>),
    /// The code is not one that an app with this secret shows now.
    WrongCode,
    /// It was on before, with another secret.
    AlreadyOn,
}

/// Turns two-step sign-in on: from now on a password alone signs this person in nowhere.
///
/// The code shows that the app really has the secret, and makes the session that it was typed in one of two factors. Every
/// other session of the person ends: it may be of somebody who knew the password alone (ASVS 7.4.3).
pub async fn turn_on(
    conn: &mut Connection,
    (keys, random): (&RootKeys, &Random),
    session: &Session,
    (secret, code): (&TotpSecret, &str),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<TurnOn> {
    let user = session.user_id;
    let Some(step) = secret.step_of(code, now) else { return Ok(TurnOn::WrongCode) };
    let Ok(sealed) = keys.seal(Label::Totp, secret) else { return Ok(TurnOn::WrongCode) };
    User::hold(conn, user).await?;
    if !Totp::insert(conn, user, &sealed, step, now).await? {
        return Ok(TurnOn::AlreadyOn);
    }
    let codes = fresh_codes(random);
    recovery_code::replace(conn, keys, user, &codes, now).await?;
    session.strengthen(conn, &["otp", "mfa"]).await?;
    let ended = Session::end_all_but(conn, user, Some(session.id), now).await?.len();
    let entry = Entry::new(Event::TwoStepOn).user(user).detail(json!({ "sessions_ended": ended }));
    audit::record(conn, entry, origin, now).await?;
    Ok(TurnOn::On(codes))
}

/// How turning two-step sign-in off ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnOff {
    /// A password alone signs the person in again.
    Off,
    /// It was off.
    WasOff,
    /// This installation wants a second factor of this person, and they have no other.
    Required,
}

/// Turns two-step sign-in off, unless it is `required` and nothing else is left.
pub async fn turn_off(
    conn: &mut Connection,
    user: UserId,
    required: bool,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<TurnOff> {
    User::hold(conn, user).await?;
    let has_passkey = Passkey::any(conn, user).await?;
    if required && !has_passkey {
        return Ok(TurnOff::Required);
    }
    if !Totp::remove(conn, user).await? {
        return Ok(TurnOff::WasOff);
    }
    if !has_passkey {
        recovery_code::remove_all(conn, user).await?;
    }
    audit::record(conn, Entry::new(Event::TwoStepOff).user(user), origin, now).await?;
    Ok(TurnOff::Off)
}

/// Ten new recovery codes, after which those before are worthless; `None` for somebody who has nothing to recover.
pub async fn renew_codes(
    conn: &mut Connection,
    (keys, random): (&RootKeys, &Random),
    user: UserId,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Option<Vec<RecoveryCode>>> {
    User::hold(conn, user).await?;
    if !has_any(conn, user).await? {
        return Ok(None);
    }
    let codes = fresh_codes(random);
    recovery_code::replace(conn, keys, user, &codes, now).await?;
    audit::record(conn, Entry::new(Event::RecoveryCodesMade).user(user), origin, now).await?;
    Ok(Some(codes))
}

/// True for somebody who has an authenticator app or a passkey.
pub async fn has_any(conn: &mut Connection, user: UserId) -> QueryResult<bool> {
    Ok(Totp::of(conn, user).await?.is_some() || Passkey::any(conn, user).await?)
}

/// What was forgotten of somebody who has lost their second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// True when there was an authenticator app.
    pub authenticator: bool,
    /// So many passkeys.
    pub passkeys: usize,
    /// So many sessions ended: one may be on what was lost.
    pub sessions: usize,
}

/// Forgets every second factor of a person and ends their sessions; they sign in by their password and begin anew.
pub async fn reset(conn: &mut Connection, user: UserId, origin: &Origin, now: DateTime<Utc>) -> QueryResult<Reset> {
    User::hold(conn, user).await?;
    let authenticator = Totp::remove(conn, user).await?;
    let passkeys = Passkey::remove_all(conn, user).await?;
    recovery_code::remove_all(conn, user).await?;
    code_budget::forget(conn, user).await?;
    let sessions = Session::end_all_but(conn, user, None, now).await?.len();
    let detail = json!({ "authenticator": authenticator, "passkeys": passkeys, "sessions_ended": sessions });
    audit::record(conn, Entry::new(Event::FactorsReset).user(user).detail(detail), origin, now).await?;
    Ok(Reset { authenticator, passkeys, sessions })
}

pub(super) fn fresh_codes(random: &Random) -> Vec<RecoveryCode> {
    repeat_with(|| RecoveryCode::fresh(random)).take(HOW_MANY).collect()
}
