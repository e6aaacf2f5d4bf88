//! The root keys (`PORTCULLIS_SECRET_KEY`) and everything derived from them: keyed hashes, sealed values, successors.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use josekit::jwe::{self, Dir, JweHeader};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{HashedToken, PlainToken, TokenKind};

/// What a derived key is for. Keys for different labels have nothing in common (HKDF, RFC 5869 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Keyed hashes of opaque tokens.
    TokenHash,
    /// Successors of refresh tokens.
    RefreshSuccessor,
    /// Codes of answered consent pages.
    Code,
    /// The names of pushed requests.
    PushedRequest,
    /// Keyed hashes of the short codes that people type (RFC 8628 §6.1).
    UserCode,
    /// Keyed hashes of recovery codes.
    RecoveryCode,
    /// What we prove ourselves with to the servers behind us, at rest.
    ServerAuth,
    /// The sessions that clients have with servers behind us.
    McpSession,
    /// Secrets of authenticator apps at rest, and on their way to be confirmed.
    Totp,
    /// What a password bought, carried by the browser to the second step of signing in.
    FirstStep,
    /// The state of a passkey ceremony, carried by the browser.
    Ceremony,
    /// Private signing keys at rest.
    SigningKey,
    /// The return value that a browser carries through sign-in.
    ReturnTo,
    /// What an app asked when it sent a browser to sign out.
    LogoutRequest,
    /// When an authorization request was begun, carried by the browser through sign-in.
    Begun,
    /// CSRF tokens.
    Csrf,
    /// The ids of what forms make.
    Once,
    /// Nonces for DPoP proofs.
    DpopNonce,
    /// Names of authorization attempts.
    Flow,
    /// The constant that tells a wrong root key at start.
    Check,
}

impl Label {
    fn name(self) -> &'static str {
        match self {
            Self::TokenHash => "portcullis token hash",
            Self::RefreshSuccessor => "portcullis refresh successor",
            Self::Code => "portcullis code",
            Self::PushedRequest => "portcullis pushed request",
            Self::UserCode => "portcullis user code",
            Self::RecoveryCode => "portcullis recovery code",
            Self::ServerAuth => "portcullis server auth",
            Self::McpSession => "portcullis mcp session",
            Self::Totp => "portcullis totp",
            Self::FirstStep => "portcullis first step",
            Self::Ceremony => "portcullis ceremony",
            Self::SigningKey => "portcullis signing key",
            Self::ReturnTo => "portcullis return to",
            Self::LogoutRequest => "portcullis logout request",
            Self::Begun => "portcullis begun",
            Self::Csrf => "portcullis csrf",
            Self::Once => "portcullis once",
            Self::DpopNonce => "portcullis dpop nonce",
            Self::Flow => "portcullis flow",
            Self::Check => "portcullis check",
        }
    }
}

/// Names a root key without telling it: four bytes of a hash of it, stored beside everything it made.
pub type KeyVersion = i32;

struct RootKey {
    version: KeyVersion,
    secret: Zeroizing<Vec<u8>>,
}

/// The root keys, newest first: the first makes new things, the others only read old ones.
pub struct RootKeys {
    newest: RootKey,
    older: Vec<RootKey>,
}

/// Why a text is no list of root keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootKeysError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Not 32 bytes or more once decoded.
    #[error("key {0} in it is not at least 32 bytes in base64 (make one with `openssl rand -base64 32`)")]
    Weak(usize),
}

/// A sealed value that is not ours, was altered, or belongs to a key we no longer have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value could not be opened: it was altered, or its root key is no longer configured")]
pub struct Unsealable;

impl RootKeys {
    /// Reads a list of base64 keys, separated by commas or white space, newest first.
    pub fn parse(list: &SecretString) -> Result<Self, RootKeysError> {
        let mut keys = Vec::new();
        let words = list.expose_secret().split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            let bare = word.trim_end_matches('=');
            let secret = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare));
            let secret = Zeroizing::new(secret.unwrap_or_default());
            if secret.len() < 32 {
                return Err(RootKeysError::Weak(place + 1));
            }
            keys.push(RootKey::new(secret));
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(RootKeysError::Empty)?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// The version of the key that makes new things.
    pub fn version(&self) -> KeyVersion {
        self.newest.version
    }

    fn all(&self) -> impl Iterator<Item = &RootKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    fn find(&self, version: KeyVersion) -> Option<&RootKey> {
        self.all().find(|key| key.version == version)
    }

    /// The hash under which a new token is stored; store [`version`](Self::version) beside it.
    pub fn hash(&self, token: &PlainToken) -> HashedToken {
        HashedToken(self.newest.mac(Label::TokenHash, &[token.reveal().as_bytes()]))
    }

    /// Every hash under which a presented token may be stored: one for each root key.
    pub fn hashes(&self, token: &PlainToken) -> Vec<HashedToken> {
        self.all().map(|key| HashedToken(key.mac(Label::TokenHash, &[token.reveal().as_bytes()]))).collect()
    }

    /// The successor of a refresh token: the same for every presenter on every node, while the key of `version` is kept.
    pub fn refresh_successor(&self, version: KeyVersion, family: &[u8], presented: &PlainToken) -> Option<PlainToken> {
        let mac = self.find(version)?.mac(Label::RefreshSuccessor, &[family, presented.reveal().as_bytes()]);
        Some(PlainToken::from_bytes(TokenKind::Refresh, &mac))
    }

    /// A keyed hash of `parts` for `label`, by the newest key.
    pub fn mac(&self, label: Label, parts: &[&[u8]]) -> [u8; 32] {
        self.newest.mac(label, parts)
    }

    /// The same by every key: what a value made earlier may have been.
    pub fn macs<'a>(&'a self, label: Label, parts: &'a [&'a [u8]]) -> impl Iterator<Item = [u8; 32]> + 'a {
        self.all().map(move |key| key.mac(label, parts))
    }

    /// Encrypts and authenticates `value` (JWE, `dir` with `A256GCM`). The result names its key.
    pub fn seal<T: Serialize>(&self, label: Label, value: &T) -> Result<String, Unsealable> {
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| Unsealable)?);
        let mut header = JweHeader::new();
        header.set_content_encryption("A256GCM");
        header.set_key_id(self.newest.version.to_string());
        let encrypter = Dir.encrypter_from_bytes(self.newest.derive(label).as_slice()).map_err(|_| Unsealable)?;
        jwe::serialize_compact(&plain, &header, &encrypter).map_err(|_| Unsealable)
    }

    /// True when the newest key sealed this.
    pub fn is_sealed_by_newest(&self, sealed: &str) -> bool {
        seal_header(sealed).is_some_and(|header| header.kid == self.newest.version.to_string())
    }

    /// Opens what [`seal`](Self::seal) made for the same label.
    pub fn open<T: DeserializeOwned>(&self, label: Label, sealed: &str) -> Result<T, Unsealable> {
        let header = seal_header(sealed).ok_or(Unsealable)?;
        let key = header.kid.parse().ok().and_then(|version| self.find(version)).ok_or(Unsealable)?;
        let decrypter = Dir.decrypter_from_bytes(key.derive(label).as_slice()).map_err(|_| Unsealable)?;
        let (plain, _) = jwe::deserialize_compact(sealed, &decrypter).map_err(|_| Unsealable)?;
        serde_json::from_slice(&Zeroizing::new(plain)).map_err(|_| Unsealable)
    }
}

#[derive(serde::Deserialize)]
struct SealHeader {
    kid: String,
}

fn seal_header(sealed: &str) -> Option<SealHeader> {
    let header = URL_SAFE_NO_PAD.decode(sealed.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok()
}

impl RootKey {
    fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        let mut key = Self { version: 0, secret };
        let [a, b, c, d, ..] = key.mac(Label::Check, &[b"version"]);
        key.version = KeyVersion::from_be_bytes([a, b, c, d]);
        key
    }

    fn derive(&self, label: Label) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are far below the limit at which HKDF expansion fails (RFC 5869 §2.3).
        let _ = Hkdf::<Sha256>::new(None, &self.secret).expand(label.name().as_bytes(), key.as_mut_slice());
        key
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists of parts look alike.
    fn mac(&self, label: Label, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a key to its block with zeros (RFC 2104 §2); doing it here leaves no length that could be wrong.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.derive(label).as_slice());
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKeys(…)")
    }
}

impl FromStr for RootKeys {
    type Err = RootKeysError;

    fn from_str(text: &str) -> Result<Self, RootKeysError> {
        Self::parse(&SecretString::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Random;

    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn keys(list: &str) -> RootKeys {
        list.parse().unwrap()
    }

    #[test]
    fn a_sealed_value_opens_for_its_label_and_its_key_only() {
        let sealed = keys(OLD).seal(Label::ReturnTo, &"secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(keys(&format!("{NEW},{OLD}")).open::<String>(Label::ReturnTo, &sealed).unwrap(), "secret");
        assert_eq!(keys(OLD).open::<String>(Label::SigningKey, &sealed), Err(Unsealable));
        assert_eq!(keys(NEW).open::<String>(Label::ReturnTo, &sealed), Err(Unsealable));
        // One letter of the ciphertext, and one of the tag.
        for part in [3, 4] {
            let mut parts: Vec<String> = sealed.split('.').map(str::to_owned).collect();
            let other = if parts[part].starts_with('A') { "B" } else { "A" };
            parts[part].replace_range(..1, other);
            assert_eq!(keys(OLD).open::<String>(Label::ReturnTo, &parts.join(".")), Err(Unsealable), "part {part}");
        }
    }

    #[test]
    fn a_rotated_key_still_finds_old_tokens_and_derives_the_same_successor() {
        let token = PlainToken::fresh(TokenKind::Refresh, &Random::seeded(3));
        let (before, after) = (keys(OLD), keys(&format!("{NEW} {OLD}")));
        assert!(after.hashes(&token).contains(&before.hash(&token)));
        let first = before.refresh_successor(before.version(), b"family", &token).unwrap();
        let again = after.refresh_successor(before.version(), b"family", &token).unwrap();
        assert_eq!(first.reveal(), again.reveal());
        assert!(keys(NEW).refresh_successor(before.version(), b"family", &token).is_none());
    }

    #[test]
    fn a_short_key_is_refused_by_its_place() {
        assert_eq!(format!("{NEW},c2hvcnQ").parse::<RootKeys>().unwrap_err(), RootKeysError::Weak(2));
        assert_eq!(" ,".parse::<RootKeys>().unwrap_err(), RootKeysError::Empty);
    }
}
