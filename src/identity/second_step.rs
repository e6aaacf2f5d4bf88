//! Somebody whose password was right proves who they are by something else too.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::session::Opening;
use super::sign_in::{Refusal, SignIn, started};
use super::totp::Totp;
use super::{User, code_budget, recovery_code};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::{RecoveryCode, RootKeys};
use crate::db::Connection;
use crate::types::{UserId, Words};

/// What a right password bought: the second step. The browser carries it there, sealed and for a few minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstStep {
    /// Who they are, if the second step succeeds.
    pub user: UserId,
    /// Which password it was: another one that is set meanwhile makes this worthless.
    password_since: Option<DateTime<Utc>>,
}

impl FirstStep {
    /// What the password of this person buys.
    pub(super) fn of(user: &User) -> Self {
        Self { user: user.id, password_since: user.password_changed_at }
    }
}

/// What somebody typed as the second step.
#[derive(Clone, Debug)]
pub enum Code {
    /// Six digits of their authenticator app.
    Totp(String),
    /// One of their recovery codes.
    Recovery(RecoveryCode),
}

impl Code {
    /// What was typed, whichever of the two it is.
    pub fn read(typed: &str) -> Self {
        RecoveryCode::parse(typed).map_or_else(|| Self::Totp(typed.to_owned()), Self::Recovery)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Totp(_) => "authenticator",
            Self::Recovery(_) => "recovery code",
        }
    }

    /// How somebody who knew a password and this proved who they are (RFC 8176 §2, which has no word for recovery codes).
    fn amr(&self) -> Words {
        match self {
            Self::Totp(_) => ["pwd", "otp", "mfa"].into_iter().collect(),
            Self::Recovery(_) => ["pwd", "mfa"].into_iter().collect(),
        }
    }
}

/// Starts a session, or goes on with one, for whoever took the first step and presents a good code.
///
/// The person is held meanwhile. Each code is accepted once (RFC 6238 §5.2): one statement decides. Six digits can be guessed,
/// so tries are counted; a recovery code cannot, and opens when too many were tried, as a passkey does.
pub async fn second_step(
    conn: &mut Connection,
    keys: &RootKeys,
    (first, code): (&FirstStep, &Code),
    opening: &Opening,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<SignIn> {
    let why = match User::hold(conn, first.user).await? {
        None => Refusal::Unknown,
        Some(user) if user.is_disabled() => Refusal::Disabled,
        Some(user) if FirstStep::of(&user) != *first => Refusal::WrongPassword,
        Some(_) => match judge(conn, keys, first.user, code, now).await? {
            Ok(()) => {
                let detail = json!({ "second_step": code.name() });
                let session = started(conn, opening, (first.user, &code.amr()), detail, origin, now).await?;
                return Ok(SignIn::Started(session));
            }
            Err(why) => why,
        },
    };
    let entry = Entry::new(Event::SignInRefused).user(first.user).detail(json!({ "why": why.name() }));
    audit::record(conn, entry, origin, now).await?;
    Ok(SignIn::Refused(why))
}

/// Pays for the try, where it costs one, and accepts the code.
async fn judge(
    conn: &mut Connection,
    keys: &RootKeys,
    user: UserId,
    code: &Code,
    now: DateTime<Utc>,
) -> QueryResult<Result<(), Refusal>> {
    let costs = matches!(code, Code::Totp(_));
    if costs && let Err(wait) = code_budget::spend(conn, user, now).await? {
        return Ok(Err(Refusal::TooManyCodes { wait }));
    }
    if !accept(conn, keys, user, code, now).await? {
        code_budget::note_wrong(conn, user).await?;
        return Ok(Err(Refusal::WrongCode));
    }
    if costs {
        code_budget::give_back(conn, user).await?;
    }
    code_budget::note_right(conn, user).await?;
    Ok(Ok(()))
}

async fn accept(
    conn: &mut Connection,
    keys: &RootKeys,
    user: UserId,
    code: &Code,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    match code {
        Code::Totp(digits) => {
            let Some(app) = Totp::of(conn, user).await? else { return Ok(false) };
            let Some(step) = app.step_of(keys, digits, now) else { return Ok(false) };
            app.accept(conn, keys, step).await
        }
        Code::Recovery(code) => recovery_code::spend(conn, keys, user, code, now).await,
    }
}
