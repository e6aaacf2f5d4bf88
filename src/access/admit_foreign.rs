//! VERB: an access token of another issuer → who calls.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::authenticate::{Authenticated, Door};
use super::foreign_token::ForeignToken;
use super::principal::{Credential, ForeignCredential, Narrowing, Principal, Subject};
use super::snapshot::Access;
use crate::db::{self, Db};
use crate::grants::accepted_tokens::TokenIssuer;
use crate::grants::trust_rule::TrustRule;
use crate::identity::{Person, linked_account};
use crate::types::{Scope, SubjectId, UserId};

/// Whose a token is.
#[derive(Debug)]
pub enum Admission {
    /// That is known, and so is whether it opens the door.
    Judged(Authenticated),
    /// Nobody here is linked to its account, and no rule is about it.
    Stranger,
}

impl Access {
    /// A token of this issuer that was verified before, under what the operator says now.
    pub fn known_foreign(&self, token: &str, from: &TokenIssuer) -> Option<Arc<ForeignToken>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.foreign.get(&digest).filter(|known| known.acceptance == from.accepted.id)
    }

    /// Remembers that a token was verified.
    pub fn keep_foreign(&self, token: &str, verified: ForeignToken) -> Arc<ForeignToken> {
        let verified = Arc::new(verified);
        self.foreign.insert(Sha256::digest(token).into(), Arc::clone(&verified));
        verified
    }

    /// Judges a token whose signature was good: time, audience, client, and whether whoever it stands for may still act. That is
    /// the person to whom its account is linked, or the service account of the oldest rule that matches.
    pub async fn admit_foreign(
        &self,
        db: &Db,
        token: &ForeignToken,
        from: &TokenIssuer,
        door: Door<'_>,
        now: DateTime<Utc>,
    ) -> Result<Admission, db::Error> {
        let refused = |why| Ok(Admission::Judged(Authenticated::Refused(why)));
        let audience = match token.judge(from, door.audiences, now) {
            Ok(audience) => audience,
            Err(why) => return refused(why),
        };
        let scope = token.scope_of(&from.accepted.scope());
        let standing = match self.linked(db, &token.account, door.hears_changes).await? {
            Some(user) => self.person(db, user, token, scope, door.hears_changes).await?,
            None => match from.rules.iter().find(|rule| rule.matches.match_all(&token.claims)) {
                Some(rule) => self.program(db, rule, token, scope, door).await?,
                None => return Ok(Admission::Stranger),
            },
        };
        let (subject, scope, narrowing) = match standing {
            Ok(standing) => standing,
            Err(why) => return refused(why),
        };
        let credential = Credential::ForeignToken(ForeignCredential {
            issuer: token.account.0.clone(),
            id: token.id.clone(),
            client_id: token.client_id.clone().unwrap_or_default(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
        });
        let principal = Principal { subject, credential, scope, audience, narrowing };
        Ok(Admission::Judged(Authenticated::Caller(Arc::new(principal))))
    }

    /// Forgets whose an account is, after this node has linked it.
    pub fn forget_linked(&self, account: &(String, String)) {
        self.linked.forget_one(account);
    }

    /// To whom an account is linked: from memory where that can be trusted.
    async fn linked(
        &self,
        db: &Db,
        account: &(String, String),
        hears_changes: bool,
    ) -> Result<Option<UserId>, db::Error> {
        let read = async || {
            let mut conn = db.read().await?;
            Ok(Some(linked_account::find(&mut conn, &account.0, &account.1).await?))
        };
        let found = if hears_changes { self.linked.get(account, read).await? } else { read().await? };
        Ok(found.flatten())
    }

    async fn person(
        &self,
        db: &Db,
        user: UserId,
        token: &ForeignToken,
        scope: Scope,
        hears_changes: bool,
    ) -> Result<Result<Standing, &'static str>, db::Error> {
        let subject = self.subject(db, SubjectId::Person(user), hears_changes).await?;
        let Some(Subject::Person(person)) = subject.filter(|subject| !subject.is_disabled()) else {
            return Ok(Err("Whoever this token acts for may no longer do anything"));
        };
        let subject = Subject::Person(with_groups(person, &token.groups));
        let scope = subject.within_rights(&scope);
        Ok(Ok((subject, scope, Narrowing::default())))
    }

    async fn program(
        &self,
        db: &Db,
        rule: &TrustRule,
        token: &ForeignToken,
        scope: Scope,
        door: Door<'_>,
    ) -> Result<Result<Standing, &'static str>, db::Error> {
        if rule.resource.as_deref().is_some_and(|only| !door.audiences.is_own(only)) {
            return Ok(Err("The rule for this program is for another resource"));
        }
        let ceiling = self.client_ceiling(db, &rule.client_id, door.hears_changes).await?;
        let account = self.subject(db, SubjectId::Service(rule.service_account_id), door.hears_changes).await?;
        let able = ceiling.zip(account.filter(|account| !account.is_disabled()));
        let Some((ceiling, subject)) = able else {
            return Ok(Err("The service account of this program may no longer do anything"));
        };
        let scope = scope.within(&token.scope_of(&rule.scope)).within(&ceiling.scope);
        let narrowing =
            Narrowing { reach: ceiling.reach.clone(), permissions: ceiling.permissions.clone(), server: None };
        Ok(Ok((subject, scope, narrowing)))
    }
}

/// For whom a token stands, with which scope and narrowed to what.
type Standing = (Subject, Scope, Narrowing);

/// The person with the groups of a token beside their own.
fn with_groups(person: Arc<Person>, more: &[String]) -> Arc<Person> {
    if more.iter().all(|group| person.groups.contains(group)) {
        return person;
    }
    let mut groups: Vec<String> = person.groups.iter().chain(more).cloned().collect();
    groups.sort_unstable();
    groups.dedup();
    Arc::new(Person { groups, ..(*person).clone() })
}
