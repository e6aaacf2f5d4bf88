//! Resource indicators (RFC 8707 §2): which of our doors a token is to open.

use url::Url;

use crate::app::App;
use crate::grants::client::{Client, ClientOrigin};
use crate::http::urls;
use crate::upstreams::Server;

/// The registered form of a resource that a client names; `None` when it is none of ours, or not for this client.
///
/// Clients differ in trailing slash and in the case of scheme and host, and mean the same: one form is kept,
/// and it is the audience of the token. Everything else is compared byte for byte: `/mcp-other` is not `/mcp`.
///
/// The management API, and the audience that opens everything, are for clients that an administrator added (`decisions` 8),
/// and for workloads: they have no client until an operator's rule gives them one.
pub fn canonical<'a>(app: &App, client: impl Into<Option<&'a Client>>, named: &str) -> Option<String> {
    let is_trusted = client.into().is_none_or(|client| client.origin == ClientOrigin::Administrator);
    // The gateway audience need not be a URL.
    if is_trusted && named == app.gateway_audience() {
        return Some(named.to_owned());
    }
    let url = Url::parse(named).ok()?;
    if url.fragment().is_some() || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    // The URL parser resolves dot segments and the like; a name that needs that is not one of ours.
    let written = named.trim_end_matches('/');
    if !url.as_str().trim_end_matches('/').eq_ignore_ascii_case(written) {
        return None;
    }
    let plain = url.as_str().trim_end_matches('/');
    let wide = [app.at(urls::API), app.gateway_audience().to_owned()];
    let ours = [app.at(urls::MCP)].into_iter().chain(wide.into_iter().filter(|_| is_trusted));
    ours.into_iter().find(|own| plain == own).or_else(|| server(app, plain))
}

/// The resource of a registered server, as that is known here: who asks for one that is gone gets a token that opens nothing.
fn server(app: &App, plain: &str) -> Option<String> {
    let servers = app.servers.enabled();
    let resource = |server: &Server| app.at(&urls::server_mcp(&server.name));
    servers.iter().map(resource).find(|own| plain == own)
}
