//! The clients of a workspace that somebody registered.

use actix_web::HttpRequest;
use actix_web::web::{Data, Query};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{chosen_workspace, manages, people, type_words};
use crate::app::App;
use crate::db;
use crate::grants::client::{Client, Listed, Sort, State, Wanted, Whose};
use crate::grants::{client_logo, grant};
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn, urls};
use crate::web::components::{Badge, Choice, Pager, Tab, Tone, Toolbar, link};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Moment};

/// As many clients are on one page.
const ON_A_PAGE: i64 = 50;

/// What of the list is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    show: String,
    #[serde(default)]
    page: String,
    /// What was just done, in a word.
    #[serde(default)]
    done: String,
}

/// `GET /settings/clients`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    query: Query<ListQuery>,
) -> Result<Page<ListPage>, PageError> {
    list(&app, &signed_in, &query).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn list(app: &App, signed_in: &SignedIn, query: &ListQuery) -> Result<ListPage, db::Error> {
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
    let wanted = query.wanted(whose);
    let (all, found) = (wanted.count(&mut conn, now).await?, wanted.page(&mut conn, now).await?);
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
        toolbar: query.toolbar(site.clients(), "Search clients"),
        pager: query.pager(&site.clients(), rows.len(), all, "client"),
        is_narrowed: query.is_narrowed(),
        shows_tabs: manages || person.workspaces.manages_any(),
        notice: notice(&query.done),
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

impl ListQuery {
    /// What it asks of a list of these clients.
    pub(super) fn wanted(&self, whose: Whose) -> Wanted<'_> {
        let sort = match self.sort.as_str() {
            "name" => Sort::Name,
            "used" => Sort::Used,
            _ => Sort::Newest,
        };
        let state = match self.show.as_str() {
            "active" => State::Active,
            "disabled" => State::Disabled,
            _ => State::Any,
        };
        let skip = (self.number() - 1) * ON_A_PAGE;
        Wanted { whose, search: Some(self.q.trim()), state, sort, after: None, skip, most: ON_A_PAGE }
    }

    /// True when something else than everything is shown.
    pub(super) fn is_narrowed(&self) -> bool {
        !self.q.trim().is_empty() || matches!(self.show.as_str(), "active" | "disabled")
    }

    /// What stands above the list.
    pub(super) fn toolbar(&self, action: String, label: &str) -> Toolbar {
        let choice = |chosen: &str, value: &str, words| Choice::new(value, words).chosen(chosen == value);
        let sort = match self.sort.as_str() {
            known @ ("name" | "used") => known,
            _ => "newest",
        };
        let show = match self.show.as_str() {
            known @ ("active" | "disabled") => known,
            _ => "all",
        };
        Toolbar {
            action,
            label: label.to_owned(),
            query: self.q.clone(),
            sorts: vec![
                choice(sort, "newest", "Newest first"),
                choice(sort, "name", "By name"),
                choice(sort, "used", "Last used first"),
            ],
            filters: vec![
                choice(show, "all", "All"),
                choice(show, "active", "Active"),
                choice(show, "disabled", "Disabled"),
            ],
        }
    }

    /// What stands below it.
    pub(super) fn pager(&self, path: &str, on_this_page: usize, all: i64, noun: &str) -> Pager {
        let number = self.number();
        let first = (number - 1) * ON_A_PAGE + 1;
        let last = first - 1 + i64::try_from(on_this_page).unwrap_or(ON_A_PAGE);
        let plural = if all == 1 { "" } else { "s" };
        let shown = match on_this_page {
            0 => format!("{all} {noun}{plural}"),
            _ => format!("{first} to {last} of {all} {noun}{plural}"),
        };
        let at = |number: i64| {
            let number = number.to_string();
            link(path, &[("q", self.q.trim()), ("sort", &self.sort), ("show", &self.show), ("page", &number)])
        };
        Pager {
            shown,
            previous: (number > 1).then(|| at(number - 1)),
            next: (on_this_page > 0 && last < all).then(|| at(number + 1)),
        }
    }

    /// How many were just removed, if that is what was done.
    pub(super) fn done(&self) -> Option<u64> {
        self.done.parse().ok()
    }

    /// Which page; one that makes no sense is the first.
    fn number(&self) -> i64 {
        self.page.parse().ok().filter(|number| (1..=1_000_000).contains(number)).unwrap_or(1)
    }
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
        let query =
            ListQuery { q: "<script>alert(1)</script>".to_owned(), page: "2".to_owned(), ..ListQuery::default() };
        let page = |rows: Vec<ClientRow>, query: &ListQuery, done| Self {
            tabs: tabs(&site, false),
            toolbar: query.toolbar(site.clients(), "Search clients"),
            pager: query.pager(&site.clients(), rows.len(), 120, "client"),
            is_narrowed: query.is_narrowed(),
            shows_tabs: rows.len() > 1,
            notice: notice(done),
            rows,
            shell: Shell::sample(Menu::Clients),
            site: site.clone(),
        };
        vec![
            page(vec![notes.clone(), editor], &ListQuery::default(), ""),
            page(vec![notes, hostile], &query, "removed"),
            page(Vec::new(), &ListQuery::default(), ""),
            page(Vec::new(), &query, ""),
        ]
    }
}

impl View for ListPage {}
