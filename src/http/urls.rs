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
/// Settings → Connected apps.
pub const APPS: &str = "/settings/apps";
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
