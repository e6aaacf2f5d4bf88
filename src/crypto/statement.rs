//! Statements that somebody else signed: client assertions, request objects, assertion grants, DPoP proofs.
//!
//! Their keys are known before a signature is looked at: a header chooses among them and brings none of its own, save for
//! a DPoP proof, whose key is its own ([`prove_possession`]). The claims are the caller's own serde structs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::Map;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::jwt::thumbprint;

/// The signature algorithms that others may use with us. All are asymmetric (RFC 8725 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementAlgorithm {
    /// ECDSA on P-256.
    Es256,
    /// RSASSA-PSS.
    Ps256,
    /// Ed25519.
    EdDsa,
    /// The same, by its name since RFC 9864.
    Ed25519,
    /// RSASSA-PKCS1-v1_5; not for DPoP and FAPI.
    Rs256,
}

impl StatementAlgorithm {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Ps256, Self::EdDsa, Self::Ed25519, Self::Rs256];
    /// Those of the FAPI 2.0 Security Profile §5.4.1, and the ones we take in DPoP proofs.
    pub const STRONG: [Self; 4] = [Self::Es256, Self::Ps256, Self::EdDsa, Self::Ed25519];

    /// Its name in a JWS header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Rs256 => "RS256",
        }
    }

    fn key_type(self) -> &'static str {
        match self {
            Self::Es256 => "EC",
            Self::EdDsa | Self::Ed25519 => "OKP",
            Self::Ps256 | Self::Rs256 => "RSA",
        }
    }

    /// True for keys that could be of this algorithm, and do not say that they are of another.
    fn suits(self, key: &Jwk) -> bool {
        let is_so_named = |name: &str| match self {
            Self::EdDsa | Self::Ed25519 => [Self::EdDsa, Self::Ed25519].iter().any(|one| one.name() == name),
            Self::Es256 | Self::Ps256 | Self::Rs256 => self.name() == name,
        };
        key.key_type() == self.key_type() && key.algorithm().is_none_or(is_so_named)
    }

    /// None for keys of another curve and RSA keys under 2048 bits.
    fn verifier(self, key: &Jwk) -> Option<Box<dyn JwsVerifier>> {
        Some(match self {
            Self::Es256 => Box::new(ES256.verifier_from_jwk(key).ok()?),
            Self::Ps256 => Box::new(PS256.verifier_from_jwk(key).ok()?),
            Self::EdDsa | Self::Ed25519 => Box::new(EdDSA.verifier_from_jwk(&of_ed25519(key)?).ok()?),
            Self::Rs256 => Box::new(RS256.verifier_from_jwk(key).ok()?),
        })
    }
}

/// The key as the library knows it, which has one name only for the algorithm and takes another curve as well.
fn of_ed25519(key: &Jwk) -> Option<Jwk> {
    let mut members: Map<String, Value> = key.clone().into();
    members.remove("alg");
    let is_ours = members.get("crv").and_then(Value::as_str) == Some("Ed25519");
    is_ours.then(|| Jwk::from_map(members).ok()).flatten()
}

/// Somebody's public keys (RFC 7517 §5).
#[derive(Clone)]
pub struct KeySet(Vec<Jwk>);

/// Why a key set cannot be used. The messages are safe to show to whoever published it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not an object with a list of keys.
    #[error("it is not a JSON Web Key Set")]
    NotAKeySet,
    /// More than [`KeySet::MOST`].
    #[error("it has more than 32 keys")]
    TooManyKeys,
    /// A private or symmetric key.
    #[error("it holds a key that nobody else may have")]
    Private,
}

impl KeySet {
    /// The most keys that a set may have.
    pub const MOST: usize = 32;

    /// Reads a key set. Keys that we cannot use are left out (RFC 7517 §5); one that should be secret refuses the whole.
    pub fn parse(json: &Value) -> Result<Self, KeySetError> {
        let keys = json.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotAKeySet)?;
        if keys.len() > Self::MOST {
            return Err(KeySetError::TooManyKeys);
        }
        if keys.iter().any(is_private) {
            return Err(KeySetError::Private);
        }
        let usable = keys.iter().filter_map(|key| Jwk::from_map(key.as_object()?.clone()).ok());
        Ok(Self(usable.filter(|key| key.key_use().is_none_or(|purpose| purpose == "sig")).collect()))
    }

    /// True when it has no key that could verify anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a statement that names this key (or none) could be verified with it.
    pub fn could_verify(&self, header: &Header) -> bool {
        self.candidates(header).next().is_some()
    }

    /// The keys that a header may mean: the one it names, or all of its algorithm's type when it names none.
    fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = (StatementAlgorithm, &'a Jwk)> {
        let algorithm = StatementAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == header.alg);
        let fits = move |algorithm: StatementAlgorithm, key: &Jwk| {
            algorithm.suits(key) && header.kid.as_deref().is_none_or(|kid| key.key_id() == Some(kid))
        };
        algorithm.into_iter().flat_map(move |algorithm| {
            self.0.iter().filter(move |key| fits(algorithm, key)).map(move |key| (algorithm, key))
        })
    }

    /// The claims of a statement that one of these keys signed by one of these algorithms.
    ///
    /// `None` for anything else: a symmetric or absent algorithm, `crit`, a key of the header's own (RFC 8725 §3.1).
    /// Issuer, audience, times and single use are the caller's to judge.
    pub fn verify<C: DeserializeOwned>(&self, statement: &str, algorithms: &[StatementAlgorithm]) -> Option<C> {
        let header = Header::of(statement)?;
        // One named key is tried, or the few that there are: a signature is never an oracle over many.
        self.candidates(&header)
            .filter(|(algorithm, _)| algorithms.contains(algorithm))
            .take(4)
            .find_map(|(algorithm, key)| verify(statement, &header, algorithm, key))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.0.len())
    }
}

/// True when a JWK has a member of a private or symmetric key (RFC 7518 §6).
pub fn is_private(key: &Value) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| key.get(member).is_some())
}

/// What a header says; nothing in it has been checked.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// By which algorithm it claims to be signed.
    pub alg: String,
    /// What kind of statement it claims to be, in lower case and without `application/`.
    #[serde(default)]
    pub typ: Option<String>,
    /// By which key.
    #[serde(default)]
    pub kid: Option<String>,
    #[serde(default)]
    jwk: Option<Map<String, Value>>,
    #[serde(default)]
    crit: Option<Value>,
}

impl Header {
    /// The header of a compact JWS.
    pub fn of(statement: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(statement.split('.').next()?).ok()?;
        let header: Self = serde_json::from_slice(&bytes).ok()?;
        let typ = header.typ.map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        });
        Some(Self { typ, ..header })
    }

    /// True when it claims to be this kind of statement.
    pub fn is(&self, typ: &str) -> bool {
        self.typ.as_deref() == Some(typ)
    }
}

/// What a statement says before anything of it has been checked: only for finding out whose keys to check it with.
pub fn unverified<C: DeserializeOwned>(statement: &str) -> Option<C> {
    let mut parts = statement.split('.');
    let payload = parts.nth(1)?;
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The claims of a statement that is signed with the key in its own header, and that key's RFC 7638 thumbprint: whoever
/// made it holds that key (RFC 9449 §4.3).
pub fn prove_possession<C: DeserializeOwned>(statement: &str, typ: &str) -> Option<(C, String)> {
    let header = Header::of(statement).filter(|header| header.is(typ))?;
    let jwk = Value::Object(header.jwk.clone()?);
    if is_private(&jwk) {
        return None;
    }
    let algorithm = StatementAlgorithm::STRONG.into_iter().find(|algorithm| algorithm.name() == header.alg)?;
    let key = Jwk::from_map(header.jwk.clone()?).ok().filter(|key| algorithm.suits(key))?;
    Some((verify(statement, &header, algorithm, &key)?, thumbprint(&key)))
}

fn verify<C: DeserializeOwned>(
    statement: &str,
    header: &Header,
    algorithm: StatementAlgorithm,
    key: &Jwk,
) -> Option<C> {
    if header.crit.is_some() {
        return None;
    }
    // By the signature alone: the header is judged by now, and the library knows neither keys without a name nor new names.
    let (signed, signature) = statement.rsplit_once('.')?;
    let (_, payload) = signed.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    algorithm.verifier(key)?.verify(signed.as_bytes(), &signature).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use josekit::jwk::alg::ec::EcCurve;
    use josekit::jwk::alg::ed::EdCurve;
    use josekit::jws::{self, HS256, JwsHeader};
    use serde_json::json;

    use super::*;

    fn signed(key: &Jwk, header: Value) -> String {
        let header = JwsHeader::from_bytes(header.to_string().as_bytes()).unwrap();
        jws::serialize_compact(br#"{"sub":"a"}"#, &header, &ES256.signer_from_jwk(key).unwrap()).unwrap()
    }

    fn key(kid: Option<&str>) -> (Jwk, Value) {
        // Without a `kid`, as the library would put it into every header.
        let private = Jwk::generate_ec_key(EcCurve::P256).unwrap();
        let mut public = private.to_public_key().unwrap();
        if let Some(kid) = kid {
            public.set_key_id(kid);
        }
        let public: Map<String, Value> = public.into();
        (private, Value::Object(public))
    }

    #[test]
    fn ed25519_has_two_names_and_ed448_neither() {
        let sign = |key: &Jwk, alg: &str| {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
            let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(r#"{"sub":"a"}"#));
            let signature = EdDSA.signer_from_jwk(key).unwrap().sign(signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        for (curve, is_good) in [(EdCurve::Ed25519, true), (EdCurve::Ed448, false)] {
            let private = Jwk::generate_ed_key(curve).unwrap();
            let mut public = Value::Object(private.to_public_key().unwrap().into());
            for own in [None, Some("EdDSA"), Some("Ed25519"), Some("ES256")] {
                own.into_iter().for_each(|own| public["alg"] = own.into());
                let keys = KeySet::parse(&json!({ "keys": [public] })).unwrap();
                for alg in ["EdDSA", "Ed25519"] {
                    let verified = keys.verify::<Value>(&sign(&private, alg), &StatementAlgorithm::ALL);
                    assert_eq!(verified.is_some(), is_good && own != Some("ES256"), "{curve:?} {own:?} {alg}");
                }
            }
        }
    }

    #[test]
    fn a_statement_is_verified_with_known_keys_only() {
        let (private, public) = key(Some("one"));
        let keys = KeySet::parse(&json!({ "keys": [public] })).unwrap();
        let verify = |statement: &str| keys.verify::<Value>(statement, &StatementAlgorithm::ALL);
        assert_eq!(verify(&signed(&private, json!({ "alg": "ES256", "kid": "one" }))).unwrap()["sub"], "a");
        let (stranger, strangers) = key(None);
        for (header, signer) in [
            (json!({ "alg": "ES256", "kid": "two" }), &private),
            (json!({ "alg": "ES256", "kid": "one" }), &stranger),
            (json!({ "alg": "ES256", "jwk": strangers }), &stranger),
        ] {
            assert!(verify(&signed(signer, header.clone())).is_none(), "{header}");
        }
        let good = signed(&private, json!({ "alg": "ES256", "kid": "one" }));
        assert!(keys.verify::<Value>(&good, &[StatementAlgorithm::Rs256]).is_none(), "not an algorithm we asked for");
        for bad in ["", ".", "a.b.c", &good[..good.len() - 4], &format!("{good}.x")] {
            assert!(verify(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_found_without_being_named() {
        let (private, public) = key(Some("one"));
        let keys = KeySet::parse(&json!({ "keys": [public] })).unwrap();
        let statement = signed(&private, json!({ "alg": "ES256" }));
        assert!(keys.verify::<Value>(&statement, &StatementAlgorithm::ALL).is_some());
    }

    #[test]
    fn symmetric_and_absent_algorithms_and_foreign_rules_are_refused() {
        let (_, public) = key(None);
        let keys = KeySet::parse(&json!({ "keys": [public] })).unwrap();
        let secret = public.to_string();
        let header = JwsHeader::from_bytes(br#"{"alg":"HS256"}"#).unwrap();
        let hmac = HS256.signer_from_bytes(secret.repeat(2).as_bytes()).unwrap();
        let confused = jws::serialize_compact(br#"{"sub":"a"}"#, &header, &hmac).unwrap();
        let none = format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        for statement in [confused, none] {
            assert!(keys.verify::<Value>(&statement, &StatementAlgorithm::ALL).is_none());
        }
    }

    #[test]
    fn a_key_set_never_holds_what_should_be_secret() {
        let (private, public) = key(None);
        let private: Map<String, Value> = private.into();
        assert!(KeySet::parse(&json!({ "keys": [private] })).is_err_and(|why| why == KeySetError::Private));
        let symmetric = json!({ "kty": "oct", "k": "AAAA" });
        assert!(KeySet::parse(&json!({ "keys": [symmetric] })).is_err_and(|why| why == KeySetError::Private));
        assert!(KeySet::parse(&json!({ "keys": vec![public.clone(); 33] })).is_err());
        assert!(KeySet::parse(&json!([public])).is_err());
        let encrypts = {
            let mut key = public;
            key["use"] = json!("enc");
            key
        };
        assert!(KeySet::parse(&json!({ "keys": [encrypts] })).unwrap().is_empty());
    }

    #[test]
    fn possession_is_proved_by_the_key_in_the_header_and_by_no_weaker_one() {
        let (private, public) = key(None);
        let proof = |header: Value| prove_possession::<Value>(&signed(&private, header), "dpop+jwt");
        let (claims, thumbprint) = proof(json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": public })).unwrap();
        assert_eq!((claims["sub"].as_str(), thumbprint.len()), (Some("a"), 43));
        let (_, other) = key(None);
        let whole: Map<String, Value> = private.clone().into();
        for header in [
            json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": other }),
            json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": whole }),
            json!({ "alg": "ES256", "typ": "jwt", "jwk": public }),
            json!({ "alg": "ES256", "typ": "dpop+jwt" }),
        ] {
            assert!(proof(header.clone()).is_none(), "{header}");
        }
    }
}
