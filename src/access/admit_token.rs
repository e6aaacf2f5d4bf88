//! VERB: a personal access token that is one of ours → who calls.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::authenticate::{Authenticated, Door};
use super::principal::{Credential, Narrowing, Principal, StandingCredential, Subject};
use super::snapshot::Access;
use crate::credentials::{PersonalToken, State};
use crate::db::{self, Db};
use crate::types::{Scope, SubjectId};

impl Access {
    /// Judges a token by its row: what became of it, whether it is for this door, and whether its owner may still act. What
    /// comes out is never more than the token was given, and never more than its owner may now.
    pub async fn admit_token(
        &self,
        db: &Db,
        token: &PersonalToken,
        door: Door<'_>,
        now: DateTime<Utc>,
    ) -> Result<Authenticated, db::Error> {
        match token.state(now) {
            State::Active => {}
            State::Expired => return Ok(Authenticated::Refused("The token has expired")),
            State::Revoked => return Ok(Authenticated::Refused("The token was revoked")),
        }
        if !door.audiences.admit_one(&token.audience) {
            return Ok(Authenticated::Refused("The token was issued for another resource"));
        }
        let Some((subject, scope)) = self.standing_of_token(db, token, door.hears_changes, now).await? else {
            return Ok(Authenticated::Refused("Whoever this token acts for may no longer do anything"));
        };
        let credential = StandingCredential {
            id: token.id,
            client_id: token.client_id.clone(),
            name: token.name.to_string(),
            issued_at: token.created_at,
            expires_at: token.stops_at(),
        };
        Ok(Authenticated::Caller(Arc::new(Principal {
            subject,
            credential: Credential::PersonalToken(credential),
            scope,
            audience: token.audience.clone(),
            narrowing: Narrowing { reach: token.reach.clone(), permissions: None, server: token.server_id },
        })))
    }

    /// For whom a token stands now and with which scope: `None` when it works no more, or they may no longer act.
    pub async fn standing_of_token(
        &self,
        db: &Db,
        token: &PersonalToken,
        hears_changes: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<(Subject, Scope)>, db::Error> {
        if token.state(now) != State::Active {
            return Ok(None);
        }
        let owner = self.subject(db, SubjectId::Person(token.user_id), hears_changes).await?;
        Ok(owner.filter(|owner| !owner.is_disabled()).map(|owner| {
            let scope = owner.within_rights(&token.scope);
            (owner, scope)
        }))
    }
}
