//! Somebody signs in.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::{Value, json};

use super::passkey::Passkey;
use super::second_step::FirstStep;
use super::session::Opening;
use super::totp::Totp;
use super::{Session, User};
use crate::audit::{self, Entry, Event, Origin};
use crate::config::SecondFactorPolicy;
use crate::crypto::PasswordHash;
use crate::db::Connection;
use crate::types::{UserId, Words};

/// What the check of a password came to. It is made with no transaction open: a hash takes longer than all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It was this person's.
    Right {
        /// The person.
        user: UserId,
        /// What it was checked against.
        against: PasswordHash,
        /// A hash of it at today's cost, when that one is dated.
        renewed: Option<PasswordHash>,
    },
    /// It was not this person's, or nobody has that name.
    Wrong {
        /// The person, if there is one.
        user: Option<UserId>,
    },
}

/// How an attempt to sign in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A session began, or went on.
    Started(Session),
    /// What was presented is right, and not enough.
    SecondStep(FirstStep),
    /// Not signed in. People are told the same in every case.
    Refused(Refusal),
}

/// Why somebody was not signed in: for the audit trail, never for the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has that name.
    Unknown,
    /// The password is wrong, or was changed while it was being checked.
    WrongPassword,
    /// The code is wrong, or was used before.
    WrongCode,
    /// Too many codes of an authenticator app were tried, at whichever node.
    TooManyCodes {
        /// Until the next one may be.
        wait: TimeDelta,
    },
    /// The passkey is unknown, was removed, or answers another question.
    WrongPasskey,
    /// The person is disabled.
    Disabled,
}

impl Refusal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongPassword => "wrong password",
            Self::WrongCode => "wrong code",
            Self::TooManyCodes { .. } => "too many codes",
            Self::WrongPasskey => "wrong passkey",
            Self::Disabled => "disabled",
        }
    }
}

/// Starts a session for whoever the check found, and ends the one that the browser had or goes on with it; or says that a
/// second step has to be taken: by whoever has an authenticator app, and by whoever must have a second factor and has one.
///
/// The person is held meanwhile, so a sign-in that races with being disabled or with a new password loses.
pub async fn sign_in(
    conn: &mut Connection,
    checked: &Checked,
    (opening, policy): (&Opening, SecondFactorPolicy),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<SignIn> {
    let (user, why) = match decide(conn, checked).await? {
        Ok(user) if needs_second_step(conn, &user, policy).await? => {
            let entry = Entry::new(Event::SecondStepAsked).user(user.id);
            audit::record(conn, entry, origin, now).await?;
            return Ok(SignIn::SecondStep(FirstStep::of(&user)));
        }
        Ok(user) => {
            let session = started(conn, opening, (user.id, &by_password()), json!({}), origin, now).await?;
            return Ok(SignIn::Started(session));
        }
        Err(refused) => refused,
    };
    // Never the name that was typed: people type passwords there.
    let entry = Entry::new(Event::SignInRefused).detail(json!({ "why": why.name() }));
    let entry = user.into_iter().fold(entry, Entry::user);
    audit::record(conn, entry, origin, now).await?;
    Ok(SignIn::Refused(why))
}

/// Starts a session, or goes on with one, and records it.
pub(super) async fn started(
    conn: &mut Connection,
    opening: &Opening,
    (user, amr): (UserId, &Words),
    mut detail: Value,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Session> {
    let session = opening.begin(conn, user, amr, now).await?;
    let event = if opening.continues() { Event::Confirmed } else { Event::SignedIn };
    detail["session"] = json!(session.id);
    audit::record(conn, Entry::new(event).user(user).detail(detail), origin, now).await?;
    Ok(session)
}

/// The person, held, if the password is still theirs and they may sign in.
async fn decide(conn: &mut Connection, checked: &Checked) -> QueryResult<Result<User, (Option<UserId>, Refusal)>> {
    let refused = |user, why| Ok(Err((user, why)));
    let (id, against, renewed) = match checked {
        Checked::Right { user, against, renewed } => (*user, against, renewed),
        Checked::Wrong { user: Some(user) } => return refused(Some(*user), Refusal::WrongPassword),
        Checked::Wrong { user: None } => return refused(None, Refusal::Unknown),
    };
    let Some(user) = User::hold(conn, id).await? else { return refused(None, Refusal::Unknown) };
    if user.is_disabled() {
        return refused(Some(id), Refusal::Disabled);
    }
    if user.password_hash.as_ref() != Some(against) {
        return refused(Some(id), Refusal::WrongPassword);
    }
    if let Some(renewed) = renewed {
        User::renew_hash(conn, id, against, renewed).await?;
    }
    Ok(Ok(user))
}

/// True for somebody whom a password alone does not sign in. A passkey that nobody demands is a comfort and no duty.
pub(super) async fn needs_second_step(
    conn: &mut Connection,
    user: &User,
    policy: SecondFactorPolicy,
) -> QueryResult<bool> {
    let has_app = Totp::of(conn, user.id).await?.is_some();
    Ok(has_app || (policy.applies_to(user.is_admin) && Passkey::any(conn, user.id).await?))
}

/// How somebody who knew or chose a password proved who they are (RFC 8176 §2).
pub(super) fn by_password() -> Words {
    ["pwd"].into_iter().collect()
}
