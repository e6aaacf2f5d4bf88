//! VERB: a program acts for itself (RFC 6749 §4.4).

use serde_json::json;

use super::Terms;
use super::client::{Client, ClientOrigin};
use super::client_metadata::AuthMethod;
use super::machine;
use crate::audit::{Batch, Entry, Event};
use crate::db;
use crate::identity::ServiceAccount;
use crate::types::{Scope, SubjectId, known_scopes};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// As whom it would act, as things are now: its own service account, if an administrator gave it one.
    pub account: Option<&'a ServiceAccount>,
    /// What it would do; everything that it may when it does not say.
    pub scope: Wanted,
    /// The policies that the scope names and that are for the account, as things are now.
    pub policies: &'a Scope,
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
    /// No policy of that name is for the account.
    NotGiven(String),
}

/// A program acts for itself. This path is walked often and changes nothing: what it is judged by is in memory, and what comes of
/// it is noted in the audit trail's batch (`decisions` 49).
pub async fn act_for_itself(
    audit: &Batch,
    terms: &Terms<'_>,
    client: &Client,
    wish: &Wish<'_>,
) -> Result<Acted, db::Error> {
    let acted = judge(client, wish);
    let entry = match &acted {
        Acted::Allowed { subject, scope } => {
            let detail = json!({ "scope": scope, "audience": wish.audience, "method": wish.method.name() });
            Entry::new(Event::ClientCredentialsUsed).subject(*subject).detail(detail)
        }
        Acted::NotForItself(why) => Entry::new(Event::ClientCredentialsRefused).detail(json!({ "why": why })),
        Acted::NotGiven(name) => {
            let detail = json!({ "why": "The scope names what is no policy of the account's groups", "name": name });
            Entry::new(Event::ClientCredentialsRefused).detail(detail)
        }
        Acted::TooMuch => {
            let detail = json!({ "why": "The scope is wider than the client may have" });
            Entry::new(Event::ClientCredentialsRefused).detail(detail)
        }
    };
    audit.note(entry.client(&client.id), terms.origin, terms.now).await?;
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
        Wanted::Only(scope) => scope.with_what_is_narrowed(&ceiling),
    };
    let named = scope.policies();
    if let Some(name) = named.tokens().find(|name| !wish.policies.has(name)) {
        return Acted::NotGiven(name.to_owned());
    }
    // The names only narrow what the rest gives (`decisions` 10).
    let given = scope.filtered(|token| !named.has(token));
    match machine::act(&client.id, &ceiling, &given) {
        Ok(()) if !given.is_empty() => Acted::Allowed { subject: SubjectId::Service(account.id), scope },
        Ok(()) | Err(_) => Acted::TooMuch,
    }
}
