//! Every path as a constant or function: for routes, redirects, discovery documents and templates alike.
//!
//! All hang under the public URL ([`PublicUrl::at`](crate::types::PublicUrl::at)), whose own path they do not repeat.

use crate::crypto::PlainToken;
use crate::types::PublicUrl;

/// RFC 9728 §3.1, the root form.
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
/// RFC 8414 §3.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// OpenID Connect Discovery §4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// RFC 7517 §5.
pub const JWKS: &str = "/.well-known/jwks.json";

/// RFC 6749 §3.1.
pub const AUTHORIZE: &str = "/oauth/authorize";
/// RFC 6749 §3.2.
pub const TOKEN: &str = "/oauth/token";
/// RFC 7591 §3.
pub const REGISTER: &str = "/oauth/clients/register";
/// RFC 7592 §2.
pub const CLIENT_CONFIGURATION: &str = "/oauth/clients/register/{client_id}";
/// RFC 7009 §2.
pub const REVOKE: &str = "/oauth/revoke";
/// RFC 7662 §2.
pub const INTROSPECT: &str = "/oauth/introspect";
/// OpenID Connect Core §5.3.
pub const USERINFO: &str = "/oauth/userinfo";
/// OpenID Connect RP-Initiated Logout §2.
pub const END_SESSION: &str = "/oauth/end_session";
/// RFC 9126 §2.
pub const PAR: &str = "/oauth/par";
/// RFC 8628 §3.1.
pub const DEVICE_AUTHORIZATION: &str = "/oauth/device";
/// Where SDKs guess the authorization endpoint to be when they discover nothing.
pub const AUTHORIZE_GUESS: &str = "/authorize";
/// Where SDKs guess the token endpoint to be.
pub const TOKEN_GUESS: &str = "/token";
/// Where SDKs guess the registration endpoint to be.
pub const REGISTER_GUESS: &str = "/register";

/// Where one source system has its token endpoint.
pub const TOKEN_OAUTH2: &str = "/oauth2/token";
/// Where another has it, below a realm: a workspace of ours.
pub const TOKEN_OF_REALM: &str = "/realms/{workspace}/protocol/openid-connect/token";
/// Where a third has it, below a tenant: the same.
pub const TOKEN_OF_TENANT: &str = "/{workspace}/oauth2/v2.0/token";

/// Our own MCP server.
pub const MCP: &str = "/mcp";

/// A registered MCP server, as its clients reach it.
pub const SERVER_MCP: &str = "/{server}/mcp";

/// The same for one of them.
pub fn server_mcp(name: &str) -> String {
    SERVER_MCP.replace("{server}", name)
}

/// The same over the transport of 2024-11-05: the stream of what comes back.
pub const SERVER_SSE: &str = "/{server}/sse";
/// Where its messages go.
pub const SERVER_MESSAGES: &str = "/{server}/messages";

/// The same for one server.
pub fn server_messages(name: &str) -> String {
    SERVER_MESSAGES.replace("{server}", name)
}

/// The management API, whose resources are below it.
pub const API: &str = "/api/v1";
/// API keys.
pub const API_KEYS: &str = "/api/v1/api-keys";
/// One API key.
pub const API_KEY: &str = "/api/v1/api-keys/{id}";
/// Its rotation.
pub const API_KEY_ROTATION: &str = "/api/v1/api-keys/{id}/rotate";
/// Registered MCP servers.
pub const API_MCP_SERVERS: &str = "/api/v1/mcp-servers";
/// One of them.
pub const API_MCP_SERVER: &str = "/api/v1/mcp-servers/{id}";
/// Look at it now.
pub const API_MCP_SERVER_REFRESH: &str = "/api/v1/mcp-servers/{id}/refresh";
/// Its tools.
pub const API_MCP_SERVER_TOOLS: &str = "/api/v1/mcp-servers/{id}/tools";
/// One of them.
pub const API_MCP_SERVER_TOOL: &str = "/api/v1/mcp-servers/{id}/tools/{tool}";
/// Workspaces.
pub const API_WORKSPACES: &str = "/api/v1/workspaces";
/// One of them.
pub const API_WORKSPACE: &str = "/api/v1/workspaces/{id}";
/// Who is in it.
pub const API_MEMBERS: &str = "/api/v1/workspaces/{id}/members";
/// One of them.
pub const API_MEMBER: &str = "/api/v1/workspaces/{id}/members/{user}";
/// Projects and folders.
pub const API_PLACES: &str = "/api/v1/places";
/// One of them.
pub const API_PLACE: &str = "/api/v1/places/{id}";
/// Personal access tokens.
pub const API_ACCESS_TOKENS: &str = "/api/v1/access-tokens";
/// One of them.
pub const API_ACCESS_TOKEN: &str = "/api/v1/access-tokens/{id}";
/// Its successor.
pub const API_ACCESS_TOKEN_ROTATE: &str = "/api/v1/access-tokens/{id}/rotate";

/// The front page.
pub const HOME: &str = "/";
/// Sign-in.
pub const LOGIN: &str = "/login";
/// The second step of signing in.
pub const LOGIN_CODE: &str = "/login/code";
/// Signing in by a passkey.
pub const LOGIN_PASSKEY: &str = "/login/passkey";
/// Proving once more who one is.
pub const CONFIRM: &str = "/confirm";
/// Sign-out.
pub const LOGOUT: &str = "/logout";
/// Choose the first password, by a one-time link.
pub const SETUP: &str = "/setup";

/// The one-time link itself, for its holder's eyes.
pub fn setup_link(public_url: &PublicUrl, token: &PlainToken) -> String {
    format!("{}?token={}", public_url.at(SETUP), token.reveal())
}

/// The consent page.
pub const CONSENT: &str = "/consent";
/// Where a person types the code that a device shows (RFC 8628 §3.3).
pub const DEVICE: &str = "/device";
/// MCP Setup → Set up a client.
pub const MCP_SETUP: &str = "/settings/setup";
/// MCP Setup → Set up a client → Test connection.
pub const MCP_SETUP_TEST: &str = "/settings/setup/test";
/// MCP Setup → API Keys.
pub const KEYS: &str = "/settings/keys";
/// One of them.
pub const KEY: &str = "/settings/keys/{id}";
/// Its end.
pub const KEY_REVOKE: &str = "/settings/keys/{id}/revoke";
/// Its successor, while it lives on.
pub const KEY_ROTATE: &str = "/settings/keys/{id}/rotate";
/// Its successor, at once.
pub const KEY_REPLACE: &str = "/settings/keys/{id}/replace";
/// MCP Setup → API Keys → Create Key.
pub const NEW_API_KEY: &str = "/settings/keys/new";
/// MCP Setup → OAuth Clients → Register New OAuth Client.
pub const NEW_CLIENT: &str = "/settings/clients/new";
/// Sidebar → Get JWT Token.
pub const JWT_TOKEN: &str = "/settings/token";
/// Ends a token that was made there.
pub const JWT_TOKEN_REVOKE: &str = "/settings/token/revoke";
/// The token that was just made, as a file.
pub const JWT_TOKEN_FILE: &str = "/settings/token/file";
/// Settings → MCP Setup → Access Tokens.
pub const ACCESS_TOKENS: &str = "/settings/tokens";
/// A new one.
pub const ACCESS_TOKENS_NEW: &str = "/settings/tokens/new";
/// One of them.
pub const ACCESS_TOKEN: &str = "/settings/tokens/{id}";
/// Its successor.
pub const ACCESS_TOKEN_ROTATE: &str = "/settings/tokens/{id}/rotate";
/// Its end.
pub const ACCESS_TOKEN_REVOKE: &str = "/settings/tokens/{id}/revoke";
/// Sidebar → the workspace switcher.
pub const SWITCH_WORKSPACE: &str = "/settings/workspace";
/// Every component in every state; in development builds only.
#[cfg(debug_assertions)]
pub const COMPONENTS: &str = "/settings/components";
/// Settings → MCP Setup → OAuth Clients.
pub const CLIENTS: &str = "/settings/clients";
/// The same, those that registered themselves.
pub const SELF_REGISTERED_CLIENTS: &str = "/settings/clients/self-registered";
/// Clean them up.
pub const CLEAN_UP_CLIENTS: &str = "/settings/clients/clean-up";
/// One client.
pub const CLIENT: &str = "/settings/clients/{id}";
/// Change what it is.
pub const EDIT_CLIENT: &str = "/settings/clients/{id}/edit";
/// Its secrets.
pub const CLIENT_SECRETS: &str = "/settings/clients/{id}/secrets";
/// Its picture.
pub const CLIENT_LOGO: &str = "/settings/clients/{id}/logo";
/// Cut it off, or let it act again.
pub const DISABLE_CLIENT: &str = "/settings/clients/{id}/disable";
/// Remove it.
pub const REMOVE_CLIENT: &str = "/settings/clients/{id}/remove";
/// The pictures of clients, each under the SHA-256 of its bytes.
pub const LOGOS: &str = "/static/logos/{digest}";
/// Policies.
pub const API_POLICIES: &str = "/api/v1/policies";
/// One policy.
pub const API_POLICY: &str = "/api/v1/policies/{id}";
/// Documents of other systems, taken in.
pub const API_POLICY_IMPORT: &str = "/api/v1/policies/import";
/// A policy as another system reads it.
pub const API_POLICY_EXPORT: &str = "/api/v1/policies/{id}/export";
/// Might they, there, and why?
pub const API_POLICY_EXPLAIN: &str = "/api/v1/policies/explain";
/// Groups.
pub const API_GROUPS: &str = "/api/v1/groups";
/// One group.
pub const API_GROUP: &str = "/api/v1/groups/{id}";
/// Somebody in a group.
pub const API_GROUP_MEMBER: &str = "/api/v1/groups/{id}/members/{name}";
/// The audit trail.
pub const API_AUDIT_EVENTS: &str = "/api/v1/audit-events";
/// A copy of it, as a file.
pub const API_AUDIT_EXPORT: &str = "/api/v1/audit-events/export";
/// OAuth clients.
pub const API_CLIENTS: &str = "/api/v1/clients";
/// One of them.
pub const API_CLIENT: &str = "/api/v1/clients/{id}";
/// Its secrets.
pub const API_CLIENT_SECRETS: &str = "/api/v1/clients/{id}/secrets";
/// One of those that were replaced.
pub const API_CLIENT_SECRET: &str = "/api/v1/clients/{id}/secrets/{secret_id}";
/// Settings → Connected apps.
pub const APPS: &str = "/settings/apps";
/// End one of them, or all.
pub const REVOKE_APPS: &str = "/settings/apps/revoke";
/// Settings → Workspaces.
pub const WORKSPACES: &str = "/settings/workspaces";
/// Settings → Workspaces → New workspace.
pub const NEW_WORKSPACE: &str = "/settings/workspaces/new";
/// One workspace: its members.
pub const WORKSPACE: &str = "/settings/workspaces/{workspace}";
/// Its projects and folders.
pub const WORKSPACE_PLACES: &str = "/settings/workspaces/{workspace}/places";
/// Its servers.
pub const WORKSPACE_SERVERS: &str = "/settings/workspaces/{workspace}/servers";
/// Register a server in it.
pub const WORKSPACE_REGISTER_SERVER: &str = "/settings/workspaces/{workspace}/register-server";
/// One of its servers.
pub const WORKSPACE_SERVER: &str = "/settings/workspaces/{workspace}/servers/{server}";
/// Say something else of it.
pub const WORKSPACE_EDIT_SERVER: &str = "/settings/workspaces/{workspace}/servers/{server}/edit";
/// Its name, its title and its end.
pub const WORKSPACE_ITSELF: &str = "/settings/workspaces/{workspace}/itself";
/// Settings → Profile.
pub const PROFILE: &str = "/settings/profile";
/// Settings → Security.
pub const SECURITY: &str = "/settings/security";
/// Settings → Security → Two-step sign-in.
pub const TWO_STEP: &str = "/settings/two-step";
/// Settings → Security → Passkeys.
pub const PASSKEYS: &str = "/settings/passkeys";
/// Settings → Security → Password.
pub const PASSWORD: &str = "/settings/password";
/// Settings → Sessions.
pub const SESSIONS: &str = "/settings/sessions";
/// Administration → Policies.
pub const POLICIES: &str = "/admin/policies";
/// One policy.
pub const POLICY: &str = "/admin/policies/{id}";
/// Might they, there, and why?
pub const SIMULATE_POLICIES: &str = "/admin/policies/simulate";
/// Administration → Audit.
pub const AUDIT: &str = "/admin/audit";
/// A copy of the trail, as a file.
pub const AUDIT_EXPORT: &str = "/admin/audit/export";
/// Administration → Connection doctor.
pub const DOCTOR: &str = "/admin/doctor";
/// Administration → Recent connections.
pub const FLOWS: &str = "/admin/flows";
/// Where browsers look for an icon by themselves.
pub const FAVICON: &str = "/favicon.ico";
/// Stylesheet, icons and the few small scripts; fingerprinted file names below it.
pub const STATIC: &str = "/static";

/// Alive?
pub const HEALTHZ: &str = "/healthz";
/// Ready for requests?
pub const READYZ: &str = "/readyz";
/// Prometheus metrics.
pub const METRICS: &str = "/metrics";
