//! The front page: the one address to paste, and where.

use actix_web::web::Data;
use askama::Template;

use crate::app::App;
use crate::http::Visitor;
use crate::http::page::{Foreign, Page, Site, View};

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
            Self { site: site.clone(), username: None },
            Self { site: site.clone(), username: Some(Foreign::new("alice")) },
            Self { site, username: Some(Foreign::hostile_sample()) },
        ]
    }
}

impl View for HomePage {}
