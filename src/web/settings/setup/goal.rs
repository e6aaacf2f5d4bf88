//! What somebody wants to connect, and what we recommend for it.

use crate::http::urls;
use crate::web::components::link;
use crate::web::snippets::{McpClient, Way};

/// What somebody wants to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A client of their own.
    Personal,
    /// A pipeline or a script.
    Pipeline,
    /// Somebody else's app, for its users.
    ThirdParty,
    /// One server to another.
    Service,
    /// A client that finds everything by itself.
    Discovery,
}

impl Goal {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 5] = [Self::Personal, Self::Pipeline, Self::ThirdParty, Self::Service, Self::Discovery];

    /// Its name in URLs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Pipeline => "ci",
            Self::ThirdParty => "app",
            Self::Service => "service",
            Self::Discovery => "discovery",
        }
    }

    /// The goal of that name.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|goal| goal.id() == id)
    }

    /// What it is.
    pub fn title(self) -> &'static str {
        match self {
            Self::Personal => "My own MCP client",
            Self::Pipeline => "A CI/CD pipeline or a script",
            Self::ThirdParty => "An app for other people",
            Self::Service => "One server to another",
            Self::Discovery => "VS Code, or any client that finds its way",
        }
    }

    /// Examples of it.
    pub fn examples(self) -> &'static str {
        match self {
            Self::Personal => "Claude, Cursor, Windsurf: on a computer that you control.",
            Self::Pipeline => "It runs without anybody at the keyboard.",
            Self::ThirdParty => "A desktop, web or mobile app that acts for whoever signs in.",
            Self::Service => "A program on a server, acting for itself.",
            Self::Discovery => "It reads from the server where to sign in.",
        }
    }

    /// What we recommend.
    pub fn recommended(self) -> &'static str {
        match self {
            Self::Personal | Self::Pipeline => "API key",
            Self::ThirdParty => "OAuth, public client",
            Self::Service => "OAuth, confidential client",
            Self::Discovery => "OAuth",
        }
    }

    /// Why.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Personal => "Quick, no OAuth flow needed.",
            Self::Pipeline => "With a short expiration and a tight scope.",
            Self::ThirdParty => "Each user agrees in the browser; no secret is shared.",
            Self::Service => "It keeps a secret, and gets tokens by it.",
            Self::Discovery => "Nothing to register, nothing to keep.",
        }
    }

    /// What is made for it, where that is: the label and the href below the site.
    pub fn makes(self) -> Option<(&'static str, String)> {
        match self {
            Self::Personal => Some(("Create Key", link(urls::NEW_API_KEY, &[("preset", "personal")]))),
            Self::Pipeline => Some(("Create Key", link(urls::NEW_API_KEY, &[("preset", "ci")]))),
            Self::ThirdParty => Some(("Register New OAuth Client", link(urls::NEW_CLIENT, &[("type", "public")]))),
            Self::Service => Some(("Register New OAuth Client", link(urls::NEW_CLIENT, &[("type", "confidential")]))),
            Self::Discovery => None,
        }
    }

    /// The clients that it is asked about; none where the program is one's own.
    pub fn clients(self) -> &'static [McpClient] {
        use McpClient::{ClaudeCode, ClaudeDesktop, Codex, Cursor, GeminiCli, Other, Roo, Script, VsCode, Windsurf};
        match self {
            Self::Personal => &[ClaudeDesktop, ClaudeCode, Cursor, Windsurf, VsCode, Roo, Codex, GeminiCli, Other],
            Self::Pipeline => &[Script, ClaudeCode, Codex, GeminiCli, Other],
            Self::Discovery => &[VsCode, ClaudeCode, ClaudeDesktop, Cursor, Windsurf, Codex, GeminiCli, Other],
            Self::ThirdParty | Self::Service => &[],
        }
    }

    /// The ways that this client knows and that serve this goal, the recommended one first.
    pub fn ways(self, client: McpClient) -> Vec<Way> {
        let first = match self {
            Self::Personal | Self::Pipeline => Way::ApiKey,
            Self::ThirdParty | Self::Service | Self::Discovery => Way::Oauth,
        };
        // Nobody is there to sign in.
        let serves = |way: &&Way| self != Self::Pipeline || **way == Way::ApiKey;
        let mut ways: Vec<Way> = client.ways().iter().filter(serves).copied().collect();
        ways.sort_by_key(|way| *way != first);
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recommended_comes_first() {
        for goal in Goal::ALL {
            assert_eq!(Goal::of(goal.id()), Some(goal));
            for client in goal.clients() {
                let ways = goal.ways(*client);
                let expected = if goal.recommended() == "API key" { Way::ApiKey } else { Way::Oauth };
                assert_eq!(ways.first(), Some(&expected), "{goal:?} {client:?}");
            }
        }
        assert_eq!(Goal::Pipeline.ways(McpClient::Codex), [Way::ApiKey]);
    }
}
