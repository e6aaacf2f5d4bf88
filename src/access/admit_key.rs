//! VERB: an API key that is one of ours → who calls.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::authenticate::{Audiences, Authenticated, Door};
use super::principal::{Credential, Narrowing, Principal, StandingCredential, Subject};
use super::snapshot::Access;
use crate::credentials::{ApiKey, State};
use crate::db::{self, Db};
use crate::places::Tree;
use crate::types::Scope;

impl Access {
    /// Judges a key: what became of it, and whether its owner may still act where it belongs. What comes out is never more than
    /// the key was given, and never more than its owner has now.
    ///
    /// Not checked here: from where it is used, and how often. That is between the key and the door.
    pub async fn admit_key(
        &self,
        db: &Db,
        key: &ApiKey,
        door: Door<'_>,
        tree: &Tree,
        now: DateTime<Utc>,
    ) -> Result<Authenticated, db::Error> {
        match key.state(now) {
            State::Active => {}
            State::Expired => return Ok(Authenticated::Refused("The API key has expired; make another to replace it")),
            State::Revoked => return Ok(Authenticated::Refused("The API key was revoked")),
        }
        // It opens what the gateway audience opens (`decisions` 8).
        let Audiences::Own([_, audience]) = door.audiences else {
            return Ok(Authenticated::Refused("An API key opens no such door; use an access token"));
        };
        let subject = self.subject(db, key.owner(), door.hears_changes).await?;
        let Some(subject) = subject.filter(|subject| !subject.is_disabled()) else {
            return Ok(Authenticated::Refused("The owner of this API key may no longer do anything"));
        };
        if !subject.is_in(key.workspace_id) {
            return Ok(Authenticated::Refused("The owner of this API key is no longer in its workspace"));
        }
        let Some((scope, narrowing)) = self.share(db, key, &subject, door.hears_changes, tree).await? else {
            return Ok(Authenticated::Refused("The account of this API key may no longer do anything"));
        };
        let credential = StandingCredential {
            id: key.id,
            client_id: key.prefix.clone(),
            name: key.name.to_string(),
            issued_at: key.created_at,
            expires_at: key.stops_at(),
        };
        let (audience, credential) = (audience.to_owned(), Credential::ApiKey(credential));
        Ok(Authenticated::Caller(Arc::new(Principal { subject, credential, scope, audience, narrowing })))
    }

    /// What of its owner's rights a key has; an account's are those of its client, which may have been disabled.
    async fn share(
        &self,
        db: &Db,
        key: &ApiKey,
        owner: &Subject,
        hears_changes: bool,
        tree: &Tree,
    ) -> Result<Option<(Scope, Narrowing)>, db::Error> {
        let scope = owner.within_rights(&key.permissions.scope());
        let narrowing =
            Narrowing { reach: key.reach.clone(), permissions: Some(key.permissions.clone()), server: None };
        let Subject::Service(account) = owner else { return Ok(Some((scope, narrowing))) };
        let ceiling = self.client_ceiling(db, &account.name, hears_changes).await?;
        Ok(ceiling.map(|ceiling| {
            let narrowed = Narrowing {
                reach: narrowing.reach.meet(&ceiling.reach, tree),
                permissions: narrowing.permissions.map(|held| match &ceiling.permissions {
                    Some(most) => held.pairs().filter(|(thing, verb)| most.allow(*thing, *verb)).collect(),
                    None => held,
                }),
                server: None,
            };
            (scope.within(&ceiling.scope), narrowed)
        }))
    }
}
