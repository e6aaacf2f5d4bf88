//! What a request says of its token beside it: for which client it is, and whose user pool or realm it is from.
//!
//! None of it is ever followed anywhere. It can only contradict what the token itself says, and then nobody is let in: a
//! program that means one issuer and sends the token of another is not the program that it seems to be.

use actix_web::http::header::HeaderMap;
use url::Url;

use crate::access::principal::Credential;

/// Cognito's region where neither the pool nor the request names one.
const REGION: &str = "us-east-1";

/// What contradicts this credential, in a sentence that says nothing of the credential itself. With one of ours, only the client
/// counts.
pub fn contradiction(headers: &HeaderMap, credential: &Credential) -> Option<&'static str> {
    let client = Hint::of(headers, "x-client-id");
    if !client.allows(|client| client == credential.client_id()) {
        return Some("X-Client-Id names another client than the one that this credential was issued to");
    }
    let Credential::ForeignToken(token) = credential else { return None };
    let [pool, region] = ["x-user-pool-id", "x-region"].map(|name| Hint::of(headers, name));
    let [realm, url] = ["x-keycloak-realm", "x-keycloak-url"].map(|name| Hint::of(headers, name));
    let issuer = token.issuer.as_str();
    if !is_pool(issuer, pool, region) {
        return Some("X-User-Pool-Id and X-Region name another issuer than the one of this token");
    }
    let is_url = url.allows(|url| realms(issuer).is_some_and(|(own, _)| own == url.trim_end_matches('/')));
    let is_realm = realm.allows(|realm| realms(issuer).is_some_and(|(_, own)| own == realm));
    (!is_url || !is_realm)
        .then_some("X-Keycloak-URL and X-Keycloak-Realm name another issuer than the one of this token")
}

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint<'a> {
    Absent,
    Says(&'a str),
    /// Twice, or no text: it agrees with nothing.
    Garbled,
}

impl<'a> Hint<'a> {
    fn of(headers: &'a HeaderMap, name: &str) -> Self {
        let mut all = headers.get_all(name);
        match (all.next(), all.next()) {
            (None, _) => Self::Absent,
            (Some(one), None) => one.to_str().map_or(Self::Garbled, |text| Self::Says(text.trim())),
            (Some(_), Some(_)) => Self::Garbled,
        }
    }

    fn allows(self, agrees: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Self::Absent => true,
            Self::Says(text) => agrees(text),
            Self::Garbled => false,
        }
    }
}

/// True unless this is another issuer than the user pool's. A region by itself contradicts only a pool of another region: many
/// send one wherever they go.
fn is_pool(issuer: &str, pool: Hint<'_>, region: Hint<'_>) -> bool {
    let own = cognito(issuer);
    let usual = match pool {
        Hint::Says(pool) => pool.split_once('_').map_or(REGION, |(region, _)| region),
        Hint::Absent | Hint::Garbled => REGION,
    };
    match (pool, &own) {
        (Hint::Absent, None) => true,
        (Hint::Absent, Some((own, _))) => region.allows(|region| region == own),
        (Hint::Garbled, _) | (Hint::Says(_), None) => false,
        (Hint::Says(pool), Some((own_region, own_pool))) => {
            pool == own_pool && usual == own_region && region.allows(|region| region == own_region)
        }
    }
}

/// The region and the name of the user pool whose issuer this is.
fn cognito(issuer: &str) -> Option<(String, String)> {
    let url = Url::parse(issuer).ok()?;
    let (region, domain) = url.host_str()?.strip_prefix("cognito-idp.")?.split_once('.')?;
    let pool = url.path().strip_prefix('/').filter(|pool| !pool.contains('/'))?;
    ["amazonaws.com", "amazonaws.com.cn"].contains(&domain).then(|| (region.to_owned(), pool.to_owned()))
}

/// The server and the realm whose issuer this is.
fn realms(issuer: &str) -> Option<(&str, &str)> {
    issuer.rsplit_once("/realms/")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use chrono::DateTime;

    use super::*;
    use crate::access::principal::ForeignCredential;

    const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    const KEYCLOAK: &str = "http://localhost:8080/realms/mcp-gateway";

    fn is_welcome(issuer: &str, said: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let credential = ForeignCredential {
            issuer: issuer.to_owned(),
            id: None,
            client_id: "agent".to_owned(),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::UNIX_EPOCH,
        };
        contradiction(&headers, &Credential::ForeignToken(credential)).is_none()
    }

    /// Rows C-34, C-36.
    #[test]
    fn a_user_pool_is_that_of_the_token_or_nobody_is_let_in() {
        let (pool, region) = ("x-user-pool-id", "x-region");
        for (said, welcome) in [
            (&[][..], true),
            (&[(pool, "eu-west-1_AbC")], true),
            (&[(pool, "eu-west-1_AbC"), (region, "eu-west-1")], true),
            (&[(region, "eu-west-1")], true),
            (&[(region, "us-east-1")], false),
            (&[(pool, "eu-west-1_AbC"), (region, "us-east-1")], false),
            (&[(pool, "eu-west-1_abc")], false),
            (&[(pool, "us-east-1_AbC")], false),
            (&[(pool, "AbC")], false),
            (&[(pool, "")], false),
            (&[(pool, "eu-west-1_AbC"), (pool, "eu-west-1_AbC")], false),
            (&[(pool, "evil.example/eu-west-1_AbC")], false),
        ] {
            assert_eq!(is_welcome(COGNITO, said), welcome, "{said:?}");
        }
        for issuer in [
            "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/eu-west-1_AbC",
            "https://evil.example/eu-west-1_AbC",
            "https://cognito-idp.eu-west-1.amazonaws.com/x/eu-west-1_AbC",
            KEYCLOAK,
        ] {
            assert!(!is_welcome(issuer, &[(pool, "eu-west-1_AbC")]), "{issuer}");
        }
        assert!(is_welcome(KEYCLOAK, &[(region, "us-east-1")]), "a region alone names no issuer");
    }

    /// Rows Y-31, Y-46.
    #[test]
    fn a_realm_is_that_of_the_token_or_nobody_is_let_in() {
        let (realm, url) = ("x-keycloak-realm", "x-keycloak-url");
        for (said, welcome) in [
            (&[(realm, "mcp-gateway"), (url, "http://localhost:8080")][..], true),
            (&[(realm, "mcp-gateway"), (url, "http://localhost:8080/")], true),
            (&[(realm, "mcp-gateway")], true),
            (&[(url, "http://localhost:8080")], true),
            (&[(realm, "master")], false),
            (&[(realm, "gateway")], false),
            (&[(url, "http://localhost:808")], false),
            (&[(url, "https://localhost:8080")], false),
            (&[(realm, "mcp-gateway"), (url, "https://evil.example")], false),
            (&[(realm, ""), (url, "")], false),
        ] {
            assert_eq!(is_welcome(KEYCLOAK, said), welcome, "{said:?}");
            assert!(!is_welcome(COGNITO, said), "{said:?}");
        }
    }

    /// Row Y-46: no token is from both.
    #[test]
    fn whoever_names_both_is_from_neither() {
        let both = [
            ("x-user-pool-id", "eu-west-1_AbC"),
            ("x-region", "eu-west-1"),
            ("x-keycloak-realm", "mcp-gateway"),
            ("x-keycloak-url", "http://localhost:8080"),
        ];
        for issuer in [COGNITO, KEYCLOAK, "https://idp.example"] {
            assert!(!is_welcome(issuer, &both), "{issuer}");
        }
    }

    /// Row C-35.
    #[test]
    fn the_client_is_that_of_the_token() {
        for (said, welcome) in
            [(&[][..], true), (&["agent"], true), (&["Agent"], false), (&[""], false), (&["agent", "agent"], false)]
        {
            let said: Vec<_> = said.iter().map(|client| ("x-client-id", *client)).collect();
            assert_eq!(is_welcome(KEYCLOAK, &said), welcome, "{said:?}");
        }
    }
}
