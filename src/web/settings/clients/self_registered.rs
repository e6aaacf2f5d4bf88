//! The clients that registered themselves, or that a document on the web describes: where they came from, and whether
//! anybody still uses them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::list::{self, state, tabs, wanted};
use super::people;
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::{Client, Listed, Wanted, Whose};
use crate::grants::client_ownership::Rank;
use crate::grants::disable::{self, By};
use crate::grants::grant;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Administrator, Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::web::components::{Badge, Pager, Tab, Toolbar};
use crate::web::consent::Destination;
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{Identity, Moment};

const LIST: List = List { label: "Search self-registered clients", ..list::LIST };

/// What *Disable* and *Enable* send.
#[derive(Debug, Default, Deserialize)]
pub struct StateForm {
    #[serde(default)]
    disable: String,
    #[serde(default)]
    enable: String,
}

impl Fields for StateForm {}

/// `GET /settings/clients/self-registered`, for those who manage anything.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<SelfRegisteredPage>, PageError> {
    let person = &signed_in.person;
    if !person.is_admin && !person.workspaces.manages_any() {
        return Err(Refusal::NotAdministrator.to(&request));
    }
    found(&app, &signed_in, &asked).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/self-registered`: cuts one off, or lets it act again.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(Administrator(signed_in)): Fresh<Administrator>,
    PageForm(form): PageForm<StateForm>,
) -> Result<HttpResponse, PageError> {
    let origin = origin_of(&request);
    let by = By { person: Some(signed_in.person.id), rank: Rank::Administrator };
    let (terms, by) = (app.terms(&origin), Some(by));
    let verb = async |conn: &mut Connection| match form.disable.is_empty() {
        true => disable::enable(conn, &terms, by, &form.enable).await,
        false => disable::disable(conn, &terms, by, &form.disable).await,
    };
    app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(see_other(&app.at(urls::SELF_REGISTERED_CLIENTS)).finish())
}

async fn found(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<SelfRegisteredPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    let (now, mut conn) = (app.clock.now(), app.db.read().await?);
    let wanted = wanted(asked, Whose::SelfMade);
    let part = LIST.part(asked, wanted.count(&mut conn, now).await?);
    let found = Wanted { skip: i64::try_from(part.skip).unwrap_or_default(), ..wanted }.page(&mut conn, now).await?;
    let ids: Vec<&str> = found.iter().map(|known| known.client.id.as_str()).collect();
    let connected = grant::people_of(&mut conn, &ids, now).await?;
    let (tree, administers) = (app.places.tree(), signed_in.person.is_admin);
    let row = |known: &Listed| {
        let Client { id, name, created_at, last_used_at, disabled_at, redirect_uris, .. } = &known.client;
        let people_of = connected.iter().find(|(client, _)| client == id).map_or(0, |(_, people)| *people);
        // Where somebody was when they registered is for those who look after the whole.
        let address = known.created_from.clone().filter(|_| administers);
        SelfMadeRow {
            id: id.clone(),
            name: Foreign::new(name),
            identity: Identity::of(known, &app.config.registration.trusted_hosts, &tree),
            address: address.map(|address| Foreign::new(&address)),
            answers: redirect_uris.first().map(|uri| Destination::of(uri.as_str())),
            since: Moment::new(*created_at, now),
            last_used: last_used_at.map(|at| Moment::new(at, now)),
            people: people(people_of),
            state: state(disabled_at.is_some()),
            is_disabled: disabled_at.is_some(),
        }
    };
    let rows: Vec<SelfMadeRow> = found.iter().map(row).collect();
    Ok(SelfRegisteredPage {
        tabs: tabs(&site, true),
        toolbar: LIST.toolbar(asked, &site.self_registered_clients()),
        pager: LIST.pager(asked, &site.self_registered_clients(), part),
        is_narrowed: LIST.is_narrowed(asked),
        administers,
        notice: None,
        rows,
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    }
    .saying(asked.id("done")))
}

/// The list.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/self_registered.html")]
pub struct SelfRegisteredPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The other list and this.
    pub tabs: Vec<Tab>,
    /// Above the list.
    pub toolbar: Toolbar,
    /// The clients.
    pub rows: Vec<SelfMadeRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when only some are asked for.
    pub is_narrowed: bool,
    /// True for those who may clean up: these clients belong to no workspace.
    pub administers: bool,
    /// What has just been done.
    pub notice: Option<String>,
}

/// One client.
#[derive(Clone, Debug)]
pub struct SelfMadeRow {
    /// Its id.
    pub id: String,
    /// What it calls itself.
    pub name: Foreign,
    /// How we know it.
    pub identity: Identity,
    /// From which address it registered.
    pub address: Option<Foreign>,
    /// Where its answers go.
    pub answers: Option<Destination>,
    /// When it made itself known.
    pub since: Moment,
    /// When it was last used, if it ever was.
    pub last_used: Option<Moment>,
    /// How many people are connected.
    pub people: String,
    /// Whether it may act.
    pub state: Badge,
    /// The same.
    pub is_disabled: bool,
}

impl SelfRegisteredPage {
    /// The same after so many were removed.
    fn saying(self, removed: Option<u64>) -> Self {
        let notice = removed.map(|removed| match removed {
            0 => "There was nothing to remove.".to_owned(),
            1 => "1 client is removed. If it comes back, it has to register and ask again.".to_owned(),
            many => format!("{many} clients are removed. If one comes back, it has to register and ask again."),
        });
        Self { notice, ..self }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |hours| Moment::new(now - TimeDelta::hours(hours), now);
        let site = Site::sample();
        let cursor = SelfMadeRow {
            id: "01936a5e7c1d7f3a9d7e2b7f1f0f6c55".to_owned(),
            name: Foreign::new("Cursor"),
            identity: Identity::SelfDeclared,
            address: Some(Foreign::new("192.0.2.7")),
            answers: Some(Destination::App(Foreign::new("cursor"))),
            since: ago(24 * 40),
            last_used: None,
            people: people(0),
            state: state(true),
            is_disabled: true,
        };
        let claude = SelfMadeRow {
            id: "https://claude.ai/oauth/claude-code-client-metadata".to_owned(),
            name: Foreign::new("Claude Code"),
            identity: Identity::Verified("claude.ai".to_owned()),
            address: None,
            answers: Some(Destination::Host("claude.ai".to_owned())),
            last_used: Some(ago(2)),
            people: people(3),
            state: state(false),
            is_disabled: false,
            ..cursor.clone()
        };
        let hostile = SelfMadeRow {
            id: "\"><script>alert(1)</script>".to_owned(),
            name: Foreign::hostile_sample(),
            address: Some(Foreign::hostile_sample()),
            answers: Some(Destination::App(Foreign::hostile_sample())),
            ..cursor.clone()
        };
        let plain = Asked::default();
        let page = |rows: Vec<SelfMadeRow>, administers| Self {
            tabs: tabs(&site, true),
            toolbar: LIST.toolbar(&plain, &site.self_registered_clients()),
            pager: LIST.pager(&plain, &site.self_registered_clients(), LIST.part(&plain, rows.len())),
            is_narrowed: false,
            administers,
            notice: None,
            rows,
            shell: Shell::sample(Menu::Clients),
            site: site.clone(),
        };
        vec![
            page(vec![claude.clone(), cursor], true),
            page(vec![claude.clone()], false).saying(Some(1)),
            page(vec![claude, hostile], true).saying(Some(12)),
            page(Vec::new(), true).saying(Some(0)),
        ]
    }
}

impl View for SelfRegisteredPage {}
