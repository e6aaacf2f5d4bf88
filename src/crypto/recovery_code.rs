//! Recovery codes: what lets somebody in who has lost their authenticator app and their passkeys. Each works once.

use std::fmt;

use zeroize::Zeroize;

use super::{HashedToken, Label, Random, RootKeys};

/// Twelve letters and digits (60 bits; NIST SP 800-63B-4 §3.1.2.1 wants 20 where guessing is limited).
///
/// It is never printed, and stored as a keyed hash.
#[derive(Clone)]
pub struct RecoveryCode(String);

/// Crockford's base 32: no letter that is taken for a digit.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 12;
const GROUP: usize = 4;

impl RecoveryCode {
    /// A fresh code.
    pub fn fresh(random: &Random) -> Self {
        let drawn = random.bytes::<LENGTH>();
        let letters = drawn.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32)));
        Self(letters.map(|letter| char::from(*letter)).collect())
    }

    /// What somebody typed, if it could be a code: case, spaces and dashes do not matter.
    pub fn parse(typed: &str) -> Option<Self> {
        let is_filler = |c: &char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}');
        let code: String = typed.chars().filter(|c| !is_filler(c)).take(LENGTH + 1).collect();
        let code = code.to_ascii_lowercase().replace('o', "0").replace(['i', 'l'], "1");
        let fits = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then_some(Self(code))
    }

    /// As it is shown: three groups of four, for its holder's eyes.
    pub fn reveal(&self) -> String {
        let groups: Vec<&str> = (0..LENGTH).step_by(GROUP).map(|start| &self.0[start..start + GROUP]).collect();
        groups.join("-")
    }

    /// The hash under which a new code is stored.
    pub fn hash(&self, keys: &RootKeys) -> HashedToken {
        HashedToken(keys.mac(Label::RecoveryCode, &[self.0.as_bytes()]))
    }

    /// Every hash under which it may be stored: one for each root key.
    pub fn hashes(&self, keys: &RootKeys) -> Vec<HashedToken> {
        keys.macs(Label::RecoveryCode, &[self.0.as_bytes()]).map(HashedToken).collect()
    }
}

impl Drop for RecoveryCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_it_as_they_like() {
        let code = RecoveryCode::fresh(&Random::seeded(9));
        let shown = code.reveal();
        assert_eq!(shown.len(), 14, "{shown}");
        for typed in [shown.clone(), shown.to_uppercase(), shown.replace('-', " "), shown.replace('0', "O")] {
            assert_eq!(RecoveryCode::parse(&typed).map(|code| code.reveal()), Some(shown.clone()), "{typed:?}");
        }
        for bad in ["", "123456", &shown[1..], &format!("{shown}0"), "uuuu-uuuu-uuuu", &"a".repeat(1 << 16)] {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        assert_eq!(format!("{:?}", RecoveryCode::fresh(&Random::seeded(1))), "RecoveryCode(…)");
    }
}
