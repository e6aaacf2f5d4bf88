//! What a client asks of us beyond a redirect, judged.

use serde_json::{Map, Value, json};
use url::Url;

use super::{AuthMethod, ClientMetadata, MAX_KEYS, MAX_REDIRECT_URIS, MetadataError, Policy};
use crate::crypto::statement::{KeySet, KeySetError, StatementAlgorithm, is_private};
use crate::grants::client::{ClientOptions, Uris};
use crate::grants::sign::ID_TOKEN_ALGORITHM;
use crate::types::{ClientIdUrl, RedirectUri};

impl ClientMetadata {
    pub(super) fn options(&self, policy: &Policy) -> Result<ClientOptions, MetadataError> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(MetadataError::TwoSourcesOfKeys);
        }
        let (jwks_uri, logout) = (&self.jwks_uri, &self.backchannel_logout_uri);
        Ok(ClientOptions {
            jwks: self.jwks.as_ref().map(public_keys).transpose()?,
            jwks_uri: jwks_uri.as_deref().map(|uri| url(uri, "jwks_uri", policy)).transpose()?,
            post_logout_redirect_uris: self.post_logout_redirect_uris()?,
            backchannel_logout_uri: logout
                .as_deref()
                .map(|uri| url(uri, "backchannel_logout_uri", policy))
                .transpose()?,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens.unwrap_or_default(),
            require_pushed_authorization_requests: self.require_pushed_authorization_requests.unwrap_or_default(),
            default_max_age: self.default_max_age.map(|age| age.max(0)),
            ..ClientOptions::default()
        })
    }

    /// Under the rules of redirect URIs: a browser is sent there all the same.
    fn post_logout_redirect_uris(&self) -> Result<Uris, MetadataError> {
        let sent = self.post_logout_redirect_uris.as_deref().unwrap_or_default();
        if sent.len() > MAX_REDIRECT_URIS {
            return Err(MetadataError::BadUrl("each of at most 20 post_logout_redirect_uris"));
        }
        let mut usable: Vec<String> = Vec::new();
        for text in sent {
            match text.parse::<RedirectUri>() {
                Ok(uri) if usable.iter().any(|known| known == uri.as_str()) => {}
                Ok(uri) => usable.push(uri.as_str().to_owned()),
                Err(why) if why.is_dangerous() => return Err(MetadataError::PostLogoutUri(why)),
                Err(_) => {}
            }
        }
        Ok(Uris(usable))
    }

    /// Members that change nothing here but must be possible: what they ask for is so anyway, or they narrow what the client
    /// itself will do.
    pub(super) fn tolerated(&self, auth_method: AuthMethod) -> Result<Vec<(&'static str, Value)>, MetadataError> {
        let mut all = Vec::new();
        if auth_method == AuthMethod::PrivateKeyJwt {
            all.push(("token_endpoint_auth_signing_alg", signing(&self.token_endpoint_auth_signing_alg)));
        }
        all.push(("request_object_signing_alg", signing(&self.request_object_signing_alg)));
        let id_token = self.id_token_signed_response_alg.as_ref();
        all.push((
            "id_token_signed_response_alg",
            id_token.map(|name| (name == ID_TOKEN_ALGORITHM.name()).then(|| json!(name))),
        ));
        // Every ID token says when its person signed in, and every logout token names the session.
        let session = self.backchannel_logout_session_required.filter(|_| self.backchannel_logout_uri.is_some());
        for (name, wish) in
            [("backchannel_logout_session_required", session), ("require_auth_time", self.require_auth_time)]
        {
            all.push((name, wish.filter(|wish| *wish).map(|wish| Some(json!(wish)))));
        }
        all.push(("software_statement", self.software_statement.as_ref().map(|text| Some(json!(text)))));
        let said = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        said.map(|(name, value)| Ok((name, value.ok_or(MetadataError::Algorithm(name))?))).collect()
    }
}

/// An algorithm by which others may sign; `Some(None)` for one that we refuse.
fn signing(name: &Option<String>) -> Option<Option<Value>> {
    let is_known = |name: &String| StatementAlgorithm::ALL.iter().any(|algorithm| algorithm.name() == name);
    name.as_ref().map(|name| is_known(name).then(|| json!(name)))
}

/// Keys by value: of bounded size, each of them public, and at least one of use.
fn public_keys(jwks: &Value) -> Result<Value, MetadataError> {
    if is_private(jwks) {
        return Err(MetadataError::Secret);
    }
    match KeySet::parse(jwks) {
        Ok(keys) if keys.is_empty() => Err(MetadataError::NoKeys),
        Ok(_) if jwks.to_string().len() > MAX_KEYS => Err(MetadataError::KeysTooLarge),
        Ok(_) => Ok(canonical(jwks)),
        Err(KeySetError::Private) => Err(MetadataError::Secret),
        Err(why) => Err(MetadataError::Keys(why)),
    }
}

/// The same with members in alphabetical order, however the client and the database order them.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            let sorted: Map<String, Value> =
                names.into_iter().filter_map(|name| Some((name.clone(), canonical(members.get(name)?)))).collect();
            Value::Object(sorted)
        }
        Value::Array(values) => values.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

/// A URL to which we go by ourselves; where it leads is judged again when we do.
fn url(text: &str, name: &'static str, policy: &Policy) -> Result<String, MetadataError> {
    let is_ours = || ClientIdUrl::parse(text, policy.allows_loopback).is_ok_and(|url| url.is_loopback());
    let is_plain = |url: &Url| {
        url.host_str().is_some_and(|host| !host.is_empty()) && url.username().is_empty() && url.password().is_none()
    };
    let url = Url::parse(text).ok().filter(|_| text.len() <= RedirectUri::MAX_LENGTH && !text.contains('#'));
    let url = url.filter(|url| is_plain(url) && (url.scheme() == "https" || is_ours()));
    url.map(String::from).ok_or(MetadataError::BadUrl(name))
}

impl ClientOptions {
    /// True when a signature of the client can be checked.
    pub fn has_keys(&self) -> bool {
        self.jwks.is_some() || self.jwks_uri.is_some()
    }

    /// What of it the client said itself, as metadata: only what differs from what nobody need say.
    pub fn declared(&self) -> Map<String, Value> {
        let logout = &self.post_logout_redirect_uris.0;
        let members = [
            // Stored as JSONB, which has an order of its own.
            ("jwks", self.jwks.as_ref().map(canonical)),
            ("jwks_uri", self.jwks_uri.as_ref().map(|uri| json!(uri))),
            ("post_logout_redirect_uris", (!logout.is_empty()).then(|| json!(logout))),
            ("backchannel_logout_uri", self.backchannel_logout_uri.as_ref().map(|uri| json!(uri))),
            ("dpop_bound_access_tokens", self.dpop_bound_access_tokens.then(|| json!(true))),
            ("require_pushed_authorization_requests", self.require_pushed_authorization_requests.then(|| json!(true))),
            ("default_max_age", self.default_max_age.map(|age| json!(age))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
