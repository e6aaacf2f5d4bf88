//! Consent: the page on which a person decides what a program may do in their name.

mod view;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

pub use self::view::{ConsentPage, Destination, ScopeBox};
pub(super) use self::view::{lasts, within};
use crate::access::action::Class;
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::authorize::{self, Answer, Answered};
use crate::grants::client::{Client, Listed};
use crate::grants::client_logo;
use crate::grants::client_name::imitates;
use crate::grants::consent::{self, Consent};
use crate::grants::known_clients;
use crate::grants::pending_request::{self, PendingRequest};
use crate::grants::push;
use crate::http::authorization_response::{self, Outcome};
use crate::http::begun;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{ErrorPage, Foreign, Page, Site};
use crate::http::return_to::ReturnTo;
use crate::http::{PageError, PageForm, Refusal, SignedIn, flow, urls};
use crate::types::{PendingRequestId, Scope, known_scopes as known};
use crate::web::doors::Door;
use crate::web::words::{Decision, Identity};

/// What leads here.
#[derive(Debug, Deserialize)]
pub struct ConsentQuery {
    request: Option<PendingRequestId>,
}

/// What the form sends: a name for what the server holds, and the boxes.
#[derive(Debug, Deserialize)]
pub struct ConsentForm {
    request: PendingRequestId,
    decision: Decision,
    #[serde(default)]
    scope: Scope,
}

impl Fields for ConsentForm {
    const LISTS: &'static [&'static str] = &["scope"];
}

/// The tools that there are, by name: what the boxes open.
#[derive(Clone, Debug)]
pub struct Tools(pub Vec<(&'static str, Class)>);

impl Tools {
    /// The names of those behind a door that this scope opens.
    fn opened_by(&self, scope: &Scope, door: &Door) -> Vec<Foreign> {
        let own = self.0.iter().copied().filter(|_| matches!(door, Door::Gate));
        let all = own.chain(door.tools());
        all.filter(|(_, class)| scope.grants(class.scope())).map(|(name, _)| Foreign::new(name)).collect()
    }
}

/// `GET /consent`: the page, if the request waits in this browser session.
pub async fn get(
    app: Data<App>,
    tools: Data<Tools>,
    request: HttpRequest,
    signed_in: SignedIn,
    query: Query<ConsentQuery>,
) -> Result<HttpResponse, PageError> {
    match show(&app, &tools, &signed_in, query.request).await {
        Ok(Some(page)) => Ok(Page(page).into_response()),
        Ok(None) => Ok(decided(&app)),
        Err(error) => Err(Refusal::from(error).to(&request)),
    }
}

/// `POST /consent`: decides, and sends the browser on to the client.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<ConsentForm>,
) -> Result<HttpResponse, PageError> {
    let who = signed_in.respondent();
    let answer = match form.decision {
        Decision::Allow => Answer::Allow(form.scope),
        Decision::Deny => Answer::Deny,
    };
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let verb = async |conn: &mut Connection| authorize::answer(conn, &terms, form.request, &who, &answer).await;
    let answered = app.db.write(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(match answered {
        Answered::Allowed { request: asked, code } => {
            flow::about(&request, &asked.client_id, Some(&asked.code_challenge));
            authorization_response::answer(&app, &*asked, Outcome::Code(&code))
        }
        Answered::Denied(asked) => {
            flow::about(&request, &asked.client_id, Some(&asked.code_challenge));
            let denied = Outcome::Error("access_denied", "The person said no");
            authorization_response::answer(&app, &*asked, denied)
        }
        Answered::Gone => decided(&app),
        Answered::Changed => changed(&app),
    })
}

/// What the person is asked; `None` when nothing waits.
async fn show(
    app: &App,
    tools: &Tools,
    signed_in: &SignedIn,
    id: Option<PendingRequestId>,
) -> Result<Option<ConsentPage>, db::Error> {
    let Some(id) = id else { return Ok(None) };
    let mut conn = app.db.read().await?;
    let waiting = pending_request::waiting(&mut conn, id, signed_in.session.id, app.clock.now()).await?;
    let Some(pending) = waiting else { return Ok(None) };
    let Some(known) = Listed::find(&mut conn, &pending.request.client_id).await? else { return Ok(None) };
    let client = &known.client;
    let logo = client_logo::digest(&mut conn, &client.id).await?;
    let before = consent::find(&mut conn, signed_in.person.id, &client.id, &pending.request.resource).await?;
    let door = Door::of(app, &pending.request.resource);
    let page = asking(app, signed_in, &pending, &known, before.as_ref());
    let logo = logo.map(|digest| page.site.logo(&digest));
    let tools = tools.opened_by(&pending.request.scope, &door);
    let and_servers = matches!(door, Door::Gate) && !app.servers.enabled().is_empty();
    Ok(Some(ConsentPage { server: Foreign::new(door.name()), tools, and_servers, logo, ..page }))
}

fn asking(
    app: &App,
    signed_in: &SignedIn,
    pending: &PendingRequest,
    known: &Listed,
    before: Option<&Consent>,
) -> ConsentPage {
    let (client, tree) = (&known.client, app.places.tree());
    let public_url = &app.config.server.public_url;
    let site = Site::of(public_url);
    let asked = signed_in.person.rights().within(&pending.request.scope);
    let identity = Identity::of(known, &app.config.registration.trusted_hosts, &tree);
    let proven_host = known_clients::host(client);
    ConsentPage {
        csrf: signed_in.csrf_token(&app.keys),
        request: pending.id.to_string(),
        client: Foreign::new(&client.name),
        imitates: imitates(&client.name, proven_host.as_deref()).map(str::to_owned),
        identity,
        logo: None,
        within: known.ownership.as_ref().and_then(|own| view::within(&own.narrowed_to(), &tree)),
        server: Foreign::new(Door::Gate.name()),
        server_host: site.host.clone(),
        username: Foreign::new(&signed_in.person.username),
        switch_account: switch_account(app, pending, client),
        scopes: boxes(&asked, before),
        tools: Vec::new(),
        and_servers: false,
        destination: Destination::of(&pending.request.redirect_uri),
        lasts: view::lasts(&app.config.lifetimes, client.refreshes()),
        site,
    }
}

/// The boxes in the order in which people read them.
///
/// Deleting comes by step-up (`decisions` 13): an app that asks for it before it ever needed it finds the box unticked.
pub(super) fn boxes(asked: &Scope, before: Option<&Consent>) -> Vec<ScopeBox> {
    let required = authorize::required(asked);
    let is_new = |token: &str| before.is_some_and(|before| !before.scope.grants(token));
    let asked = known::ALL.into_iter().filter(|token| asked.has(token));
    asked
        .map(|token| match required.has(token) {
            true => ScopeBox::required(token),
            false if token == known::MCP_DELETE && before.is_none() => ScopeBox::optional(token).unticked(),
            false => ScopeBox::optional(token),
        })
        .map(|each| {
            let is_new = is_new(&each.token);
            each.is_new(is_new)
        })
        .collect()
}

/// Sign in as somebody else, and be asked the same again.
fn switch_account(app: &App, pending: &PendingRequest, client: &Client) -> String {
    let public_url = &app.config.server.public_url;
    let (request, now) = (&pending.request, app.clock.now());
    let query = match request.pushed {
        // It was brought in time, and stays so.
        Some(pushed) => begun::beginning(app, &push::to_query(&app.keys, &request.client_id, pushed.id), pushed.at),
        None => request.to_query(),
    };
    let again = format!("{}{}?{query}", public_url.base_path(), urls::AUTHORIZE);
    let expires = now + app.config.lifetimes.pending_request;
    match ReturnTo::new(public_url, &again) {
        Some(target) => target.on_behalf_of(&client.name).login_url(public_url, &app.keys, expires),
        None => public_url.at(urls::LOGIN),
    }
}

fn decided(app: &App) -> HttpResponse {
    Page(ErrorPage::decided(Site::of(&app.config.server.public_url))).into_response()
}

fn changed(app: &App) -> HttpResponse {
    let happened = "The app is no longer what this page showed, so nothing was allowed.";
    let site = Site::of(&app.config.server.public_url);
    Page(
        ErrorPage::new(site, StatusCode::CONFLICT, "The app has changed", happened).step("Connect again from the app."),
    )
    .into_response()
}
