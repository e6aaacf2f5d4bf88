//! The test modules of the OpenID Foundation's certification plans, re-implemented under their own names against what we
//! offer: each request carries PKCE, which theirs do not. `docs/openid-conformance.md` lists them all, and why some are not here.

mod back_channel_logout;
mod basic;
mod config;
mod dynamic;
mod rp_initiated_logout;

use portcullis::grants::client::{ClientOptions, ClientOrigin, Uris};
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::relying_party::{AFTER, relying_party};
use crate::support::{Answer, Browser, Client, TestApp, Tokens};

/// An installation, somebody of whom everything is known, and the suite's client.
async fn stage() -> (TestApp, Browser, Client) {
    staged(ClientOptions::default()).await
}

async fn staged(options: ClientOptions) -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let person = NewPerson {
        username: "ada".to_owned(),
        display_name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        ..NewPerson::default()
    };
    let ada = app.add(person).await;
    let options = ClientOptions { post_logout_redirect_uris: Uris(vec![AFTER.to_owned()]), ..options };
    let client = relying_party(&app, "suite", ClientOrigin::Administrator, options).await;
    (app, ada, client)
}

/// The code flow with a scope, and what it bought.
async fn sign_in(client: &Client, person: &Browser, scope: &str) -> Tokens {
    client.connect_for(person, scope).await
}

async fn userinfo(node: &Node, method: Method, token: &str) -> Answer {
    node.send(node.request(method, urls::USERINFO).header(AUTHORIZATION, format!("Bearer {token}"))).await
}

fn claims(tokens: &Tokens) -> Value {
    jwt(tokens.id_token.as_deref().unwrap()).1
}
