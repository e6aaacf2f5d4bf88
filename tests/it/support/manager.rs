//! Somebody who manages, by program.

use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use super::{Answer, Browser, TestApp};

/// What one person may do through an app that an administrator vouches for.
pub struct Manager<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

impl<'a> Manager<'a> {
    pub async fn new(app: &'a TestApp, person: &Browser, scope: &str) -> Self {
        let id = format!("console-{}-{}", person.username, scope.replace([' ', '.', ':'], "-"));
        let client = app.vouched_client(&id, "https://console.example/cb").await;
        let ask = client.ask().with("scope", scope).and("resource", &app.at(urls::API));
        let won = client.win(person, &ask).await;
        Self { app, token: client.redeem(&won).await.tokens().access }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.app.request(method, path).header(AUTHORIZATION, format!("Bearer {}", self.token));
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        };
        self.app.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Registers a server.
    pub async fn register(&self, body: Value) -> Answer {
        self.post(urls::API_MCP_SERVERS, body).await
    }

    /// The tools of a server.
    pub async fn tools(&self, server: &Value) -> Value {
        let id = server["id"].as_str().unwrap();
        self.get(&format!("{}/{id}/tools", urls::API_MCP_SERVERS)).await.assert(200).json()
    }
}
