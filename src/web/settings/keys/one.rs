//! Settings → MCP Setup → API Keys → one of them: what is known of it.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use askama::Template;

use super::{Beside, KeyRow, crumbs, visible};
use crate::app::App;
use crate::credentials::Rate;
use crate::http::page::{Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn};
use crate::web::components::Crumb;
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// `GET /settings/keys/{id}`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
) -> Result<Page<KeyPage>, PageError> {
    KeyPage::of(&app, &signed_in, &id).await.map(Page).map_err(|refusal| refusal.to(&request))
}

/// What is known of a key.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/keys/one.html")]
pub struct KeyPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// What lists show of it.
    pub row: KeyRow,
    /// When it was revoked.
    pub revoked: Option<Moment>,
    /// From where it may be used; anywhere, when it says nothing.
    pub networks: String,
    /// How many calls a minute it may make.
    pub rate: Option<u32>,
    /// The key that took its place.
    pub successor: Option<String>,
    /// The end on the command line.
    pub command: String,
}

impl KeyPage {
    async fn of(app: &App, signed_in: &SignedIn, id: &str) -> Result<Self, Refusal> {
        let key = visible(app, signed_in, id).await?;
        let (site, now) = (Site::of(&app.config.server.public_url), app.clock.now());
        let beside = Beside::of(app, std::slice::from_ref(&key)).await?;
        Ok(Self {
            shell: Shell::of(app, signed_in, Menu::ApiKeys),
            crumbs: crumbs(&site),
            row: KeyRow::new(app, signed_in, &key, &beside),
            revoked: key.revoked_at.map(|at| Moment::new(at, now)),
            networks: key.allowed_networks.to_string(),
            rate: key.rate().map(Rate::a_minute),
            successor: key.replaced_by.map(|id| site.key(&id.to_string())),
            command: format!("portcullis api-key-revoke {}", key.id),
            site,
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let (site, row) = (Site::sample(), KeyRow::sample());
        let active = Self {
            shell: Shell::sample(Menu::ApiKeys),
            crumbs: crumbs(&site),
            revoked: None,
            networks: String::new(),
            rate: None,
            successor: None,
            command: format!("portcullis api-key-revoke {}", row.id),
            row,
            site,
        };
        let limited = Self { networks: "192.0.2.0/24 2001:db8::1".to_owned(), rate: Some(60), ..active.clone() };
        let over = KeyRow {
            ended: true,
            renews: false,
            name: crate::http::page::Foreign::hostile_sample(),
            ..active.row.clone()
        };
        let revoked = Self {
            revoked: Some(active.row.created.clone()),
            successor: Some("/gate/settings/keys/01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56".to_owned()),
            row: over,
            ..active.clone()
        };
        vec![active, limited, revoked]
    }
}

impl View for KeyPage {}
