//! Somebody else who signs statements: an identity provider, or a platform that runs workloads.

use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, HS256, JwsHeader};
use josekit::{Map, Value as JoseValue};
use portcullis::audit::Origin;
use portcullis::grants::trust;
use portcullis::grants::trusted_issuer::{IssuerKind, TrustedIssuer};
use portcullis::types::Words;
use serde_json::{Value, json};

use super::app::Node;

/// An issuer with one key.
pub struct Issuer {
    pub url: String,
    key: Jwk,
}

impl Issuer {
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), key: Jwk::generate_ec_key(EcCurve::P256).unwrap() }
    }

    /// Its public keys.
    pub fn jwks(&self) -> Value {
        let public: Map<String, JoseValue> = self.key.to_public_key().unwrap().into();
        let mut public = Value::Object(public);
        public["kid"] = json!("one");
        public["alg"] = json!("ES256");
        json!({ "keys": [public] })
    }

    /// Trusts it, with its keys by value, changed as said.
    pub async fn trust(&self, node: &Node, kind: IssuerKind, change: impl FnOnce(&mut TrustedIssuer)) {
        let mut issuer = TrustedIssuer {
            issuer: self.url.clone(),
            kind,
            jwks_uri: None,
            jwks: Some(self.jwks()),
            algorithms: Words::from_iter(["ES256", "PS256", "EdDSA", "RS256"]),
            audience: None,
            provision: false,
            username_claim: None,
            created_at: node.clock().now(),
            disabled_at: None,
        };
        change(&mut issuer);
        assert!(node.write(async |conn| trust::add(conn, &issuer, &Origin::operator()).await).await);
    }

    /// Signs claims under a header with this `typ`.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": "ES256", "kid": "one", "typ": typ }), claims)
    }

    /// Signs claims under any header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let header = JwsHeader::from_bytes(header.to_string().as_bytes()).unwrap();
        let signer = ES256.signer_from_jwk(&self.key).unwrap();
        jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap()
    }

    /// Keycloak CVE-2026-11800: "signs" with what everybody knows, the public key as an HMAC secret.
    pub fn confuse(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "kid": "one", "typ": typ });
        let header = JwsHeader::from_bytes(header.to_string().as_bytes()).unwrap();
        let signer = HS256.signer_from_bytes(self.jwks()["keys"][0].to_string()).unwrap();
        jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap()
    }
}

/// Claims with another value.
pub fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    changed[name] = value;
    changed
}

/// Claims without one.
pub fn without(claims: &Value, name: &str) -> Value {
    let mut changed = claims.clone();
    changed.as_object_mut().unwrap().remove(name);
    changed
}
