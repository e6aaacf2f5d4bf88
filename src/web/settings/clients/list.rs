//! The clients of a workspace that somebody registered.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::{chosen_workspace, manages, people, type_words};
use crate::app::App;
use crate::db;
use crate::grants::client::{Client, Listed, Sort, State, Wanted, Whose};
use crate::grants::{client_logo, grant};
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn, urls};
use crate::web::components::{Badge, Pager, Tab, Tone, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Moment};

/// Both lists of clients.
pub(super) const LIST: List = List {
    label: "Search clients",
    nouns: ["client", "clients"],
    sorts: &[("newest", "Newest first"), ("name", "By name"), ("used", "Last used first")],
    shows: &[("all", "All"), ("active", "Active"), ("disabled", "Disabled")],
    on_a_page: 50,
};

/// `GET /settings/clients`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<ListPage>, PageError> {
    list(&app, &signed_in, &asked).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn list(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<ListPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    let shell = Shell::of(app, signed_in, Menu::Clients);
    let (workspace, person) = (chosen_workspace(signed_in, &*app.tree().await?), &signed_in.person);
    let manages = manages(person, workspace);
    let whose = Whose::Workspaces {
        of: workspace.into_iter().collect(),
        registered_by: (!manages).then_some(person.id),
        and_of_nobody: person.is_admin,
    };
    let (now, mut conn) = (app.clock.now(), app.db.read().await?);
    let wanted = wanted(asked, whose);
    let part = LIST.part(asked, wanted.count(&mut conn, now).await?);
    let found = Wanted { skip: i64::try_from(part.skip).unwrap_or_default(), ..wanted }.page(&mut conn, now).await?;
    let ids: Vec<&str> = found.iter().map(|known| known.client.id.as_str()).collect();
    let connected = grant::people_of(&mut conn, &ids, now).await?;
    let logos = client_logo::digests(&mut conn, &ids).await?;
    let tree = app.places.tree();
    let row = |known: &Listed| {
        let Client { id, name, created_at, last_used_at, disabled_at, .. } = &known.client;
        let people_of = connected.iter().find(|(client, _)| client == id).map_or(0, |(_, people)| *people);
        let logo = logos.iter().find(|(client, _)| client == id).map(|(_, digest)| site.logo(digest));
        ClientRow {
            href: site.of_client(urls::CLIENT, id),
            logo,
            name: Foreign::new(name),
            kind: type_words(&known.client),
            registrar: words::registrar(known, &tree),
            since: Moment::new(*created_at, now),
            last_used: last_used_at.map(|at| Moment::new(at, now)),
            people: people(people_of),
            state: state(disabled_at.is_some()),
        }
    };
    let rows: Vec<ClientRow> = found.iter().map(row).collect();
    Ok(ListPage {
        tabs: tabs(&site, false),
        toolbar: LIST.toolbar(asked, &site.clients()),
        pager: LIST.pager(asked, &site.clients(), part),
        is_narrowed: LIST.is_narrowed(asked),
        shows_tabs: manages || person.workspaces.manages_any(),
        notice: notice(asked.get("done")),
        rows,
        shell,
        site,
    })
}

/// The two lists.
pub(super) fn tabs(site: &Site, on_self_registered: bool) -> Vec<Tab> {
    vec![
        Tab { href: site.clients(), label: "Registered here", here: !on_self_registered },
        Tab { href: site.self_registered_clients(), label: "Self-registered", here: on_self_registered },
    ]
}

/// Whether a client may act.
pub(super) fn state(is_disabled: bool) -> Badge {
    match is_disabled {
        true => Badge::new(Tone::Ended, "Disabled"),
        false => Badge::new(Tone::Good, "Active"),
    }
}

/// What has just been done.
fn notice(done: &str) -> Option<&'static str> {
    match done {
        "removed" => Some("The client is removed. Whatever it held has stopped working."),
        _ => None,
    }
}

/// What the URL asks of a list of these clients.
pub(super) fn wanted<'a>(asked: &'a Asked, whose: Whose) -> Wanted<'a> {
    let sort = match LIST.sort(asked) {
        "name" => Sort::Name,
        "used" => Sort::Used,
        _ => Sort::Newest,
    };
    let state = match LIST.show(asked) {
        "active" => State::Active,
        "disabled" => State::Disabled,
        _ => State::Any,
    };
    let most = i64::try_from(LIST.on_a_page).unwrap_or_default();
    Wanted { whose, search: Some(asked.query()), state, sort, after: None, skip: 0, most }
}

/// The list.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/list.html")]
pub struct ListPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// This list and the other.
    pub tabs: Vec<Tab>,
    /// True for those who see the other.
    pub shows_tabs: bool,
    /// Above the list.
    pub toolbar: Toolbar,
    /// The clients.
    pub rows: Vec<ClientRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when only some are asked for.
    pub is_narrowed: bool,
    /// What has just been done.
    pub notice: Option<&'static str>,
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientRow {
    /// Its own page.
    pub href: String,
    /// Its picture.
    pub logo: Option<String>,
    /// What it is called.
    pub name: Foreign,
    /// Public or confidential.
    pub kind: &'static str,
    /// Who registered it.
    pub registrar: Foreign,
    /// When.
    pub since: Moment,
    /// When it was last used, if it ever was.
    pub last_used: Option<Moment>,
    /// How many people are connected.
    pub people: String,
    /// Whether it may act.
    pub state: Badge,
}

impl ListPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |hours| Moment::new(now - TimeDelta::hours(hours), now);
        let site = Site::sample();
        let notes = ClientRow {
            href: site.of_client(urls::CLIENT, "01936a5e7c1d7f3a9d7e2b7f1f0f6c55"),
            logo: Some(site.logo(&[7; 32])),
            name: Foreign::new("Team notes"),
            kind: "Confidential",
            registrar: Foreign::new("alice (Acme)"),
            since: ago(24 * 40),
            last_used: Some(ago(2)),
            people: people(12),
            state: state(false),
        };
        let editor = ClientRow {
            name: Foreign::new("Editor"),
            logo: None,
            kind: "Public",
            last_used: None,
            people: people(0),
            state: state(true),
            ..notes.clone()
        };
        let hostile =
            ClientRow { name: Foreign::hostile_sample(), registrar: Foreign::hostile_sample(), ..editor.clone() };
        let (plain, query) = (Asked::default(), Asked::of("q=<script>alert(1)</script>&page=2"));
        let page = |rows: Vec<ClientRow>, asked: &Asked, done| Self {
            tabs: tabs(&site, false),
            toolbar: LIST.toolbar(asked, &site.clients()),
            pager: LIST.pager(asked, &site.clients(), LIST.part(asked, 120)),
            is_narrowed: LIST.is_narrowed(asked),
            shows_tabs: rows.len() > 1,
            notice: notice(done),
            rows,
            shell: Shell::sample(Menu::Clients),
            site: site.clone(),
        };
        vec![
            page(vec![notes.clone(), editor], &plain, ""),
            page(vec![notes, hostile], &query, "removed"),
            page(Vec::new(), &plain, ""),
            page(Vec::new(), &query, ""),
        ]
    }
}

impl View for ListPage {}
