//! FACE: OAuth clients. One file per endpoint.
//!
//! | Specification | Section | File | Test |
//! |---|---|---|---|
//! | RFC 6749 | 2.3 client authentication | `client_request` | `tests/it/oauth/client_authentication.rs` |
//! | RFC 6749, OAuth 2.1 | 4.1.1 authorization request | `authorize/` | `tests/it/oauth/redirect_uri.rs` |
//! | RFC 6749 | 4.1.2 authorization response | `http/authorization_response.rs` | `tests/it/oauth/redirect_uri.rs` |
//! | RFC 6749 | 4.1.3 code redemption | `token/authorization_code.rs` | `tests/it/oauth/code.rs` |
//! | RFC 6749 | 4.4 client credentials | `token/client_credentials.rs`, `grants/act_for_itself.rs` | `tests/it/oauth/client_credentials.rs` |
//! | RFC 6749 | 6 refresh | `token/refresh_token.rs` | `tests/it/oauth/refresh.rs` |
//! | RFC 7009 | 2 revocation | `revoke.rs`, `grants/revoke.rs` | `tests/it/oauth/revocation.rs` |
//! | RFC 7517 | 5 key set | `jwks.rs` | `tests/it/oauth/signing_keys.rs` |
//! | RFC 7523, SEP-1933 | 2.1 workload identity | `token/jwt_bearer.rs`, `grants/workload.rs` | `tests/it/oauth/workload.rs` |
//! | RFC 7523, OpenID Connect Core | 2.2, 3; 9 `private_key_jwt` | `client_request/assertion.rs`, `grants/client_assertion.rs` | `tests/it/oauth/client_assertion.rs` |
//! | ID-JAG draft | 4 identity assertion | `token/jwt_bearer.rs`, `grants/id_jag.rs` | `tests/it/oauth/id_jag.rs` |
//! | RFC 7591 | 2.3 software statements | `errands/software_statement.rs` | `tests/it/oauth/registration_policy.rs` |
//! | RFC 7591 | 3 registration | `register.rs` | `tests/it/oauth/registration.rs` |
//! | RFC 7591 | 3 initial access tokens | `register.rs`, `grants/initial_access_token.rs` | `tests/it/oauth/registration_policy.rs` |
//! | RFC 7592 | 2 client configuration | `client_configuration.rs` | `tests/it/oauth/client_configuration.rs` |
//! | RFC 7636 | 4 PKCE, S256 only | `authorize/checks.rs`, `grants/machine/` | `tests/it/oauth/code.rs` |
//! | RFC 7662 | 2 introspection | `introspect.rs`, `access/authenticate.rs` | `tests/it/oauth/introspection.rs` |
//! | RFC 8414, OpenID Connect Discovery | 3 metadata | `discovery.rs` | `tests/it/oauth/discovery.rs` |
//! | RFC 8628 | 3.1 device authorization | `device.rs`, `web/device/` | `tests/it/oauth/device.rs` |
//! | RFC 8628 | 3.4 device access token | `token/device_code.rs` | `tests/it/oauth/device.rs` |
//! | RFC 8693 | 2 token exchange | `token/token_exchange.rs`, `grants/exchange.rs` | `tests/it/oauth/token_exchange.rs` |
//! | RFC 8707 | 2 resource indicators | `resource.rs` | `tests/it/oauth/resource.rs` |
//! | RFC 9068 | 2 access tokens | `token/mod.rs`, `grants/sign.rs` | `tests/it/oauth/forged.rs` |
//! | RFC 9101 | 5.1, 6 request objects by value | `request_object.rs` | `tests/it/oauth/request_object.rs` |
//! | RFC 9126 | 2 pushed requests | `par.rs`, `grants/push.rs` | `tests/it/oauth/par.rs` |
//! | RFC 9126 | 4 bringing one | `authorize/request.rs` | `tests/it/oauth/par.rs` |
//! | RFC 9207 | 2 `iss` | `http/authorization_response.rs` | `tests/it/oauth/discovery.rs` |
//! | RFC 9449 | 4 DPoP proofs | `http/dpop.rs` | `tests/it/oauth/dpop.rs` |
//! | RFC 9449 | 5 bound tokens | `possession.rs`, `grants/rotate.rs` | `tests/it/oauth/dpop.rs` |
//! | RFC 9449 | 7 bound tokens at a resource | `http/caller.rs`, `http/challenge.rs` | `tests/it/oauth/dpop.rs` |
//! | RFC 9449 | 8, 9 nonces | `http/dpop.rs` | `tests/it/oauth/dpop.rs` |
//! | RFC 9449 | 10 a code for one key | `authorize/checks.rs` | `tests/it/oauth/par.rs` |
//! | CIMD draft | client id is a URL | `errands/client_metadata.rs` | `tests/it/oauth/metadata_document.rs` |
//! | OpenID Connect Core | 3.1.2.1 `prompt`, `max_age`, hints | `authorize/openid.rs`, `grants/wishes.rs` | `tests/it/oauth/openid_request.rs` |
//! | OpenID Connect Core | 5.3 userinfo | `userinfo.rs` | `tests/it/oauth/userinfo.rs` |
//! | OpenID Connect RP-Initiated Logout | 2 logout, 3 redirection | `end_session.rs`, `web/sign_out.rs` | `tests/it/oauth/end_session.rs` |
//! | OpenID Connect Back-Channel Logout | 2.4 logout token, 2.5 request | `grants/log_out.rs`, `jobs/back_channel_logout.rs` | `tests/it/oauth/back_channel_logout.rs` |
//! | OAuth 2.0 Form Post Response Mode | 2 | `http/authorization_response.rs`, `http/page/form_post.rs` | `tests/it/oauth/response_mode.rs` |

pub mod authorize;
pub mod client_configuration;
mod client_request;
pub mod device;
pub mod discovery;
pub mod end_session;
mod error;
pub mod introspect;
pub mod jwks;
mod own_token;
pub mod par;
mod possession;
pub mod register;
mod request_object;
mod resource;
pub mod revoke;
pub mod token;
pub mod userinfo;
