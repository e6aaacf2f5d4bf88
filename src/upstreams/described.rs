//! How the MCP Gateway Registry describes a server: in its files, and to its tool `register_service`.

use serde::Deserialize;

use super::register::Said;

/// What is said of a server there; the rest of such a file is about that system's own pages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Described {
    #[serde(default)]
    server_name: String,
    path: String,
    proxy_pass_url: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(alias = "auth_scheme")]
    auth_type: Option<String>,
    #[serde(default)]
    supported_transports: Vec<String>,
    mcp_endpoint: Option<String>,
    sse_endpoint: Option<String>,
}

/// What it says of the server.
pub struct Read {
    /// In our words.
    pub said: Said,
    /// What it says that proves a gateway to it, where that is something.
    pub proof: Option<String>,
}

impl Described {
    /// The same in our words.
    pub fn read(self) -> Read {
        let is_old = !self.supported_transports.is_empty() && self.supported_transports.iter().all(|one| one == "sse");
        let (transport, endpoint, last) = match is_old {
            true => ("sse", self.sse_endpoint, "sse"),
            false => ("streamable-http", self.mcp_endpoint, "mcp"),
        };
        let description = if self.description.is_empty() { self.server_name } else { self.description };
        let said = Said {
            name: Some(self.path.trim_matches('/').to_owned()),
            url: Some(endpoint.unwrap_or_else(|| endpoint_below(&self.proxy_pass_url, last))),
            description: Some(description),
            transport: Some(transport.to_owned()),
            tags: Some(self.tags),
            ..Said::default()
        };
        Read { said, proof: self.auth_type.filter(|kind| kind != "none") }
    }
}

/// That system adds the last segment to what it passes on, unless it is there.
fn endpoint_below(url: &str, last: &str) -> String {
    let trimmed = url.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("mcp" | "sse") => trimmed.to_owned(),
        _ => format!("{trimmed}/{last}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(change: Value) -> Read {
        let mut file = json!({
            "server_name": "Current Time API",
            "path": "/currenttime",
            "proxy_pass_url": "http://currenttime-server:8000/",
            "tags": ["time"],
            "num_tools": 1,
            "license": "MIT",
        });
        file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value::<Described>(file).unwrap().read()
    }

    #[test]
    fn a_file_of_the_registry_is_read_in_our_words() {
        let Read { said, proof } = read(json!({ "auth_type": "none" }));
        assert_eq!(
            (said.name.as_deref(), said.description.as_deref()),
            (Some("currenttime"), Some("Current Time API"))
        );
        assert_eq!(said.url.as_deref(), Some("http://currenttime-server:8000/mcp"));
        assert!(proof.is_none());
        let old = read(json!({ "supported_transports": ["sse"] })).said;
        assert_eq!(
            (old.transport.as_deref(), old.url.as_deref()),
            (Some("sse"), Some("http://currenttime-server:8000/sse"))
        );
        let full = read(json!({ "proxy_pass_url": "https://a.example/x/mcp/", "auth_scheme": "bearer" }));
        assert_eq!(full.said.url.as_deref(), Some("https://a.example/x/mcp"));
        assert_eq!(full.proof.as_deref(), Some("bearer"));
        let named = read(json!({ "mcp_endpoint": "https://b.example/rpc" })).said;
        assert_eq!(named.url.as_deref(), Some("https://b.example/rpc"));
    }
}
