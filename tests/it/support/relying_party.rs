//! A web application that signs people in, with the options of a client, and the place where it is told that they left.

use std::time::{Duration, Instant};

use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::types::{Scope, Words, known_scopes};
use serde_json::json;
use sha2::{Digest, Sha256};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::Client;
use super::app::Node;

/// Where it is reached.
pub const CALLBACK: &str = "https://rp.example/cb";
/// Where it wants browsers after logout.
pub const AFTER: &str = "https://rp.example/signed-out";

/// A public client of that provenance and with these options.
pub async fn relying_party(node: &Node, id: &str, origin: ClientOrigin, options: ClientOptions) -> Client {
    let client = NewClient {
        id: id.to_owned(),
        origin,
        name: format!("Relying party {id}"),
        secret: None,
        auth_method: AuthMethod::None,
        application_type: ApplicationType::Web,
        redirect_uris: vec![CALLBACK.parse().unwrap()],
        grant_types: Words::from_iter(["authorization_code", "refresh_token"]),
        scope: Scope::of(&known_scopes::SELF_REGISTERED),
        metadata: json!({}),
        metadata_hash: Sha256::digest(id).into(),
        created_from: None,
        fresh_until: None,
        options,
    };
    let now = node.clock().now();
    node.write(async |conn| client::insert(conn, &client, now).await).await;
    Client::known(node, id, CALLBACK)
}

/// The end of a back channel: it takes logout tokens and keeps them.
pub struct BackChannel(MockServer);

impl BackChannel {
    /// One that answers 200.
    pub async fn start() -> Self {
        let channel = Self(MockServer::start().await);
        channel.answer(ResponseTemplate::new(200)).await;
        channel
    }

    /// Its URL.
    pub fn uri(&self) -> String {
        format!("{}/backchannel_logout", self.0.uri())
    }

    /// Answers otherwise from now on, and forgets what came.
    pub async fn answer(&self, answer: ResponseTemplate) {
        self.0.reset().await;
        Mock::given(method("POST")).and(path("/backchannel_logout")).respond_with(answer).mount(&self.0).await;
    }

    /// The forms that came so far.
    pub async fn forms(&self) -> Vec<Vec<(String, String)>> {
        let requests = self.0.received_requests().await.unwrap_or_default();
        requests.iter().map(|request| url::form_urlencoded::parse(&request.body).into_owned().collect()).collect()
    }

    /// The logout tokens, once there are so many of them.
    pub async fn tokens(&self, expected: usize) -> Vec<String> {
        let since = Instant::now();
        loop {
            let forms = self.forms().await;
            if forms.len() >= expected {
                let token = |form: Vec<(String, String)>| {
                    assert_eq!((form.len(), form[0].0.as_str()), (1, "logout_token"), "§2.5");
                    form[0].1.clone()
                };
                return forms.into_iter().map(token).collect();
            }
            assert!(since.elapsed() < Duration::from_secs(30), "only {} of {expected} came", forms.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
