//! The end of a client, for now or for good: what stops is named before it does.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::{above, managed, people};
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::Listed;
use crate::grants::client_ownership::Rank;
use crate::grants::disable::{self, By};
use crate::grants::{grant, remove_client};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::web::components::link;
use crate::web::confirm::ConfirmPage;
use crate::web::shell::{Menu, Shell};

/// What the buttons send.
#[derive(Debug, Deserialize)]
pub struct StateForm {
    /// What it is to be.
    state: NewState,
}

/// What a client is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewState {
    /// Cut off.
    Disable,
    /// Able to act again.
    Enable,
}

impl Fields for StateForm {}

/// What *Remove client* sends: nothing but who sends it.
#[derive(Debug, Deserialize)]
pub struct RemoveForm {}

impl Fields for RemoveForm {}

/// `GET /settings/clients/{id}/disable`: what would stop.
pub async fn ask_disable(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    signed_in: SignedIn,
) -> Result<Page<ConfirmPage>, PageError> {
    let known = managed(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let asked = question(&app, &signed_in, &known, Asked::Disable).await;
    asked.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/{id}/disable`: cuts it off, or lets it act again.
pub async fn disable(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(form): PageForm<StateForm>,
) -> Result<HttpResponse, PageError> {
    let known = managed(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let rank = Rank::of(&signed_in.person, known.ownership.as_ref());
    if form.state == NewState::Enable && known.withheld_from(rank).is_some() {
        return Err(Refusal::NotAdministrator.to(&request));
    }
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), Some(By { person: Some(signed_in.person.id), rank }));
    let verb = async |conn: &mut Connection| match form.state {
        NewState::Disable => disable::disable(conn, &terms, by, &id).await,
        NewState::Enable => disable::enable(conn, &terms, by, &id).await,
    };
    app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    let done = match form.state {
        NewState::Disable => "disabled",
        NewState::Enable => "enabled",
    };
    Ok(see_other(&link(&app.at(&urls::CLIENT.replace("{id}", &id)), &[("done", done)])).finish())
}

/// `GET /settings/clients/{id}/remove`: what would stop.
pub async fn ask_remove(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    signed_in: SignedIn,
) -> Result<Page<ConfirmPage>, PageError> {
    let known = managed(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let asked = question(&app, &signed_in, &known, Asked::Remove).await;
    asked.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/{id}/remove`.
pub async fn remove(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(RemoveForm {}): PageForm<RemoveForm>,
) -> Result<HttpResponse, PageError> {
    managed(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), Some(signed_in.person.id));
    let verb = async |conn: &mut Connection| {
        remove_client::remove_client(conn, &terms, by, &id, |client| !client.origin.is_self_made()).await
    };
    app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(see_other(&link(&app.at(urls::CLIENTS), &[("done", "removed")])).finish())
}

/// What is asked before it is done.
#[derive(Clone, Copy)]
enum Asked {
    Disable,
    Remove,
}

async fn question(app: &App, signed_in: &SignedIn, known: &Listed, asked: Asked) -> Result<ConfirmPage, db::Error> {
    let (now, client) = (app.clock.now(), &known.client);
    let mut conn = app.db.read().await?;
    let connected = grant::people_of(&mut conn, &[&client.id], now).await?;
    let (name, site) = (Foreign::new(&client.name), Site::of(&app.config.server.public_url));
    let who = match connected.first() {
        Some((_, live)) => format!("{name} stops at once for {}.", people(*live)),
        None => format!("Nobody is connected to {name}, so nothing stops just now."),
    };
    let path = match asked {
        Asked::Disable => urls::DISABLE_CLIENT,
        Asked::Remove => urls::REMOVE_CLIENT,
    };
    let (question, stops, stays, fields, button) = match asked {
        Asked::Disable => (
            format!("Disable “{name}”?"),
            vec![who, "It gets no new tokens, and those that it has open nothing.".to_owned()],
            vec!["Enable it again, and whoever was connected is connected again.".to_owned()],
            vec![("state", "disable".to_owned())],
            "Disable client",
        ),
        Asked::Remove => (
            format!("Remove “{name}”?"),
            vec![who, "Its Client ID and its secrets are worthless for good.".to_owned()],
            vec!["What it did stays in the audit trail.".to_owned()],
            Vec::new(),
            "Remove client",
        ),
    };
    Ok(ConfirmPage {
        shell: Shell::of(app, signed_in, Menu::Clients),
        above: above(&site, Some(known)),
        question,
        stops,
        stays,
        action: site.of_client(path, &client.id),
        fields,
        button,
        site,
    })
}
