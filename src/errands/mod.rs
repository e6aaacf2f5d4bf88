//! Verbs that need a trip outside: ask a verb what is missing, go out with no transaction open, tell a verb what came back.

pub mod client_keys;
pub mod client_metadata;
pub mod doctor;
pub mod issuer;
pub mod key_set;
pub mod logout_notice;
pub mod password;
pub mod software_statement;
pub mod trial;
