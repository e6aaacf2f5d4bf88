//! VERB: whoever manages a client changes what it is.

use diesel::QueryResult;
use serde_json::json;

use super::add_client::{Flaw, Plan, fingerprint};
use super::client::{self, Client, ClientOptions, ClientOrigin, Described};
use super::client_ownership::ClientOwnership;
use super::grant::EndReason;
use super::register_client::Narrowed;
use super::{Terms, client_logo, revoke};
use crate::audit::{self, Entry, Event};
use crate::db::Connection;
use crate::places::{Reach, Tree};
use crate::types::{Logo, Permissions, RedirectUri, Scope, UserId};

/// What it is to be. Its type and how it proves who it is stay as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What people are shown.
    pub name: String,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Its public keys, if they stand in its record.
    pub jwks: Option<serde_json::Value>,
    /// What it may ever be granted.
    pub scope: Scope,
    /// What its tokens are narrowed to.
    pub narrowed: Narrowed,
}

/// What its picture is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLogo {
    /// This one, and where it was fetched if it was.
    Picture(Logo, Option<String>),
    /// None.
    Nothing,
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub enum ChangeClient {
    /// It is so from now on.
    Changed {
        /// How many grants ended, because it may reach more than whoever made them was shown.
        ended: usize,
    },
    /// It cannot be so.
    Refused(Flaw),
    /// There is none of that id that anybody registered.
    Gone,
}

/// Lets a client be what `wish` says.
///
/// Its people are asked again when they next connect, as its fingerprint changes. Narrower takes effect at once; where it
/// reaches further than before, everything that was granted ends, as nobody's yes covers more than what they were shown.
pub async fn change_client(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    id: &str,
    wish: Wish,
) -> QueryResult<ChangeClient> {
    let Some(before) = registered(conn, id).await? else { return Ok(ChangeClient::Gone) };
    let plan = Plan {
        name: wish.name,
        auth_method: before.auth_method,
        redirect_uris: wish.redirect_uris,
        grant_types: before.grant_types.clone(),
        scope: wish.scope,
        options: ClientOptions { jwks: wish.jwks, ..before.options.clone() },
    };
    let plan = match plan.judged() {
        Ok(plan) => plan,
        Err(flaw) => return Ok(ChangeClient::Refused(flaw)),
    };
    let logo = client_logo::digest(conn, id).await?;
    let now_is = Described {
        metadata_hash: plan.fingerprint(before.origin, logo.as_deref()),
        application_type: plan.application_type(),
        name: plan.name,
        redirect_uris: plan.redirect_uris,
        scope: plan.scope,
        jwks: plan.options.jwks,
    };
    client::describe(conn, id, &now_is).await?;
    let ended = renarrow(conn, terms, id, &wish.narrowed).await?;
    let detail = json!({ "name": now_is.name, "scope": now_is.scope, "grants_ended": ended });
    let entry = Entry::new(Event::ClientChanged).client(id).by(by).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(ChangeClient::Changed { ended })
}

/// Gives a client another picture, or takes it away: `false` when there is none of that id that anybody registered.
pub async fn change_logo(
    conn: &mut Connection,
    terms: &Terms<'_>,
    by: Option<UserId>,
    id: &str,
    logo: &NewLogo,
) -> QueryResult<bool> {
    let Some(client) = registered(conn, id).await? else { return Ok(false) };
    let digest = match logo {
        NewLogo::Picture(picture, source) => {
            client_logo::store(conn, id, picture, source.as_deref(), terms.now).await?;
            Some(picture.digest())
        }
        NewLogo::Nothing => {
            client_logo::remove(conn, id).await?;
            None
        }
    };
    let digest = digest.as_ref().map(<[u8; 32]>::as_slice);
    let Client { origin, name, redirect_uris, application_type, scope, options, .. } = &client;
    let now_is = Described {
        metadata_hash: fingerprint(*origin, name, redirect_uris, &client.grant_types, client.auth_method, digest),
        application_type: *application_type,
        name: name.clone(),
        redirect_uris: redirect_uris.clone(),
        scope: scope.clone(),
        jwks: options.jwks.clone(),
    };
    client::describe(conn, id, &now_is).await?;
    let detail = json!({ "name": name, "logo": digest.is_some() });
    let entry = Entry::new(Event::ClientChanged).client(id).by(by).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(true)
}

/// A client that somebody registered, locked until the transaction is over.
async fn registered(conn: &mut Connection, id: &str) -> QueryResult<Option<Client>> {
    let found = client::find_for_update(conn, id).await?.map(|(client, _)| client);
    Ok(found.filter(|client| ClientOrigin::REGISTERED_BY_SOMEBODY.contains(&client.origin)))
}

/// Stores what the tokens of a client are narrowed to; says how many grants ended because that is more than before.
async fn renarrow(conn: &mut Connection, terms: &Terms<'_>, id: &str, now_is: &Narrowed) -> QueryResult<usize> {
    let Some(before) = ClientOwnership::find(conn, id).await? else { return Ok(0) };
    let tree = Tree::load(conn).await?;
    let is_wider = reaches_beyond(&before.narrowed_to(), &now_is.reach, &tree)
        || allows_beyond(before.permissions.as_ref(), now_is.permissions.as_ref());
    let (reach, permissions) = (now_is.reach.stored(), now_is.permissions.clone());
    ClientOwnership { reach, permissions, ..before }.store(conn).await?;
    if is_wider { revoke::end_all_of_client(conn, terms, id, EndReason::ClientChanged).await } else { Ok(0) }
}

fn reaches_beyond(before: &Reach, after: &Reach, tree: &Tree) -> bool {
    match (before, after) {
        (Reach::Everywhere, _) => false,
        (Reach::Places(_), Reach::Everywhere) => true,
        (Reach::Places(_), Reach::Places(after)) => {
            after.iter().filter_map(|place| tree.path(*place)).any(|path| !before.covers(&path))
        }
    }
}

fn allows_beyond(before: Option<&Permissions>, after: Option<&Permissions>) -> bool {
    match (before, after) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(before), Some(after)) => after.pairs().any(|(thing, verb)| !before.allow(thing, verb)),
    }
}
