//! Who calls with a bearer credential. A handler that takes a [`Caller`] cannot run without one.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::{challenge::Challenge, urls};
use crate::access::authenticate::Door;
use crate::access::{Authenticated, Principal};
use crate::app::App;
use crate::types::{PublicUrl, Scope, known_scopes};

/// A caller whose access token opens a resource of ours.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<Principal>);

/// A resource of ours that takes bearer credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Our MCP server.
    Mcp,
    /// The management API.
    Api,
}

impl Resource {
    /// Where it is: with the public URL in front, the audience of its tokens.
    pub fn path(self) -> &'static str {
        match self {
            Self::Mcp => urls::MCP,
            Self::Api => urls::API,
        }
    }

    /// What a client should ask for to begin with (`decisions` 13): the rest comes by step-up, and `offline_access` is no
    /// resource's business.
    pub fn offered_scope(self) -> Scope {
        match self {
            Self::Mcp => Scope::of(&[known_scopes::MCP_READ, known_scopes::MCP_WRITE]),
            Self::Api => Scope::of(&[known_scopes::MGMT_READ]),
        }
    }

    /// The URL of its metadata, at which challenges point (RFC 9728 §5.1): below the public URL, so that it is reached wherever
    /// the server itself is.
    pub fn metadata_url(self, public_url: &PublicUrl) -> String {
        public_url.at(&format!("{}{}", urls::PROTECTED_RESOURCE, self.path()))
    }
}

impl Caller {
    /// Judges the credential of a request to a resource of ours.
    ///
    /// `X-Authorization` wins over `Authorization`; the first present decides, and when it fails no other is tried
    /// (`decisions` 9). A token in the query string or the body is never looked at (RFC 6750 §5.3).
    pub async fn of(app: &App, request: &HttpRequest, resource: Resource) -> Result<Self, Challenge> {
        let metadata = || resource.metadata_url(&app.config.server.public_url);
        let offered = resource.offered_scope();
        let Some(token) = bearer(request) else { return Err(Challenge::missing(metadata(), offered)) };
        let own = app.at(resource.path());
        let hears_changes = app.access.is_current(&app.changes);
        let door = Door { issuer: app.issuer(), audiences: [&own, app.gateway_audience()], hears_changes };
        match judge(app, token, door).await {
            Ok(Authenticated::Caller(principal)) => Ok(Self(principal)),
            Ok(Authenticated::Refused(why)) => Err(Challenge::invalid(metadata(), offered, why)),
            Err(error) => {
                tracing::warn!(error, "a token could not be judged");
                Err(Challenge::unavailable())
            }
        }
    }
}

/// Judges a token; one that names a key we have not seen yet is judged again once we have looked for it.
async fn judge(app: &App, token: &str, door: Door<'_>) -> Result<Authenticated, String> {
    let now = app.clock.now();
    let authenticate = async || app.access.authenticate(&app.db, &app.signing, token, door, now).await;
    let judged = authenticate().await.map_err(|error| error.to_string())?;
    let Authenticated::Refused(_) = judged else { return Ok(judged) };
    match app.signing.look_for_key_of(token, &app.db, &app.keys, now).await {
        Ok(false) => Ok(judged),
        Ok(true) => authenticate().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The presented bearer token: RFC 6750 §2.1, and the header in which gateways pass it on.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    let value = headers.get("x-authorization").or_else(|| headers.get(AUTHORIZATION))?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn x_authorization_decides_even_when_it_holds_nothing_of_use() {
        let request = |headers: &[(&'static str, &'static str)]| {
            headers
                .iter()
                .fold(TestRequest::default(), |request, header| request.append_header(*header))
                .to_http_request()
        };
        for (headers, expected) in [
            (&[("authorization", "Bearer a")][..], Some("a")),
            (&[("authorization", "bearer a")], Some("a")),
            (&[("authorization", "Bearer a"), ("x-authorization", "Bearer b")], Some("b")),
            (&[("authorization", "Bearer a"), ("x-authorization", "Basic b")], None),
            (&[("authorization", "Basic a")], None),
            (&[], None),
        ] {
            assert_eq!(bearer(&request(headers)), expected, "{headers:?}");
        }
        let query = TestRequest::with_uri("/mcp?access_token=a").to_http_request();
        assert_eq!(bearer(&query), None, "never from a URL");
    }
}
