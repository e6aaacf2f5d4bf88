//! Resource indicators (RFC 8707 §2): which of our doors a token is to open.

use url::Url;

use crate::app::App;
use crate::http::urls;

/// The registered form of a resource that a client names; `None` when it is none of ours.
///
/// Clients differ in trailing slash and in the case of scheme and host, and mean the same (mcp.md B11): one form is kept,
/// and it is the audience of the token. Everything else is compared byte for byte: `/mcp-other` is not `/mcp`.
pub fn canonical(app: &App, named: &str) -> Option<String> {
    let url = Url::parse(named).ok()?;
    if url.fragment().is_some() || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    // The URL parser resolves dot segments and the like; a name that needs that is not one of ours.
    let written = named.trim_end_matches('/');
    if !url.as_str().trim_end_matches('/').eq_ignore_ascii_case(written) {
        return None;
    }
    let ours = app.at(urls::MCP);
    (url.as_str().trim_end_matches('/') == ours).then_some(ours)
}
