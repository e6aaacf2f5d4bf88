//! Somebody with a key pair of their own, who signs statements for us to judge.

use josekit::Map;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use portcullis::grants::client::ClientOptions;
use serde_json::{Value, json};

use super::app::Node;

/// A P-256 key pair.
pub struct Signer(Jwk);

impl Signer {
    /// A fresh one.
    pub fn new() -> Self {
        Self(Jwk::generate_ec_key(EcCurve::P256).unwrap())
    }

    /// The key set that its owner publishes.
    pub fn jwks(&self) -> Value {
        let public: Map<String, Value> = self.0.to_public_key().unwrap().into();
        json!({ "keys": [public] })
    }

    /// These claims, signed, with more said in the header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut all = json!({ "alg": "ES256" });
        for (name, value) in header.as_object().unwrap() {
            all[name] = value.clone();
        }
        let header = JwsHeader::from_bytes(all.to_string().as_bytes()).unwrap();
        let signer = ES256.signer_from_jwk(&self.0).unwrap();
        jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap()
    }
}

/// Lets a client ask other things of us, as an administrator would.
pub async fn set_options(node: &Node, client: &str, options: ClientOptions) {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::clients as table;
    let change = diesel::update(table::table.find(client)).set(options);
    assert_eq!(node.write(async |conn| change.execute(conn).await).await, 1);
    node.app().access.forget_clients();
}
