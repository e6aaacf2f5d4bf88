//! VERBS: who is in a workspace, and as what.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::{User, Username};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::{Connection, changes};
use crate::places::{Actor, Role, member};
use crate::types::{PlaceId, UserId};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is so now.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why not, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such workspace, or none that this actor may know of.
    #[error("there is no such workspace")]
    Unknown,
    /// Nobody has that name.
    #[error("there is nobody with the user name {0:?}")]
    NoSuchPerson(String),
    /// They are there.
    #[error("\"{0}\" is in this workspace already")]
    AlreadyIn(Username),
    /// They are not there.
    #[error("this person is not in the workspace")]
    NotIn,
    /// Members manage nobody.
    #[error("only an owner or admin of the workspace may do that")]
    ManagersOnly,
    /// Owners are made, changed and removed by owners.
    #[error("only an owner of the workspace or a system administrator makes, changes or removes owners")]
    OwnersOnly,
    /// Nobody could manage it any more.
    #[error("the last owner of a workspace cannot leave it or become less: make somebody else an owner first")]
    LastOwner,
}

/// Puts somebody into a workspace.
pub async fn add(
    conn: &mut Connection,
    actor: Actor,
    workspace: PlaceId,
    (username, role): (&str, Role),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Membership> {
    let Some((_, own)) = hold(conn, actor, workspace).await? else { return refused(Refusal::Unknown) };
    // Before anybody is looked for: a member learns nothing of who is known here.
    if let Err(refusal) = may_change(own, None, Some(role), false) {
        return refused(refusal);
    }
    let user = match username.parse::<Username>() {
        Ok(name) => User::named(conn, &name).await?,
        Err(_) => None,
    };
    let Some(user) = user else { return refused(Refusal::NoSuchPerson(username.to_owned())) };
    if member::role(conn, workspace, user.id).await?.is_some() {
        return refused(Refusal::AlreadyIn(user.username));
    }
    member::set(conn, workspace, user.id, role, now).await?;
    let detail = json!({ "by": actor.in_trail(), "workspace": workspace, "role": role.name() });
    record(conn, Entry::new(Event::MemberAdded).user(user.id).detail(detail), origin, now).await
}

/// Makes somebody in a workspace something else there.
pub async fn change(
    conn: &mut Connection,
    actor: Actor,
    workspace: PlaceId,
    (user, role): (UserId, Role),
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Membership> {
    let before = match judge(conn, actor, workspace, user, Some(role)).await? {
        Ok(before) => before,
        Err(refusal) => return refused(refusal),
    };
    if before == role {
        return Ok(Membership::Done);
    }
    member::set(conn, workspace, user, role, now).await?;
    let detail = json!({ "by": actor.in_trail(), "workspace": workspace, "from": before.name(), "role": role.name() });
    record(conn, Entry::new(Event::MemberChanged).user(user).detail(detail), origin, now).await
}

/// Takes somebody out of a workspace; whoever is in it may leave by themselves. Everything of theirs there stops at once,
/// since every call asks what they are now.
pub async fn remove(
    conn: &mut Connection,
    actor: Actor,
    workspace: PlaceId,
    user: UserId,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<Membership> {
    let before = match judge(conn, actor, workspace, user, None).await? {
        Ok(before) => before,
        Err(refusal) => return refused(refusal),
    };
    member::remove(conn, workspace, user).await?;
    let detail = json!({ "by": actor.in_trail(), "workspace": workspace, "role": before.name() });
    record(conn, Entry::new(Event::MemberRemoved).user(user).detail(detail), origin, now).await
}

/// What somebody is in a workspace, if the actor may make them `to` there, or nothing.
async fn judge(
    conn: &mut Connection,
    actor: Actor,
    workspace: PlaceId,
    user: UserId,
    to: Option<Role>,
) -> QueryResult<Result<Role, Refusal>> {
    let Some((owners, own)) = hold(conn, actor, workspace).await? else { return Ok(Err(Refusal::Unknown)) };
    let Some(before) = member::role(conn, workspace, user).await? else { return Ok(Err(Refusal::NotIn)) };
    let is_self = actor.person() == Some(user);
    Ok(match may_change(own, Some(before), to, is_self) {
        Err(refusal) => Err(refusal),
        Ok(()) if owners == [user] && to != Some(Role::Owner) => Err(Refusal::LastOwner),
        Ok(()) => Ok(before),
    })
}

/// The owners of the workspace, held, and what the actor is there; `None` for who is nothing there.
async fn hold(conn: &mut Connection, actor: Actor, workspace: PlaceId) -> QueryResult<Option<(Vec<UserId>, Role)>> {
    let Some(owners) = member::hold_owners(conn, workspace).await? else { return Ok(None) };
    Ok(actor.role_in(conn, workspace).await?.map(|own| (owners, own)))
}

/// Owners do everything, admins what does not touch an owner, and everybody may leave.
fn may_change(own: Role, from: Option<Role>, to: Option<Role>, is_self: bool) -> Result<(), Refusal> {
    let leaves = is_self && to.is_none();
    let touches_owner = from == Some(Role::Owner) || to == Some(Role::Owner);
    match own {
        _ if leaves => Ok(()),
        Role::Owner => Ok(()),
        Role::Admin if touches_owner => Err(Refusal::OwnersOnly),
        Role::Admin => Ok(()),
        Role::Member => Err(Refusal::ManagersOnly),
    }
}

fn refused(refusal: Refusal) -> QueryResult<Membership> {
    Ok(Membership::Refused(refusal))
}

async fn record(conn: &mut Connection, entry: Entry, origin: &Origin, now: DateTime<Utc>) -> QueryResult<Membership> {
    changes::announce(conn, super::CHANGED).await?;
    audit::record(conn, entry, origin, now).await?;
    Ok(Membership::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An admin makes nobody an owner, themselves least of all, and a member nobody anything.
    #[test]
    fn nobody_gives_or_takes_a_role_above_their_own() {
        use Role::{Admin, Member, Owner};
        for (own, from, to, allowed) in [
            (Member, None, Some(Member), false),
            (Member, Some(Member), Some(Admin), false),
            (Member, Some(Member), None, false),
            (Admin, None, Some(Admin), true),
            (Admin, None, Some(Owner), false),
            (Admin, Some(Admin), Some(Owner), false),
            (Admin, Some(Member), Some(Admin), true),
            (Admin, Some(Owner), Some(Member), false),
            (Admin, Some(Owner), None, false),
            (Owner, Some(Owner), None, true),
            (Owner, Some(Member), Some(Owner), true),
        ] {
            assert_eq!(may_change(own, from, to, false).is_ok(), allowed, "{own:?} {from:?} {to:?}");
            let alone = to.is_none() || allowed;
            assert_eq!(may_change(own, from, to, true).is_ok(), alone, "{own:?} of themselves {to:?}");
        }
    }
}
