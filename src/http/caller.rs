//! Who calls: with an access token, by itself or together with proof of the key that it is bound to, with a personal access
//! token, with an API key, or with an access token of another issuer. A handler that takes a [`Caller`] cannot run without one.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, USER_AGENT};
use actix_web::web::Data;
use serde::Deserialize;

use super::challenge::{Challenge, Scheme};
use super::dpop::{self, Flaw, Proof};
use super::limit::KeyLimits;
use super::origin::origin_of;
use super::{ClientAddress, hints, urls};
use crate::access::authenticate::{Audiences, Door};
use crate::access::{Authenticated, Principal};
use crate::app::App;
use crate::crypto::PlainToken;
use crate::crypto::jwt::{self, TokenType};
use crate::crypto::statement;
use crate::db;
use crate::errands::foreign_token;
use crate::grants::accepted_tokens::TokenIssuer;
use crate::identity::session::shortened;
use crate::types::{PublicUrl, Scope, known_scopes};

/// A caller whose credential opens a resource of ours.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<Principal>);

/// A resource of ours that takes bearer credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// Our MCP server.
    Mcp,
    /// A registered server of that name.
    Server(&'a str),
    /// The management API.
    Api,
    /// What an app may know of its person; any access token of ours opens it (`decisions` 8).
    UserInfo,
}

impl Resource<'_> {
    /// Where it is: with the public URL in front, the audience of its tokens.
    pub fn path(self) -> Cow<'static, str> {
        match self {
            Self::Mcp => urls::MCP.into(),
            Self::Server(name) => urls::server_mcp(name).into(),
            Self::Api => urls::API.into(),
            Self::UserInfo => urls::USERINFO.into(),
        }
    }

    /// What a client should ask for to begin with (`decisions` 13): the rest comes by step-up, and `offline_access` is no
    /// resource's business.
    pub fn offered_scope(self) -> Scope {
        match self {
            Self::Mcp | Self::Server(_) => Scope::of(&[known_scopes::MCP_READ, known_scopes::MCP_WRITE]),
            Self::Api => Scope::of(&[known_scopes::MGMT_READ]),
            Self::UserInfo => Scope::of(&[known_scopes::OPENID]),
        }
    }

    /// The URL of its metadata, at which challenges point (RFC 9728 §5.1): below the public URL, so that it is reached wherever
    /// the server itself is. Userinfo, which is OpenID Connect's, has none.
    pub fn metadata_url(self, public_url: &PublicUrl) -> Option<String> {
        let has_one = self != Self::UserInfo;
        has_one.then(|| public_url.at(&format!("{}{}", urls::PROTECTED_RESOURCE, self.path())))
    }
}

impl Caller {
    /// Judges the credential of a request to a resource of ours.
    ///
    /// `X-Authorization`, then `x-api-key`, then `Authorization`; the first present decides, and when it fails no other is
    /// tried (`decisions` 9). A token in the query string or the body is never looked at (RFC 6750 §5.3).
    pub async fn of(app: &App, request: &HttpRequest, resource: Resource<'_>) -> Result<Self, Challenge> {
        Self::judged(app, request, resource, Asked::Now).await
    }

    /// Judges it again while an answer to that request is still under way: what was proved then counts as proved, and costs
    /// nothing more. Nothing comes out when it opens the door no more, or that cannot be told.
    pub async fn again(app: &App, request: &HttpRequest, resource: Resource<'_>) -> Option<Self> {
        Self::judged(app, request, resource, Asked::Before).await.ok()
    }

    async fn judged(app: &App, request: &HttpRequest, resource: Resource<'_>, asked: Asked) -> Result<Self, Challenge> {
        let metadata = || resource.metadata_url(&app.config.server.public_url);
        let offered = || resource.offered_scope();
        let Some(presented) = presented(request) else { return Err(Challenge::missing(metadata(), offered())) };
        let invalid = |why| Challenge::invalid(metadata(), offered(), presented.scheme, why);
        let own = app.at(&resource.path());
        let audiences = match resource {
            Resource::Mcp | Resource::Server(_) | Resource::Api => Audiences::Own([&own, app.gateway_audience()]),
            Resource::UserInfo => Audiences::Any,
        };
        let hears_changes = app.access.is_current(&app.changes);
        let door = Door { issuer: app.issuer(), audiences, hears_changes };
        let judged = match presented.kind() {
            Kind::ApiKey => judge_key(app, request, presented.token, door, asked).await?,
            Kind::PersonalToken => judge_personal_token(app, request, presented.token, door, asked).await?,
            Kind::AccessToken => match foreign_issuer(app, presented.token, resource).await? {
                Some(from) => {
                    let origin = origin_of(request);
                    let judged = foreign_token::authenticate(app, presented.token, &from, door, &origin).await;
                    judged.map_err(unjudged)?
                }
                None => judge(app, presented.token, door).await.map_err(unjudged)?,
            },
        };
        let principal = match judged {
            Authenticated::Caller(principal) => principal,
            Authenticated::Refused(why) => return Err(invalid(why)),
        };
        if let Some(why) = hints::contradiction(request.headers(), &principal.credential) {
            return Err(invalid(why));
        }
        if asked == Asked::Before {
            return Ok(Self(principal));
        }
        match holds_key(app, request, &presented, principal.credential.key()) {
            Ok(()) => Ok(Self(principal)),
            Err(Unproved::Token(why)) => Err(invalid(why)),
            Err(Unproved::Proof(Flaw::Invalid(why))) => Err(Challenge::proof(metadata(), why)),
            Err(Unproved::Proof(Flaw::Nonce)) => {
                Err(Challenge::nonce(metadata(), dpop::nonce(&app.keys, app.clock.now())))
            }
        }
    }
}

/// When a request came whose credential is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Now,
    Before,
}

/// A token, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Presented<'a> {
    scheme: Scheme,
    token: &'a str,
    /// True in the header that is for API keys alone.
    is_for_keys: bool,
}

impl Presented<'_> {
    /// What it is meant to be: then nothing reads it as anything else.
    fn kind(&self) -> Kind {
        match () {
            () if self.is_for_keys || PlainToken::is_like_api_key(self.token) => Kind::ApiKey,
            () if jwt::says_to_be(self.token, TokenType::PersonalToken) => Kind::PersonalToken,
            () => Kind::AccessToken,
        }
    }
}

/// What a credential is meant to be.
enum Kind {
    ApiKey,
    PersonalToken,
    AccessToken,
}

/// The issuer whose token this says to be, at a door that takes those of others: theirs use servers, and manage nothing.
async fn foreign_issuer(app: &App, token: &str, resource: Resource<'_>) -> Result<Option<Arc<TokenIssuer>>, Challenge> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    match resource {
        Resource::Mcp | Resource::Server(_) => {}
        Resource::Api | Resource::UserInfo => return Ok(None),
    }
    let issuers = app.token_issuers().await.map_err(unjudged)?;
    if issuers.is_empty() {
        return Ok(None);
    }
    let claimed = statement::unverified::<Claimed>(token).filter(|claimed| claimed.iss != app.issuer());
    Ok(claimed.and_then(|claimed| issuers.named(&claimed.iss).cloned()))
}

fn unjudged(error: impl std::fmt::Display) -> Challenge {
    tracing::warn!(%error, "a credential could not be judged");
    Challenge::unavailable()
}

/// Why a token is of no use to whoever presents it.
enum Unproved {
    Token(&'static str),
    Proof(Flaw),
}

/// A token that is bound to a key comes in the scheme that says so and with a new proof of that key; one that is bound to none
/// does not (RFC 9449 §7.1, §7.2). So a token that was stolen alone opens nothing.
fn holds_key(app: &App, request: &HttpRequest, presented: &Presented<'_>, key: Option<&str>) -> Result<(), Unproved> {
    let key = match (key, presented.scheme) {
        (None, Scheme::Bearer) => return Ok(()),
        (None, Scheme::Dpop) => return Err(Unproved::Token("The token is bound to no key; present it as Bearer")),
        (Some(_), Scheme::Bearer) => {
            return Err(Unproved::Token("The token is bound to a key; present it as DPoP, with a proof"));
        }
        (Some(key), Scheme::Dpop) => key,
    };
    let proof = Proof::of(app, request, Some(presented.token)).map_err(Unproved::Proof)?;
    let proof = proof.ok_or(Unproved::Proof(Flaw::Invalid("The DPoP header is missing")))?;
    if proof.key != key {
        return Err(Unproved::Token("The proof was made with another key than the one that the token is bound to"));
    }
    if !app.access.first_sight(&proof.key, &proof.id) {
        return Err(Unproved::Proof(Flaw::Invalid("The proof was used before")));
    }
    Ok(())
}

/// Judges a token; one that names a key we have not seen yet is judged again once we have looked for it.
pub async fn judge(app: &App, token: &str, door: Door<'_>) -> Result<Authenticated, String> {
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

/// Judges an API key: a typo without asking anybody; who it is; from where it comes; how often.
async fn judge_key(
    app: &App,
    request: &HttpRequest,
    presented: &str,
    door: Door<'_>,
    asked: Asked,
) -> Result<Authenticated, Challenge> {
    let limits = limits(request)?;
    let (ClientAddress(address), now) = (ClientAddress::of(request), app.clock.now());
    let Some(secret) = PlainToken::parse_api_key(presented) else {
        return Ok(Authenticated::Refused("This is no API key of ours: it is incomplete or mistyped"));
    };
    let hashes = app.keys.hashes(&secret);
    let remembered = hashes.first().and_then(|newest| app.access.remembered_key(newest, door.hears_changes));
    let is_stranger = !hashes.first().is_some_and(|newest| app.access.has_seen_key(newest));
    let asking = is_stranger.then_some((limits, address));
    let look_up = async || app.access.look_up_key(&app.db, &hashes, door.hears_changes).await;
    let Some(key) = known(asking, remembered, look_up).await? else {
        return Ok(Authenticated::Refused("There is no such API key"));
    };
    let tree = app.tree().await.map_err(unjudged)?;
    let judged = app.access.admit_key(&app.db, &key, door, &tree, now).await.map_err(unjudged)?;
    if let (Authenticated::Caller(_), Asked::Now) = (&judged, asked) {
        if !key.allowed_networks.allow(address) {
            return Err(Challenge::elsewhere(address));
        }
        if let Some(rate) = key.rate() {
            limits.spend(key.id, rate).map_err(Challenge::too_often)?;
        }
        app.key_uses.note(key.id, now, address, user_agent(request).as_deref());
    }
    Ok(judged)
}

/// Judges a personal access token by the row that is under its hash; who signed it is not asked.
async fn judge_personal_token(
    app: &App,
    request: &HttpRequest,
    presented: &str,
    door: Door<'_>,
    asked: Asked,
) -> Result<Authenticated, Challenge> {
    let (ClientAddress(address), now) = (ClientAddress::of(request), app.clock.now());
    let hashes = app.keys.hashes(&PlainToken::signed(presented));
    let remembered = hashes.first().and_then(|newest| app.access.remembered_token(newest, door.hears_changes));
    let is_stranger = !hashes.first().is_some_and(|newest| app.access.has_seen_key(newest));
    let asking = match is_stranger {
        true => Some((limits(request)?, address)),
        false => None,
    };
    let look_up = async || app.access.look_up_token(&app.db, &hashes, door.hears_changes).await;
    let Some(token) = known(asking, remembered, look_up).await? else {
        return Ok(Authenticated::Refused("There is no such personal access token"));
    };
    let judged = app.access.admit_token(&app.db, &token, door, now).await.map_err(unjudged)?;
    if let (Authenticated::Caller(_), Asked::Now) = (&judged, asked) {
        app.token_uses.note(token.id, now, address, user_agent(request).as_deref());
    }
    Ok(judged)
}

fn limits(request: &HttpRequest) -> Result<&KeyLimits, Challenge> {
    let limits = request.app_data::<Data<KeyLimits>>().ok_or_else(|| unjudged("a door without limits for keys"))?;
    Ok(limits.as_ref())
}

/// What is known of a secret: from memory, or by a look-up that whoever presents what nobody knows runs out of. Whoever came with
/// a good one lately is no stranger, however many of those are in the same network.
async fn known<T>(
    stranger: Option<(&KeyLimits, IpAddr)>,
    remembered: Option<Option<T>>,
    look_up: impl AsyncFnOnce() -> Result<Option<T>, db::Error>,
) -> Result<Option<T>, Challenge> {
    if let Some(known) = remembered {
        return Ok(known);
    }
    if let Some((limits, address)) = stranger {
        limits.ask(address).map_err(Challenge::too_often)?;
    }
    let found = look_up().await.map_err(unjudged)?;
    if let (Some((limits, address)), Some(_)) = (stranger, &found) {
        limits.known(address);
    }
    Ok(found)
}

fn user_agent(request: &HttpRequest) -> Option<String> {
    request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).map(shortened)
}

/// The presented token: RFC 6750 §2.1, RFC 9449 §7.1, and the header in which gateways pass it on.
fn presented(request: &HttpRequest) -> Option<Presented<'_>> {
    let headers = request.headers();
    let value = match (headers.get("x-authorization"), headers.get("x-api-key")) {
        (Some(value), _) => value,
        (None, Some(key)) => {
            let token = key.to_str().ok()?.trim();
            return Some(Presented { scheme: Scheme::Bearer, token, is_for_keys: true });
        }
        (None, None) => headers.get(AUTHORIZATION)?,
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    Some(Presented { scheme: Scheme::named(scheme)?, token: token.trim(), is_for_keys: false })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_first_header_decides_even_when_it_holds_nothing_of_use() {
        let request = |headers: &[(&'static str, &'static str)]| {
            headers
                .iter()
                .fold(TestRequest::default(), |request, header| request.append_header(*header))
                .to_http_request()
        };
        for (headers, expected) in [
            (&[("authorization", "Bearer a")][..], Some((Scheme::Bearer, "a"))),
            (&[("authorization", "bearer a")], Some((Scheme::Bearer, "a"))),
            (&[("authorization", "dpop a")], Some((Scheme::Dpop, "a"))),
            (&[("authorization", "Bearer a"), ("x-authorization", "Bearer b")], Some((Scheme::Bearer, "b"))),
            (&[("authorization", "Bearer a"), ("x-authorization", "DPoP b")], Some((Scheme::Dpop, "b"))),
            (&[("authorization", "Bearer a"), ("x-authorization", "Basic b")], None),
            (&[("authorization", "Basic a")], None),
            (&[("authorization", "Bearer a"), ("x-api-key", "k")], Some((Scheme::Bearer, "k"))),
            (&[("authorization", "Bearer a"), ("x-api-key", "")], Some((Scheme::Bearer, ""))),
            (&[("x-authorization", "Bearer b"), ("x-api-key", "k")], Some((Scheme::Bearer, "b"))),
            (&[("x-authorization", "Basic b"), ("x-api-key", "k")], None),
            (&[], None),
        ] {
            let is_for_keys = headers.iter().any(|(name, _)| *name == "x-api-key")
                && headers.iter().all(|(name, _)| *name != "x-authorization");
            let expected = expected.map(|(scheme, token)| Presented { scheme, token, is_for_keys });
            assert_eq!(presented(&request(headers)), expected, "{headers:?}");
        }
        let query = TestRequest::with_uri("/mcp?access_token=a").to_http_request();
        assert_eq!(presented(&query), None, "never from a URL");
    }
}
