//! Secrets: how they are drawn, hashed, sealed and signed.

pub mod jwt;
pub mod key_sets;
pub mod password;
mod random;
mod root_keys;
pub mod statement;
mod token;
mod user_code;

pub use password::{Busy, PasswordHash, Passwords, Verdict};
pub use random::Random;
pub use root_keys::{KeyVersion, Label, RootKeys, RootKeysError, Unsealable};
pub use token::{HashedToken, PlainToken, TokenKind};
pub use user_code::UserCode;
