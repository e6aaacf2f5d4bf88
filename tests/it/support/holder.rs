//! Somebody who holds a key and proves it (RFC 9449 §4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::Map;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{self, ES256, EdDSA, HS256, JwsHeader, JwsSigner, PS256, RS256};
use portcullis::http::urls;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::app::Node;
use super::{Answer, Client, Tokens};

/// The holder of a key.
pub struct Holder {
    private: Jwk,
    algorithm: &'static str,
}

/// A proof about to be signed; attackers change it.
#[derive(Clone)]
pub struct Sketch<'a> {
    holder: &'a Holder,
    header: Value,
    claims: Value,
}

impl Holder {
    /// With a key on P-256.
    pub fn new() -> Self {
        Self::with("ES256")
    }

    /// With a key for this algorithm.
    pub fn with(algorithm: &'static str) -> Self {
        let private = match algorithm {
            "ES256" => Jwk::generate_ec_key(EcCurve::P256),
            "EdDSA" => Jwk::generate_ed_key(EdCurve::Ed25519),
            _ => Jwk::generate_rsa_key(2048),
        };
        Self { private: private.unwrap(), algorithm }
    }

    pub fn private_jwk(&self) -> Value {
        let members: Map<String, Value> = self.private.clone().into();
        Value::Object(members)
    }

    pub fn public_jwk(&self) -> Value {
        let members: Map<String, Value> = self.private.to_public_key().unwrap().into();
        Value::Object(members)
    }

    /// RFC 7638 §3, for a key on P-256.
    pub fn thumbprint(&self) -> String {
        let jwk = self.public_jwk();
        let text = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]);
        URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    /// A good proof for a request, still to be signed.
    pub fn sketch(&self, node: &Node, method: &str, path: &str) -> Sketch<'_> {
        let header = json!({ "typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.public_jwk() });
        let claims = json!({
            "jti": Uuid::new_v4(), "htm": method, "htu": node.at(path), "iat": node.clock().now().timestamp(),
        });
        Sketch { holder: self, header, claims }
    }

    /// A good proof for the token endpoint.
    pub fn for_token(&self, node: &Node) -> Sketch<'_> {
        self.sketch(node, "POST", urls::TOKEN)
    }

    /// A good proof for a call with this token.
    pub fn for_call(&self, node: &Node, token: &str) -> Sketch<'_> {
        self.sketch(node, "POST", urls::MCP).with("ath", ath(token))
    }

    /// A good proof for reading something with this token.
    pub fn for_get(&self, node: &Node, path: &str, token: &str) -> Sketch<'_> {
        self.sketch(node, "GET", path).with("ath", ath(token))
    }

    /// Asks the token endpoint with a good proof.
    pub async fn token(&self, client: &Client, parameters: &[(&str, &str)]) -> Answer {
        client.token_with_proof(&self.for_token(client.node()).sign(), parameters).await
    }

    /// Refreshes with a good proof.
    pub async fn refresh(&self, client: &Client, token: &str) -> Answer {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Has a person allow the usual request, and redeems the code with a good proof.
    pub async fn connect(&self, client: &Client, person: &super::Browser) -> Tokens {
        let won = client.code(person).await;
        self.token(client, &client.redemption(&won)).await.tokens()
    }

    /// Calls a harmless tool with a good proof.
    pub async fn call(&self, node: &Node, token: &str) -> Answer {
        call(node, token, &self.for_call(node, token).sign()).await
    }
}

/// The hash of an access token (RFC 9449 §4.2).
fn ath(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// Calls a harmless tool with this proof.
pub async fn call(node: &Node, token: &str, proof: &str) -> Answer {
    let request = node.mcp_request("list_services", json!({})).header(AUTHORIZATION, format!("DPoP {token}"));
    node.send(request.header("dpop", proof)).await
}

impl Sketch<'_> {
    /// With another claim.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Without a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    /// With another header member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// Without a header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    /// Signed, by whatever algorithm its header says.
    pub fn sign(&self) -> String {
        self.sign_by(self.holder)
    }

    /// Signed by another key than the one in its header.
    pub fn sign_by(&self, signer: &Holder) -> String {
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let secret = self.holder.public_jwk().to_string();
        let key = &signer.private;
        let signer: Box<dyn JwsSigner> = match self.header["alg"].as_str().unwrap() {
            "ES256" => Box::new(ES256.signer_from_jwk(key).unwrap()),
            "EdDSA" => Box::new(EdDSA.signer_from_jwk(key).unwrap()),
            "PS256" => Box::new(PS256.signer_from_jwk(key).unwrap()),
            "RS256" => Box::new(RS256.signer_from_jwk(key).unwrap()),
            // Confusion: the public key as if it were a secret.
            "HS256" => Box::new(HS256.signer_from_bytes(secret.as_bytes()).unwrap()),
            _ => return format!("{}.{}.", encode(&self.header), encode(&self.claims)),
        };
        let header = JwsHeader::from_bytes(self.header.to_string().as_bytes()).unwrap();
        jws::serialize_compact(self.claims.to_string().as_bytes(), &header, signer.as_ref()).unwrap()
    }
}
