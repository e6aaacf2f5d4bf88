//! VERB: somebody registers a client for a workspace.

use diesel::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::Terms;
use super::add_client::{Flaw, Plan};
use super::client::{self, ClientOrigin, NewClient};
use super::client_ownership::ClientOwnership;
use super::register;
use crate::audit::{self, Entry, Event};
use crate::crypto::PlainToken;
use crate::db::Connection;
use crate::places::Reach;
use crate::types::{Permissions, PlaceId, Scope, UserId, known_scopes as known};

/// For which workspace a client is registered, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    /// The workspace whose managers may change and remove it.
    pub workspace: PlaceId,
    /// The person; none for the operator on the machine and for programs.
    pub person: Option<UserId>,
    /// True for those who administer the installation: they vouch for what they register.
    pub administers: bool,
}

/// What the tokens of a client are narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// The places.
    pub reach: Reach,
    /// What they may do to each kind of thing; whatever their scope allows when there is none.
    pub permissions: Option<Permissions>,
}

/// The most that a client may be granted whose tokens have these permissions: what they need, and to say who its people are.
pub fn scope_of(permissions: &Permissions) -> Scope {
    let of_people = [known::OPENID, known::EMAIL, known::PROFILE, known::GROUPS, known::OFFLINE_ACCESS];
    Scope::of(&of_people).union(&permissions.scope())
}

/// How it went.
#[derive(Debug)]
pub enum Registering {
    /// It is known from now on.
    Client {
        /// Its `client_id`.
        id: String,
        /// Its secret, shown this once, if its method needs one.
        secret: Option<PlainToken>,
    },
    /// There is one of that id: the same form was sent before.
    Already(String),
    /// No client can be so.
    Refused(Flaw),
}

/// Registers a client as planned. `id` is the one that it gets, so that a form that is sent twice makes one client: the
/// first insert decides.
pub async fn register_client(
    conn: &mut Connection,
    terms: &Terms<'_>,
    registrar: &Registrar,
    plan: Plan,
    narrowed: &Narrowed,
    id: Uuid,
) -> QueryResult<Registering> {
    let origin = if registrar.administers { ClientOrigin::Administrator } else { ClientOrigin::Person };
    let plan = match plan.judged() {
        Ok(plan) => plan,
        Err(flaw) => return Ok(Registering::Refused(flaw)),
    };
    let secret = register::secret(terms, plan.auth_method);
    let hashed = secret.as_ref().map(|secret| (terms.keys.hash(secret), terms.keys.version()));
    let new: NewClient = plan.into_client(id.simple().to_string(), origin, hashed);
    if !client::insert_new(conn, &new, terms.now).await? {
        return Ok(Registering::Already(new.id));
    }
    let ownership = ClientOwnership {
        client_id: new.id.clone(),
        workspace_id: registrar.workspace,
        registered_by: registrar.person,
        reach: narrowed.reach.stored(),
        permissions: narrowed.permissions.clone(),
        disabled_as: None,
    };
    ownership.store(conn).await?;
    let detail = json!({ "name": new.name, "scope": new.scope, "workspace": registrar.workspace });
    let entry = Entry::new(Event::ClientAdded).client(&new.id).by(registrar.person).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Registering::Client { id: new.id, secret })
}
