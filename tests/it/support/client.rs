//! A program that asks for access, as OAuth clients do.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::crypto::Random;
use portcullis::http::urls;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::app::{Node, with_form};
use super::{Answer, Browser};

/// Where the usual test client is reached: on the person's own computer.
pub const CALLBACK: &str = "http://127.0.0.1:7777/callback";
/// The scope that it asks for.
pub const SCOPE: &str = "mcp:read mcp:write";

/// A client that the installation knows.
#[derive(Clone)]
pub struct Client {
    node: Node,
    pub id: String,
    pub secret: Option<String>,
    /// `none`, `client_secret_basic` or `client_secret_post`.
    pub auth_method: String,
    pub redirect_uri: String,
}

/// An authorization request about to be made; attackers change it.
#[derive(Clone)]
pub struct Ask {
    /// The proof that belongs to its challenge.
    pub verifier: String,
    pub parameters: Vec<(String, String)>,
}

/// A code that was won, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Won {
    pub code: String,
    pub verifier: String,
}

/// What a code or a refresh token bought.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    /// Empty for clients that do not refresh.
    pub refresh: String,
    pub id_token: Option<String>,
    pub scope: String,
}

impl Client {
    /// Registers a client (RFC 7591) of which this is said beyond what the usual one says.
    pub async fn register(node: &Node, says: Value) -> Self {
        let mut metadata = json!({
            "client_name": "Test client",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in says.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let known = node.post_json(urls::REGISTER, &metadata).await.assert(201).json();
        Self {
            node: node.clone(),
            id: known["client_id"].as_str().unwrap().to_owned(),
            secret: known["client_secret"].as_str().map(str::to_owned),
            auth_method: known["token_endpoint_auth_method"].as_str().unwrap().to_owned(),
            redirect_uri: known["redirect_uris"][0].as_str().unwrap().to_owned(),
        }
    }

    /// A public client that is known by other means than registration.
    pub fn known(node: &Node, id: &str, redirect_uri: &str) -> Self {
        Self {
            node: node.clone(),
            id: id.to_owned(),
            secret: None,
            auth_method: "none".to_owned(),
            redirect_uri: redirect_uri.to_owned(),
        }
    }

    /// The node that it asks.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The same client, asking another node.
    pub fn at(&self, node: &Node) -> Self {
        Self { node: node.clone(), ..self.clone() }
    }

    /// A request as it should be, with a fresh PKCE pair (RFC 7636 §4.1).
    pub fn ask(&self) -> Ask {
        let verifier = URL_SAFE_NO_PAD.encode(Random::system().bytes::<32>());
        self.node.is_secret(&verifier);
        let challenge = challenge(&verifier);
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", SCOPE),
            ("state", "the-state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Ask { verifier, parameters }
    }

    /// Has a person allow a request: the code.
    pub async fn win(&self, person: &Browser, ask: &Ask) -> Won {
        let answer = person.allow(&ask.url()).await;
        assert!(answer.location().starts_with(&self.redirect_uri), "{}", answer.location());
        let code = answer.callback_parameter("code").expect("a code");
        Won { code, verifier: ask.verifier.clone() }
    }

    /// Has a person allow the usual request: the code.
    pub async fn code(&self, person: &Browser) -> Won {
        self.win(person, &self.ask()).await
    }

    /// Has a person allow the usual request, and redeems the code.
    pub async fn connect(&self, person: &Browser) -> Tokens {
        self.redeem(&self.code(person).await).await.tokens()
    }

    /// The same for another scope.
    pub async fn connect_for(&self, person: &Browser, scope: &str) -> Tokens {
        let won = self.win(person, &self.ask().with("scope", scope)).await;
        self.redeem(&won).await.tokens()
    }

    /// Redeems a code (RFC 6749 §4.1.3).
    pub async fn redeem(&self, won: &Won) -> Answer {
        self.token(&self.redemption(won)).await
    }

    /// The parameters that redeem a code.
    pub fn redemption<'a>(&'a self, won: &'a Won) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", &won.code),
            ("code_verifier", &won.verifier),
            ("redirect_uri", &self.redirect_uri),
        ]
    }

    /// Refreshes (RFC 6749 §6).
    pub async fn refresh(&self, token: &str) -> Answer {
        self.refresh_with(token, &[]).await
    }

    /// Refreshes with more parameters.
    pub async fn refresh_with(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        self.token(&[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat()).await
    }

    /// Revokes a token (RFC 7009).
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post(urls::REVOKE, &[("token", token)]).await
    }

    /// Pushes a request (RFC 9126 §2.1), authenticated as this client.
    pub async fn push(&self, ask: &Ask) -> Answer {
        self.node.send(self.pushing(ask)).await
    }

    /// The same with this proof of possession (RFC 9449 §10.1).
    pub async fn push_with_proof(&self, ask: &Ask, proof: &str) -> Answer {
        self.node.send(self.pushing(ask).header("dpop", proof)).await
    }

    fn pushing(&self, ask: &Ask) -> RequestBuilder {
        let fields = ask.parameters.iter().filter(|(name, _)| name != "client_id");
        let fields: Vec<_> = fields.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.request(urls::PAR, &fields)
    }

    /// Pushes a request: where a browser brings it.
    pub async fn pushed(&self, ask: &Ask) -> String {
        let pushed = self.push(ask).await.assert(201).json();
        self.bring(pushed["request_uri"].as_str().unwrap()).url()
    }

    /// Brings what was pushed (RFC 9126 §4).
    pub fn bring(&self, request_uri: &str) -> Ask {
        let parameters = [("client_id", &*self.id), ("request_uri", request_uri)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Ask { verifier: String::new(), parameters }
    }

    /// Asks the token endpoint, authenticated as this client.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Answer {
        self.post(urls::TOKEN, parameters).await
    }

    /// Posts a form to a client endpoint, authenticated in the way that this client registered (RFC 6749 §2.3).
    pub async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.node.send(self.request(path, parameters)).await
    }

    /// The request for that.
    pub fn request(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        let mut fields = parameters.to_vec();
        let mut request = self.node.request(Method::POST, path);
        match (self.auth_method.as_str(), &self.secret) {
            ("client_secret_basic", Some(secret)) => {
                let credentials = STANDARD.encode(format!("{}:{secret}", self.id));
                request = request.header(AUTHORIZATION, format!("Basic {credentials}"));
            }
            ("client_secret_post", Some(secret)) => {
                fields.extend([("client_id", &*self.id), ("client_secret", secret)])
            }
            _ => fields.push(("client_id", &self.id)),
        }
        with_form(request, &fields)
    }

    /// Asks the token endpoint, with this proof of possession (RFC 9449 §5).
    pub async fn token_with_proof(&self, proof: &str, parameters: &[(&str, &str)]) -> Answer {
        self.node.send(self.request(urls::TOKEN, parameters).header("dpop", proof)).await
    }
}

impl Ask {
    /// The URL to which the person is sent.
    pub fn url(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish();
        format!("{}?{query}", urls::AUTHORIZE)
    }

    /// The request with another value.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// The request with one parameter more, even if it is there already.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(parameter, _)| parameter != name);
        self
    }
}

impl Tokens {
    /// The tokens in an answer (RFC 6749 §5.1).
    pub fn read(answer: &Answer) -> Self {
        let json = answer.json();
        assert!(json["token_type"] == "Bearer" || json["token_type"] == "DPoP", "{}", answer.body);
        assert!(json["expires_in"].as_i64().is_some_and(|seconds| seconds > 0));
        assert!(answer.header("cache-control").contains("no-store"), "RFC 6749 §5.1");
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            access: text("access_token").unwrap(),
            refresh: text("refresh_token").unwrap_or_default(),
            id_token: text("id_token"),
            scope: text("scope").unwrap(),
        }
    }
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// The header and the claims of a JWT, unverified.
pub fn jwt(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&part).unwrap()
    };
    (part(0), part(1))
}

/// The public keys of some client (RFC 7517 appendix A.1).
pub fn public_keys(kid: &str) -> Value {
    let point = ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": point.0, "y": point.1 }] })
}
