//! FACE: OAuth clients. One file per endpoint.
//!
//! | Specification | Section | File | Test |
//! |---|---|---|---|
//! | RFC 6749, OAuth 2.1 | 4.1.1 authorization request | `authorize/` | `tests/it/oauth/redirect_uri.rs` |
//! | RFC 6749 | 4.1.2 authorization response | `http/authorization_response.rs` | `tests/it/oauth/redirect_uri.rs` |
//! | RFC 6749 | 4.1.3 code redemption | `token/authorization_code.rs` | `tests/it/oauth/code.rs` |
//! | RFC 6749 | 6 refresh | `token/refresh_token.rs` | `tests/it/oauth/refresh.rs` |
//! | RFC 6749 | 2.3 client authentication | `client_request.rs` | `tests/it/oauth/client_authentication.rs` |
//! | RFC 7636 | 4 PKCE, S256 only | `authorize/checks.rs`, `grants/machine/` | `tests/it/oauth/code.rs` |
//! | RFC 7009 | 2 revocation | `revoke.rs` | `tests/it/oauth/client_authentication.rs` |
//! | RFC 7517 | 5 key set | `jwks.rs` | `tests/it/oauth/signing_keys.rs` |
//! | RFC 7523, SEP-1933 | 2.1 workload identity | `token/jwt_bearer.rs`, `grants/workload.rs` | `tests/it/oauth/workload.rs` |
//! | ID-JAG draft | 4 identity assertion | `token/jwt_bearer.rs`, `grants/id_jag.rs` | `tests/it/oauth/id_jag.rs` |
//! | RFC 7591 | 3 registration | `register.rs` | `tests/it/oauth/registration.rs` |
//! | CIMD draft | client id is a URL | `errands/client_metadata.rs` | `tests/it/oauth/metadata_document.rs` |
//! | RFC 8414, OpenID Connect Discovery | 3 metadata | `discovery.rs` | `tests/it/oauth/discovery.rs` |
//! | RFC 8693 | 2 token exchange | `token/token_exchange.rs`, `grants/exchange.rs` | `tests/it/oauth/token_exchange.rs` |
//! | RFC 8707 | 2 resource indicators | `resource.rs` | `tests/it/oauth/resource.rs` |
//! | RFC 8628 | 3.1 device authorization | `device.rs`, `web/device/` | `tests/it/oauth/device.rs` |
//! | RFC 8628 | 3.4 device access token | `token/device_code.rs` | `tests/it/oauth/device.rs` |
//! | RFC 9068 | 2 access tokens | `token/mod.rs`, `grants/sign.rs` | `tests/it/oauth/forged.rs` |
//! | RFC 9207 | 2 `iss` | `http/authorization_response.rs` | `tests/it/oauth/discovery.rs` |

pub mod authorize;
mod client_request;
pub mod device;
pub mod discovery;
mod error;
pub mod jwks;
pub mod register;
mod resource;
pub mod revoke;
pub mod token;
