//! The authorization server over HTTP: what honest clients do, and what attackers try. Attacks are named by their ids in the
//! threat list: A discovery, B redirect URI, C code, D client authentication, E refresh, F registration, G metadata
//! documents, H resource and scope, I tokens, J consent, K assertions of others, N the guarded endpoint, S devices.

mod back_channel_logout;
mod client_assertion;
mod client_authentication;
mod client_configuration;
mod client_credentials;
mod code;
mod device;
mod discovery;
mod dpop;
mod end_session;
mod fapi2;
mod forged;
mod hostile;
mod id_jag;
mod introspection;
mod journey;
mod metadata_document;
mod nodes;
mod openid_request;
mod par;
mod policy_names;
mod reaping;
mod redirect_uri;
mod refresh;
mod registration;
mod registration_policy;
mod request_object;
mod resource;
mod response_mode;
mod revocation;
mod rust_libraries;
mod signing_keys;
mod timeline;
mod token_exchange;
mod userinfo;
mod workload;
