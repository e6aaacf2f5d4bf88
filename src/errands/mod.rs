//! Verbs that need a trip outside: ask a verb what is missing, go out with no transaction open, tell a verb what came back.

pub mod client_keys;
pub mod client_logo;
pub mod client_metadata;
pub mod discover_tools;
pub mod doctor;
pub mod foreign_token;
pub mod issuer;
pub mod key_set;
pub mod logout_notice;
pub mod mcp_client;
pub mod password;
pub mod register_server;
pub mod software_statement;
pub mod trial;
