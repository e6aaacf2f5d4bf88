//! Settings → Connected apps: the programs that may act as the person, and the end of each.

use std::collections::BTreeSet;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::Listed;
use crate::grants::grant::{self, Grant};
use crate::grants::revoke;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::places::Tree;
use crate::types::{Scope, known_scopes as known};
use crate::web::components::{Crumb, Pager, Toolbar, link};
use crate::web::confirm::ConfirmPage;
use crate::web::consent::within;
use crate::web::doors::Door;
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Identity, Moment, ScopeWords};

const LIST: List = List {
    label: "Search connected apps",
    nouns: ["app", "apps"],
    sorts: &[("used", "Last used first"), ("newest", "Newest first"), ("name", "By name")],
    shows: &[],
    on_a_page: 20,
};

/// Which app is meant: none for all of them.
#[derive(Debug, Default, Deserialize)]
pub struct RevokeForm {
    #[serde(default)]
    app: String,
}

impl Fields for RevokeForm {}

/// `GET /settings/apps`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<AppsPage>, PageError> {
    let page = list(&app, &signed_in, &asked).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `GET /settings/apps/revoke`: what would stop.
pub async fn ask(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    query: Query<RevokeForm>,
) -> Result<HttpResponse, PageError> {
    let asked = question(&app, &signed_in, &query.app).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(match asked {
        Some(page) => Page(page).into_response(),
        None => see_other(&app.at(urls::APPS)).finish(),
    })
}

/// `POST /settings/apps/revoke`: ends everything granted to one client, or to all, at once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<HttpResponse, PageError> {
    let origin = origin_of(&request);
    let (terms, user) = (app.terms(&origin), signed_in.person.id);
    let verb = async |conn: &mut Connection| match form.app.as_str() {
        "" => revoke::disconnect_all(conn, &terms, user).await,
        client => revoke::disconnect(conn, &terms, user, client).await,
    };
    app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    let ended = if form.app.is_empty() { ALL } else { &form.app };
    Ok(see_other(&link(&app.at(urls::APPS), &[("ended", ended)])).finish())
}

/// What `ended` says when all were; no client has such an id.
const ALL: &str = "all";

/// An app and what the person granted it.
struct Connected {
    known: Listed,
    grants: Vec<Grant>,
}

impl Connected {
    fn since(&self) -> Option<DateTime<Utc>> {
        self.grants.iter().map(|grant| grant.created_at).min()
    }

    /// A grant that never bought a token was last used when it was made, which is to say never.
    fn last_used(&self) -> Option<DateTime<Utc>> {
        let used = self.grants.iter().filter(|grant| grant.last_used_at > grant.created_at);
        used.map(|grant| grant.last_used_at).max()
    }
}

/// Each client once, whatever number of times it was allowed; the last used first.
async fn connected(conn: &mut Connection, app: &App, signed_in: &SignedIn) -> Result<Vec<Connected>, db::Error> {
    let mut grants = grant::of_user(conn, signed_in.person.id, app.clock.now()).await?;
    let ids: Vec<&str> = grants.iter().map(|grant| grant.client_id.as_str()).collect();
    let mut clients = Listed::find_all(conn, &ids).await?;
    let mut all: Vec<Connected> = Vec::new();
    while let Some(first) = grants.first().map(|grant| grant.client_id.clone()) {
        let (same, others) = grants.into_iter().partition(|grant| grant.client_id == first);
        grants = others;
        if let Some(place) = clients.iter().position(|known| known.client.id == first) {
            all.push(Connected { known: clients.swap_remove(place), grants: same });
        }
    }
    Ok(all)
}

async fn list(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<AppsPage, db::Error> {
    let (now, site) = (app.clock.now(), Site::of(&app.config.server.public_url));
    let mut conn = app.db.read().await?;
    let all = connected(&mut conn, app, signed_in).await?;
    let notice = match asked.get("ended") {
        "" => None,
        ALL if all.is_empty() => Some("No app can act as you any more.".to_owned()),
        ended if all.iter().all(|app| app.known.client.id != ended) => {
            let gone = Listed::find(&mut conn, ended).await?;
            gone.map(|known| AppsPage::revoked(&Foreign::new(&known.client.name), &Foreign::new("Portcullis")))
        }
        _ => None,
    };
    let (total, tree) = (all.len(), app.places.tree());
    let (shown, pager) = LIST.page(asked, &site.apps(), chosen(asked, all));
    let apps = shown.iter().map(|connected| row(app, &site, connected, &tree, now)).collect();
    Ok(AppsPage {
        toolbar: LIST.toolbar(asked, &site.apps()),
        pager,
        is_empty: total == 0,
        shell: Shell::of(app, signed_in, Menu::Apps),
        apps,
        notice,
        site,
    })
}

/// What would stop, if the person is connected to anything of the kind.
async fn question(app: &App, signed_in: &SignedIn, id: &str) -> Result<Option<ConfirmPage>, db::Error> {
    let (now, site) = (app.clock.now(), Site::of(&app.config.server.public_url));
    let mut conn = app.db.read().await?;
    let all = connected(&mut conn, app, signed_in).await?;
    let (meant, others): (Vec<&Connected>, Vec<&Connected>) =
        all.iter().partition(|app| id.is_empty() || app.known.client.id == id);
    let sentence = |app: &&Connected| {
        let name = Foreign::new(&app.known.client.name);
        let used = app.last_used().map_or_else(|| "not used yet".to_owned(), |at| words::relative(at, now));
        format!("{name} stops working at once, and has to ask you again. Last used: {used}.")
    };
    let Some(first) = meant.first() else { return Ok(None) };
    let (question, button) = match id.is_empty() {
        true => ("Revoke all connected apps?".to_owned(), "Revoke all"),
        false => (format!("Revoke “{}”?", Foreign::new(&first.known.client.name)), "Revoke"),
    };
    let stays = match others.len() {
        0 => "You stay signed in here.".to_owned(),
        1 => "Your other app stays connected.".to_owned(),
        many => format!("Your other {many} apps stay connected."),
    };
    Ok(Some(ConfirmPage {
        shell: Shell::of(app, signed_in, Menu::Apps),
        above: vec![Crumb { href: site.apps(), label: "Connected apps".to_owned() }],
        question,
        stops: meant.iter().map(sentence).collect(),
        stays: vec![stays],
        action: site.revoke_apps(),
        fields: vec![("app", id.to_owned())],
        button,
        site,
    }))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: BTreeSet<String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    match (names.pop(), names.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} and {last}", names.join(", ")),
    }
}

fn row(app: &App, site: &Site, connected: &Connected, tree: &Tree, now: DateTime<Utc>) -> AppRow {
    let Connected { known, grants } = connected;
    let scope = grants.iter().fold(Scope::none(), |all, grant| all.union(&grant.scope));
    let doors: BTreeSet<String> = grants.iter().map(|grant| Door::of(app, &grant.resource).name().to_owned()).collect();
    let server = listed(doors);
    AppRow {
        id: known.client.id.clone(),
        client: Foreign::new(&known.client.name),
        identity: Identity::of(known, &app.config.registration.trusted_hosts, tree),
        server: Foreign::new(&server),
        server_host: site.host.clone(),
        within: known.ownership.as_ref().and_then(|own| within(&own.narrowed_to(), tree)),
        scopes: known::ALL.into_iter().filter(|token| scope.has(token)).map(words::scope).collect(),
        since: Moment::new(connected.since().unwrap_or(now), now),
        last_used: connected.last_used().map(|last| Moment::new(last, now)),
        revoke: link(&site.revoke_apps(), &[("app", &known.client.id)]),
    }
}

/// Those that are looked for, in the order that is asked for.
fn chosen(asked: &Asked, all: Vec<Connected>) -> Vec<Connected> {
    let is_meant = |app: &Connected| asked.finds([app.known.client.name.as_str()]);
    let mut found: Vec<Connected> = all.into_iter().filter(is_meant).collect();
    match LIST.sort(asked) {
        "name" => found.sort_by_key(|app| app.known.client.name.to_lowercase()),
        "newest" => found.sort_by_key(|app| std::cmp::Reverse(app.since())),
        // As they came.
        _ => {}
    }
    found
}

/// The list of what is connected.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/apps.html")]
pub struct AppsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list.
    pub toolbar: Toolbar,
    /// What is connected, the last used first unless another order is asked for.
    pub apps: Vec<AppRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when nothing is connected at all.
    pub is_empty: bool,
    /// What has just been done.
    pub notice: Option<String>,
}

/// One connected app.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// Names it.
    pub id: String,
    /// The app's name.
    pub client: Foreign,
    /// How we know who that is.
    pub identity: Identity,
    /// What it uses.
    pub server: Foreign,
    /// At which host.
    pub server_host: String,
    /// The places that it is narrowed to, if it is.
    pub within: Option<Foreign>,
    /// What it may do.
    pub scopes: Vec<ScopeWords>,
    /// When it was allowed.
    pub since: Moment,
    /// When it last did something, if it ever did.
    pub last_used: Option<Moment>,
    /// Where *Revoke* leads.
    pub revoke: String,
}

impl AppsPage {
    /// What the page says after a revocation.
    pub fn revoked(client: &Foreign, server: &Foreign) -> String {
        format!("{client} can no longer use {server}.")
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |hours| Moment::new(now - TimeDelta::hours(hours), now);
        let site = Site::sample();
        let claude = AppRow {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            client: Foreign::new("Claude"),
            identity: Identity::Verified("claude.ai".to_owned()),
            server: Foreign::new("Portcullis"),
            server_host: "gate.example.com".to_owned(),
            within: None,
            scopes: [known::MCP_READ, known::MCP_WRITE].map(words::scope).to_vec(),
            since: ago(24 * 40),
            last_used: Some(ago(2)),
            revoke: link(&site.revoke_apps(), &[("app", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55")]),
        };
        let cursor = AppRow {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56".to_owned(),
            client: Foreign::new("Cursor"),
            identity: Identity::SelfDeclared,
            server: Foreign::new("Time server"),
            scopes: vec![words::scope(known::MCP_READ)],
            since: ago(0),
            last_used: None,
            ..claude.clone()
        };
        let hostile = AppRow {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c57".to_owned(),
            client: Foreign::hostile_sample(),
            identity: Identity::Colleague(Foreign::hostile_sample()),
            server: Foreign::hostile_sample(),
            within: Some(Foreign::hostile_sample()),
            scopes: vec![words::scope("\"><script>alert(1)</script>")],
            ..claude.clone()
        };
        let (plain, query) = (Asked::default(), Asked::of("q=\"><script>&page=2"));
        let page = |apps: Vec<AppRow>, asked: &Asked, notice| Self {
            toolbar: LIST.toolbar(asked, &site.apps()),
            pager: LIST.pager(asked, &site.apps(), LIST.part(asked, 50)),
            is_empty: apps.is_empty(),
            shell: Shell::sample(Menu::Apps),
            apps,
            notice,
            site: site.clone(),
        };
        let revoked = Self::revoked(&cursor.client, &cursor.server);
        vec![
            page(vec![claude.clone(), cursor], &plain, None),
            page(vec![claude], &plain, Some(revoked)),
            page(Vec::new(), &plain, None),
            Self { is_empty: false, ..page(Vec::new(), &query, None) },
            page(vec![hostile], &query, Some(Self::revoked(&Foreign::hostile_sample(), &Foreign::hostile_sample()))),
        ]
    }
}

impl View for AppsPage {}
