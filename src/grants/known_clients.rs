//! Hosts that are known to publish well-known clients, so that a person can be told more than a name that anybody could give.
//!
//! What is proven is the host: whoever controls it wrote the document. The list says only that the host is the one at which
//! that client is at home; being on it never spares a person the question who asks.

use super::client::{Client, ClientOrigin};
use crate::types::{ClientIdUrl, RedirectTarget, RedirectUri};

/// Hosts at which well-known clients publish their metadata documents.
const HOSTS: [&str; 7] = [
    // Claude and Claude Code: https://claude.ai/oauth/claude-code-client-metadata
    "claude.ai",
    // ChatGPT and Codex: https://chatgpt.com/oauth/codex/client.json
    "chatgpt.com",
    // VS Code: https://vscode.dev/oauth/client-metadata.json
    "vscode.dev",
    // Cursor.
    "cursor.com",
    "www.cursor.com",
    // opencode: https://opencode.ai/oauth/opencode/client.json
    "opencode.ai",
    // MCP Inspector.
    "modelcontextprotocol.io",
];

/// The host that publishes this client's metadata document.
pub fn host(client: &Client) -> Option<String> {
    let is_published = client.origin == ClientOrigin::MetadataDocument;
    is_published.then(|| ClientIdUrl::parse(&client.id, true).ok()).flatten().map(|url| url.host().to_owned())
}

/// The same, if it is one that we know or the operator trusts. Nobody's subdomain is trusted with them.
pub fn verified_host(client: &Client, trusted: &[String]) -> Option<String> {
    host(client).filter(|host| HOSTS.contains(&host.as_str()) || trusted.contains(host))
}

/// True when nobody but that host can have asked and will get the answer: then an answer may be remembered. An answer to
/// the person's own machine may go to any program there (RFC 8252 §8.6).
pub fn is_certain(client: &Client, redirect_uri: &str, trusted: &[String]) -> bool {
    let target = redirect_uri.parse::<RedirectUri>().map(|uri| uri.target());
    match (verified_host(client, trusted), target) {
        (Some(host), Ok(RedirectTarget::Web { host: answered })) => host == answered,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grants::client::ClientOptions;
    use crate::grants::client_metadata::{ApplicationType, AuthMethod};
    use crate::types::{Scope, Words};

    fn client(id: &str, origin: ClientOrigin) -> Client {
        Client {
            id: id.to_owned(),
            origin,
            name: "Claude".to_owned(),
            secret_hash: None,
            auth_method: AuthMethod::None,
            redirect_uris: Vec::new(),
            grant_types: Words::default(),
            scope: Scope::none(),
            application_type: ApplicationType::Web,
            metadata: json!({}),
            metadata_hash: Vec::new(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            last_used_at: None,
            fresh_until: None,
            disabled_at: None,
            options: ClientOptions::default(),
        }
    }

    #[test]
    fn only_a_document_at_the_very_host_is_verified() {
        let document = |id| verified_host(&client(id, ClientOrigin::MetadataDocument), &["app.example".to_owned()]);
        for id in [
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://chatgpt.com/oauth/codex/client.json",
            "https://vscode.dev/oauth/client-metadata.json",
            "https://opencode.ai/oauth/opencode/client.json",
            "https://app.example/client.json",
        ] {
            assert!(document(id).is_some(), "{id}");
        }
        for id in [
            "https://claude.ai.evil.example/c",
            "https://evil.claude.ai/c",
            "https://xclaude.ai/c",
            "https://claude.ai:8443@evil.example/c",
            "https://evil.example/claude.ai",
        ] {
            assert_eq!(document(id), None, "{id}");
        }
        let registered = client("https://claude.ai/c", ClientOrigin::Registered);
        assert_eq!(verified_host(&registered, &[]), None, "it only says so");
    }

    #[test]
    fn an_answer_is_remembered_only_where_it_goes_back_to_the_host_itself() {
        let claude = client("https://claude.ai/c", ClientOrigin::MetadataDocument);
        assert!(is_certain(&claude, "https://claude.ai/api/mcp/auth_callback", &[]));
        for elsewhere in [
            "http://localhost/callback",
            "http://127.0.0.1:1/callback",
            "https://localhost/callback",
            "https://claude.ai.evil.example/cb",
            "https://claude.ai:8443/cb",
            "claude://claude.ai/cb",
            "nonsense",
        ] {
            assert!(!is_certain(&claude, elsewhere, &[]), "{elsewhere}");
        }
        let stranger = client("https://stranger.example/c", ClientOrigin::MetadataDocument);
        assert!(!is_certain(&stranger, "https://stranger.example/cb", &[]));
    }
}
