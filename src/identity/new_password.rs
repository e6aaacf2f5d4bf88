//! What a password must be when it is chosen (NIST SP 800-63B-4 §3.1.1.2): long enough, and not one that everybody tries.

use secrecy::{ExposeSecret, SecretString};

use super::Username;

/// A password that its owner may have. It cannot be printed.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

/// Why a password cannot be chosen, in words for the person who did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Too short to resist guessing.
    #[error("Use at least {SHORTEST_PASSWORD} characters. A few words in a row are easy to remember.")]
    TooShort,
    /// Longer than anyone types or any password manager makes.
    #[error("Use at most {LONGEST_PASSWORD} bytes.")]
    TooLong,
    /// Made of the user name.
    #[error("Do not use your user name as the password.")]
    UserName,
    /// One of those that everybody tries first.
    #[error("This password is one of the first that anybody would try. Choose another.")]
    Common,
    /// The two fields differ.
    #[error("The two passwords are not the same.")]
    Different,
}

/// As short as a password may be, in characters, not bytes: NIST counts code points.
///
/// It asks for 8 at the least and for 15 where nothing else proves who somebody is; ten, with attempts limited and no rules of
/// composition, is what people take without writing it down.
pub const SHORTEST_PASSWORD: usize = 10;
/// As long as a password may be, in bytes: what one request may make us hash.
pub const LONGEST_PASSWORD: usize = 1024;

impl NewPassword {
    /// The password that `username` chose, if it may be one.
    pub fn choose(text: SecretString, username: &Username) -> Result<Self, PasswordRefusal> {
        let plain = text.expose_secret();
        if plain.len() > LONGEST_PASSWORD {
            return Err(PasswordRefusal::TooLong);
        }
        if plain.chars().count() < SHORTEST_PASSWORD {
            return Err(PasswordRefusal::TooShort);
        }
        let folded = plain.to_lowercase();
        if is_made_of(&folded, username.as_str()) {
            return Err(PasswordRefusal::UserName);
        }
        if is_common(&folded) {
            return Err(PasswordRefusal::Common);
        }
        Ok(Self(text))
    }

    /// The same, typed twice.
    pub fn confirm(text: SecretString, again: &SecretString, username: &Username) -> Result<Self, PasswordRefusal> {
        if text.expose_secret() == again.expose_secret() {
            Self::choose(text, username)
        } else {
            Err(PasswordRefusal::Different)
        }
    }

    /// The secret itself, on its way to be hashed.
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

/// True when nothing but the name, its repetitions and decoration is there.
fn is_made_of(password: &str, name: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
    let (said, name_letters) = (letters(password), letters(name));
    let repeated = !said.is_empty() && !name_letters.is_empty() && said.replace(&name_letters, "").is_empty();
    password == name || repeated
}

/// True for the popular ones, also with digits and signs around them, and for one or two characters repeated.
fn is_common(password: &str) -> bool {
    let core = password.trim_matches(|c: char| !c.is_alphabetic());
    let mut kinds: Vec<char> = password.chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len() < 3 || is_a_run(password) || COMMON.contains(&core) || COMMON.contains(&password)
}

/// True when the characters only count up or down: 1234567890, abcdefghij.
fn is_a_run(password: &str) -> bool {
    const ROWS: [&str; 3] = ["01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm"];
    let backwards: String = password.chars().rev().collect();
    ROWS.iter().any(|row| row.contains(password) || row.contains(&backwards))
}

/// What is left of the most common long passwords of published lists once digits and signs around them are gone.
const COMMON: &[&str] = &[
    "abc",
    "abcd",
    "admin",
    "administrator",
    "adminadmin",
    "adobe",
    "asdfghjkl",
    "baseball",
    "basketball",
    "changeme",
    "changeit",
    "charlie",
    "chocolate",
    "computer",
    "default",
    "dragon",
    "facebook",
    "football",
    "google",
    "hello",
    "helloworld",
    "iloveyou",
    "letmein",
    "liverpool",
    "login",
    "master",
    "michael",
    "michelle",
    "monkey",
    "mustang",
    "nicole",
    "pass",
    "passw0rd",
    "password",
    "passwordpassword",
    "passphrase",
    "portcullis",
    "princess",
    "qazwsx",
    "qazwsxedc",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qaz2wsx3e",
    "qwerty",
    "qwertyqwerty",
    "qwertyuiop",
    "root",
    "secret",
    "shadow",
    "starwars",
    "sunshine",
    "superman",
    "test",
    "testtest",
    "trustno",
    "unknown",
    "user",
    "welcome",
    "whatever",
    "zaq12wsx",
    "zaq12wsxcde",
    "zxcvbnm",
    "p@ssw0rd",
    "p@ssword",
    "pa$$word",
    "pa$$w0rd",
    "3.1415926535",
    "3141592653",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(password: &str) -> Result<(), PasswordRefusal> {
        NewPassword::choose(SecretString::from(password), &"alice".parse().unwrap()).map(drop)
    }

    #[test]
    fn length_is_all_that_is_asked_for() {
        for good in [
            "correct horse battery staple",
            "gyroscopes",
            "ünïcödé wörds",
            "2718281828",
            "  spaces count  ",
            "🔑🔓🔒🗝️🏰🚪🛡️⚔️🪙",
        ] {
            assert_eq!(choose(good), Ok(()), "{good:?}");
        }
        assert_eq!(choose("gyroscope"), Err(PasswordRefusal::TooShort));
        assert_eq!(choose("üüüüüüüüü"), Err(PasswordRefusal::TooShort), "characters are counted, not bytes");
        assert_eq!(choose(&"xyzzy".repeat(300)), Err(PasswordRefusal::TooLong));
    }

    /// Password spraying: the first guesses of everybody are nobody's password.
    #[test]
    fn what_everybody_tries_first_is_refused() {
        for bad in [
            "password12",
            "Password123!",
            "1234567890",
            "0987654321",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "abababababab",
            "portcullis!",
            "P@ssw0rd2026",
            "abcdefghij",
        ] {
            assert_eq!(choose(bad), Err(PasswordRefusal::Common), "{bad:?}");
        }
        for bad in ["alicealice", "Alice12345", "..alice..alice"] {
            assert_eq!(choose(bad), Err(PasswordRefusal::UserName), "{bad:?}");
        }
    }

    #[test]
    fn the_refusals_tell_the_limits_that_hold() {
        assert!(PasswordRefusal::TooShort.to_string().starts_with("Use at least 10 characters."));
        assert_eq!(PasswordRefusal::TooLong.to_string(), "Use at most 1024 bytes.");
    }

    #[test]
    fn a_mistyped_repetition_is_noticed() {
        let twice = |again: &str| {
            let name = "alice".parse().unwrap();
            NewPassword::confirm("correct horse battery".into(), &again.into(), &name).map(drop)
        };
        assert_eq!(twice("correct horse battery"), Ok(()));
        assert_eq!(twice("correct horse batterz"), Err(PasswordRefusal::Different));
    }
}
