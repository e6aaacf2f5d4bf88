//! The short code that a device shows and a person types (RFC 8628 §6.1).

use std::fmt;

use zeroize::Zeroize;

use super::{HashedToken, Label, Random, RootKeys};

/// Eight consonants: no word can come of them, none is taken for a digit, and there are 2^34 codes.
///
/// A secret, although a short one: it is never printed, and stored as a keyed hash.
#[derive(Clone)]
pub struct UserCode(String);

const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// Bytes from here on would favour the first letters.
const EVEN: u8 = 240;

impl UserCode {
    /// A fresh code.
    pub fn fresh(random: &Random) -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let drawn = random.bytes::<16>().into_iter().filter(|byte| *byte < EVEN);
            let letters = drawn.filter_map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()));
            code.extend(letters.take(LENGTH - code.len()).map(|letter| char::from(*letter)));
        }
        Self(code)
    }

    /// What somebody typed, if it could be a code: case, spaces and dashes do not matter.
    pub fn parse(typed: &str) -> Option<Self> {
        let is_filler = |c: &char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}');
        let code: String = typed.chars().filter(|c| !is_filler(c)).take(LENGTH + 1).collect();
        let code = code.to_ascii_uppercase();
        let fits = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then_some(Self(code))
    }

    /// As it is shown: two groups of four, for its holder's eyes.
    pub fn reveal(&self) -> String {
        let (first, second) = self.0.split_at(LENGTH / 2);
        format!("{first}-{second}")
    }

    /// The hash under which a new code is stored.
    pub fn hash(&self, keys: &RootKeys) -> HashedToken {
        HashedToken(keys.mac(Label::UserCode, &[self.0.as_bytes()]))
    }

    /// Every hash under which it may be stored: one for each root key.
    pub fn hashes(&self, keys: &RootKeys) -> Vec<HashedToken> {
        keys.macs(Label::UserCode, &[self.0.as_bytes()]).map(HashedToken).collect()
    }
}

impl Drop for UserCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_it_as_they_like() {
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "Wd-Jb-Mj-Ht", "WDJB\u{2013}MJHT"] {
            assert_eq!(UserCode::parse(typed).map(|code| code.reveal()).as_deref(), Some("WDJB-MJHT"), "{typed:?}");
        }
        for bad in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH7", "WDJB-MJHé", &"W".repeat(1 << 16)] {
            assert!(UserCode::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_letter_comes_up_as_often_as_another() {
        let random = Random::seeded(7);
        let mut counts = [0_u32; 26];
        for _ in 0..2_000 {
            UserCode::fresh(&random).0.bytes().for_each(|letter| counts[usize::from(letter - b'A')] += 1);
        }
        for letter in LETTERS {
            let count = counts[usize::from(letter - b'A')];
            assert!((650..950).contains(&count), "{count} of {} among 16000", char::from(*letter));
        }
    }

    #[test]
    fn it_is_never_printed() {
        let code = UserCode::fresh(&Random::seeded(1));
        assert_eq!(format!("{code:?}"), "UserCode(…)");
    }
}
