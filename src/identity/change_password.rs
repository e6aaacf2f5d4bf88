//! Somebody who knows their password chooses another.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::sign_in::Checked;
use super::{Session, User, setup_link};
use crate::audit::{self, Entry, Event, Origin};
use crate::crypto::PasswordHash;
use crate::db::Connection;
use crate::types::SessionId;

/// How changing a password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangePassword {
    /// The new one holds, and so many other sessions have ended.
    Changed {
        /// Other sessions that ended.
        ended: usize,
    },
    /// The one that was typed is not the present one, or was changed while it was being checked.
    Refused,
}

/// Changes a password and, unless they are to stay, ends every session of the person but `here`.
///
/// The person is held meanwhile, so of two who change it at once from the same password one is refused.
pub async fn change_password(
    conn: &mut Connection,
    checked: &Checked,
    chosen: &PasswordHash,
    (here, others_stay): (SessionId, bool),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<ChangePassword> {
    let (user, against) = match checked {
        Checked::Right { user, against, .. } => (*user, against),
        Checked::Wrong { user } => {
            let entry = Entry::new(Event::PasswordRefused);
            let entry = user.iter().fold(entry, |entry, user| entry.user(*user));
            audit::record(conn, entry, origin, now).await?;
            return Ok(ChangePassword::Refused);
        }
    };
    match User::hold(conn, user).await? {
        Some(held) if held.password_hash.as_ref() == Some(against) && !held.is_disabled() => {}
        _ => return Ok(ChangePassword::Refused),
    }
    User::set_password(conn, user, chosen, now).await?;
    setup_link::void(conn, user).await?;
    let ended = if others_stay { Vec::new() } else { Session::end_all_but(conn, user, Some(here), now).await? };
    let entry = Entry::new(Event::PasswordSet).user(user).detail(json!({ "sessions_ended": ended }));
    audit::record(conn, entry, origin, now).await?;
    Ok(ChangePassword::Changed { ended: ended.len() })
}
