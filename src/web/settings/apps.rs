//! Settings → Connected apps: the programs that may act as the person, and the end of each.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::form_urlencoded;

use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::{self, Client};
use crate::grants::grant::{self, Grant};
use crate::grants::revoke;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::types::{Scope, known_scopes as known};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Identity, Moment, ScopeWords};

/// What leads here.
#[derive(Debug, Deserialize)]
pub struct AppsQuery {
    /// The client that was just disconnected.
    ended: Option<String>,
}

/// What *Revoke* sends.
#[derive(Debug, Deserialize)]
pub struct RevokeForm {
    app: String,
}

impl Fields for RevokeForm {}

/// `GET /settings/apps`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    query: Query<AppsQuery>,
) -> Result<Page<AppsPage>, PageError> {
    let page = list(&app, &signed_in, query.ended.as_deref()).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/apps`: ends everything granted to one client, at once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<HttpResponse, PageError> {
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let user = signed_in.person.id;
    let verb = async |conn: &mut Connection| revoke::disconnect(conn, &terms, user, &form.app).await;
    app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
    let ended: String = form_urlencoded::Serializer::new(String::new()).append_pair("ended", &form.app).finish();
    let location = format!("{}?{ended}", app.at(urls::APPS));
    Ok(see_other(&location).finish())
}

async fn list(app: &App, signed_in: &SignedIn, ended: Option<&str>) -> Result<AppsPage, db::Error> {
    let now = app.clock.now();
    let mut conn = app.db.read().await?;
    let grants = grant::of_user(&mut conn, signed_in.person.id, now).await?;
    let ids: Vec<&str> = grants.iter().map(|grant| grant.client_id.as_str()).chain(ended).collect();
    let clients = client::find_all(&mut conn, &ids).await?;
    let site = Site::of(&app.config.server.public_url);
    let connected = |client: &&Client| grants.iter().any(|grant| grant.client_id == client.id);
    let notice = clients.iter().find(|client| ended == Some(client.id.as_str()) && !connected(client));
    let notice = notice.map(|client| AppsPage::revoked(&Foreign::new(&client.name), &Foreign::new("Portcullis")));
    let mut apps: Vec<AppRow> = Vec::new();
    for grant in &grants {
        if apps.iter().all(|row| row.id != grant.client_id)
            && let Some(client) = clients.iter().find(|client| client.id == grant.client_id)
        {
            let same: Vec<&Grant> = grants.iter().filter(|other| other.client_id == client.id).collect();
            apps.push(row(app, &site, client, &same, now));
        }
    }
    let shell = Shell {
        person: Foreign::new(&signed_in.person.display_name),
        csrf: signed_in.csrf_token(&app.keys),
        here: Menu::Apps,
    };
    Ok(AppsPage { site, shell, apps, notice })
}

/// One row for each client, whatever number of times it was allowed.
fn row(app: &App, site: &Site, client: &Client, grants: &[&Grant], now: DateTime<Utc>) -> AppRow {
    let scope = grants.iter().fold(Scope::none(), |all, grant| all.union(&grant.scope));
    let since = grants.iter().map(|grant| grant.created_at).min().unwrap_or(now);
    // A grant that never bought a token was last used when it was made, which is to say never.
    let used = grants.iter().filter(|grant| grant.last_used_at > grant.created_at);
    AppRow {
        id: client.id.clone(),
        client: Foreign::new(&client.name),
        identity: Identity::of(client, &app.config.registration.trusted_hosts),
        server: Foreign::new("Portcullis"),
        server_host: site.host.clone(),
        scopes: known::ALL.into_iter().filter(|token| scope.has(token)).map(words::scope).collect(),
        since: Moment::new(since, now),
        last_used: used.map(|grant| grant.last_used_at).max().map(|last| Moment::new(last, now)),
    }
}

/// The list of what is connected.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/apps.html")]
pub struct AppsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// What is connected, the last used first.
    pub apps: Vec<AppRow>,
    /// What has just been done.
    pub notice: Option<String>,
}

/// One connected app.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// What *Revoke* sends.
    pub id: String,
    /// The app's name.
    pub client: Foreign,
    /// How we know who that is.
    pub identity: Identity,
    /// The MCP server it uses.
    pub server: Foreign,
    /// That server's host.
    pub server_host: String,
    /// What it may do.
    pub scopes: Vec<ScopeWords>,
    /// When it was allowed.
    pub since: Moment,
    /// When it last did something, if it ever did.
    pub last_used: Option<Moment>,
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
        let claude = AppRow {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            client: Foreign::new("Claude"),
            identity: Identity::Verified("claude.ai".to_owned()),
            server: Foreign::new("Portcullis"),
            server_host: "gate.example.com".to_owned(),
            scopes: [known::MCP_READ, known::MCP_WRITE].map(words::scope).to_vec(),
            since: ago(24 * 40),
            last_used: Some(ago(2)),
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
            identity: Identity::Administrator,
            server: Foreign::hostile_sample(),
            scopes: vec![words::scope("\"><script>alert(1)</script>")],
            ..claude.clone()
        };
        let page = |apps, notice| Self { site: Site::sample(), shell: Shell::sample(Menu::Apps), apps, notice };
        let revoked = Self::revoked(&cursor.client, &cursor.server);
        vec![
            page(vec![claude.clone(), cursor], None),
            page(vec![claude], Some(revoked)),
            page(Vec::new(), None),
            page(vec![hostile], Some(Self::revoked(&Foreign::hostile_sample(), &Foreign::hostile_sample()))),
        ]
    }
}

impl View for AppsPage {}
