//! Codes of an authenticator app (RFC 6238): six digits, another one every thirty seconds.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::Random;

/// How many seconds a code is the one that the app shows (RFC 6238 §5.2).
const STEP: i64 = 30;

/// The secret that an authenticator app shares with us. It is stored sealed, and never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TotpSecret(Zeroizing<String>);

/// The thirty seconds, counted since 1970, to which a code belongs.
pub type TotpStep = i64;

impl TotpSecret {
    /// A fresh secret of 160 bits (RFC 4226 §4, R6).
    pub fn fresh(random: &Random) -> Self {
        Self(Zeroizing::new(Secret::from(random.bytes::<20>()).to_base32()))
    }

    /// As a person types it who cannot scan it: base32, in groups of four.
    pub fn text(&self) -> String {
        let letters: Vec<char> = self.0.chars().collect();
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    }

    /// What the QR code says. Apps show `issuer` and `account` beside the code; neither may have a colon in it there.
    pub fn uri(&self, issuer: &str, account: &str) -> Option<String> {
        let plain = |name: &str| name.replace(':', " ");
        self.generator(&plain(issuer), &plain(account))?.to_url().ok()
    }

    /// The step to which `code` belongs, if that is the present one or a neighbour: clocks differ, and people take a moment
    /// to type (RFC 6238 §5.2). A step may be accepted once; the caller sees to that.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>) -> Option<TotpStep> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let seconds = u64::try_from(now.timestamp()).ok()?;
        self.generator("Portcullis", "code")?.check(&digits, seconds).and_then(|step| i64::try_from(step).ok())
    }

    /// The code that the app shows in a step.
    pub fn code(&self, step: TotpStep) -> Option<String> {
        let seconds = u64::try_from(step.checked_mul(STEP)?).ok()?;
        Some(self.generator("Portcullis", "code")?.generate(seconds).to_string())
    }

    fn generator(&self, issuer: &str, account: &str) -> Option<Totp> {
        let secret = Secret::try_from_base32(self.0.as_str()).ok()?;
        Builder::new().with_secret(secret).with_issuer(Some(issuer)).with_account_name(account).build().ok()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// RFC 6238, appendix B, the last six digits of the SHA-1 column.
    #[test]
    fn codes_are_those_of_the_specification() {
        let secret = TotpSecret(Zeroizing::new(Secret::from(*b"12345678901234567890").to_base32()));
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(secret.code(seconds / STEP).as_deref(), Some(code));
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / STEP));
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_or_late_and_no_longer() {
        let secret = TotpSecret::fresh(&Random::seeded(3));
        let step = 60_000_000;
        let code = secret.code(step).unwrap();
        let spaced = format!(" {} {}", &code[..3], &code[3..]);
        for late in -2..=2 {
            let good = (-1..=1).contains(&late);
            assert_eq!(secret.step_of(&spaced, at((step + late) * STEP)), good.then_some(step), "{late}");
        }
        for bad in ["", "1", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(secret.step_of(bad, at(step * STEP)), None, "{bad:?}");
        }
    }

    #[test]
    fn the_qr_code_names_us_and_the_person() {
        let secret = TotpSecret::fresh(&Random::seeded(4));
        let uri = secret.uri("Portcullis (localhost:8080)", "ali:ce&secret=A").unwrap();
        assert!(uri.starts_with("otpauth://totp/Portcullis"), "{uri}");
        let letters = secret.text().replace(' ', "");
        assert!(uri.contains(&format!("secret={letters}")) && !uri.contains("&secret=A"), "{uri}");
        assert_eq!(letters.len(), 32);
        assert_eq!(format!("{secret:?}"), "TotpSecret(…)");
    }
}
