//! What the tests share: a whole installation for each ([`app`]), somebody at a browser ([`browser`]) and programs that
//! ask for access ([`client`]), over a database that a test has to itself ([`cluster`]).

pub mod administrator;
pub mod answer;
pub mod app;
pub mod authenticator;
pub mod behind;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod documents;
pub mod foreign;
pub mod holder;
pub mod issuers;
pub mod keys;
pub mod m2m;
pub mod manager;
pub mod old_behind;
pub mod owned;
pub mod places;
pub mod programs;
pub mod relay;
pub mod relying_party;
pub mod signer;
pub mod tokens;
pub mod upstream;
pub mod witness;

pub use answer::Answer;
pub use app::TestApp;
pub use browser::Browser;
pub use client::{Client, Tokens};
pub use holder::Holder;
pub use manager::Manager;
