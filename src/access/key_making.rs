//! VERB: who may have an API key made, for whom, and within what; the same for pages, the API and the command line.

use std::collections::BTreeSet;

use super::principal::Subject;
use super::scoping::{self, Maker, Purpose, Scoping, Wanted, WantedPermissions};
use crate::credentials::ApiKey;
use crate::places::{Reach, Tree};
use crate::types::{PlaceId, Thing};

/// Why a key is not made, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would be somebody else's.
    #[error("a key can be made for yourself, and for a workspace and its M2M accounts by who manages it")]
    Owner,
    /// It would be narrowed to what the maker or the owner does not have.
    #[error(transparent)]
    Scoping(#[from] scoping::Refusal),
}

/// The workspace in which a key of this reach is managed: the one that is looked at, where the key reaches into it, or else the
/// first that it reaches into.
pub fn home(reach: &Reach, looked_at: Option<PlaceId>, tree: &Tree) -> Option<PlaceId> {
    let workspaces: BTreeSet<PlaceId> = scoping::workspaces(reach, tree);
    looked_at.filter(|workspace| workspaces.contains(workspace)).or_else(|| workspaces.first().copied())
}

/// Judges a key that `maker` wants made for `owner`, whose narrowing has been judged for the maker already.
pub fn judge(
    maker: &Maker<'_>,
    owner: &Subject,
    workspace: PlaceId,
    scoping: &Scoping,
    tree: &Tree,
) -> Result<(), Refusal> {
    if !maker.subject().may_hold(Thing::Keys, owner.id(), workspace) {
        return Err(Refusal::Owner);
    }
    let wanted = Wanted {
        scope: written(&scoping.reach, tree),
        permissions: WantedPermissions::These(scoping.permissions.clone()),
    };
    scoping::judge(&Maker::in_person(owner), Purpose::Standing, &wanted, tree)?;
    Ok(())
}

/// Judges whether `maker` may have a successor of a key: its secret, and all that the key was given. Who is here in person may
/// always have that of a key of their own, which is never more than they may at the time. Places that are gone are nothing to
/// ask about.
pub fn judge_again(maker: &Maker<'_>, key: &ApiKey, tree: &Tree) -> Result<(), Refusal> {
    if !maker.subject().may_hold(Thing::Keys, key.owner(), key.workspace_id) {
        return Err(Refusal::Owner);
    }
    if maker.is_in_person() && maker.subject().id() == key.owner() {
        return Ok(());
    }
    let wanted =
        Wanted { scope: written(&key.reach, tree), permissions: WantedPermissions::These(key.permissions.clone()) };
    scoping::judge(maker, Purpose::Standing, &wanted, tree)?;
    Ok(())
}

/// The places of a reach that are still there, by their ids.
fn written(reach: &Reach, tree: &Tree) -> Vec<String> {
    match reach {
        Reach::Everywhere => Vec::new(),
        Reach::Places(places) => places.iter().filter(|id| tree.get(**id).is_some()).map(ToString::to_string).collect(),
    }
}
