//! Programs on the OAuth libraries of Rust: `openidconnect` signs people in, `oauth2` does everything else. They bring their
//! own idea of every request and every check; only the wire and the person at the browser are ours.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, HttpRequest, HttpResponse, IntrospectionUrl, RequestTokenError,
    StandardDeviceAuthorizationResponse, StandardRevocableToken, TokenIntrospectionResponse,
};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreClientRegistrationRequest, CoreGenderClaim,
    CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::registration::{EmptyAdditionalClientMetadata, EmptyAdditionalClientRegistrationResponse};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    EmptyAdditionalClaims, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RevocationUrl, Scope, TokenResponse, TokenUrl, UserInfoClaims,
};
use portcullis::grants::m2m_account::{NewAccount, NewProof};
use portcullis::http::urls;
use serde_json::{Value, json};

use crate::support::app::http_client;
use crate::support::m2m::account;
use crate::support::{Browser, TestApp};

const REDIRECT_URI: &str = "https://app.example/callback";

/// Carries the libraries' requests.
struct Wire(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut request = reqwest::Request::try_from(request)?;
            // They revoke by TLS or not at all, and the issuer of the tests is on loopback.
            let _ = request.url_mut().set_scheme("http");
            let answer = self.0.execute(request).await?;
            let mut response = HttpResponse::new(Vec::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            *response.body_mut() = answer.bytes().await?.to_vec();
            Ok(response)
        })
    }
}

fn wire() -> Wire {
    Wire(http_client(None))
}

async fn discover(app: &TestApp) -> CoreProviderMetadata {
    let issuer = IssuerUrl::new(app.issuer().to_owned()).unwrap();
    CoreProviderMetadata::discover_async(issuer, &wire()).await.unwrap()
}

/// An endpoint that a document names and the library does not read.
async fn endpoint(app: &TestApp, name: &str) -> String {
    let document: Value = app.get(urls::AUTHORIZATION_SERVER).await.assert(200).json();
    document[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// A revocation endpoint as they want it (RFC 7009 §2).
async fn revocation(app: &TestApp) -> RevocationUrl {
    RevocationUrl::new(endpoint(app, "revocation_endpoint").await.replacen("http:", "https:", 1)).unwrap()
}

/// Registers a client that proves itself in this way: its id and secret.
async fn register(metadata: &CoreProviderMetadata, method: CoreClientAuthMethod) -> (ClientId, Option<ClientSecret>) {
    let redirect_uri = RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap();
    let request: CoreClientRegistrationRequest =
        CoreClientRegistrationRequest::new(vec![redirect_uri], EmptyAdditionalClientMetadata {})
            .set_token_endpoint_auth_method(Some(method));
    let known = request.register_async(metadata.registration_endpoint().unwrap(), &wire()).await.unwrap();
    let _: &EmptyAdditionalClientRegistrationResponse = known.additional_response();
    (known.client_id().clone(), known.client_secret().cloned())
}

/// The code that a person's browser brings back.
async fn code(person: &Browser, url: &str, state: &CsrfToken) -> AuthorizationCode {
    let answer = person.allow(url).await;
    assert_eq!(answer.callback_parameter("state").as_ref(), Some(state.secret()));
    AuthorizationCode::new(answer.callback_parameter("code").unwrap())
}

fn scopes(words: &str) -> Vec<Scope> {
    words.split(' ').map(|word| Scope::new(word.to_owned())).collect()
}

#[tokio::test]
async fn openidconnect_registers_signs_its_user_in_refreshes_and_revokes_by_each_method() {
    let app = TestApp::start().await;
    let (ada, metadata) = (app.person("ada").await, discover(&app).await);
    for (method, auth_type) in [
        (CoreClientAuthMethod::None, AuthType::RequestBody),
        (CoreClientAuthMethod::ClientSecretBasic, AuthType::BasicAuth),
        (CoreClientAuthMethod::ClientSecretPost, AuthType::RequestBody),
    ] {
        let (id, secret) = register(&metadata, method).await;
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret)
            .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap())
            .set_revocation_url(revocation(&app).await)
            .set_auth_type(auth_type);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes("profile offline_access mcp:read"))
            .set_pkce_challenge(challenge)
            .url();
        let code = code(&ada, url.as_str(), &state).await;
        let exchange = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
        let tokens: CoreTokenResponse = exchange.request_async(&wire()).await.unwrap();

        let id_token = tokens.id_token().expect("an ID token");
        let verifier = client.id_token_verifier();
        let claims = id_token.claims(&verifier, &nonce).expect("a good ID token");
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (id_token.signing_alg().unwrap(), id_token.signing_key(&verifier).unwrap());
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
            assert_eq!(&hash, expected);
        }
        assert!(id_token.claims(&verifier, &Nonce::new_random()).is_err(), "the nonce is bound");
        app.call_mcp(tokens.access_token().secret()).await.assert(200);

        let old = tokens.refresh_token().unwrap();
        let fresh: CoreTokenResponse =
            client.exchange_refresh_token(old).unwrap().request_async(&wire()).await.unwrap();
        let new = fresh.refresh_token().unwrap();
        assert_ne!(new.secret(), old.secret(), "OAuth 2.1 §4.3.1");
        client.revoke_token(new.clone().into()).unwrap().request_async(&wire()).await.unwrap();
        app.call_mcp(fresh.access_token().secret()).await.assert(401);
    }
}

/// The way of a program that knows nothing of OpenID Connect, with `oauth2`.
async fn connect(
    app: &TestApp,
    person: &Browser,
    id: ClientId,
    secret: ClientSecret,
    scope: &str,
) -> BasicTokenResponse {
    let client = BasicClient::new(id)
        .set_client_secret(secret)
        .set_auth_uri(oauth2::AuthUrl::new(app.at(urls::AUTHORIZE)).unwrap())
        .set_token_uri(TokenUrl::new(app.at(urls::TOKEN)).unwrap())
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap());
    let (challenge, verifier): (PkceCodeChallenge, PkceCodeVerifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(scopes(scope))
        .add_extra_param("resource", app.at(urls::MCP))
        .set_pkce_challenge(challenge)
        .url();
    let code = code(person, url.as_str(), &state).await;
    client.exchange_code(code).set_pkce_verifier(verifier).request_async(&wire()).await.unwrap()
}

#[tokio::test]
async fn oauth2_connects_a_program_to_the_gate_and_a_wrong_verifier_is_refused_in_its_words() {
    let app = TestApp::start().await;
    let (ada, metadata) = (app.person("ada").await, discover(&app).await);
    let (id, secret) = register(&metadata, CoreClientAuthMethod::ClientSecretBasic).await;
    let tokens = connect(&app, &ada, id.clone(), secret.clone().unwrap(), "mcp:read").await;
    assert_eq!(tokens.token_type().as_ref(), "bearer");
    app.call_mcp(tokens.access_token().secret()).await.assert(200);

    let client = BasicClient::new(id)
        .set_client_secret(secret.unwrap())
        .set_token_uri(TokenUrl::new(app.at(urls::TOKEN)).unwrap());
    let refused = client
        .exchange_code(AuthorizationCode::new("forged".to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new("a".repeat(43)))
        .request_async(&wire())
        .await;
    let Err(RequestTokenError::ServerResponse(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.error().as_ref(), "invalid_grant");
}

#[tokio::test]
async fn openidconnect_reads_who_its_user_is() {
    let app = TestApp::start().await;
    let (ada, metadata) = (app.person("ada").await, discover(&app).await);
    let (id, secret) = register(&metadata, CoreClientAuthMethod::ClientSecretBasic).await;
    let tokens = connect(&app, &ada, id.clone(), secret.clone().unwrap(), "openid profile").await;
    let client = CoreClient::from_provider_metadata(metadata, id, secret);
    let request = client.user_info(tokens.access_token().clone(), None).expect("a userinfo endpoint");
    let claims: UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim> = request.request_async(&wire()).await.unwrap();
    assert_eq!(claims.preferred_username().map(|name| name.as_str()), Some("ada"));
}

#[tokio::test]
async fn oauth2_introspects_and_sees_a_token_end() {
    let app = TestApp::start().await;
    let (ada, metadata) = (app.person("ada").await, discover(&app).await);
    let (id, secret) = register(&metadata, CoreClientAuthMethod::ClientSecretBasic).await;
    let (id, secret) = (id, secret.unwrap());
    let tokens = connect(&app, &ada, id.clone(), secret.clone(), "mcp:read").await;
    let client = BasicClient::new(id.clone())
        .set_client_secret(secret)
        .set_introspection_url(IntrospectionUrl::new(endpoint(&app, "introspection_endpoint").await).unwrap())
        .set_revocation_url(revocation(&app).await);
    let about = client.introspect(tokens.access_token()).request_async(&wire()).await.unwrap();
    assert!(about.active());
    assert_eq!(about.client_id(), Some(&id));
    let token = StandardRevocableToken::AccessToken(tokens.access_token().clone());
    client.revoke_token(token).unwrap().request_async(&wire()).await.unwrap();
    assert!(!client.introspect(tokens.access_token()).request_async(&wire()).await.unwrap().active());
}

#[tokio::test]
async fn oauth2_connects_a_device() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let metadata = json!({
        "client_name": "Television",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    let known = app.post_json(urls::REGISTER, &metadata).await.assert(201).json();
    let device_url = DeviceAuthorizationUrl::new(endpoint(&app, "device_authorization_endpoint").await).unwrap();
    let client = BasicClient::new(ClientId::new(known["client_id"].as_str().unwrap().to_owned()))
        .set_token_uri(TokenUrl::new(app.at(urls::TOKEN)).unwrap())
        .set_device_authorization_url(device_url)
        .set_auth_type(AuthType::RequestBody);
    let started: StandardDeviceAuthorizationResponse =
        client.exchange_device_code().add_scopes(scopes("mcp:read")).request_async(&wire()).await.unwrap();
    let (clock, decided) = (app.clock().clone(), AtomicBool::new(false));
    let url = started.verification_uri_complete().expect("a complete URL").secret();
    // The person takes their time: the first poll is too early, and the library waits as it was told.
    let sleep = async |pause: Duration| {
        clock.advance(TimeDelta::from_std(pause).unwrap() + TimeDelta::seconds(1));
        if !decided.swap(true, Ordering::Relaxed) {
            let page = ada.consider(url).await;
            let page = ada.submit(&page.form("Continue")).await.assert(200);
            ada.submit(&page.form("Allow")).await.assert(200);
        }
    };
    let tokens = client.exchange_device_access_token(&started).request_async(&wire(), sleep, None).await.unwrap();
    app.call_mcp(tokens.access_token().secret()).await.assert(200);
}

#[tokio::test]
async fn oauth2_acts_for_itself_with_client_credentials() {
    let app = TestApp::start().await;
    for (name, proof, auth_type) in
        [("basic", NewProof::SecretBasic, AuthType::BasicAuth), ("post", NewProof::SecretPost, AuthType::RequestBody)]
    {
        let robot = app.program(NewAccount { proof, ..account(name) }).await;
        let client = BasicClient::new(ClientId::new(robot.id))
            .set_client_secret(ClientSecret::new(robot.secret.unwrap()))
            .set_token_uri(TokenUrl::new(app.at(urls::TOKEN)).unwrap())
            .set_auth_type(auth_type);
        let request = client.exchange_client_credentials().add_scopes(scopes("mcp:read"));
        let tokens = request.request_async(&wire()).await.unwrap();
        assert!(tokens.refresh_token().is_none(), "RFC 6749 §4.4.3");
        app.call_mcp(tokens.access_token().secret()).await.assert(200);
    }
}
