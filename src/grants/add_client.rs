//! VERB: an administrator registers a client, which may have what a client that registers itself may not.

use diesel::QueryResult;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Terms;
use super::client::{self, ClientOptions, ClientOrigin, NewClient, Profile};
use super::client_metadata::{ApplicationType, AuthMethod, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE};
use super::client_name::{MAX_NAME, clean, is_deceptive};
use crate::audit::{self, Entry, Event};
use crate::crypto::statement::{KeySet, KeySetError};
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;
use crate::types::{RedirectTarget, RedirectUri, Scope, Words, known_scopes};

/// The grants that an administrator gives by hand: all but acting for itself, which an account is made for.
pub const GRANTS: [&str; 5] = ["authorization_code", "refresh_token", DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE];

/// What an administrator says of a client.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What people are shown.
    pub name: String,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may do at the token endpoint.
    pub grant_types: Words,
    /// What it may ever be granted.
    pub scope: Scope,
    /// What it asks of us beyond a redirect.
    pub options: ClientOptions,
}

/// Why no client can be as planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Nothing to show.
    #[error("a client needs a name")]
    NoName,
    /// Over [`MAX_NAME`], or with characters that nobody sees.
    #[error("the name must be at most 128 characters long, all of them visible")]
    BadName,
    /// A code has nowhere to go.
    #[error("the grant authorization_code needs a redirect URI")]
    NoRedirectUri,
    /// A redirect URI to which no code would ever go.
    #[error("a redirect URI is for the grant authorization_code")]
    IdleRedirectUri,
    /// Refresh tokens come of a person's grant.
    #[error("the grant refresh_token needs a grant of a person, such as authorization_code")]
    RefreshAlone,
    /// It would have nobody to act as.
    #[error("a program that acts for itself (client_credentials) is added with `portcullis user-create-m2m`")]
    Machine,
    /// Nothing that we do.
    #[error("{0:?} is not a grant that this server gives")]
    UnknownGrant(String),
    /// RFC 8252 §8.5.
    #[error("a redirect URI with a private-use scheme is for public clients: its auth method must be none")]
    SecretInPrivateUse,
    /// A scope that means nothing here.
    #[error("{0:?} is not a scope that this server knows")]
    UnknownScope(String),
    /// RFC 7591 §2.
    #[error("the keys stand in the client's record or at a URL, not both")]
    TwoSourcesOfKeys,
    /// Nothing to check an assertion with.
    #[error("private_key_jwt needs the client's public keys, by value or by URL")]
    NoKeys,
    /// Keys that cannot be used.
    #[error("the key set cannot be used: {0}")]
    Keys(KeySetError),
    /// A URL to which we would not go.
    #[error("{0:?} is not an https URL without a fragment")]
    BadUrl(String),
    /// `decisions` 29.
    #[error("the FAPI 2.0 profile needs private_key_jwt")]
    NotFapi2,
}

/// How it went.
#[derive(Debug)]
pub enum Added {
    /// It is known from now on.
    Client {
        /// Its `client_id`.
        id: String,
        /// Its secret, shown this once, if its method needs one.
        secret: Option<PlainToken>,
    },
    /// No client can be so.
    Refused(Flaw),
}

/// Registers a client as planned.
pub async fn add_client(conn: &mut Connection, terms: &Terms<'_>, plan: Plan) -> QueryResult<Added> {
    let plan = match plan.judged() {
        Ok(plan) => plan,
        Err(flaw) => return Ok(Added::Refused(flaw)),
    };
    let secret = match plan.auth_method {
        AuthMethod::None | AuthMethod::PrivateKeyJwt => None,
        AuthMethod::SecretBasic | AuthMethod::SecretPost => {
            Some(PlainToken::fresh(TokenKind::ClientSecret, terms.random))
        }
    };
    let id = Uuid::from_bytes(terms.random.bytes()).simple().to_string();
    let detail = json!({ "name": plan.name, "grants": plan.grant_types, "scope": plan.scope });
    let new = NewClient {
        secret: secret.as_ref().map(|secret| (terms.keys.hash(secret), terms.keys.version())),
        application_type: plan.application_type(),
        metadata: json!({}),
        metadata_hash: plan.fingerprint(),
        id,
        origin: ClientOrigin::Administrator,
        name: plan.name,
        auth_method: plan.auth_method,
        redirect_uris: plan.redirect_uris,
        grant_types: plan.grant_types,
        scope: plan.scope,
        created_from: None,
        fresh_until: None,
        options: plan.options,
    };
    client::insert(conn, &new, terms.now).await?;
    let entry = Entry::new(Event::ClientAdded).client(&new.id).detail(detail);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Added::Client { id: new.id, secret })
}

impl Plan {
    /// The plan with what it implies, if a client can be so.
    fn judged(mut self) -> Result<Self, Flaw> {
        self.name = self.judged_name()?;
        self.judge_grants()?;
        self.judge_keys()?;
        let is_known = |token: &&str| known_scopes::ALL.contains(token);
        if let Some(unknown) = self.scope.tokens().find(|token| !is_known(token)) {
            return Err(Flaw::UnknownScope(unknown.to_owned()));
        }
        self.judge_urls()?;
        if self.options.profile == Profile::Fapi2 {
            if self.auth_method != AuthMethod::PrivateKeyJwt {
                return Err(Flaw::NotFapi2);
            }
            self.options.require_pushed_authorization_requests = true;
            self.options.dpop_bound_access_tokens = true;
        }
        Ok(self)
    }

    fn judged_name(&self) -> Result<String, Flaw> {
        let name = clean(&self.name);
        match name.chars().count() {
            0 => Err(Flaw::NoName),
            1..=MAX_NAME if !is_deceptive(&self.name) => Ok(name),
            _ => Err(Flaw::BadName),
        }
    }

    fn judge_grants(&self) -> Result<(), Flaw> {
        let has = |grant: &str| self.grant_types.has(grant);
        let has_code = has("authorization_code");
        let is_public = self.auth_method == AuthMethod::None;
        if has_code == self.redirect_uris.is_empty() {
            return Err(if has_code { Flaw::NoRedirectUri } else { Flaw::IdleRedirectUri });
        }
        if has("refresh_token") && !has_code && !has(DEVICE_CODE) {
            return Err(Flaw::RefreshAlone);
        }
        if has("client_credentials") {
            return Err(Flaw::Machine);
        }
        if let Some(unknown) = self.grant_types.0.iter().find(|grant| !GRANTS.contains(&grant.as_str())) {
            return Err(Flaw::UnknownGrant(unknown.clone()));
        }
        let is_private_use = self.redirect_uris.iter().any(RedirectUri::is_for_public_clients_only);
        if is_private_use && !is_public { Err(Flaw::SecretInPrivateUse) } else { Ok(()) }
    }

    fn judge_keys(&self) -> Result<(), Flaw> {
        let needed = self.auth_method == AuthMethod::PrivateKeyJwt;
        match (&self.options.jwks, &self.options.jwks_uri) {
            (Some(_), Some(_)) => Err(Flaw::TwoSourcesOfKeys),
            (None, None) if needed => Err(Flaw::NoKeys),
            (Some(jwks), None) => match KeySet::parse(jwks) {
                Ok(keys) if keys.is_empty() => Err(Flaw::NoKeys),
                Ok(_) => Ok(()),
                Err(error) => Err(Flaw::Keys(error)),
            },
            (None, _) => Ok(()),
        }
    }

    fn judge_urls(&self) -> Result<(), Flaw> {
        let ours = [&self.options.jwks_uri, &self.options.backchannel_logout_uri].into_iter().flatten();
        let bad = ours.into_iter().find(|url| !client::is_reachable(url));
        // A browser is sent there, as it is to a redirect URI.
        let theirs = &self.options.post_logout_redirect_uris.0;
        let bad = bad.or_else(|| theirs.iter().find(|uri| uri.parse::<RedirectUri>().is_err()));
        bad.map_or(Ok(()), |bad| Err(Flaw::BadUrl(bad.clone())))
    }

    /// A local redirect URI makes a client native (RFC 8252 §7).
    fn application_type(&self) -> ApplicationType {
        let is_local = |uri: &RedirectUri| !matches!(uri.target(), RedirectTarget::Web { .. });
        if self.redirect_uris.iter().any(is_local) { ApplicationType::Native } else { ApplicationType::Web }
    }

    /// SHA-256 of everything a person is shown or relies on.
    fn fingerprint(&self) -> [u8; 32] {
        let uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let canonical: Value = json!(["administrator", self.name, uris, self.grant_types.0, self.auth_method.name()]);
        Sha256::digest(canonical.to_string().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(grants: &[&str]) -> Plan {
        let has_code = grants.contains(&"authorization_code");
        let redirect_uri = has_code.then(|| "https://app.example/cb".parse().unwrap());
        Plan {
            name: "App".to_owned(),
            auth_method: AuthMethod::SecretBasic,
            redirect_uris: redirect_uri.into_iter().collect(),
            grant_types: Words::from_iter(grants.iter().copied()),
            scope: Scope::of(&known_scopes::ALL),
            options: ClientOptions::default(),
        }
    }

    fn flaw(change: impl FnOnce(&mut Plan)) -> Flaw {
        let mut plan = plan(&["authorization_code"]);
        change(&mut plan);
        plan.judged().unwrap_err()
    }

    #[test]
    fn a_client_that_could_not_work_is_refused_when_it_is_planned() {
        assert!(plan(&["authorization_code", "refresh_token"]).judged().is_ok());
        assert!(plan(&[]).judged().is_ok(), "a resource server, which only introspects");
        assert_eq!(flaw(|plan| plan.name = " ".to_owned()), Flaw::NoName);
        assert_eq!(flaw(|plan| plan.name = "A\u{202e}B".to_owned()), Flaw::BadName);
        assert_eq!(flaw(|plan| plan.redirect_uris.clear()), Flaw::NoRedirectUri);
        assert_eq!(flaw(|plan| plan.grant_types = Words::default()), Flaw::IdleRedirectUri);
        assert_eq!(flaw(|plan| plan.auth_method = AuthMethod::PrivateKeyJwt), Flaw::NoKeys);
        assert_eq!(flaw(|plan| plan.scope = Scope::of(&["admin"])), Flaw::UnknownScope("admin".to_owned()));
        assert_eq!(
            flaw(|plan| plan.redirect_uris = vec!["com.example.app:/cb".parse().unwrap()]),
            Flaw::SecretInPrivateUse
        );
        assert_eq!(plan(&["refresh_token"]).judged().unwrap_err(), Flaw::RefreshAlone);
        assert_eq!(plan(&["password"]).judged().unwrap_err(), Flaw::UnknownGrant("password".to_owned()));
        assert_eq!(plan(&["client_credentials"]).judged().unwrap_err(), Flaw::Machine);
    }

    #[test]
    fn keys_are_public_and_stand_in_one_place() {
        let keys = |jwks: Value| move |plan: &mut Plan| plan.options.jwks = Some(jwks);
        assert_eq!(flaw(keys(json!({ "keys": [] }))), Flaw::NoKeys);
        assert_eq!(flaw(keys(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }))), Flaw::Keys(KeySetError::Private));
        let both = |plan: &mut Plan| {
            plan.options.jwks = Some(json!({ "keys": [] }));
            plan.options.jwks_uri = Some("https://app.example/keys".to_owned());
        };
        assert_eq!(flaw(both), Flaw::TwoSourcesOfKeys);
        for url in ["http://app.example/keys", "https://app.example/keys#1", "file:///etc/passwd"] {
            let bad = |plan: &mut Plan| plan.options.jwks_uri = Some(url.to_owned());
            assert_eq!(flaw(bad), Flaw::BadUrl(url.to_owned()));
        }
    }

    #[test]
    fn the_fapi_profile_brings_what_it_demands() {
        let mut strict = plan(&["authorization_code"]);
        strict.options.profile = Profile::Fapi2;
        assert_eq!(strict.clone().judged().unwrap_err(), Flaw::NotFapi2);
        strict.auth_method = AuthMethod::PrivateKeyJwt;
        strict.options.jwks_uri = Some("https://app.example/keys".to_owned());
        let options = strict.judged().unwrap().options;
        assert!(options.require_pushed_authorization_requests && options.dpop_bound_access_tokens);
    }
}
