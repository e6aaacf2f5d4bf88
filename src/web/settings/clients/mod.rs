//! Settings → MCP Setup → OAuth Clients: the programs that people connect, as those see them who register and manage them.

pub mod clean_up;
pub mod detail;
pub mod edit;
mod fields;
pub mod list;
pub mod logo;
pub mod new;
mod preview;
pub mod secrets;
pub mod self_registered;
pub mod state;

use std::sync::Arc;

pub use preview::Preview;

use crate::access::Subject;
use crate::app::App;
use crate::db;
use crate::grants::client::{Client, ClientOrigin, Listed};
use crate::grants::client_metadata::AuthMethod;
use crate::http::page::Site;
use crate::http::{Refusal, SignedIn};
use crate::identity::Person;
use crate::places::Tree;
use crate::types::PlaceId;
use crate::web::components::Crumb;

/// The client of that id, if it is this person's to manage; of any other nobody learns whether it is there.
async fn managed(app: &App, signed_in: &SignedIn, id: &str) -> Result<Listed, Refusal> {
    let mut conn = app.db.read().await?;
    let known = Listed::find(&mut conn, id).await.map_err(db::Error::from)?;
    known.filter(|known| may_manage(&signed_in.person, known)).ok_or(Refusal::NotFound)
}

/// The same, if they may also change it. What an administrator vouches for stays what the administrators say.
async fn changeable(app: &App, signed_in: &SignedIn, id: &str) -> Result<Listed, Refusal> {
    let known = managed(app, signed_in, id).await?;
    if may_change(&signed_in.person, &known) { Ok(known) } else { Err(Refusal::NotAdministrator) }
}

fn may_change(person: &Person, known: &Listed) -> bool {
    person.is_admin || known.client.origin == ClientOrigin::Person
}

/// Clients that somebody registered, if they are this person's or of a workspace that they manage; those of nobody in
/// particular are the administrators'. Accounts of programs are managed elsewhere.
fn may_manage(person: &Person, known: &Listed) -> bool {
    let by_somebody = ClientOrigin::REGISTERED_BY_SOMEBODY.contains(&known.client.origin);
    let is_registered = by_somebody && known.client.options.service_account_id.is_none();
    let is_theirs = known.ownership.as_ref().map_or(person.is_admin, |own| own.is_for(person));
    is_registered && is_theirs
}

/// The person, as one who makes something.
fn subject(signed_in: &SignedIn) -> Subject {
    Subject::Person(Arc::new(signed_in.person.clone()))
}

/// The workspace that the page shows.
fn chosen_workspace(signed_in: &SignedIn, tree: &Tree) -> Option<PlaceId> {
    signed_in.workspace(tree).map(|place| place.id)
}

/// True when they manage this workspace, or everything.
fn manages(person: &Person, workspace: Option<PlaceId>) -> bool {
    person.is_admin || workspace.is_some_and(|workspace| person.workspaces.manages(workspace))
}

fn type_words(client: &Client) -> &'static str {
    if client.is_public() { "Public" } else { "Confidential" }
}

fn method_words(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::None => "None: it cannot keep a secret, and uses PKCE",
        AuthMethod::SecretPost => "Client secret in the POST body",
        AuthMethod::SecretBasic => "Client secret by HTTP Basic",
        AuthMethod::PrivateKeyJwt => "Statements that it signs (private_key_jwt)",
    }
}

/// The pages above those of one client.
fn above(site: &Site, known: Option<&Listed>) -> Vec<Crumb> {
    let list = Crumb { href: site.clients(), label: "OAuth Clients".to_owned() };
    let client = known.map(|known| {
        let name = crate::http::page::Foreign::new(&known.client.name);
        Crumb { href: site.of_client(crate::http::urls::CLIENT, &known.client.id), label: name.to_string() }
    });
    [list].into_iter().chain(client).collect()
}

/// "1 person", "12 people".
fn people(count: i64) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    }
}
