//! What a token is for, as people call it.

use crate::app::App;
use crate::http::urls;
use crate::types::Class;
use crate::upstreams::Server;

/// A door of ours.
#[derive(Clone, Debug)]
pub enum Door {
    /// Our own MCP server, and every server behind it.
    Gate,
    /// One server behind it.
    Server(Box<Server>),
    /// The management API.
    Api,
}

impl Door {
    /// The door that the tokens of that resource open; what opens several is called by the widest of them.
    pub fn of(app: &App, resource: &str) -> Self {
        if resource == app.at(urls::API) {
            return Self::Api;
        }
        let servers = app.servers.enabled();
        let server = servers.iter().find(|server| resource == app.at(&urls::server_mcp(&server.name)));
        server.map_or(Self::Gate, |server| Self::Server(Box::new(server.clone())))
    }

    /// Its name in a sentence.
    pub fn name(&self) -> &str {
        match self {
            Self::Gate => "Portcullis",
            Self::Server(server) => &server.name,
            Self::Api => "the management API of Portcullis",
        }
    }

    /// The tools that are behind it alone, with what each does.
    pub fn tools(&self) -> impl Iterator<Item = (&str, Class)> {
        let server = match self {
            Self::Server(server) => Some(server),
            Self::Gate | Self::Api => None,
        };
        let tools = server.into_iter().flat_map(|server| &server.upstream.tools);
        tools.map(|(name, tool)| (name.as_str(), tool.class))
    }
}
