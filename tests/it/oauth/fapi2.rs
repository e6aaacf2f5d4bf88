//! The FAPI 2.0 Security Profile for a client that an administrator holds to it (`decisions` 29): pushed requests, signed
//! authentication, tokens that are bound to a key, and refresh tokens that do not rotate.

use portcullis::grants::client::{ClientOptions, NewClient, Profile};
use portcullis::grants::client_metadata::AuthMethod;
use portcullis::http::urls;
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

use crate::support::administrator::{CODE, REFRESH};
use crate::support::client::jwt;
use crate::support::signer::Signer;
use crate::support::{Answer, Browser, Client, Holder, TestApp};

/// A client under the profile, its keys, and somebody who uses it.
struct Bank {
    app: TestApp,
    ada: Browser,
    client: Client,
    keys: Signer,
}

impl Bank {
    async fn open() -> Self {
        let (app, keys) = (TestApp::start().await, Signer::new());
        let options = ClientOptions { jwks: Some(keys.jwks()), profile: Profile::Fapi2, ..ClientOptions::default() };
        let strict =
            |client: NewClient| NewClient { secret: None, auth_method: AuthMethod::PrivateKeyJwt, options, ..client };
        let client = app.administrators_client("bank", &[CODE, REFRESH], strict).await;
        let ada = app.person("ada").await;
        Self { app, ada, client, keys }
    }

    /// What the client proves itself with, once.
    fn assertion(&self) -> Vec<(String, String)> {
        let now = self.app.clock().now().timestamp();
        let claims = json!({
            "iss": "bank", "sub": "bank", "aud": self.app.issuer(), "iat": now, "exp": now + 60, "jti": Uuid::new_v4(),
        });
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair("client_assertion_type", kind), pair("client_assertion", &self.keys.sign(&json!({}), &claims))]
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], proof: Option<&str>) -> Answer {
        let own = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let all: Vec<_> = self.assertion().into_iter().chain(own).collect();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let request = self.app.request(reqwest::Method::POST, path);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let request = proof.into_iter().fold(request, |request, proof| request.header("DPoP", proof));
        self.app.send(request).await
    }

    /// A code for a request that was pushed, and its verifier.
    async fn code(&self) -> (String, String) {
        let ask = self.client.ask();
        let query = url::Url::parse("http://x").unwrap().join(&ask.url()).unwrap();
        let form: Vec<(String, String)> =
            query.query_pairs().into_owned().filter(|(name, _)| name != "client_id").collect();
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pushed = self.post(urls::PAR, &form, None).await.assert(201).json();
        let url = self.client.bring(pushed["request_uri"].as_str().unwrap()).url();
        let sent = self.ada.allow(&url).await;
        (sent.callback_parameter("code").expect("a code"), ask.verifier)
    }

    async fn redeem(&self, (code, verifier): &(String, String), proof: Option<&str>) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", &self.client.redirect_uri),
        ];
        self.post(urls::TOKEN, &form, proof).await
    }

    async fn refresh(&self, token: &str, proof: Option<&str>) -> Answer {
        self.post(urls::TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", token)], proof).await
    }
}

/// §5.3.2.2: a request that a browser brings is refused, and so is a pushed one without its redirect URI.
#[tokio::test]
async fn requests_are_pushed_or_refused() {
    let bank = Bank::open().await;
    let ask = bank.client.ask();
    let answer = bank.app.get(&ask.url()).await;
    answer.assert_error_at(&bank.client.redirect_uri, "invalid_request", bank.app.issuer());
    let form = [("response_type", "code"), ("code_challenge", &*ask.verifier), ("code_challenge_method", "S256")];
    bank.post(urls::PAR, &form, None).await.assert_refused(400, "invalid_request");
}

/// §5.3.2.1, items 3 to 6.
#[tokio::test]
async fn tokens_are_bound_to_a_key_and_a_code_alone_buys_none() {
    let bank = Bank::open().await;
    let holder = Holder::new();
    let won = bank.code().await;
    bank.redeem(&won, None).await.assert_refused(400, "invalid_request");
    let tokens = bank.redeem(&won, Some(&holder.for_token(&bank.app).sign())).await.assert(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(jwt(access).1["cnf"]["jkt"], holder.thumbprint());
    bank.app.call_mcp(access).await.assert(401);
    holder.call(&bank.app, access).await.assert(200);
}

/// §5.3.2.1, item 9: a refresh token stays what it is, since it is worth nothing without the client's key and the proof.
#[tokio::test]
async fn a_refresh_token_does_not_rotate_and_is_bound_to_the_key() {
    let bank = Bank::open().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let won = bank.code().await;
    let tokens = bank.redeem(&won, Some(&holder.for_token(&bank.app).sign())).await.assert(200).json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    bank.refresh(refresh, None).await.assert_refused(400, "invalid_request");
    bank.refresh(refresh, Some(&thief.for_token(&bank.app).sign())).await.assert_refused(400, "invalid_grant");
    for _ in 0..3 {
        bank.app.clock().advance(chrono::TimeDelta::minutes(10));
        let proof = holder.for_token(&bank.app).sign();
        let again = bank.refresh(refresh, Some(&proof)).await.assert(200).json();
        assert!(again["refresh_token"].is_null() || again["refresh_token"] == refresh, "it has not changed");
        holder.call(&bank.app, again["access_token"].as_str().unwrap()).await.assert(200);
    }
}
