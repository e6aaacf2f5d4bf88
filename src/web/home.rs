//! The front page: the one address to paste, and where.

use actix_web::web::Data;
use askama::Template;

use crate::app::App;
use crate::http::Visitor;
use crate::http::page::{Foreign, Page, Site, View};
use crate::web::snippets::{McpClient, Setup, Way};

/// `GET /`.
pub async fn get(app: Data<App>, visitor: Visitor) -> Page<HomePage> {
    let username = visitor.signed_in().map(|signed_in| Foreign::new(&signed_in.person.username));
    Page(HomePage { site: Site::of(&app.config.server.public_url), username })
}

/// What this is and how to connect to it.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Where we are.
    pub site: Site,
    /// Who is signed in, if anybody.
    pub username: Option<Foreign>,
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
            Self { site: site.clone(), username: None },
            Self { site: site.clone(), username: Some(Foreign::new("alice")) },
            Self { site, username: Some(Foreign::hostile_sample()) },
        ]
    }
}

impl View for HomePage {}
