//! What every page knows of the place it is served at.

use crate::http::assets::Asset;
use crate::http::urls;
use crate::types::{PolicyId, PublicUrl};

/// Where we are: the hrefs of our own pages and files, below the public URL's own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    base: String,
    /// `host[:port]`, as the browser's address bar shows it.
    pub host: String,
    /// The URL that a person pastes into an MCP client.
    pub mcp: String,
}

impl Site {
    /// The site at `url`.
    pub fn of(url: &PublicUrl) -> Self {
        Self { base: url.base_path().to_owned(), host: url.authority(), mcp: url.at(urls::MCP) }
    }

    /// The href of one of our paths.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The front page.
    pub fn home(&self) -> String {
        self.to(urls::HOME)
    }

    /// Sign-in.
    pub fn login(&self) -> String {
        self.to(urls::LOGIN)
    }

    /// The second step of signing in.
    pub fn login_code(&self) -> String {
        self.to(urls::LOGIN_CODE)
    }

    /// Signing in by a passkey.
    pub fn login_passkey(&self) -> String {
        self.to(urls::LOGIN_PASSKEY)
    }

    /// Proving once more who one is.
    pub fn confirm(&self) -> String {
        self.to(urls::CONFIRM)
    }

    /// Sign-out.
    pub fn logout(&self) -> String {
        self.to(urls::LOGOUT)
    }

    /// Choosing the first password.
    pub fn setup(&self) -> String {
        self.to(urls::SETUP)
    }

    /// Consent.
    pub fn consent(&self) -> String {
        self.to(urls::CONSENT)
    }

    /// Connecting a device.
    pub fn device(&self) -> String {
        self.to(urls::DEVICE)
    }

    /// MCP Setup → Set up a client.
    pub fn mcp_setup(&self) -> String {
        self.to(urls::MCP_SETUP)
    }

    /// Sidebar → Get JWT Token.
    pub fn jwt_token(&self) -> String {
        self.to(urls::JWT_TOKEN)
    }

    /// Where a token that was made there ends.
    pub fn jwt_token_revoke(&self) -> String {
        self.to(urls::JWT_TOKEN_REVOKE)
    }

    /// Where it becomes a file.
    pub fn jwt_token_file(&self) -> String {
        self.to(urls::JWT_TOKEN_FILE)
    }

    /// Settings → MCP Setup → Access Tokens.
    pub fn access_tokens(&self) -> String {
        self.to(urls::ACCESS_TOKENS)
    }

    /// A new one.
    pub fn access_tokens_new(&self) -> String {
        self.to(urls::ACCESS_TOKENS_NEW)
    }

    /// One of them.
    pub fn access_token(&self, id: &str) -> String {
        self.to(&urls::ACCESS_TOKEN.replace("{id}", id))
    }

    /// Its successor.
    pub fn access_token_rotate(&self, id: &str) -> String {
        self.to(&urls::ACCESS_TOKEN_ROTATE.replace("{id}", id))
    }

    /// Its end.
    pub fn access_token_revoke(&self, id: &str) -> String {
        self.to(&urls::ACCESS_TOKEN_REVOKE.replace("{id}", id))
    }

    /// Sidebar → the workspace switcher.
    pub fn switch_workspace(&self) -> String {
        self.to(urls::SWITCH_WORKSPACE)
    }

    /// End a connected app, or all.
    pub fn revoke_apps(&self) -> String {
        self.to(urls::REVOKE_APPS)
    }

    /// Settings → MCP Setup → OAuth Clients.
    pub fn clients(&self) -> String {
        self.to(urls::CLIENTS)
    }

    /// The same, those that registered themselves.
    pub fn self_registered_clients(&self) -> String {
        self.to(urls::SELF_REGISTERED_CLIENTS)
    }

    /// Clean them up.
    pub fn clean_up_clients(&self) -> String {
        self.to(urls::CLEAN_UP_CLIENTS)
    }

    /// Register New OAuth Client.
    pub fn new_client(&self) -> String {
        self.to(urls::NEW_CLIENT)
    }

    /// A page about one client: one of the `urls` with its id.
    pub fn of_client(&self, page: &str, id: &str) -> String {
        self.to(&page.replace("{id}", id))
    }

    /// The picture with this digest.
    pub fn logo(&self, digest: &[u8]) -> String {
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.to(&urls::LOGOS.replace("{digest}", &name))
    }

    /// Settings → Connected apps.
    pub fn apps(&self) -> String {
        self.to(urls::APPS)
    }

    /// MCP Setup → API Keys.
    pub fn keys(&self) -> String {
        self.to(urls::KEYS)
    }

    /// MCP Setup → API Keys → Create Key.
    pub fn new_key(&self) -> String {
        self.to(urls::NEW_API_KEY)
    }

    /// One API key.
    pub fn key(&self, id: &str) -> String {
        self.to(&urls::KEY.replace("{id}", id))
    }

    /// Its end.
    pub fn key_revoke(&self, id: &str) -> String {
        self.to(&urls::KEY_REVOKE.replace("{id}", id))
    }

    /// Its successor, while it lives on.
    pub fn key_rotate(&self, id: &str) -> String {
        self.to(&urls::KEY_ROTATE.replace("{id}", id))
    }

    /// Its successor, at once.
    pub fn key_replace(&self, id: &str) -> String {
        self.to(&urls::KEY_REPLACE.replace("{id}", id))
    }

    /// Settings → Workspaces.
    pub fn workspaces(&self) -> String {
        self.to(urls::WORKSPACES)
    }

    /// Settings → Workspaces → New workspace.
    pub fn new_workspace(&self) -> String {
        self.to(urls::NEW_WORKSPACE)
    }

    /// One of the pages of the workspace of that name.
    pub fn of_workspace(&self, page: &str, name: &str) -> String {
        self.to(&page.replace("{workspace}", name))
    }

    /// One of the pages of a server in the workspace of that name.
    pub fn of_server(&self, page: &str, workspace: &str, server: &str) -> String {
        self.to(&page.replace("{workspace}", workspace).replace("{server}", server))
    }

    /// Settings → Profile.
    pub fn profile(&self) -> String {
        self.to(urls::PROFILE)
    }

    /// Settings → Security.
    pub fn security(&self) -> String {
        self.to(urls::SECURITY)
    }

    /// Settings → Security → Two-step sign-in.
    pub fn two_step(&self) -> String {
        self.to(urls::TWO_STEP)
    }

    /// Settings → Security → Passkeys.
    pub fn passkeys(&self) -> String {
        self.to(urls::PASSKEYS)
    }

    /// Settings → Security → Password.
    pub fn password(&self) -> String {
        self.to(urls::PASSWORD)
    }

    /// Settings → Sessions.
    pub fn sessions(&self) -> String {
        self.to(urls::SESSIONS)
    }

    /// Administration → Policies.
    pub fn policies(&self) -> String {
        self.to(urls::POLICIES)
    }

    /// Administration → Policies → one of them.
    pub fn policy(&self, id: PolicyId) -> String {
        self.to(&urls::POLICY.replace("{id}", &id.to_string()))
    }

    /// Administration → Policies → Simulate.
    pub fn simulate_policies(&self) -> String {
        self.to(urls::SIMULATE_POLICIES)
    }

    /// Administration → Audit.
    pub fn audit(&self) -> String {
        self.to(urls::AUDIT)
    }

    /// A copy of the trail, as a file.
    pub fn audit_export(&self) -> String {
        self.to(urls::AUDIT_EXPORT)
    }

    /// Administration → Connection doctor.
    pub fn doctor(&self) -> String {
        self.to(urls::DOCTOR)
    }

    /// Administration → Recent connections.
    pub fn flows(&self) -> String {
        self.to(urls::FLOWS)
    }

    /// The stylesheet.
    pub fn stylesheet(&self) -> String {
        self.to(&Asset::Stylesheet.path())
    }

    /// The script.
    pub fn script(&self) -> String {
        self.to(&Asset::Script.path())
    }

    /// The script of the pages on which passkeys are made or used.
    pub fn passkey_script(&self) -> String {
        self.to(&Asset::PasskeyScript.path())
    }

    /// The icon.
    pub fn favicon(&self) -> String {
        self.to(&Asset::Favicon.path())
    }

    /// A site for samples, below a path of its own.
    pub fn sample() -> Self {
        Self {
            base: "/gate".to_owned(),
            host: "gate.example.com".to_owned(),
            mcp: "https://gate.example.com/gate/mcp".to_owned(),
        }
    }
}
