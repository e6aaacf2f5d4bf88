//! The front page: the one address to paste, and where.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;

use crate::app::App;
use crate::credentials::personal_token;
use crate::db;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, Visitor};
use crate::web::settings::tokens::ROTATE_AFTER;
use crate::web::snippets::{McpClient, Setup, Way};

/// `GET /`.
pub async fn get(app: Data<App>, request: HttpRequest, visitor: Visitor) -> Result<Page<HomePage>, PageError> {
    let username = visitor.signed_in().map(|signed_in| Foreign::new(&signed_in.person.username));
    let old = old_tokens(&app, &visitor).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(Page(HomePage { site: Site::of(&app.config.server.public_url), username, old }))
}

/// How many of their access tokens somebody should rotate.
async fn old_tokens(app: &App, visitor: &Visitor) -> Result<i64, db::Error> {
    let Some(signed_in) = visitor.signed_in() else { return Ok(0) };
    let (mut conn, now) = (app.db.read().await?, app.clock.now());
    Ok(personal_token::made_before(&mut conn, signed_in.person.id, now - ROTATE_AFTER, now).await?)
}

/// What this is and how to connect to it.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Where we are.
    pub site: Site,
    /// Who is signed in, if anybody.
    pub username: Option<Foreign>,
    /// How many of their access tokens they should rotate.
    pub old: i64,
}

impl HomePage {
    /// How each client is told the address; each signs in by itself.
    pub fn setups(&self) -> Vec<(McpClient, Setup)> {
        let signs_in = |client: &McpClient| client.ways().contains(&Way::Oauth);
        let clients = McpClient::ALL.into_iter().filter(signs_in);
        clients.map(|client| (client, client.setup(Way::Oauth, &self.site.mcp))).collect()
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        vec![
            Self { site: site.clone(), username: None, old: 0 },
            Self { site: site.clone(), username: Some(Foreign::new("alice")), old: 1 },
            Self { site, username: Some(Foreign::hostile_sample()), old: 2 },
        ]
    }
}

impl View for HomePage {}
