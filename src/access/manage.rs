//! What a caller manages: the one decision, and what it takes beside it where rights are handed out.

use super::action::Action;
use super::policy::{self, Decision};
use super::principal::{Credential, Principal};
use crate::places::Reach;
use crate::types::{Thing, Verb};

/// May this caller do that to things of this kind, somewhere? Where, is asked of each thing that is found.
///
/// Groups and policies belong to no place: whose credential is narrowed to places has no business there. And whoever changes them
/// gives rights, which no key or token that was made in settings does.
pub fn may(principal: &Principal, thing: Thing, verb: Verb) -> Decision {
    let decision = policy::decide(principal, &Action::Manage { thing, verb, at: None });
    let is_of_no_place = matches!(thing, Thing::People | Thing::Policies);
    if decision != Decision::Allowed || !is_of_no_place {
        return decision;
    }
    match principal.narrowing.reach {
        Reach::Everywhere if verb == Verb::Read => Decision::Allowed,
        Reach::Everywhere => may_keep_credentials(principal).map_or_else(Decision::Denied, |()| Decision::Allowed),
        Reach::Places(_) => {
            Decision::Denied("Groups and policies belong to no place, and the credential is narrowed to places")
        }
    }
}

/// Refuses whoever comes with a key or token that somebody made in settings: with those, nobody makes, changes or ends any, nor
/// says who is what.
pub fn may_keep_credentials(principal: &Principal) -> Result<(), &'static str> {
    match principal.credential {
        Credential::AccessToken(_) => Ok(()),
        Credential::ApiKey(_) | Credential::PersonalToken(_) | Credential::ForeignToken(_) => Err(
            "Keys and tokens that were made in settings make and end no others and hand out no roles; use an access token",
        ),
    }
}
