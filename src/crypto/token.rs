//! Opaque tokens: drawn at random, recognisable by their prefix, told from a typo by their checksum, stored as a hash.

use std::fmt;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Binary;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::Random;
use crate::types::KeyTag;

/// What an opaque token is for. Each kind has its prefix, so one is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
    /// A browser session's cookie.
    Session,
    /// A one-time set-up link.
    Setup,
    /// A client secret.
    ClientSecret,
    /// A registration access token (RFC 7592 §3).
    Registration,
    /// An initial access token (RFC 7591 §3).
    InitialAccess,
    /// The name of a pushed authorization request.
    PushedRequest,
    /// What a device polls with (RFC 8628 §3.2).
    DeviceCode,
}

impl TokenKind {
    /// The letters in front of every token of this kind.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Code => "pclc_",
            Self::Refresh => "pclr_",
            Self::Session => "pcls_",
            Self::Setup => "pclu_",
            Self::ClientSecret => "pclx_",
            Self::Registration => "pclg_",
            Self::InitialAccess => "pcli_",
            Self::PushedRequest => "pclq_",
            Self::DeviceCode => "pcld_",
        }
    }
}

/// A secret in the clear, on its way to or from its holder. It cannot be printed or stored, and is wiped when dropped.
#[derive(Clone)]
pub struct PlainToken(String);

/// Base62 digits in 32 bytes.
const BODY: usize = 43;
/// Base62 digits in a 32-bit checksum.
const CHECKSUM: usize = 6;
/// What stands between the tag of an API key and the rest.
const TAG_END: char = '_';
/// Characters after the tag of an API key that stay visible.
const VISIBLE: usize = 4;

impl PlainToken {
    /// A fresh token of 256 random bits.
    pub fn fresh(kind: TokenKind, random: &Random) -> Self {
        Self::from_bytes(kind, &random.bytes::<32>())
    }

    /// The token that these 256 secret bits make.
    pub fn from_bytes(kind: TokenKind, bytes: &[u8; 32]) -> Self {
        Self::written(kind.prefix(), bytes)
    }

    /// A fresh API key of 256 random bits behind this tag.
    pub fn api_key(tag: &KeyTag, random: &Random) -> Self {
        Self::written(&format!("{tag}{TAG_END}"), &random.bytes::<32>())
    }

    fn written(prefix: &str, bytes: &[u8; 32]) -> Self {
        let body = base62::<BODY>(bytes);
        Self(format!("{prefix}{body}{}", checksum(prefix, &body)))
    }

    /// A presented text, if it could be a token of this kind: right prefix, length and checksum.
    ///
    /// Truncated, padded, case-flipped or mistyped tokens end here, before any query.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(kind.prefix())?;
        is_whole(kind.prefix(), digits).then(|| Self(text.to_owned()))
    }

    /// True when a presented text is meant to be an API key: it has a tag, and is no JWT.
    pub fn is_like_api_key(text: &str) -> bool {
        let tag = text.split_once(TAG_END).map(|(tag, _)| tag.parse::<KeyTag>());
        tag.is_some_and(|tag| tag.is_ok()) && !text.contains('.')
    }

    /// A presented text, if it could be an API key, whatever its tag: keys outlive the setting that they were tagged by, and
    /// the checksum covers the tag.
    pub fn parse_api_key(text: &str) -> Option<Self> {
        let (tag, digits) = text.split_once(TAG_END)?;
        let prefix = format!("{}{TAG_END}", tag.parse::<KeyTag>().ok()?);
        is_whole(&prefix, digits).then(|| Self(text.to_owned()))
    }

    /// The part of an API key that stays visible: its tag and four characters, which leaves 232 bits unknown.
    pub fn visible(&self) -> &str {
        let tag = self.0.find(TAG_END).map_or(0, |end| end + TAG_END.len_utf8());
        self.0.get(..tag + VISIBLE).unwrap_or_default()
    }

    /// A signed token, which its holder keeps like any other secret.
    pub fn signed(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The secret itself, for its holder's eyes.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for PlainToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(…)")
    }
}

/// True when these are all the digits of a token behind that prefix, none of them mistyped.
fn is_whole(prefix: &str, digits: &str) -> bool {
    if digits.len() != BODY + CHECKSUM || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, sum) = digits.split_at(BODY);
    checksum(prefix, body) == sum
}

fn checksum(prefix: &str, body: &str) -> String {
    let digest = Sha256::new().chain_update(prefix).chain_update(body).finalize();
    base62::<CHECKSUM>(&digest[..4])
}

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The big-endian number in `bytes` as `N` base62 digits, leading zeros kept.
fn base62<const N: usize>(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = DIGITS.get(remainder as usize).copied().unwrap_or(b'0');
    }
    number.zeroize();
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// A keyed SHA-256 of a token: the only form of it the database ever sees. Made by [`RootKeys`](super::RootKeys).
#[derive(Clone, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct HashedToken(pub(super) [u8; 32]);

impl HashedToken {
    /// Equality in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(…)")
    }
}

impl ToSql<Binary, Pg> for HashedToken {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <[u8] as ToSql<Binary, Pg>>::to_sql(self.0.as_slice(), &mut out.reborrow())
    }
}

impl FromSql<Binary, Pg> for HashedToken {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Pg>>::from_sql(value)?;
        Ok(Self(bytes.try_into().map_err(|_| "a hash has 32 bytes")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_truncated_or_padded_token_is_none_before_any_query() {
        let token = PlainToken::fresh(TokenKind::Refresh, &Random::seeded(1));
        let text = token.reveal();
        assert!(PlainToken::parse(TokenKind::Refresh, text).is_some());
        assert!(PlainToken::parse(TokenKind::Code, text).is_none(), "another kind");
        let flipped = text.replace(|c: char| c.is_ascii_lowercase(), "x");
        for bad in [&text[..text.len() - 1], &format!("{text} "), &format!("{text}0"), &flipped, ""] {
            assert!(PlainToken::parse(TokenKind::Refresh, bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn an_api_key_is_known_by_its_shape_whatever_its_tag_and_no_other_secret_is_one() {
        let random = Random::seeded(3);
        for tag in ["pcl", "sta", "acme1"] {
            let key = PlainToken::api_key(&tag.parse().unwrap(), &random);
            let text = key.reveal();
            assert_eq!(key.visible(), &text[..tag.len() + 5]);
            assert!(PlainToken::is_like_api_key(text) && PlainToken::parse_api_key(text).is_some());
            let other_tag = text.replacen(tag, "other", 1);
            for bad in [&text[..text.len() - 1], &other_tag, &format!("{text}0"), &text.to_uppercase()] {
                assert!(PlainToken::parse_api_key(bad).is_none(), "{bad}");
            }
        }
        for kind in [
            TokenKind::Code,
            TokenKind::Refresh,
            TokenKind::Session,
            TokenKind::Setup,
            TokenKind::ClientSecret,
            TokenKind::Registration,
            TokenKind::InitialAccess,
            TokenKind::PushedRequest,
            TokenKind::DeviceCode,
        ] {
            let other = PlainToken::fresh(kind, &random);
            assert!(
                !PlainToken::is_like_api_key(other.reveal()) && PlainToken::parse_api_key(other.reveal()).is_none()
            );
        }
        assert!(!PlainToken::is_like_api_key("abc_def.eyJ.sig") && !PlainToken::is_like_api_key("opaque"));
    }

    #[test]
    fn base62_keeps_every_bit() {
        assert_eq!(base62::<3>(&[0]), "000");
        assert_eq!(base62::<3>(&[1, 0]), "048");
        assert_eq!(base62::<BODY>(&[0xff; 32]).len(), BODY);
        assert_ne!(
            base62::<BODY>(&[0xff; 32]),
            base62::<BODY>(&{
                let mut b = [0xff; 32];
                b[0] = 0xfe;
                b
            })
        );
    }

    #[test]
    fn a_secret_is_never_printed() {
        let token = PlainToken::fresh(TokenKind::Session, &Random::seeded(2));
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
