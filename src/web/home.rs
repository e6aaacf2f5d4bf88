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

/// How one client is told the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Names the text for the copy button.
    pub id: &'static str,
    /// The client.
    pub client: &'static str,
    /// Where the text goes.
    pub hint: &'static str,
    /// The text, ready to paste.
    pub code: String,
}

impl HomePage {
    /// The ways to connect.
    pub fn snippets(&self) -> Vec<Snippet> {
        let url = &self.site.mcp;
        vec![
            Snippet {
                id: "claude-ai",
                client: "Claude",
                hint: "In Settings, under Connectors, add a custom connector with this address.",
                code: url.clone(),
            },
            Snippet {
                id: "claude-code",
                client: "Claude Code",
                hint: "Run this in a terminal, then type /mcp in Claude Code to sign in.",
                code: format!("claude mcp add --transport http portcullis {url}"),
            },
            Snippet {
                id: "cursor",
                client: "Cursor",
                hint: "Put this into ~/.cursor/mcp.json.",
                code: format!("{{\n  \"mcpServers\": {{\n    \"portcullis\": {{ \"url\": \"{url}\" }}\n  }}\n}}"),
            },
            Snippet {
                id: "vs-code",
                client: "VS Code",
                hint: "Put this into .vscode/mcp.json of your workspace.",
                code: format!(
                    "{{\n  \"servers\": {{\n    \"portcullis\": {{ \"type\": \"http\", \"url\": \"{url}\" }}\n  }}\n}}"
                ),
            },
            Snippet {
                id: "mcp-remote",
                client: "A client that only starts programs",
                hint: "Let it start this bridge.",
                code: format!("npx -y mcp-remote {url}"),
            },
        ]
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
