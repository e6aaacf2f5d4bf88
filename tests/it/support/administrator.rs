//! What an administrator sets up: clients with grants that nobody registers for by themselves.

use portcullis::crypto::{PlainToken, Random, TokenKind};
use portcullis::db::Connection;
use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::identity::service_account;
use portcullis::places::place;
use portcullis::types::{DEFAULT_WORKSPACE, Scope, ServiceAccountId, Words, known_scopes};
use serde_json::json;

use super::app::{Node, TestApp};
use super::client::{CALLBACK, Client};

pub const CODE: &str = "authorization_code";
pub const REFRESH: &str = "refresh_token";
pub const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A client as an administrator may register one: public, until something else is said.
fn usual(id: &str, grants: &[&str]) -> NewClient {
    NewClient {
        id: id.to_owned(),
        origin: ClientOrigin::Administrator,
        name: id.to_owned(),
        secret: None,
        auth_method: AuthMethod::None,
        application_type: ApplicationType::Web,
        redirect_uris: vec![CALLBACK.parse().unwrap()],
        grant_types: grants.iter().copied().collect::<Words>(),
        scope: Scope::of(&known_scopes::ALL),
        metadata: json!({}),
        metadata_hash: [1; 32],
        created_from: None,
        fresh_until: None,
        options: ClientOptions::default(),
    }
}

impl TestApp {
    /// A public client that an administrator registered for these grants.
    pub async fn public_client(&self, id: &str, grants: &[&str]) -> Client {
        store(self, usual(id, grants)).await;
        Client::known(self, id, CALLBACK)
    }

    /// A client with a secret that an administrator registered for these grants, changed as said.
    pub async fn administrators_client(
        &self,
        id: &str,
        grants: &[&str],
        change: impl FnOnce(NewClient) -> NewClient,
    ) -> Client {
        let secret = PlainToken::fresh(TokenKind::ClientSecret, &Random::system());
        self.is_secret(secret.reveal());
        let keys = &self.app().keys;
        let client = NewClient {
            secret: Some((keys.hash(&secret), keys.version())),
            auth_method: AuthMethod::SecretBasic,
            ..usual(id, grants)
        };
        store(self, change(client)).await;
        let mut known = Client::known(self, id, CALLBACK);
        known.secret = Some(secret.reveal().to_owned());
        known.auth_method = "client_secret_basic".to_owned();
        known
    }

    /// A service account.
    pub async fn service_account(&self, name: &str) -> ServiceAccountId {
        let now = self.clock().now();
        let insert = async |conn: &mut Connection| {
            let there = place::workspace(conn, DEFAULT_WORKSPACE).await?.unwrap().id;
            service_account::insert(conn, name, "", there, &[], now).await
        };
        self.write(insert).await.unwrap()
    }
}

async fn store(node: &Node, client: NewClient) {
    let now = node.clock().now();
    node.write(async |conn| client::insert(conn, &client, now).await).await;
}
