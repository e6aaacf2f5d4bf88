//! Somebody chooses a password by a one-time link.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::second_step::FirstStep;
use super::session::Opening;
use super::sign_in::{by_password, needs_second_step, started};
use super::{Session, User, setup_link};
use crate::audit::{self, Entry, Event, Origin};
use crate::config::SecondFactorPolicy;
use crate::crypto::{HashedToken, PasswordHash, PlainToken, Random, RootKeys};
use crate::db::Connection;
use crate::types::UserId;

/// How making a set-up link ended.
#[derive(Clone, Debug)]
pub enum Issue {
    /// The link's token. Whoever has it becomes that person, until it is used or expires.
    Link(PlainToken),
    /// Nobody has that id, or they are disabled.
    Refused,
}

/// Makes a link by which a person chooses a password; one they had before stops working.
pub async fn issue(
    conn: &mut Connection,
    makers: (&RootKeys, &Random),
    user: UserId,
    lifetime: TimeDelta,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Issue> {
    match User::hold(conn, user).await? {
        Some(user) if !user.is_disabled() => {
            let link = setup_link::issue(conn, makers, user.id, lifetime, now).await?;
            audit::record(conn, Entry::new(Event::SetUpLinkMade).user(user.id), origin, now).await?;
            Ok(Issue::Link(link))
        }
        _ => Ok(Issue::Refused),
    }
}

/// How redeeming a set-up link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeem {
    /// The password is set and a fresh session began; every other session of the person has ended.
    Done(Session),
    /// The password is set, every session of the person has ended, and the second step is still to be taken.
    SecondStep(FirstStep),
    /// The link is unknown, used or expired, or its person is disabled.
    Refused,
}

/// Spends a link: sets its person's password, ends their sessions and starts a fresh one.
pub async fn redeem(
    conn: &mut Connection,
    link: &[HashedToken],
    password: &PasswordHash,
    (opening, policy): (&Opening, SecondFactorPolicy),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Redeem> {
    // The person is held before the link, as everywhere, so that nobody waits for each other in a circle.
    let Some(id) = setup_link::owner(conn, link, now).await? else { return Ok(Redeem::Refused) };
    match User::hold(conn, id).await? {
        Some(user) if !user.is_disabled() => {}
        _ => return Ok(Redeem::Refused),
    }
    if setup_link::spend(conn, link, now).await? != Some(id) {
        return Ok(Redeem::Refused);
    }
    User::set_password(conn, id, password, now).await?;
    setup_link::void(conn, id).await?;
    Session::end_all_but(conn, id, None, now).await?;
    audit::record(conn, Entry::new(Event::PasswordSet).user(id), origin, now).await?;
    let Some(user) = User::hold(conn, id).await? else { return Ok(Redeem::Refused) };
    if needs_second_step(conn, &user, policy).await? {
        return Ok(Redeem::SecondStep(FirstStep::of(&user)));
    }
    started(conn, opening, (id, &by_password()), json!({}), origin, now).await.map(Redeem::Done)
}
