//! Secrets: how they are drawn, hashed, sealed and signed.

pub mod jwt;
pub mod key_sets;
pub mod passkeys;
pub mod password;
mod random;
mod recovery_code;
mod root_keys;
pub mod statement;
mod token;
mod totp;
mod user_code;

pub use passkeys::Passkeys;
pub use password::{Busy, PasswordHash, Passwords, Verdict};
pub use random::Random;
pub use recovery_code::RecoveryCode;
pub use root_keys::{KeyVersion, Label, RootKeys, RootKeysError, Unsealable};
pub use token::{HashedToken, PlainToken, TokenKind};
pub use totp::{TotpSecret, TotpStep};
pub use user_code::UserCode;
