//! Signed tokens over josekit's JWS. The claims are our own serde structs: josekit's time accessors panic on hostile numbers.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jws::{self, ES256, EdDSA, JwsSigner, JwsVerifier, RS256};
use josekit::{JoseError, Map};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::types::Algorithm;

/// A key operation that failed: a broken key, never a broken token.
#[derive(Debug, thiserror::Error)]
#[error("a signing key cannot be used: {0}")]
pub struct KeyError(#[from] JoseError);

/// A new key pair, as JSON Web Keys.
pub struct NewKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What is published.
    pub public_jwk: Value,
    /// What is sealed before it is stored.
    pub private_jwk: Value,
}

/// Makes a key pair. RSA takes some 50 ms: call it from a blocking thread.
pub fn generate(algorithm: Algorithm) -> Result<NewKey, KeyError> {
    let mut private = match algorithm {
        Algorithm::Es256 => Jwk::generate_ec_key(EcCurve::P256),
        Algorithm::Rs256 => Jwk::generate_rsa_key(2048),
        Algorithm::EdDsa => Jwk::generate_ed_key(EdCurve::Ed25519),
    }?;
    let kid = thumbprint(&private);
    private.set_key_id(&kid);
    private.set_algorithm(algorithm.name());
    private.set_key_use("sig");
    let mut public = private.to_public_key()?;
    // The library drops both. Verifiers find a key by the one and use it for the other alone (RFC 7517 §4.4, §4.5).
    public.set_key_id(&kid);
    public.set_algorithm(algorithm.name());
    Ok(NewKey { kid, public_jwk: as_json(public), private_jwk: as_json(private) })
}

fn as_json(jwk: Jwk) -> Value {
    let members: Map<String, Value> = jwk.into();
    Value::Object(members)
}

/// RFC 7638 §3: the SHA-256 of the required members in alphabetical order.
pub(super) fn thumbprint(jwk: &Jwk) -> String {
    let required: &[&str] = match jwk.key_type() {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        _ => &["crv", "kty", "x"],
    };
    let members: Map<String, Value> =
        required.iter().filter_map(|name| Some(((*name).to_owned(), jwk.parameter(name)?.clone()))).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(Value::Object(members).to_string()))
}

/// What kind of token a JWT is (RFC 8725 §3.11): one is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// RFC 9068 §2.1.
    AccessToken,
    /// OpenID Connect Core §2; its verifiers expect plain `JWT`.
    IdToken,
    /// OpenID Connect Back-Channel Logout §2.4.
    LogoutToken,
    /// A personal access token, which is good by its row and not by its signature (`decisions` 7).
    PersonalToken,
}

impl TokenType {
    fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::PersonalToken => "pat+jwt",
        }
    }
}

/// The key that a JWS says it was signed with; nothing in it has been checked.
pub fn kid_of(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Header {
        kid: String,
    }
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice::<Header>(&header).ok().map(|header| header.kid)
}

/// True when a token says that it is of this type; nothing in it has been checked.
pub fn says_to_be(token: &str, typ: TokenType) -> bool {
    #[derive(serde::Deserialize)]
    struct Header {
        typ: String,
    }
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|header| serde_json::from_slice::<Header>(&header).ok());
    header.is_some_and(|header| header.typ.eq_ignore_ascii_case(typ.name()))
}

/// The header and the claims of a token, as it says them; nothing in it has been checked.
pub fn unverified(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    });
    Some((parts.next()??, parts.next()??))
}

/// A key that signs.
pub struct SigningKey {
    /// The `kid` in the header of everything it signs.
    pub kid: String,
    signer: Box<dyn JwsSigner>,
}

impl SigningKey {
    /// Parses a private key once, for many signatures.
    pub fn new(kid: &str, algorithm: Algorithm, private_jwk: &Value) -> Result<Self, KeyError> {
        let jwk = jwk_of(private_jwk)?;
        let signer: Box<dyn JwsSigner> = match algorithm {
            Algorithm::Es256 => Box::new(ES256.signer_from_jwk(&jwk)?),
            Algorithm::Rs256 => Box::new(RS256.signer_from_jwk(&jwk)?),
            Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(&jwk)?),
        };
        Ok(Self { kid: kid.to_owned(), signer })
    }

    /// The claims, signed, in compact form.
    pub fn sign<C: Serialize>(&self, typ: TokenType, claims: &C) -> Result<String, KeyError> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'a str,
            typ: &'static str,
            kid: &'a str,
        }
        let header = Header { alg: self.signer.algorithm().name(), typ: typ.name(), kid: &self.kid };
        let invalid = |error: serde_json::Error| JoseError::InvalidJson(error.into());
        let (header, payload) =
            (serde_json::to_vec(&header).map_err(invalid)?, serde_json::to_vec(claims).map_err(invalid)?);
        // Compact serialization (RFC 7515 §3.1) by hand: the library's takes a header apart and puts it together again.
        let mut token = String::with_capacity((header.len() + payload.len() + self.signer.signature_len()) * 4 / 3 + 8);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signer.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

fn jwk_of(json: &Value) -> Result<Jwk, JoseError> {
    Jwk::from_map(json.as_object().cloned().unwrap_or_default())
}

/// The public keys whose signatures we believe, by `kid`.
#[derive(Debug, Default)]
pub struct VerifyingKeys(HashMap<String, Box<dyn JwsVerifier>>);

impl VerifyingKeys {
    /// Adds a public key.
    pub fn add(&mut self, kid: &str, algorithm: Algorithm, public_jwk: &Value) -> Result<(), KeyError> {
        let jwk = jwk_of(public_jwk)?;
        let verifier: Box<dyn JwsVerifier> = match algorithm {
            Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk)?),
            Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(&jwk)?),
            Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk)?),
        };
        self.0.insert(kid.to_owned(), verifier);
        Ok(())
    }

    /// True when there is a key of that name.
    pub fn has(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    /// The claims of a token of type `typ` that one of these keys signed; `None` for anything else.
    ///
    /// The key is ours by `kid` and its algorithm is fixed: `alg: none`, a swapped algorithm, `jku`, `x5u` and embedded
    /// keys lead nowhere (RFC 8725 §3.1). Times, issuer and audience are the caller's to judge.
    pub fn verify<C: DeserializeOwned>(&self, typ: TokenType, token: &str) -> Option<C> {
        let (payload, header) = jws::deserialize_compact_with_selector(token, |header| {
            Ok(header.key_id().and_then(|kid| self.0.get(kid)).map(AsRef::as_ref))
        })
        .ok()?;
        // RFC 9068 §4: the value may carry the `application/` prefix; media types are case-insensitive.
        let found = header.token_type()?.to_ascii_lowercase();
        let found = found.strip_prefix("application/").unwrap_or(&found);
        (found == typ.name().to_ascii_lowercase()).then_some(())?;
        serde_json::from_slice(&payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(algorithm: Algorithm) -> (SigningKey, VerifyingKeys, NewKey) {
        let new = generate(algorithm).unwrap();
        let mut keys = VerifyingKeys::default();
        keys.add(&new.kid, algorithm, &new.public_jwk).unwrap();
        (SigningKey::new(&new.kid, algorithm, &new.private_jwk).unwrap(), keys, new)
    }

    #[test]
    fn each_algorithm_signs_what_it_verifies() {
        for algorithm in Algorithm::ALL {
            let (signing, verifying, new) = key(algorithm);
            assert!(new.public_jwk.get("d").is_none(), "a public key has no private part");
            assert_eq!(new.public_jwk["kid"], new.kid, "a token's key is found by its kid");
            let token = signing.sign(TokenType::AccessToken, &json!({"sub": "a"})).unwrap();
            assert_eq!(verifying.verify::<Value>(TokenType::AccessToken, &token).unwrap()["sub"], "a");
            assert!(verifying.verify::<Value>(TokenType::IdToken, &token).is_none(), "another type of token");
        }
    }

    #[test]
    fn a_forged_header_is_refused() {
        let (signing, verifying, new) = key(Algorithm::Es256);
        let token = signing.sign(TokenType::AccessToken, &json!({"sub": "a"})).unwrap();
        let body = token.split_once('.').unwrap().1;
        for header in [
            json!({"alg": "none", "typ": "at+jwt", "kid": new.kid}),
            json!({"alg": "HS256", "typ": "at+jwt", "kid": new.kid}),
            json!({"alg": "ES256", "typ": "at+jwt", "kid": "../../etc/passwd"}),
            json!({"alg": "ES256", "typ": "at+jwt", "jwk": new.public_jwk}),
            json!({"alg": "ES256", "kid": new.kid}),
            json!({"alg": "ES256", "typ": "at+jwt", "kid": new.kid, "crit": ["x"]}),
        ] {
            let forged = format!("{}.{body}", URL_SAFE_NO_PAD.encode(header.to_string()));
            assert!(verifying.verify::<Value>(TokenType::AccessToken, &forged).is_none(), "{header}");
        }
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert!(verifying.verify::<Value>(TokenType::AccessToken, &unsigned).is_none());
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let jwk = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(thumbprint(&jwk_of(&jwk).unwrap()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
