//! Access tokens of issuers that the operator trusts, as those issuers sign them.

use portcullis::audit::Origin;
use portcullis::grants::accepted_tokens::AcceptedTokens;
use portcullis::grants::trust;
use portcullis::types::Words;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::Node;
use super::issuers::Issuer;

/// What Cognito's issuers are called.
pub const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
/// A realm of Keycloak's.
pub const KEYCLOAK: &str = "http://localhost:8080/realms/mcp-gateway";
/// A tenant of Entra's.
pub const ENTRA: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";

impl Issuer {
    /// Accepts its access tokens, changed as said.
    pub async fn accept(&self, node: &Node, change: impl FnOnce(&mut AcceptedTokens)) {
        let mut accepted = AcceptedTokens {
            issuer: self.url.clone(),
            id: Uuid::now_v7(),
            audiences: Words::default(),
            client_ids: Words::default(),
            scope: "mcp:read mcp:write".parse().unwrap(),
            groups_claim: None,
            accepted_at: node.clock().now(),
        };
        change(&mut accepted);
        assert!(node.write(async |conn| trust::accept_tokens(conn, &accepted, &Origin::operator()).await).await);
        node.app().access.reload_token_issuers(node.db()).await.unwrap();
    }
}

impl Node {
    /// Says whose an account is.
    pub async fn link(&self, issuer: &Issuer, subject: &str, username: &str) {
        let (username, now) = (username.parse().unwrap(), self.clock().now());
        let account = (issuer.url.as_str(), subject);
        let verb = async |conn: &mut portcullis::db::Connection| {
            trust::link(conn, account, &username, &Origin::operator(), now).await
        };
        assert_eq!(self.write(verb).await, trust::Linked::Linked);
        self.app().access.forget_subjects();
    }

    /// What Cognito says in an access token (docs.aws.amazon.com, "Understanding the access token").
    pub fn cognito_claims(&self, subject: &str) -> Value {
        let now = self.clock().now().timestamp();
        json!({
            "sub": subject, "cognito:groups": ["engines"], "iss": COGNITO, "client_id": "agent",
            "origin_jti": "o", "event_id": "e", "token_use": "access", "scope": "openid profile",
            "auth_time": now, "exp": now + 3600, "iat": now, "jti": "j", "username": subject,
        })
    }

    /// What Keycloak says in one, with an audience mapper for us.
    pub fn keycloak_claims(&self, subject: &str) -> Value {
        let now = self.clock().now().timestamp();
        json!({
            "exp": now + 300, "iat": now, "jti": "j", "iss": KEYCLOAK, "aud": [self.at("/mcp"), "account"],
            "sub": subject, "typ": "Bearer", "azp": "agent", "sid": "s", "acr": "1",
            "realm_access": { "roles": ["engines", "offline_access"] },
            "scope": "openid email profile", "preferred_username": "ada", "email_verified": false,
        })
    }

    /// What Entra says in one of version 2 (learn.microsoft.com, "Access token claims reference").
    pub fn entra_claims(&self, subject: &str) -> Value {
        let now = self.clock().now().timestamp();
        json!({
            "aud": "api-guid", "iss": ENTRA, "iat": now, "nbf": now, "exp": now + 4000, "azp": "agent",
            "azpacr": "0", "groups": ["engines"], "oid": "o", "scp": "access_as_user", "sub": subject,
            "tid": "11111111-2222-3333-4444-555555555555", "uti": "u", "ver": "2.0",
        })
    }
}
