//! Somebody may no longer do anything, or may again.

use chrono::{DateTime, Utc};
use diesel::QueryResult;

use super::{Session, User, setup_link};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::UserId;

/// How disabling a person ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disable {
    /// They can do nothing any more: their sessions have ended and their set-up links are worthless.
    Disabled,
    /// They were disabled before.
    AlreadyDisabled,
    /// Nobody has that id.
    Unknown,
    /// They are the last administrator: nobody could let them in again.
    LastAdministrator,
}

/// Disables a person and ends their sessions. Their access tokens need no revocation: `access` looks at the person at every
/// call, and so do the code and refresh grants.
///
/// The administrators are held meanwhile, so two who disable each other do not both succeed.
pub async fn disable(conn: &mut Connection, user: UserId, origin: &Origin, now: DateTime<Utc>) -> QueryResult<Disable> {
    let administrators = User::hold_administrators(conn).await?;
    let Some(found) = User::hold(conn, user).await? else { return Ok(Disable::Unknown) };
    if found.is_disabled() {
        return Ok(Disable::AlreadyDisabled);
    }
    if administrators == [user] {
        return Ok(Disable::LastAdministrator);
    }
    User::set_disabled(conn, user, Some(now)).await?;
    setup_link::void(conn, user).await?;
    Session::end_all_but(conn, user, None, now).await?;
    audit::record(conn, Entry::new(Event::PersonDisabled).user(user), origin, now).await?;
    Ok(Disable::Disabled)
}

/// How enabling a person ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enable {
    /// They may sign in again; what had ended stays ended.
    Enabled,
    /// They were not disabled, or nobody has that id.
    NothingToDo,
}

/// Lets a person in again.
pub async fn enable(conn: &mut Connection, user: UserId, origin: &Origin, now: DateTime<Utc>) -> QueryResult<Enable> {
    if !User::set_disabled(conn, user, None).await? {
        return Ok(Enable::NothingToDo);
    }
    audit::record(conn, Entry::new(Event::PersonEnabled).user(user), origin, now).await?;
    Ok(Enable::Enabled)
}
