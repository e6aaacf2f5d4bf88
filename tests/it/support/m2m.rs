//! Programs that act for themselves, as an administrator adds them.

use portcullis::audit::Origin;
use portcullis::grants::m2m_account::{self, Account, AddAccount, NewAccount, NewProof, USUAL_SCOPE};
use portcullis::identity::{Group, service_account};
use portcullis::types::{DEFAULT_WORKSPACE, Scope, ServiceAccountId};

use super::Client;
use super::app::Node;

/// An account as it usually is.
pub fn account(name: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        description: "AI coding assistant service account".to_owned(),
        workspace: DEFAULT_WORKSPACE.to_owned(),
        groups: vec!["public-mcp-users".to_owned()],
        scope: Scope::of(&USUAL_SCOPE),
        proof: NewProof::SecretPost,
        exchanges: false,
        access_token_lifetime: None,
    }
}

impl Node {
    /// Adds an account with its groups: what came of it.
    pub async fn add_account(&self, wanted: NewAccount) -> AddAccount {
        let origin = Origin::operator();
        let terms = self.app().terms(&origin);
        self.write(async |conn| {
            for group in &wanted.groups {
                Group::insert(conn, group, "", terms.now).await?;
            }
            m2m_account::add(conn, &terms, wanted).await
        })
        .await
    }

    /// The service account of that name.
    pub async fn account_id(&self, name: &str) -> ServiceAccountId {
        self.write(async |conn| service_account::named(conn, name).await).await.unwrap()
    }

    /// Removes an account, past the server.
    pub async fn remove_account(&self, name: &str) {
        let origin = Origin::operator();
        let terms = self.app().terms(&origin);
        assert!(self.write(async |conn| m2m_account::remove(conn, &terms, name).await).await);
    }

    /// The client of a new account.
    pub async fn program(&self, wanted: NewAccount) -> Client {
        let method = match &wanted.proof {
            NewProof::SecretPost => "client_secret_post",
            NewProof::SecretBasic => "client_secret_basic",
            NewProof::Keys(_) | NewProof::KeysAt(_) => "private_key_jwt",
        };
        match self.add_account(wanted).await {
            AddAccount::Added(Account { client_id, secret, .. }) => {
                let secret = secret.map(|secret| secret.reveal().to_owned());
                secret.iter().for_each(|secret| self.is_secret(secret));
                Client::known(self, client_id.as_str(), "").proving(method, secret.as_deref())
            }
            AddAccount::Refused(refusal) => panic!("{refusal}"),
        }
    }
}

impl Client {
    /// The same client, which proves who it is in another way.
    pub fn proving(&self, method: &str, secret: Option<&str>) -> Self {
        let mut other = self.clone();
        (other.auth_method, other.secret) = (method.to_owned(), secret.map(str::to_owned));
        other
    }

    /// Asks for a token in its own name (RFC 6749 §4.4).
    pub async fn act(&self, more: &[(&str, &str)]) -> super::Answer {
        self.token(&[&[("grant_type", "client_credentials")], more].concat()).await
    }
}
