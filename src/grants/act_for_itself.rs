//! VERB: a program acts for itself (RFC 6749 §4.4).

use chrono::TimeDelta;
use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::client::{self, Client, ClientOrigin};
use super::client_metadata::AuthMethod;
use super::machine;
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::identity::ServiceAccount;
use crate::types::{Scope, SubjectId, known_scopes};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// As whom it would act, as things are now: its own service account, if an administrator gave it one.
    pub account: Option<&'a ServiceAccount>,
    /// What it would do; everything that it may when it does not say.
    pub scope: Wanted,
    /// Where.
    pub audience: &'a str,
    /// How it proved who it is.
    pub method: AuthMethod,
}

/// Which scope a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that it may have.
    All,
    /// This.
    Only(Scope),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// A token may be signed for this.
    Allowed {
        /// Whose token it is.
        subject: SubjectId,
        /// What it may do.
        scope: Scope,
    },
    /// This client does nothing in its own name.
    NotForItself(&'static str),
    /// It may not have that.
    TooMuch,
}

/// A program acts for itself: one row in the audit trail, and once an hour a note that the client is in use. Neither needs the
/// other, so there is no transaction around them: this path is walked often.
pub async fn act_for_itself(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    wish: &Wish<'_>,
) -> QueryResult<Acted> {
    let acted = judge(client, wish);
    let entry = match &acted {
        Acted::Allowed { subject, scope } => {
            let detail = json!({ "scope": scope, "audience": wish.audience, "method": wish.method.name() });
            Entry::new(Event::ClientCredentialsUsed).subject(*subject).detail(detail)
        }
        Acted::NotForItself(why) => Entry::new(Event::ClientCredentialsRefused).detail(json!({ "why": why })),
        Acted::TooMuch => {
            let detail = json!({ "why": "The scope is wider than the client may have" });
            Entry::new(Event::ClientCredentialsRefused).detail(detail)
        }
    };
    audit::record(conn, entry.client(&client.id), terms.origin, terms.now).await?;
    let is_noted = client.last_used_at.is_some_and(|used| terms.now - used < TimeDelta::hours(1));
    if matches!(acted, Acted::Allowed { .. }) && !is_noted {
        client::touch(conn, &client.id, terms.now).await?;
    }
    Ok(acted)
}

fn judge(client: &Client, wish: &Wish<'_>) -> Acted {
    // §4.4: "MUST only be used by confidential clients"; and nobody becomes a service account by registering (attack F3).
    if client.is_public() || client.origin != ClientOrigin::Administrator {
        return Acted::NotForItself("Only a confidential client that an administrator added may act for itself");
    }
    let Some(account) = wish.account else {
        return Acted::NotForItself("This client has no service account to act as");
    };
    if account.is_disabled {
        return Acted::NotForItself("The service account of this client is disabled");
    }
    let ceiling = client.scope.within(&Scope::of(&known_scopes::FOR_PROGRAMS));
    let scope = match &wish.scope {
        Wanted::All => ceiling.clone(),
        Wanted::Only(scope) => scope.clone(),
    };
    match machine::act(&client.id, &ceiling, &scope) {
        Ok(()) if !scope.is_empty() => Acted::Allowed { subject: SubjectId::Service(account.id), scope },
        Ok(()) | Err(_) => Acted::TooMuch,
    }
}
