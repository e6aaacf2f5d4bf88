//! VERB: an access token buys another, never a wider one (RFC 8693).

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::client::{Client, ClientOrigin};
use super::grant::{self, Grant};
use super::sign::Actor;
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::types::{GrantId, Scope, SubjectId};

/// So many may act for one another in a row (RFC 8693 §4.1).
pub const MOST_ACTORS: usize = 4;

/// A token of ours that was judged good a moment ago.
#[derive(Clone, Debug)]
pub struct Judged {
    /// In whose name it acts.
    pub subject: SubjectId,
    /// To whom it was issued.
    pub client_id: String,
    /// To whom the first was issued, if it was exchanged for one of another client's.
    pub first_client_id: Option<String>,
    /// Under which grant; a program that acts for itself has none.
    pub grant: Option<GrantId>,
    /// What it may do as things are now.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Who acts in it already.
    pub act: Option<Actor>,
}

/// What a client wants.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The token that it holds.
    pub subject: Judged,
    /// The token of whoever acts for that subject.
    pub actor: Option<Judged>,
    /// A narrower scope.
    pub scope: Option<Scope>,
    /// For which audience the new token is to be.
    pub audience: String,
}

/// How an exchange ended.
#[derive(Debug)]
pub enum Exchanged {
    /// A token may be signed.
    Allowed {
        /// Under the same grant, so that its end ends this one as well.
        grant: Option<Box<Grant>>,
        /// With this scope.
        scope: Scope,
        /// Acting: these.
        actor: Option<Actor>,
        /// The client to which the first token was issued, where that is another: when it may no longer act, nor may this.
        first_client: Option<String>,
    },
    /// Not with this token.
    Refused(&'static str),
    /// Wider than the token, or nothing at all.
    WrongScope(&'static str),
}

/// True for clients that may exchange at all: those that an administrator registered for it, and that prove who they are.
pub fn may_exchange(client: &Client) -> bool {
    client.origin == ClientOrigin::Administrator && !client.is_public()
}

/// Exchanges a token; a refusal changes nothing, and is for the caller to record.
///
/// A client narrows what was issued to itself. For a token that was issued to another it acts by delegation, which shows in
/// the new token: as the actor whose token it brings, or as its own service account.
pub async fn exchange(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    attempt: Attempt,
) -> QueryResult<Exchanged> {
    let Attempt { subject, actor, scope, audience } = attempt;
    let actor = match acting(client, &subject, actor) {
        Ok(actor) => actor,
        Err(why) => return Ok(Exchanged::Refused(why)),
    };
    let scope = match narrowed(client, &subject, scope) {
        Ok(scope) => scope,
        Err(why) => return Ok(Exchanged::WrongScope(why)),
    };
    let grant = match subject.grant {
        Some(id) => match grant::live_locked(conn, id, terms.now).await? {
            Some(grant) => Some(Box::new(grant)),
            None => return Ok(Exchanged::Refused("What the subject_token stood for has been withdrawn")),
        },
        None => None,
    };
    let entry = Entry::new(Event::TokenExchanged).subject(subject.subject).client(&client.id).grant(subject.grant);
    let detail = json!({ "from": subject.client_id, "audience": audience, "scope": scope });
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    // Whoever exchanged in between is among the actors.
    let first_client = Some(subject.first_client_id.unwrap_or(subject.client_id)).filter(|first| *first != client.id);
    Ok(Exchanged::Allowed { grant, scope, actor, first_client })
}

/// Who acts in the new token.
fn acting(client: &Client, subject: &Judged, actor: Option<Judged>) -> Result<Option<Actor>, &'static str> {
    let is_own = subject.client_id == client.id;
    let newest = match actor {
        Some(actor) if actor.client_id != client.id => {
            return Err("The actor_token was issued to another client");
        }
        Some(actor) => Some(actor.subject),
        None if is_own => None,
        None => match client.options.service_account_id {
            Some(account) => Some(SubjectId::Service(account)),
            None => {
                return Err(
                    "The subject_token was issued to another client, and this one has no service account to act as",
                );
            }
        },
    };
    let Some(sub) = newest else { return Ok(subject.act.clone()) };
    if actors(subject.act.as_ref()) >= MOST_ACTORS {
        return Err("Too many act for one another in the subject_token already");
    }
    let before = subject.act.clone().map(Box::new);
    Ok(Some(Actor { sub, client_id: client.id.clone(), act: before }))
}

fn actors(newest: Option<&Actor>) -> usize {
    std::iter::successors(newest, |actor| actor.act.as_deref()).count()
}

/// H4: never beyond the token ∩ the client; the subject's rights are in the token's scope already. The policies to which the
/// token is narrowed stay unless some of them are named: a token that named none would open more.
fn narrowed(client: &Client, subject: &Judged, asked: Option<Scope>) -> Result<Scope, &'static str> {
    let wanted = asked.map_or_else(|| subject.scope.clone(), |asked| asked.with_what_is_narrowed(&subject.scope));
    if !subject.scope.covers(&wanted) {
        return Err("The scope is wider than that of the subject_token");
    }
    let scope = wanted.within(&client.scope);
    if scope.is_empty() {
        return Err("This client may not have anything of that scope");
    }
    let named = wanted.policies();
    Ok(scope.union(&if named.is_empty() { subject.scope.policies() } else { named }))
}
