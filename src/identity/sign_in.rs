//! Somebody signs in.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::session::Opening;
use super::{Session, User};
use crate::audit::{self, Entry, Event, Origin};
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
    /// A fresh session began.
    Started(Session),
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
    /// The person is disabled.
    Disabled,
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongPassword => "wrong password",
            Self::Disabled => "disabled",
        }
    }
}

/// Starts a session for whoever the check found, and ends the one that the browser had.
///
/// The person is held meanwhile, so a sign-in that races with being disabled or with a new password loses.
pub async fn sign_in(
    conn: &mut Connection,
    checked: &Checked,
    opening: &Opening,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<SignIn> {
    let (user, outcome) = decide(conn, checked, opening, now).await?;
    let entry = match &outcome {
        SignIn::Started(session) => Entry::new(Event::SignedIn).detail(json!({ "session": session.id })),
        // Never the name that was typed: people type passwords there.
        SignIn::Refused(why) => Entry::new(Event::SignInRefused).detail(json!({ "why": why.name() })),
    };
    let entry = user.into_iter().fold(entry, Entry::user);
    audit::record(conn, entry, origin, now).await?;
    Ok(outcome)
}

async fn decide(
    conn: &mut Connection,
    checked: &Checked,
    opening: &Opening,
    now: DateTime<Utc>,
) -> QueryResult<(Option<UserId>, SignIn)> {
    let refused = |user, why| Ok((user, SignIn::Refused(why)));
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
    let session = opening.begin(conn, id, &by_password(), now).await?;
    Ok((Some(id), SignIn::Started(session)))
}

/// How somebody who knew or chose a password proved who they are (RFC 8176 §2).
pub(super) fn by_password() -> Words {
    ["pwd"].into_iter().collect()
}
